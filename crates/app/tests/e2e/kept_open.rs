//! A connection goes on after a refusal, or the answer says that it does not: clients that keep one open send their next
//! request on it, and the first thing a client does with a challenge is to ask for the metadata.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::scripted::soon;
use crate::world::World;

/// Between head and body, which some clients send one after the other.
const PAUSE: Duration = Duration::from_millis(100);

/// A connection as a client has it open.
struct Open {
    stream: TcpStream,
    host: String,
}

impl Open {
    async fn to(world: &World) -> Self {
        let host = world.public.strip_prefix("http://").unwrap().to_owned();
        Self { stream: TcpStream::connect(&host).await.unwrap(), host }
    }

    async fn head(&mut self, line: &str, headers: &str) {
        let head = format!("{line} HTTP/1.1\r\nhost: {}\r\n{headers}\r\n", self.host);
        self.stream.write_all(head.as_bytes()).await.unwrap();
    }

    /// Reads one answer: its status, and whether it says that it is the last one.
    async fn answer(&mut self) -> (u16, bool) {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(soon("an answer", self.stream.read_u8()).await.expect("the connection was closed"));
        }
        let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
        let length =
            head.lines().find_map(|line| line.strip_prefix("content-length: ")).map_or(0, |n| n.parse().unwrap());
        self.stream.read_exact(&mut vec![0; length]).await.unwrap();
        (head[9..12].parse().unwrap(), head.contains("\r\nconnection: close"))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_refusal_does_not_break_the_connection() {
    let world = World::demo();
    let token = world.token("acme", "ann");
    let good = format!("authorization: Bearer {token}\r\n");
    let json = "content-type: application/json\r\n";
    let rows = [
        ("POST /mcp/notes", json.to_owned(), 401),
        ("POST /mcp/notes", format!("{json}authorization: Bearer a.b.c\r\n"), 401),
        ("POST /mcp/notes", format!("{json}{good}origin: https://evil.example\r\n"), 403),
        ("POST /mcp/notes", format!("{good}content-type: text/plain\r\n"), 415),
        ("POST /none", json.to_owned(), 404),
        ("PUT /mcp/notes", json.to_owned(), 405),
        ("POST /.well-known/oauth-protected-resource/mcp", json.to_owned(), 405),
        ("DELETE /mcp/notes", json.to_owned(), 401),
    ];
    for (line, headers, status) in &rows {
        let mut open = Open::to(&world).await;
        open.head(line, &format!("{headers}content-length: 2000\r\n")).await;
        tokio::time::sleep(PAUSE).await;
        open.stream.write_all(&[b' '; 2000]).await.unwrap();
        assert_eq!(open.answer().await, (*status, false), "{line} {headers}");
        open.head("GET /.well-known/oauth-protected-resource/mcp/notes", "").await;
        assert_eq!(open.answer().await, (200, false), "after {line} {headers}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_nobody_will_read_is_not_waited_for() {
    let world = World::demo();
    // A body that never comes, one that is too long for anybody's patience, and one that waits to be asked for.
    for headers in [
        "content-length: 2000\r\n",
        "content-length: 100000000\r\n",
        "content-length: 2000\r\nexpect: 100-continue\r\n",
    ] {
        let mut open = Open::to(&world).await;
        open.head("POST /mcp/notes", headers).await;
        assert_eq!(open.answer().await, (401, true), "{headers}");
    }
}
