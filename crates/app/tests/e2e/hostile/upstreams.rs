//! Upstreams: what each kind of wrong answer becomes for the client, for a call that passes through and for a list that is
//! read.

use http_body_util::BodyExt;
use partywall_testkit::hostile::{WELL, WRONG};
use serde_json::{Value, json};

use super::stage::Stage;
use crate::http::Ask;
use crate::scripted::{soon, until};

/// Bytes after which a client has enough of an answer without an end.
const ENOUGH: u64 = 1 << 20;

/// What a client is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    /// An error of the gateway's, with this HTTP status.
    Refused(u16),
    /// An answer to its end, of so many bytes.
    All(u64),
    /// An answer to its end, whatever its length.
    Whole,
    /// An answer that breaks off, so that nobody takes it for whole.
    BrokenOff,
    /// More and more, until the client leaves.
    Endless,
    /// An answer that begins and drips on.
    Drips,
}

use Told::{All, BrokenOff, Drips, Endless, Refused, Whole};

/// What is left of the connection to the upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    /// It is closed, and never used again.
    Closed,
    /// It is not used again; when it is closed is the upstream's business.
    Left,
    /// The exchange was whole, whatever it said.
    Whatever,
}

/// The server; what a call is told, and a list; what becomes of the connection.
const ROWS: &[(&str, Told, Told, Then)] = &[
    ("hangs", Refused(504), Refused(504), Then::Closed),
    ("hangs-up", Refused(502), Refused(502), Then::Closed),
    ("resets", Refused(502), Refused(502), Then::Closed),
    ("garbage", Refused(502), Refused(502), Then::Closed),
    ("dies-in-head", Refused(502), Refused(502), Then::Closed),
    ("slow-head", Refused(504), Refused(504), Then::Closed),
    ("huge-head", Refused(502), Refused(502), Then::Closed),
    ("many-headers", Refused(502), Refused(502), Then::Closed),
    ("hint-flood", Refused(502), Refused(502), Then::Closed),
    ("continue-flood", Refused(502), Refused(502), Then::Closed),
    ("switches", Refused(502), Refused(502), Then::Closed),
    ("redirects", Refused(502), Refused(502), Then::Whatever),
    ("challenges", Refused(502), Refused(502), Then::Whatever),
    ("encodes", Refused(502), Refused(502), Then::Whatever),
    ("two-lengths", Refused(502), Refused(502), Then::Closed),
    ("length-and-chunks", Refused(502), Refused(502), Then::Whatever),
    ("encoded-chunks", Refused(502), Refused(502), Then::Whatever),
    ("length-too-long", BrokenOff, Refused(502), Then::Closed),
    ("length-too-short", All(2), Refused(502), Then::Closed),
    ("body-where-none-is", All(0), All(0), Then::Closed),
    ("bad-chunk", BrokenOff, Refused(502), Then::Closed),
    ("huge-chunk", BrokenOff, Refused(502), Then::Closed),
    ("chunk-extensions", BrokenOff, Refused(502), Then::Closed),
    ("trailers", BrokenOff, Refused(502), Then::Closed),
    ("dies-mid-answer", BrokenOff, Refused(502), Then::Closed),
    ("resets-mid-answer", BrokenOff, Refused(502), Then::Closed),
    ("stops-mid-answer", BrokenOff, Refused(504), Then::Closed),
    ("never-ends", Endless, Refused(502), Then::Closed),
    ("drips", Drips, Refused(504), Then::Closed),
    ("gigabyte", Refused(502), Refused(502), Then::Left),
    ("answers-early", Whole, Whole, Then::Left),
    ("answers-twice", Whole, Whole, Then::Closed),
    ("answers-again", Whole, Whole, Then::Closed),
    ("wrong-id", Whole, Whole, Then::Whatever),
    ("no-json", All(8), Refused(502), Then::Whatever),
    ("event-without-end", Endless, All(0), Then::Closed),
    ("gigabyte-event", BrokenOff, All(0), Then::Closed),
    ("empty-events", Endless, Endless, Then::Closed),
    ("bad-utf8", Whole, All(0), Then::Closed),
    ("byte-order-mark", Whole, Whole, Then::Closed),
    ("bare-returns", Whole, Whole, Then::Closed),
    ("split-ends", Whole, Whole, Then::Closed),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_wrong_answer_has_its_documented_one() {
    let named: Vec<_> = ROWS.iter().map(|row| row.0).collect();
    assert_eq!(named, WRONG.iter().map(|wrong| wrong.server).collect::<Vec<_>>(), "a row for each, in order");
    let stage =
        Stage::set("answer_timeout_ms = 2000, filtered_bytes_max = 1048576, request_bytes_max = 16777216").await;
    let mut failed = Vec::new();
    for (server, call, list, then) in ROWS {
        for (method, expected) in [("tools/call", call), ("tools/list", list)] {
            let told = soon(server, told(&asking(&stage, server, method), *expected)).await;
            if told != *expected {
                failed.push(format!("{server}, {method}: {told:?} in place of {expected:?}"));
            }
            connection_is(&stage, server, *then, &mut failed).await;
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
    stage.all_is_well().await;
}

/// A call of the server, with a large body where the server does not read it.
fn asking(stage: &Stage, server: &str, method: &str) -> Ask {
    let large = if server == "answers-early" { 12 << 20 } else { 0 };
    let params = json!({"name": "any", "more": "x".repeat(large)});
    Ask::modern(&stage.world.url(server), &stage.target.token, method, params)
}

/// What a client is told, as far as it wants to hear it.
async fn told(ask: &Ask, expected: Told) -> Told {
    let answer = ask.open().await;
    let status = answer.status().as_u16();
    let (mut body, mut bytes, mut begun) = (answer.into_body(), 0, Vec::new());
    let patience = if expected == Drips { 8 } else { u64::MAX };
    let broken = loop {
        match body.frame().await {
            Some(Ok(frame)) => {
                let data = frame.data_ref().map_or(&b""[..], |data| data);
                bytes += data.len() as u64;
                if status >= 400 {
                    begun.extend_from_slice(data);
                }
            }
            Some(Err(_)) => break true,
            None => break false,
        }
        match expected {
            Endless if bytes > ENOUGH => return Endless,
            Drips if bytes >= patience => return Drips,
            _ => {}
        }
    };
    match (status, broken, expected) {
        (400.., ..) => {
            let error: Value = serde_json::from_slice(&begun).unwrap();
            assert_eq!(error["error"]["code"], u64::from(status) * 100, "{error}");
            Refused(status)
        }
        (_, true, _) => BrokenOff,
        (_, _, Whole) if bytes > 0 => Whole,
        _ => All(bytes),
    }
}

/// The next call is answered, and where something was left on the connection it comes on a fresh one.
async fn connection_is(stage: &Stage, server: &str, then: Then, failed: &mut Vec<String>) {
    let wrong = stage.upstream.exchanges(server).pop().unwrap();
    assert!(!wrong.well, "{server}: the call never arrived");
    if server == "answers-again" {
        // What nobody asked for comes a moment later. A call that is sent in between would take it for its answer.
        is_closed(stage, server, wrong.connection).await;
    }
    let answer = stage.ask(server, "tools/call", WELL).send().await;
    if answer.status != 200 || answer.json()["result"]["content"][0]["text"] != "acme" {
        failed.push(format!("{server}: the next call is told {answer:?}"));
    }
    let next = stage.upstream.exchanges(server).pop().unwrap();
    if then != Then::Whatever && next.connection == wrong.connection {
        failed.push(format!("{server}: its connection is used again"));
    }
    if then == Then::Closed {
        is_closed(stage, server, wrong.connection).await;
    }
}

async fn is_closed(stage: &Stage, server: &str, connection: u64) {
    until(&format!("{server}: its connection is closed"), || stage.upstream.is_over(connection).then_some(())).await;
}
