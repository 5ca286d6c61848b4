//! One connection's work: call, judge the answer, record, again.

use std::sync::Arc;
use std::time::Duration;

use http::header::CONTENT_TYPE;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::pace::Pace;
use super::plan::Plan;
use super::prepared::ID;
use super::record::Recorder;
use super::wire::{Answer, Wire};

/// How long a worker waits after a connection that could not be made. Default 100 ms: a server that is away is not
/// helped by being asked as fast as a loop runs.
const RECONNECT_PAUSE: Duration = Duration::from_millis(100);

pub(super) struct Worker {
    plan: Arc<Plan>,
    pace: Arc<Pace>,
    recorder: Arc<Recorder>,
}

/// What of an answer is looked at.
#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    result: Option<&'a RawValue>,
    error: Option<Error>,
}

#[derive(Deserialize)]
struct Error {
    code: i64,
}

impl Worker {
    pub(super) fn new(plan: &Arc<Plan>, pace: &Arc<Pace>, recorder: &Arc<Recorder>) -> Self {
        Self { plan: Arc::clone(plan), pace: Arc::clone(pace), recorder: Arc::clone(recorder) }
    }

    /// Calls until the run is over.
    pub(super) async fn run(self) {
        let mut wire = None;
        let mut connected_before = false;
        while let Some(intended) = self.pace.next().await {
            let measured = intended >= self.pace.measured_from();
            if wire.as_ref().is_none_or(|wire: &Wire| !wire.is_open()) {
                wire = self.connect(measured && connected_before).await;
                connected_before = true;
            }
            let outcome = match &mut wire {
                Some(open) => self.call(open).await,
                None => Err("connect".to_owned()),
            };
            if measured {
                match &outcome {
                    Ok(()) => self.recorder.answered(intended.elapsed()),
                    Err(kind) => self.recorder.failed(kind),
                }
            }
            if wire.is_none() {
                tokio::time::sleep(RECONNECT_PAUSE).await;
            }
        }
    }

    async fn connect(&self, again: bool) -> Option<Wire> {
        let wire = tokio::time::timeout(self.plan.timeout, self.plan.target.connect()).await.ok()?.ok();
        if again && wire.is_some() {
            self.recorder.reconnected();
        }
        wire
    }

    async fn call(&self, wire: &mut Wire) -> Result<(), String> {
        let request = self.plan.next().request();
        match tokio::time::timeout(self.plan.timeout, wire.exchange(request)).await {
            Ok(Ok(answer)) => judge(&answer),
            Ok(Err(error)) => Err(format!("broken connection: {error}")),
            Err(_) => Err("timeout".to_owned()),
        }
    }
}

/// Whether this is the call's answer.
fn judge(answer: &Answer) -> Result<(), String> {
    let status = answer.status.as_u16();
    let code = |message: &Message<'_>| message.error.as_ref().map(|error| error.code);
    let stream = answer.headers.get(CONTENT_TYPE).is_some_and(|mime| mime.as_bytes().starts_with(b"text/event-stream"));
    let message = if stream { of_stream(&answer.body) } else { serde_json::from_slice(&answer.body).ok() };
    match message {
        Some(message) if answer.status.is_success() => match (code(&message), message.id, message.result) {
            (None, Some(id), Some(_)) if id.get() == ID => Ok(()),
            (Some(code), ..) => Err(format!("error {code}")),
            _ => Err("not the answer of this call".to_owned()),
        },
        Some(message) => {
            Err(code(&message).map_or(format!("status {status}"), |code| format!("status {status}, error {code}")))
        }
        None if answer.status.is_success() => Err("not JSON-RPC".to_owned()),
        None => Err(format!("status {status}")),
    }
}

/// The message with an id in an event stream; events before it are notifications.
fn of_stream(body: &[u8]) -> Option<Message<'_>> {
    let lines = body.split(|byte| *byte == b'\n').filter_map(|line| line.strip_prefix(b"data:"));
    lines.filter_map(|data| serde_json::from_slice::<Message<'_>>(data).ok()).find(|message| message.id.is_some())
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::{HeaderMap, HeaderValue, StatusCode};

    use super::*;

    #[test]
    fn only_the_answer_of_the_call_is_one() {
        for (status, mime, body, judged) in [
            (200, "application/json", r#"{"jsonrpc":"2.0","id":1,"result":{}}"#, Ok(())),
            (200, "application/json", r#"{"jsonrpc":"2.0","id":2,"result":{}}"#, Err("not the answer of this call")),
            (
                200,
                "application/json",
                r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"x"}}"#,
                Err("error -32602"),
            ),
            (200, "application/json", "hello", Err("not JSON-RPC")),
            (
                429,
                "application/json",
                r#"{"jsonrpc":"2.0","id":1,"error":{"code":42900}}"#,
                Err("status 429, error 42900"),
            ),
            (502, "text/html", "<html>", Err("status 502")),
            (
                200,
                "text/event-stream",
                "event: message\ndata: {\"method\":\"x\"}\n\ndata: {\"id\":1,\"result\":{}}\n\n",
                Ok(()),
            ),
            (200, "text/event-stream", ": nothing\n\n", Err("not JSON-RPC")),
        ] {
            let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(mime))]);
            let answer = Answer {
                status: StatusCode::from_u16(status).unwrap(),
                headers,
                body: Bytes::from_static(body.as_bytes()),
            };
            assert_eq!(judge(&answer), judged.map_err(str::to_owned), "{status} {body}");
        }
    }
}
