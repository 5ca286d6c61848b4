//! A call's replies in the forms of Streamable HTTP: one JSON message where the answer is all there is, else events.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame};
use partywall_domain::RefusalCode;
use partywall_mcp::error_body;
use partywall_mcp::stdio::{Failure, Reply, input_required};
use serde_json::value::RawValue;

use super::connection::Call;

/// How a call is answered.
pub enum Answer<O> {
    /// With one message.
    Json(Bytes),
    /// With a stream of events.
    Events(Messages<O>),
    /// The instance is gone, and nothing was said yet.
    Gone,
    /// With nothing: the client cancelled it, or did not read.
    Nothing,
}

/// Seals the number of a call that waits for its client; `None` where it cannot.
pub type Seal = Box<dyn Fn(u64) -> Option<String> + Send>;

/// The replies to a call as server-sent events.
pub struct Messages<O> {
    call: Option<Call<O>>,
    /// What came first, while it is not read.
    first: Option<Reply>,
    id: Option<Box<RawValue>>,
    seal: Seal,
}

impl<O> Answer<O> {
    /// Waits for the first reply and chooses the form. `id` is the request's.
    pub async fn of(mut call: Call<O>, id: Option<&RawValue>, seal: Seal) -> Self {
        match call.next().await {
            None | Some(Reply::Failed(Failure::Cancelled)) => Self::Nothing,
            Some(Reply::Failed(Failure::Gone)) => Self::Gone,
            Some(Reply::More(text)) => Self::Events(Messages {
                call: Some(call),
                first: Some(Reply::More(text)),
                id: id.map(ToOwned::to_owned),
                seal,
            }),
            Some(reply) => {
                text_of(reply, call.number(), id, &seal).map_or(Self::Nothing, |text| Self::Json(text.into()))
            }
        }
    }

    /// A stream that begins at once, for a client that waits for changes.
    pub fn stream(call: Call<O>, id: Option<&RawValue>) -> Self {
        let id = id.map(ToOwned::to_owned);
        Self::Events(Messages { call: Some(call), first: None, id, seal: Box::new(|_| None) })
    }
}

/// The message of a reply. What cannot be had is said as an error of ours.
fn text_of(reply: Reply, call: u64, id: Option<&RawValue>, seal: &Seal) -> Option<String> {
    let refused = |code: RefusalCode| id.map(|id| error_body(Some(id), code.jsonrpc(), code.sentence(), None));
    match reply {
        Reply::More(text) | Reply::Answer(text) => Some(text),
        Reply::InputRequired { id, questions } => match seal(call) {
            Some(state) => Some(input_required(&id, &questions, &state)),
            None => refused(RefusalCode::Internal),
        },
        Reply::Failed(Failure::Gone) => refused(RefusalCode::UpstreamUnreachable),
        Reply::Failed(Failure::Cancelled) => None,
    }
}

impl<O> Body for Messages<O> {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let this = self.get_mut();
        let Some(call) = &mut this.call else { return Poll::Ready(None) };
        let reply = match this.first.take() {
            Some(first) => Some(first),
            None => ready!(call.poll_next(cx)),
        };
        let number = call.number();
        if !matches!(reply, Some(Reply::More(_))) {
            this.call = None;
        }
        let text = reply.and_then(|reply| text_of(reply, number, this.id.as_deref(), &this.seal));
        Poll::Ready(text.map(|text| Ok(Frame::data(format!("data: {text}\n\n").into()))))
    }
}
