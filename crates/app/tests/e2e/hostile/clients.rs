//! Clients: what each kind of rudeness is told, and that nobody else notices.

use std::sync::Arc;
use std::time::Duration;

use partywall_testkit::hostile::RUDE;
use serde_json::json;
use tokio::net::TcpSocket;
use tokio::task::JoinSet;

use super::stage::Stage;
use crate::http::Ask;
use crate::scripted::{soon, until};

/// How long the slowest may take: what the gateway waits for a body or for a client that reads nothing (30 s), and a busy
/// machine.
const PATIENCE: Duration = Duration::from_mins(3);

/// The statuses of the answers before the connection closed. A client that still sends when it is refused may not get to
/// read why, since what it sends breaks the connection: then there are two rows, one with nothing in it.
type Told = &'static [&'static [u16]];

const NOTHING: Told = &[&[]];
const BAD: Told = &[&[400]];
const TOO_BIG: Told = &[&[431], &[]];

const ROWS: &[(&str, Told)] = &[
    ("says nothing", NOTHING),
    ("is slow with the head", NOTHING),
    ("is slow between requests", &[&[200]]),
    ("is slow with the body", &[&[408]]),
    ("is slow with chunks", &[&[408]]),
    ("sends no body", &[&[408]]),
    ("sends no body that it was asked for", &[&[100, 408]]),
    ("stops in the body", &[&[400], &[]]),
    ("reads nothing", NOTHING),
    ("asks again and again and reads nothing", NOTHING),
    ("asks and leaves", NOTHING),
    ("leaves in an answer", NOTHING),
    ("closes its half", &[&[200], &[]]),
    ("sends a long header", TOO_BIG),
    ("sends many headers", TOO_BIG),
    ("sends a long target", &[&[414], &[431], &[]]),
    ("announces a long body", &[&[413]]),
    ("sends a long body", &[&[413], &[]]),
    ("nests deeply", BAD),
    ("nests deeply within a message", &[&[200]]),
    ("names two tools", BAD),
    ("names another tool in the head", BAD),
    ("names two hosts", &[&[403]]),
    ("names another host in the target", &[&[403]]),
    ("asks for a tunnel", &[&[403]]),
    ("length, then chunks", BAD),
    ("chunks, then length", BAD),
    ("two lengths", BAD),
    ("a list of lengths", BAD),
    ("a signed length", BAD),
    ("a negative length", BAD),
    ("a hexadecimal length", BAD),
    ("an empty length", BAD),
    ("a length beyond numbers", BAD),
    ("identity", BAD),
    ("identity after chunks", BAD),
    ("an unknown encoding", BAD),
    ("an encoding before chunks", BAD),
    ("chunks twice", BAD),
    ("chunks behind a control character", BAD),
    ("a folded header", BAD),
    ("a space before the colon", BAD),
    ("a header without a colon", BAD),
    ("a null in a header", BAD),
    ("a bare return in a header", BAD),
    ("chunks in HTTP/1.0", BAD),
    ("a chunk without a size", BAD),
    ("a chunk of negative size", BAD),
    ("a chunk beyond numbers", BAD),
    ("a chunk longer than its size", BAD),
    ("chunk extensions without end", &[&[400], &[]]),
    ("trailers without end", &[&[400], &[]]),
    ("a request within a refused body", &[&[401], &[]]),
    ("a second request after a refused one", &[&[401, 200]]),
    ("chunks and then another request", &[&[200, 200]]),
    ("speaks TLS", BAD),
    ("speaks HTTP/2", NOTHING),
    ("speaks a later HTTP", BAD),
    ("speaks no HTTP", BAD),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_rude_client_is_told_what_is_documented() {
    let named: Vec<_> = ROWS.iter().map(|row| row.0).collect();
    assert_eq!(named, RUDE.iter().map(|rude| rude.name).collect::<Vec<_>>(), "a row for each, in order");
    let stage = Stage::set("").await;
    let mut acting = JoinSet::new();
    for rude in RUDE {
        let target = stage.target.clone();
        acting.spawn(async move { (rude.name, tokio::time::timeout(PATIENCE, rude.act(&target)).await) });
    }
    let mut failed = Vec::new();
    while let Some(done) = acting.join_next().await {
        let (name, seen) = done.unwrap();
        let Ok(seen) = seen else {
            failed.push(format!("{name}: its connection is never closed"));
            continue;
        };
        let seen = seen.unwrap();
        let expected = ROWS.iter().find(|row| row.0 == name).unwrap().1;
        if !expected.contains(&&*seen.statuses()) {
            failed.push(format!(
                "{name}: {:?} in place of {expected:?}: {}",
                seen.statuses(),
                String::from_utf8_lossy(&seen.told)
            ));
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
    // What they held up is free again, and what they asked for is nobody's any more.
    until("their places are free", || stage.world.log_lines("\"abandoned\"").len().ge(&3).then_some(())).await;
    stage.all_is_well().await;
}

/// Connections of one address that do nothing. As many as fit under the usual limit of descriptors of this test's own
/// process.
const FLOOD: usize = 600;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_connections_disturbs_nobody() {
    let stage = Stage::set("").await;
    let mut flood = Vec::new();
    for _ in 0..FLOOD {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.2:0".parse().unwrap()).unwrap();
        flood.push(soon("a connection is taken", socket.connect(stage.target.address)).await.unwrap());
    }
    // They are all there, and others are served; then they are closed, since none of them says anything.
    let honest = Arc::new(Ask::modern(&stage.world.url("good"), &stage.target.token, "tools/list", json!({})));
    for _ in 0..20 {
        assert_eq!(soon("an answer", honest.send()).await.status, 200);
    }
    for stream in flood {
        let closed = async {
            let mut byte = [0];
            loop {
                stream.readable().await.unwrap();
                match stream.try_read(&mut byte) {
                    Ok(0) => return,
                    Ok(_) => panic!("somebody was told something that did not ask"),
                    Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                    Err(_) => return,
                }
            }
        };
        soon("a silent connection is closed", closed).await;
    }
    stage.all_is_well().await;
}
