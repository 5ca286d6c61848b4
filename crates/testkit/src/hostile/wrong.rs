//! What an upstream can do wrong with a call.

use std::time::Duration;

use super::GIGABYTE;
use super::answers::{Call, EVENTS, chunk, events, in_chunks, json, with_headers, with_status};
use super::steps::Step;

/// One way of doing it wrong.
#[derive(Clone, Copy, Debug)]
pub struct Wrong {
    /// The name of the server that does it, and of its path.
    pub server: &'static str,
    /// Whether it reads the call to its end before it answers.
    pub(super) reads: bool,
    pub(super) answer: fn(&Call) -> Vec<Step>,
}

/// All of them.
pub const WRONG: &[Wrong] = &[
    // No answer.
    wrong("hangs", |_| vec![Step::Hold]),
    wrong("hangs-up", |_| Vec::new()),
    wrong("resets", |_| vec![Step::Reset]),
    // No head, or one that no head should be.
    wrong("garbage", |_| vec![Step::send(b"\x16\x03\x01\0\xff garbage\r\n\r\n".repeat(20)), Step::Hold]),
    wrong("dies-in-head", |_| vec![Step::send("HTTP/1.1 200 OK\r\ncontent-ty")]),
    wrong("slow-head", |_| vec![Step::send("HTTP/1.1 200 OK\r\nx-slow: "), Step::drip("x")]),
    wrong("huge-head", |_| {
        vec![Step::send("HTTP/1.1 200 OK\r\nx-huge: "), Step::times(b"x".repeat(8192), 2048), Step::Hold]
    }),
    wrong("many-headers", |call| vec![Step::send(with_headers(&"x-one: more\r\n".repeat(1000), &call.result()))]),
    wrong("hint-flood", |_| vec![Step::flood("HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n".repeat(100))]),
    wrong("continue-flood", |_| vec![Step::flood("HTTP/1.1 100 Continue\r\n\r\n".repeat(100))]),
    // A head that may not be passed on.
    wrong("switches", |_| {
        let headers = "upgrade: other\r\nconnection: upgrade\r\n";
        vec![Step::send(with_status("101 Switching Protocols", headers, "")), Step::Hold]
    }),
    wrong("redirects", |_| {
        let headers = "location: http://127.0.0.1:1/\r\ncontent-length: 0\r\n";
        vec![Step::send(with_status("307 Temporary Redirect", headers, ""))]
    }),
    wrong("challenges", |_| {
        let headers = "www-authenticate: Basic realm=\"x\"\r\ncontent-length: 0\r\n";
        vec![Step::send(with_status("401 Unauthorized", headers, ""))]
    }),
    wrong("encodes", |_| vec![Step::send(with_headers("content-encoding: gzip\r\ncontent-length: 4\r\n", "gzip"))]),
    // Lengths that lie.
    wrong("two-lengths", |call| {
        vec![Step::send(with_headers("content-length: 2\r\ncontent-length: 4\r\n", &call.result())), Step::Hold]
    }),
    wrong("length-and-chunks", |call| {
        let headers = "content-length: 2\r\ntransfer-encoding: chunked\r\n";
        vec![Step::send(with_headers(headers, &(chunk(&call.result()) + "0\r\n\r\n"))), Step::Hold]
    }),
    wrong("encoded-chunks", |call| {
        let headers = "transfer-encoding: gzip, chunked\r\n";
        vec![Step::send(with_headers(headers, &(chunk(&call.result()) + "0\r\n\r\n"))), Step::Hold]
    }),
    wrong("length-too-long", |call| vec![Step::send(with_headers("content-length: 100000\r\n", &call.result()))]),
    wrong("length-too-short", |call| {
        vec![Step::send(with_headers("content-length: 2\r\n", &call.result())), Step::Hold]
    }),
    wrong("body-where-none-is", |call| {
        vec![Step::send(with_status("204 No Content", "content-length: 2\r\n", &call.result())), Step::Hold]
    }),
    // Chunks that are none.
    wrong("bad-chunk", |_| vec![Step::send(in_chunks(&(chunk("{") + "zz\r\n{}\r\n"))), Step::Hold]),
    wrong("huge-chunk", |_| vec![Step::send(in_chunks(&(chunk("{") + "fffffffffffffffff\r\n{}\r\n"))), Step::Hold]),
    wrong("chunk-extensions", |_| {
        vec![Step::send(in_chunks(&chunk("{"))), Step::send("1;"), Step::flood("x".repeat(8192))]
    }),
    wrong("trailers", |call| {
        let body = chunk(&call.result()) + "0\r\n";
        vec![Step::send(in_chunks(&body)), Step::flood("x-more: trailers\r\n".repeat(100))]
    }),
    // Answers that stop.
    wrong("dies-mid-answer", |_| vec![Step::send(in_chunks(&chunk("{")))]),
    wrong("resets-mid-answer", |_| {
        vec![Step::send(in_chunks(&chunk("{"))), Step::Pause(Duration::from_millis(200)), Step::Reset]
    }),
    wrong("stops-mid-answer", |_| vec![Step::send(in_chunks(&chunk("{"))), Step::Hold]),
    // Answers that do not.
    wrong("never-ends", |_| vec![Step::send(in_chunks(&chunk("["))), Step::flood(chunk(&"0,".repeat(8192)))]),
    wrong("drips", |_| vec![Step::send(in_chunks(&chunk("["))), Step::drip(chunk("0,"))]),
    wrong("gigabyte", |_| {
        let head = with_headers(&format!("content-length: {GIGABYTE}\r\n"), "");
        vec![Step::send(head), Step::times(b" ".repeat(1 << 16), GIGABYTE >> 16)]
    }),
    // Answers too early, too often, to somebody else.
    Wrong { server: "answers-early", reads: false, answer: |call| vec![Step::send(json(&call.result())), STAY] },
    wrong("answers-twice", |call| vec![Step::send(json(&call.result()).repeat(2)), Step::Hold]),
    wrong("answers-again", |call| {
        let answer = json(&call.result());
        vec![Step::send(&*answer), Step::Pause(Duration::from_millis(200)), Step::send(&*answer), Step::Hold]
    }),
    wrong("wrong-id", |call| vec![Step::send(json(&Call { id: "\"another\"".to_owned(), list: call.list }.result()))]),
    wrong("no-json", |_| vec![Step::send(json("not JSON"))]),
    // Event streams.
    wrong("event-without-end", |_| vec![Step::send(format!("{EVENTS}data: ")), Step::flood(b"x".repeat(1 << 16))]),
    wrong("gigabyte-event", |_| {
        vec![
            Step::send(format!("{EVENTS}data: ")),
            Step::times(b" ".repeat(1 << 16), GIGABYTE >> 16),
            Step::send("\n\n"),
        ]
    }),
    wrong("empty-events", |_| vec![Step::send(EVENTS), Step::flood(b"\n\n".repeat(1 << 15))]),
    wrong("bad-utf8", |_| events(b"data: {\"id\":\xff}\n\n")),
    wrong("byte-order-mark", |call| events(format!("\u{feff}data: {}\n\n", call.result()))),
    wrong("bare-returns", |call| events(format!("data: {}\r\r", call.result()))),
    wrong("split-ends", |call| {
        let stream = format!("{EVENTS}event: message\r\ndata: {}\r\n\r\n", call.result());
        let bytes = stream.into_bytes().into_iter();
        bytes.flat_map(|byte| [Step::send([byte]), Step::Pause(Duration::from_millis(1))]).collect()
    }),
];

/// Stays without reading, until the other side has given up.
const STAY: Step = Step::Pause(Duration::from_mins(2));

const fn wrong(server: &'static str, answer: fn(&Call) -> Vec<Step>) -> Wrong {
    Wrong { server, reads: true, answer }
}
