//! The last step: the call goes to the upstream, the answer comes back.
//!
//! The client's token stays here; an assertion of ours travels in its place. Headers pass by a list of what may, in
//! both directions.

mod credential;
mod instance;
mod listening;
mod wire;

use std::error::Error as _;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body::Body as _;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use partywall_domain::{Outcome, RefusalCode, ServerLimits};
use partywall_ledger::{Reservation, Settlement};
use partywall_mcp::{Era, Method, SESSION_ID, rewrite};
use partywall_tenancy::Owned;
use tokio::time::error::Elapsed;
use tracing::Instrument;

use crate::Gateway;
use crate::booked::Refused;
use crate::framing;
use crate::pool::{AnswerBody, Body, Hold, Unanswered, chain};
use crate::refusal::{REQUEST_ID, Refusal};
use crate::reply::{ReplyBody, Rewriting, Source, Stream, shows};
use crate::request::Request;
use crate::route::{Destination, Routed, Target};
use crate::session::Session;
use crate::told;

/// Calls the upstream, or answers here where the route says so.
pub(crate) async fn call(
    gateway: &Gateway,
    routed: Routed,
    request: &Request<'_>,
) -> Result<Response<ReplyBody>, Refused> {
    let Routed { mut reservation, destination } = routed;
    match destination {
        Destination::Here(body) => Ok(here(reservation, request, body)),
        Destination::Instance(seat) => instance::call(gateway, reservation, request, *seat).await,
        Destination::Listening(seat) => listening::call(gateway, reservation, request, *seat).await,
        Destination::Upstream(target) => {
            // Before the assertion is signed: it is good for a minute, and a turn may be long in coming.
            if let Err(throttled) = reservation.wait_for_turn(&target.url, &target.limits).await {
                return Err(Refused::settled(reservation, Refusal::busy(throttled)));
            }
            let outbound = match outbound(gateway, &reservation, request, &target) {
                Ok(outbound) => outbound,
                Err(refusal) => return Err(Refused::settled(reservation, refusal)),
            };
            reservation.goes_upstream();
            let (reservation, answer) = send(gateway, reservation, request, outbound, &target, None).await?;
            reply(gateway, reservation, request, &target, answer).await
        }
    }
}

fn here(reservation: Reservation, request: &Request<'_>, body: String) -> Response<ReplyBody> {
    let (bytes_out, standing) = (body.len() as u64, reservation.standing());
    reservation.settle(Settlement { outcome: Outcome::Answered, cause: String::new(), status: 200, bytes_out });
    let mut response = Response::new(ReplyBody::full(body));
    told::standing(response.headers_mut(), standing);
    wire::finish(&mut response, request, "application/json");
    response
}

fn outbound(
    gateway: &Gateway,
    reservation: &Reservation,
    request: &Request<'_>,
    target: &Target,
) -> Result<http::Request<Body>, Refusal> {
    let tenant = reservation.tenant();
    let assertion = gateway
        .signer
        .assertion(tenant, request.server)
        .ok_or_else(|| Refusal::new(RefusalCode::Internal, "the assertion could not be signed"))?;
    let credential = credential::of(&gateway.secrets, tenant, request.server)?;
    wire::outbound(request, target, assertion, credential)
        .map_err(|error| Refusal::new(RefusalCode::Internal, format!("the request could not be written: {error}")))
}

/// Sends the request and waits for the head of the answer, holding on to `hold` until that is over.
///
/// A legacy client that disconnects has not cancelled, so its exchange runs in a task of its own, which keeps the
/// place in the books as long as it takes. A modern one has: this future is dropped, and the connection with it.
async fn send(
    gateway: &Gateway,
    reservation: Reservation,
    request: &Request<'_>,
    outbound: http::Request<Body>,
    target: &Target,
    hold: Option<Hold>,
) -> Result<(Reservation, Response<AnswerBody>), Refused> {
    let limits = target.limits;
    let (pools, url) = (gateway.pools.clone(), Arc::clone(&target.url));
    // Made where it is waited for: it is long, and moving it copies it.
    let exchange = || async move {
        let asked = pin!(pools.request(reservation.tenant().id(), &url, outbound));
        let answer = tokio::time::timeout(answer_timeout(limits), asked).await;
        let answer = answer.map(|answer| answer.map(|answer| answer.map(|body| body.holding(hold))));
        (reservation, answer)
    };
    let (reservation, answer) = if request.era == Era::Legacy && request.id().is_some() {
        outliving_client(exchange(), read_to_the_end).await.ok_or_else(Refused::lost)?
    } else {
        exchange().await
    };
    let refusal = match answer {
        Ok(Ok(answer)) => match check(&answer) {
            Ok(()) => return Ok((reservation, answer)),
            Err(refusal) => refusal,
        },
        Ok(Err(error)) => unanswered(&error),
        Err(_) => Refusal::new(RefusalCode::UpstreamTimeout, "no answer within `answer_timeout_ms`"),
    };
    Err(Refused::settled(reservation, refusal))
}

