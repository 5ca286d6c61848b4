//! A request, read once: bounded in bytes and time, parsed without a copy.

use std::time::Duration;

use bytes::Bytes;
use http::Method as HttpMethod;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Body as _, Incoming};
use partywall_domain::{RefusalCode, ServerLimits};
use partywall_mcp::{Envelope, Era, MODERN_VERSIONS, Message, Method, NotAnEnvelope, PROTOCOL_VERSION, era};
use serde_json::value::RawValue;

use crate::exchange::Exchange;
use crate::refusal::Refusal;

/// How long a client may take for a body. Default 30 s: 4 MiB over a phone.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// Bytes that are read of a body that nobody wants, so that the connection can go on. Default 64 KiB: any handshake.
const REST_BYTES_MAX: usize = 64 << 10;
/// How long they may take. Default 1 s: they are on their way already.
const REST_TIMEOUT: Duration = Duration::from_secs(1);

/// What came in. Borrows the body.
pub(crate) struct Request<'a> {
    pub(crate) exchange: &'a Exchange,
    /// The server in the URL: a claim until the call is authorized.
    pub(crate) server: &'a str,
    pub(crate) body: &'a Bytes,
    /// The message of a POST; GET and DELETE have none.
    pub(crate) envelope: Option<Envelope<'a>>,
    pub(crate) era: Era,
}

impl<'a> Request<'a> {
    pub(crate) fn parse(exchange: &'a Exchange, server: &'a str, body: &'a Bytes) -> Result<Self, Refusal> {
        let version = exchange.header(PROTOCOL_VERSION);
        if exchange.method() != HttpMethod::POST {
            let modern = version.is_some_and(|version| MODERN_VERSIONS.contains(&version));
            let era = if modern { Era::Modern } else { Era::Legacy };
            return Ok(Self { exchange, server, body, envelope: None, era });
        }
        let envelope = Envelope::parse(body).map_err(|why| match why {
            NotAnEnvelope::Syntax => Refusal::new(RefusalCode::ParseError, "the body is not JSON"),
            NotAnEnvelope::Shape => Refusal::new(RefusalCode::InvalidRequest, "the body is not one JSON-RPC message"),
        })?;
        let era = era(version, &envelope);
        Ok(Self { exchange, server, body, envelope: Some(envelope), era })
    }

    pub(crate) fn id(&self) -> Option<&RawValue> {
        self.envelope.as_ref().and_then(Envelope::id)
    }

    /// The JSON-RPC method of a request.
    pub(crate) fn method(&self) -> Option<Method> {
        self.envelope.as_ref().and_then(Envelope::method)
    }

    /// The parameters of the message.
    pub(crate) fn params(&self) -> Option<&RawValue> {
        #[derive(serde::Deserialize)]
        struct Message<'a> {
            #[serde(borrow)]
            params: Option<&'a RawValue>,
        }
        serde_json::from_slice::<Message<'_>>(self.body).ok()?.params
    }

    /// The word for what is asked, in the books: made of ours alone, never the caller's text.
    pub(crate) fn word(&self) -> &'static str {
        match self.envelope.as_ref().map(|envelope| &envelope.message) {
            Some(Message::Request { method, .. }) => method.as_str(),
            Some(Message::Notification { .. }) => "notification",
            Some(Message::Response) => "response",
            None if self.exchange.method() == HttpMethod::GET => "GET",
            None => "DELETE",
        }
    }
}

/// How long the body will be at most, as far as its sender said; one that does not say may be as long as the server
/// takes, and one that is too long is not read.
pub(crate) fn announced(body: &Incoming, limits: ServerLimits) -> u64 {
    body.size_hint().upper().unwrap_or(limits.request_bytes_max).min(limits.request_bytes_max)
}

/// The body of a POST; nothing of any other method.
pub(crate) async fn read(exchange: &Exchange, limits: ServerLimits, body: &mut Incoming) -> Result<Bytes, Refusal> {
    if exchange.method() != HttpMethod::POST {
        return Ok(Bytes::new());
    }
    let json = exchange.header("content-type").and_then(|value| value.split(';').next()).map(str::trim);
    if !json.is_some_and(|mime| mime.eq_ignore_ascii_case("application/json")) {
        return Err(Refusal::new(RefusalCode::UnsupportedMediaType, "the content type is not application/json"));
    }
    let max = usize::try_from(limits.request_bytes_max).unwrap_or(usize::MAX);
    let too_large = || Refusal::new(RefusalCode::BodyTooLarge, format!("the body is over {max} bytes"));
    // What says that it is far too long is not waited for. What is a little over is read: a client that sends before it
    // looks would find the connection broken in place of an answer.
    if body.size_hint().lower() > 2 * max as u64 {
        return Err(too_large());
    }
    match tokio::time::timeout(BODY_TIMEOUT, Limited::new(body, max).collect()).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
        Ok(Err(error)) => Err(Refusal::new(RefusalCode::InvalidRequest, format!("the body broke off: {error}"))),
        Err(_) => Err(Refusal::new(RefusalCode::BodyTimeout, "the body did not arrive in time")),
    }
}

/// The id of the message, for an answer to a caller who is known and has no tenant; none if it cannot be read.
pub(crate) async fn id_of(exchange: &Exchange, body: &mut Incoming) -> Option<Box<RawValue>> {
    let body = read(exchange, ServerLimits::default(), body).await.ok()?;
    Envelope::parse(&body).ok()?.id().map(RawValue::to_owned)
}

/// Reads what was left of a body when it was answered, so that the connection can go on; whether that was all of it.
///
/// A server that closes while its client still sends breaks the answer off, and many clients send the body after the
/// head without waiting. One that waits to be asked for it is not asked.
pub(crate) async fn read_out(exchange: &Exchange, body: &mut Incoming) -> bool {
    if body.is_end_stream() {
        return true;
    }
    if body.size_hint().lower() > REST_BYTES_MAX as u64 || exchange.headers().contains_key(http::header::EXPECT) {
        return false;
    }
    let rest = tokio::time::timeout(REST_TIMEOUT, Limited::new(body, REST_BYTES_MAX).collect()).await;
    rest.is_ok_and(|rest| rest.is_ok())
}
