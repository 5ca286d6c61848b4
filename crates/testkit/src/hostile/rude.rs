//! What a client can do that no client should.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::net::{TcpSocket, TcpStream};

use super::requests::Target;
use super::steps::{FOR_EVER, Step, write};
use super::upstream::WELL;

/// The address that rude clients come from: of this host, and not the one that others use, as it would be in earnest.
const FROM: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
/// Bytes of an answer that are kept.
const KEPT_BYTES_MAX: usize = 1 << 16;
/// Between two signs of a client that reads nothing, by which it finds out that it was given up.
const SIGN: Duration = Duration::from_millis(500);

/// One way of being rude.
#[derive(Clone, Copy, Debug)]
pub struct Rude {
    /// What it is.
    pub name: &'static str,
    does: Does,
}

#[derive(Clone, Copy, Debug)]
enum Does {
    /// These steps, reading what it is told meanwhile.
    Steps(fn(&Target) -> Vec<Step>),
    /// These steps, without reading.
    Deaf(fn(&Target) -> Vec<Step>),
    /// Sends these bytes at once, and reads.
    Bytes(fn(&Target) -> String),
}

/// What a client has seen when its connection is over.
#[derive(Debug)]
pub struct Seen {
    /// The beginning of what it was told.
    pub told: Vec<u8>,
}

impl Seen {
    /// The statuses of the answers, in order.
    pub fn statuses(&self) -> Vec<u16> {
        let text = String::from_utf8_lossy(&self.told);
        text.split("HTTP/1.1 ").skip(1).filter_map(|answer| answer.get(..3)?.parse().ok()).collect()
    }
}

impl Rude {
    /// Does it, and stays until the gateway has closed the connection.
    pub async fn act(&self, target: &Target) -> io::Result<Seen> {
        let steps = match self.does {
            Does::Steps(steps) | Does::Deaf(steps) => steps(target),
            Does::Bytes(bytes) => vec![Step::send(bytes(target)), Step::Hold],
        };
        let mut stream = connect(target.address).await?;
        if matches!(steps.last(), Some(Step::Reset)) {
            write(&mut stream, &steps).await;
            stream.set_zero_linger()?;
            return Ok(Seen { told: Vec::new() });
        }
        Ok(self.stay(stream, &steps).await)
    }

    async fn stay(&self, stream: TcpStream, steps: &[Step]) -> Seen {
        let (mut from, mut to) = stream.into_split();
        if matches!(self.does, Does::Deaf(_)) {
            write(&mut to, steps).await;
            return Seen { told: Vec::new() };
        }
        let mut told = Vec::new();
        // Whoever is told that the connection is over need not go on.
        tokio::select! {
            () = listen(&mut from, &mut told) => {}
            () = async { write(&mut to, steps).await; std::future::pending().await } => {}
        }
        Seen { told }
    }
}

/// A connection from where rude clients come from.
pub(super) async fn connect(to: SocketAddr) -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::from((FROM, 0)))?;
    socket.connect(to).await
}

/// Reads to the end and keeps the beginning.
async fn listen(from: &mut (impl AsyncRead + Unpin), told: &mut Vec<u8>) {
    let mut buffer = vec![0; 1 << 16];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        told.extend_from_slice(&buffer[..read.min(KEPT_BYTES_MAX.saturating_sub(told.len()))]);
    }
}