/// Why there is no answer: nobody was there or the connection broke, or what came is no HTTP or does not get to the
/// answer.
fn unanswered(error: &Unanswered) -> Refusal {
    let code = match error {
        Unanswered::Exchange(http) if http.is_parse() || is_invalid(http) => RefusalCode::UpstreamInvalid,
        _ => RefusalCode::UpstreamUnreachable,
    };
    Refusal::new(code, chain(error))
}

/// Whether the connection was given up for what came on it.
fn is_invalid(error: &hyper::Error) -> bool {
    let io = error.source().and_then(|source| source.downcast_ref::<std::io::Error>());
    io.is_some_and(|io| io.kind() == std::io::ErrorKind::InvalidData)
}

type Exchanged = (Reservation, Result<Result<Response<AnswerBody>, Unanswered>, Elapsed>);

/// Runs an exchange to its end, also if nobody waits for it any more; what then becomes of it `orphan` knows.
async fn outliving_client<T: Send + 'static>(
    exchange: impl Future<Output = T> + Send + 'static,
    orphan: impl FnOnce(T) + Send + 'static,
) -> Option<T> {
    let (give, get) = tokio::sync::oneshot::channel();
    let task = async move {
        if let Err(left) = give.send(exchange.await) {
            orphan(left);
        }
    };
    tokio::spawn(task.in_current_span());
    get.await.ok()
}

/// An answer that comes when its client has left is read to its end.
fn read_to_the_end((reservation, answer): Exchanged) {
    if let Ok(Ok(answer)) = answer {
        let status = answer.status().as_u16();
        drop(Stream::new(answer.into_body(), reservation, status).outliving_client());
    }
}

fn answer_timeout(limits: ServerLimits) -> Duration {
    Duration::from_millis(limits.answer_timeout_ms)
}

/// What an upstream may not tell our client: to authenticate with somebody else, to go elsewhere, or to take for the
/// answer's end what others would not.
fn check(answer: &Response<AnswerBody>) -> Result<(), Refusal> {
    if let Err(cause) = framing::check(answer.headers()) {
        return Err(Refusal::new(RefusalCode::UpstreamInvalid, format!("the upstream's answer: {cause}")));
    }
    match answer.status() {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            let cause =
                format!("the upstream refused our assertion, or the tenant's credential, with {}", answer.status());
            Err(Refusal::new(RefusalCode::UpstreamInvalid, cause))
        }
        status if status.is_redirection() || status.is_informational() => {
            Err(Refusal::new(RefusalCode::UpstreamInvalid, format!("the upstream answered {status}")))
        }
        // Nobody asked for it, and the client would not know: the header stays here.
        _ if answer.headers().contains_key(header::CONTENT_ENCODING) => {
            Err(Refusal::new(RefusalCode::UpstreamInvalid, "the upstream encoded its answer"))
        }
        _ => Ok(()),
    }
}

async fn reply(
    gateway: &Gateway,
    mut reservation: Reservation,
    request: &Request<'_>,
    target: &Target,
    answer: Response<AnswerBody>,
) -> Result<Response<ReplyBody>, Refused> {
    let (parts, body) = answer.into_parts();
    let standing = reservation.standing();
    let mime = parts.headers.get(header::CONTENT_TYPE).cloned();
    let is_stream = mime.as_ref().is_some_and(|mime| mime.as_bytes().starts_with(b"text/event-stream"));
    // The stream of a GET may replay the answer to a list (resumption), so it is read like one.
    let read = request.method().is_none_or(Method::answers_are_rewritten);
    let session = match opened(gateway, &mut reservation, request, target, &parts) {
        Ok(session) => session,
        Err(refusal) => return Err(Refused::settled(reservation, refusal)),
    };
    ended(gateway, &reservation, request, target, parts.status);
    let announced = body.size_hint().lower();
    if announced > target.limits.reply_bytes_max {
        let cause = format!("the answer is {announced} bytes, over `reply_bytes_max`");
        return Err(Refused::settled(reservation, Refusal::new(RefusalCode::UpstreamInvalid, cause)));
    }
    let mut response = if read && !is_stream && parts.status.is_success() {
        whole(reservation, request, target, parts.status, body).await?
    } else {
        let rewriting = (read && is_stream).then(|| Rewriting::new(request.server, target.limits.filtered_bytes_max));
        // Between two events a server may work for as long as it likes; an answer in one piece is on its way once begun.
        let patience = (!is_stream).then(|| answer_timeout(target.limits));
        streamed(gateway, reservation, request, parts.status, body, rewriting, patience)
    };
    wire::copy_back(&parts.headers, response.headers_mut());
    told::standing(response.headers_mut(), standing);
    response.headers_mut().extend(session.map(|session| (header::HeaderName::from_static(SESSION_ID), session)));
    wire::finish(&mut response, request, "");
    Ok(response)
}

