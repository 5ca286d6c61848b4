//! Answers as an upstream writes them on the wire, well formed or nearly so.

use super::steps::Step;

/// A call as the upstream read it.
#[derive(Clone, Debug)]
pub struct Call {
    /// The id, as it was written.
    pub id: String,
    /// Whether a list is asked for.
    pub list: bool,
}

impl Call {
    /// The right answer, as a JSON-RPC message.
    pub(super) fn result(&self) -> String {
        let result = if self.list { r#""tools":[{"name":"a"}]"# } else { r#""content":[]"# };
        format!(r#"{{"jsonrpc":"2.0","id":{},"result":{{"resultType":"complete",{result}}}}}"#, self.id)
    }
}

/// An answer with this body and its true length.
pub(super) fn json(body: &str) -> String {
    with_headers(&format!("content-length: {}\r\n", body.len()), body)
}

/// An answer with these headers, each with its line end, and this after them.
pub(super) fn with_headers(headers: &str, rest: &str) -> String {
    with_status("200 OK", headers, rest)
}

pub(super) fn with_status(status: &str, headers: &str, rest: &str) -> String {
    format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\n{headers}\r\n{rest}")
}

/// The beginning of an answer in chunks.
pub(super) fn in_chunks(rest: &str) -> String {
    with_headers("transfer-encoding: chunked\r\n", rest)
}

/// The beginning of an event stream that ends with its connection.
pub(super) const EVENTS: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";

/// An event stream of these bytes, to its end.
pub(super) fn events(bytes: impl AsRef<[u8]>) -> Vec<Step> {
    vec![Step::send([EVENTS.as_bytes(), bytes.as_ref()].concat())]
}

/// One chunk.
pub(super) fn chunk(bytes: &str) -> String {
    format!("{:x}\r\n{bytes}\r\n", bytes.len())
}