/// All of them.
pub const RUDE: &[Rude] = &[
    // Slow and silent.
    rude("says nothing", |_| vec![Step::Hold]),
    rude("is slow with the head", |to| vec![Step::send(to.head("GET /", "").trim_end()), Step::drip("x")]),
    rude("is slow between requests", |to| vec![Step::send(to.metadata()), Step::drip("\r\n")]),
    rude("is slow with the body", |to| {
        vec![Step::send(to.with_body("content-length: 10000\r\n", "")), Step::drip(" ")]
    }),
    rude("is slow with chunks", |to| vec![Step::send(to.with_body(CHUNKS, "")), Step::drip("1\r\n \r\n")]),
    sends("sends no body", |to| to.with_body("content-length: 10000\r\n", "")),
    rude("sends no body that it was asked for", |to| {
        vec![Step::send(to.with_body("content-length: 10000\r\nexpect: 100-continue\r\n", "")), Step::Hold]
    }),
    rude("stops in the body", |to| {
        vec![Step::send(to.with_body("content-length: 10000\r\n", "{")), Step::EndWriting, Step::Hold]
    }),
    // Takes nothing.
    deaf("reads nothing", |to| {
        let sign = Step::Repeat { piece: b" ".to_vec(), times: FOR_EVER, pause: SIGN };
        vec![Step::send(to.endless()), sign]
    }),
    deaf("asks again and again and reads nothing", |to| {
        let sign = Step::Repeat { piece: b" ".to_vec(), times: FOR_EVER, pause: SIGN };
        vec![Step::send(to.endless()), Step::times(to.call(), 1000), sign]
    }),
    // Leaves.
    rude("asks and leaves", |to| vec![Step::send(to.call()), Step::Reset]),
    rude("leaves in an answer", |to| {
        vec![Step::send(to.endless()), Step::Pause(Duration::from_millis(300)), Step::Reset]
    }),
    rude("closes its half", |to| vec![Step::send(to.endless()), Step::EndWriting, Step::Hold]),
    // Too much.
    sends("sends a long header", |to| to.head("GET /", &format!("x-long: {}\r\n", "x".repeat(1 << 17)))),
    sends("sends many headers", |to| to.head("GET /", &"x-one: more\r\n".repeat(1000))),
    sends("sends a long target", |to| to.head(&format!("GET /{}", "x".repeat(1 << 17)), "")),
    sends("announces a long body", |to| to.with_body("content-length: 1000000000\r\n", "{")),
    rude("sends a long body", |to| {
        vec![Step::send(to.with_body(CHUNKS, "")), Step::flood(format!("10000\r\n{}\r\n", " ".repeat(1 << 16)))]
    }),
    sends("nests deeply", |to| sized(to, &"[".repeat(1 << 20))),
    sends("nests deeply within a message", |to| {
        let deep = format!("\"arguments\":{}{}", "[".repeat(1 << 19), "]".repeat(1 << 19));
        sized(to, &Target::message(WELL).replace("\"arguments\":{}", &deep))
    }),
    // Says two things.
    sends("names two tools", |to| {
        sized(to, &Target::message(WELL).replace("\"name\":", "\"name\":\"other\",\"name\":"))
    }),
    sends("names another tool in the head", |to| sized(to, &Target::message("other"))),
    sends("names two hosts", |to| to.head("GET /", "host: other.example\r\n")),
    sends("names another host in the target", |to| to.head("GET http://other.example/", "")),
    sends("asks for a tunnel", |to| to.head("CONNECT other.example:443", "")),
    // Says where the body ends, and says it in two ways or in none.
    sends("length, then chunks", |to| sneak(to, "content-length: 5\r\ntransfer-encoding: chunked\r\n")),
    sends("chunks, then length", |to| sneak(to, "transfer-encoding: chunked\r\ncontent-length: 5\r\n")),
    sends("two lengths", |to| sneak(to, "content-length: 5\r\ncontent-length: 6\r\n")),
    sends("a list of lengths", |to| sneak(to, "content-length: 5, 6\r\n")),
    sends("a signed length", |to| sneak(to, "content-length: +5\r\n")),
    sends("a negative length", |to| sneak(to, "content-length: -5\r\n")),
    sends("a hexadecimal length", |to| sneak(to, "content-length: 0x5\r\n")),
    sends("an empty length", |to| sneak(to, "content-length:\r\n")),
    sends("a length beyond numbers", |to| sneak(to, "content-length: 99999999999999999999999\r\n")),
    sends("identity", |to| sneak(to, "transfer-encoding: identity\r\n")),
    sends("identity after chunks", |to| sneak(to, "transfer-encoding: chunked, identity\r\n")),
    sends("an unknown encoding", |to| sneak(to, "transfer-encoding: xchunked\r\n")),
    sends("an encoding before chunks", |to| sneak(to, "transfer-encoding: gzip, chunked\r\n")),
    sends("chunks twice", |to| sneak(to, "transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n")),
    sends("chunks behind a control character", |to| sneak(to, "transfer-encoding: \u{b}chunked\r\n")),
    sends("a folded header", |to| sneak(to, "transfer-encoding:\r\n chunked\r\n")),
    sends("a space before the colon", |to| sneak(to, "transfer-encoding : chunked\r\n")),
    sends("a header without a colon", |to| sneak(to, "transfer-encoding chunked\r\n")),
    sends("a null in a header", |to| sneak(to, "x-null: a\0b\r\n")),
    sends("a bare return in a header", |to| sneak(to, "x-bare: a\rtransfer-encoding: chunked\r\n")),
    sends("chunks in HTTP/1.0", |to| sneak(to, CHUNKS).replace("HTTP/1.1", "HTTP/1.0")),
    sends("a chunk without a size", |to| to.with_body(CHUNKS, &format!("zz\r\n{}", to.metadata()))),
    sends("a chunk of negative size", |to| to.with_body(CHUNKS, &format!("-1\r\n{}", to.metadata()))),
    sends("a chunk beyond numbers", |to| to.with_body(CHUNKS, &format!("fffffffffffffffff\r\n{}", to.metadata()))),
    sends("a chunk longer than its size", |to| {
        to.with_body(CHUNKS, &format!("1\r\n{{}}\r\n0\r\n\r\n{}", to.metadata()))
    }),
    sends("chunk extensions without end", |to| to.with_body(CHUNKS, &format!("1;{}\r\n", "x".repeat(1 << 17)))),
    sends("trailers without end", |to| {
        let message = Target::message(WELL);
        let body = format!("{:x}\r\n{message}\r\n0\r\n{}", message.len(), "x-more: trailers\r\n".repeat(10_000));
        to.with_body(CHUNKS, &body)
    }),
    sends("a request within a refused body", |to| {
        let body = format!("{}{}", to.metadata(), " ".repeat(1 << 17));
        let head =
            to.head("POST /mcp/good", &format!("content-type: application/json\r\ncontent-length: {}\r\n", body.len()));
        head + &body
    }),
    sends("a second request after a refused one", |to| {
        let head = to.head("POST /mcp/good", "content-type: application/json\r\ncontent-length: 2\r\n");
        format!("{head}{{}}{}", to.metadata())
    }),
    sends("chunks and then another request", |to| {
        let message = Target::message(WELL);
        let body = format!("{:x}\r\n{message}\r\n0\r\n\r\n{}", message.len(), to.metadata());
        to.with_body(CHUNKS, &body)
    }),
    // Speaks another language.
    rude("speaks TLS", |_| vec![Step::send(b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03".repeat(20)), Step::Hold]),
    sends("speaks HTTP/2", |_| "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned()),
    sends("speaks a later HTTP", |to| to.metadata().replace("HTTP/1.1", "HTTP/9.9")),
    sends("speaks no HTTP", |_| "\0\r\n\r\n".repeat(100)),
];

const CHUNKS: &str = "transfer-encoding: chunked\r\n";

const fn rude(name: &'static str, steps: fn(&Target) -> Vec<Step>) -> Rude {
    Rude { name, does: Does::Steps(steps) }
}

const fn deaf(name: &'static str, steps: fn(&Target) -> Vec<Step>) -> Rude {
    Rude { name, does: Does::Deaf(steps) }
}

const fn sends(name: &'static str, bytes: fn(&Target) -> String) -> Rude {
    Rude { name, does: Does::Bytes(bytes) }
}

/// A call with these headers about its length, and after it what is its body to one reader and the next request to
/// another: five bytes, and no chunks at all.
fn sneak(to: &Target, framing: &str) -> String {
    to.with_body(framing, &format!("0\r\n\r\n{}", to.metadata()))
}

/// A call with this body.
fn sized(to: &Target, body: &str) -> String {
    to.with_body(&format!("content-length: {}\r\n", body.len()), body)
}