/// An answer that must be read whole before its first byte goes out.
async fn whole(
    mut reservation: Reservation,
    request: &Request<'_>,
    target: &Target,
    status: StatusCode,
    body: AnswerBody,
) -> Result<Response<ReplyBody>, Refused> {
    let max = usize::try_from(target.limits.filtered_bytes_max).unwrap_or(usize::MAX);
    let collected = tokio::time::timeout(answer_timeout(target.limits), Limited::new(body, max).collect()).await;
    reservation.came_back();
    let refusal = match collected {
        Ok(Ok(collected)) => match shortened(&reservation, request, collected.to_bytes()) {
            Ok(body) => {
                let bytes_out = body.len() as u64;
                reservation.settle(Settlement {
                    outcome: Outcome::Answered,
                    cause: String::new(),
                    status: status.as_u16(),
                    bytes_out,
                });
                let mut response = Response::new(ReplyBody::full(body));
                *response.status_mut() = status;
                return Ok(response);
            }
            Err(refusal) => refusal,
        },
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            Refusal::new(RefusalCode::UpstreamInvalid, format!("the answer is over `filtered_bytes_max` ({max})"))
        }
        Ok(Err(error)) => Refusal::new(RefusalCode::UpstreamInvalid, format!("the answer broke off: {error}")),
        Err(_) => Refusal::new(RefusalCode::UpstreamTimeout, "the answer did not end within `answer_timeout_ms`"),
    };
    Err(Refused::settled(reservation, refusal))
}

fn shortened(reservation: &Reservation, request: &Request<'_>, body: Bytes) -> Result<Bytes, Refusal> {
    // An empty body (202 Accepted) carries no list.
    let (Some(grant), false) = (reservation.tenant().grant(request.server), body.is_empty()) else { return Ok(body) };
    match rewrite(&body, &|listed| shows(grant, listed)) {
        Ok(Some(shorter)) => Ok(shorter.into()),
        Ok(None) => Ok(body),
        Err(_) => Err(Refusal::new(RefusalCode::UpstreamInvalid, "the answer is not one JSON message")),
    }
}

fn streamed(
    gateway: &Gateway,
    reservation: Reservation,
    request: &Request<'_>,
    status: StatusCode,
    body: impl Into<Source>,
    rewriting: Option<Rewriting>,
    patience: Option<Duration>,
) -> Response<ReplyBody> {
    let long_lived = reservation.is_stream();
    let snapshot = Arc::clone(&gateway.snapshot);
    let mut stream = Stream::new(body, reservation, status.as_u16()).under(snapshot).waiting_for(patience);
    if let Some(rewriting) = rewriting {
        stream = stream.rewriting(rewriting);
    }
    if long_lived {
        stream = stream.ending_with(gateway.draining.clone().cancelled_owned(), wire::goodbye(request));
    } else if request.era == Era::Legacy {
        stream = stream.outliving_client();
    }
    let mut response = Response::new(ReplyBody::Stream(Box::new(stream)));
    *response.status_mut() = status;
    response
}

/// The session that the upstream opened, sealed for the principal it was opened for.
fn opened(
    gateway: &Gateway,
    reservation: &mut Reservation,
    request: &Request<'_>,
    target: &Target,
    parts: &http::response::Parts,
) -> Result<Option<HeaderValue>, Refusal> {
    let Some(id) = parts.headers.get(SESSION_ID).filter(|_| request.era == Era::Legacy) else { return Ok(None) };
    // A session that goes on keeps the id that the client has, and with it its end.
    if target.session.is_some() {
        return Ok(request.exchange.headers().get(SESSION_ID).cloned());
    }
    let invalid = |cause| Refusal::new(RefusalCode::UpstreamInvalid, cause);
    let id = id.to_str().map_err(|_| invalid("the session id is not visible ASCII"))?;
    let session = Session::new(request.server, &target.url, id);
    let sealed = Owned::seal(reservation.tenant(), &gateway.seal, &session)
        .ok_or_else(|| invalid("the session could not be sealed"))?;
    let sealed = HeaderValue::from_str(sealed.as_str()).map_err(|_| invalid("the session id is too long"))?;
    reservation.session_opened();
    Ok(Some(sealed))
}

/// Counts a session less once its client has ended it and its upstream agreed.
fn ended(gateway: &Gateway, reservation: &Reservation, request: &Request<'_>, target: &Target, status: StatusCode) {
    let session = target.session.as_ref().filter(|_| request.exchange.method() == http::Method::DELETE);
    if let Some(session) = session.filter(|_| status.is_success()) {
        gateway.ledger.session_ended(reservation.tenant(), session.opened());
    }
}
