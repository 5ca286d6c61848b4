//! A call of an instance on stdio: the instance is had first, started if need be, and then spoken to.
//!
//! To its clients the gateway is the server here: it opens their sessions, takes their notifications and answers, and
//! gives each call its replies in the forms of Streamable HTTP.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method as HttpMethod, Response, StatusCode};
use partywall_domain::{InstancePer, Outcome, RefusalCode, SecretName};
use partywall_ledger::{Reservation, Settlement};
use partywall_mcp::{Envelope, Era, Message, Method, SESSION_ID, modern_status, result_body};
use partywall_secrets::SecretKeys;
use partywall_supervisor::driver::Cause;
use partywall_supervisor::launch::Launch;
use partywall_supervisor::supervisor::StartError;
use partywall_tenancy::{Owned, SealKeys, TenantContext};
use serde_json::value::RawValue;

use super::{outliving_client, shortened, streamed, wire};
use crate::Gateway;
use crate::booked::Refused;
use crate::cold::Question;
use crate::instances::{Held, Instances};
use crate::pool::Hold;
use crate::refusal::Refusal;
use crate::reply::{Events, ReplyBody, Rewriting, Source, Stream};
use crate::request::Request;
use crate::seat::Seat;
use crate::stdio::{Answer, Call, Connection, Lists, Owner, Seal, Ticket, Turned};
use crate::told;
use crate::visitor::Visitor;

/// For an instance that closed its output to be gone. Default 2 s: what it had of the host is given back by then, and the
/// caller waits for a reason it would otherwise never learn.
const END_KNOWN_AFTER: Duration = Duration::from_secs(2);

pub(crate) async fn call(
    gateway: &Gateway,
    reservation: Reservation,
    request: &Request<'_>,
    seat: Seat,
) -> Result<Response<ReplyBody>, Refused> {
    let Some(instances) = &gateway.instances else {
        let refusal = Refusal::new(RefusalCode::InstanceDown, "this node starts no instances");
        return Err(Refused::settled(reservation, refusal));
    };
    match request.envelope.as_ref().map(|envelope| &envelope.message) {
        Some(Message::Request { .. }) => ask(gateway, instances, reservation, request, seat).await,
        Some(Message::Notification { .. }) => {
            if let Some(connection) = current(instances, &seat) {
                connection.notify(seat.owner(reservation.tenant()), request.body.clone()).await;
            }
            Ok(done(reservation, request, StatusCode::ACCEPTED))
        }
        Some(Message::Response) => respond(instances, reservation, request, &seat).await,
        None if request.exchange.method() == HttpMethod::GET => {
            ask(gateway, instances, reservation, request, seat).await
        }
        None => Ok(leave(gateway, instances, reservation, request, &seat).await),
    }
}

/// What goes into the task of a legacy call, which outlives its client.
struct Asking {
    instances: Instances,
    reservation: Reservation,
    seat: Seat,
    server: String,
    /// None: the stream of a legacy client.
    id: Option<Box<RawValue>>,
    body: Bytes,
    ticket: Option<Ticket>,
    seal: Arc<SealKeys>,
    secrets: Arc<SecretKeys>,
}

/// A call under way, once the instance has said its first word.
struct Asked {
    reservation: Reservation,
    seat: Seat,
    outcome: Result<Had, Refusal>,
}

/// The first word of an instance, the hold on it, and how its lists were before.
struct Had {
    answer: Answer<Owner>,
    held: Held,
    lists: Lists,
}

/// A request, or a legacy client's stream.
async fn ask(
    gateway: &Gateway,
    instances: &Instances,
    mut reservation: Reservation,
    request: &Request<'_>,
    seat: Seat,
) -> Result<Response<ReplyBody>, Refused> {
    let question = Question::of(&seat, reservation.tenant(), request);
    if let (Some(question), Some(id), None) = (&question, request.id(), instances.current(&seat.key))
        && let Some(result) = gateway.answers.of(question, reservation.tenant())
    {
        let body = result_body(id, &result).into();
        return reply(gateway, reservation, request, &seat, Answered { answer: Answer::Json(body), held: None });
    }
    // An instance that all tenants use is contended like a shared server; a tenant's own is the tenant's own.
    if seat.per == InstancePer::All {
        let place = format!("instance:{}", request.server).into();
        if let Err(throttled) = reservation.wait_for_turn(&place, &seat.limits).await {
            return Err(Refused::settled(reservation, Refusal::busy(throttled)));
        }
    }
    reservation.goes_upstream();
    let asking = Asking {
        instances: instances.clone(),
        ticket: ticket(gateway, &reservation, request),
        server: request.server.to_owned(),
        id: request.id().map(ToOwned::to_owned),
        body: request.body.clone(),
        seal: Arc::clone(&gateway.seal),
        secrets: Arc::clone(&gateway.secrets),
        reservation,
        seat,
    };
    let Asked { reservation, seat, outcome } = if request.era == Era::Legacy && request.id().is_some() {
        outliving_client(asking.first_word(), Asked::without_client).await.ok_or_else(Refused::lost)?
    } else {
        asking.first_word().await
    };
    match outcome {
        Ok(Had { answer, held, lists }) => {
            if let (Some(question), Answer::Json(body)) = (question, &answer) {
                gateway.answers.keep(question, reservation.tenant(), lists, body);
            }
            reply(gateway, reservation, request, &seat, Answered { answer, held: Some(held) })
        }
        Err(refusal) => Err(Refused::settled(reservation, refusal)),
    }
}

/// The call that a modern client comes back to, if what it brings is ours and its own. Anything else is for the server.
fn ticket(gateway: &Gateway, reservation: &Reservation, request: &Request<'_>) -> Option<Ticket> {
    let state = request.envelope.as_ref().and_then(Envelope::request_state)?;
    Owned::<Ticket>::claimed(&state).open(reservation.tenant(), &gateway.seal)
}

impl Asking {
    async fn first_word(self) -> Asked {
        let outcome = self.outcome().await;
        Asked { reservation: self.reservation, seat: self.seat, outcome }
    }

    async fn outcome(&self) -> Result<Had, Refusal> {
        let mut held = self.lease().await?;
        // A call that its client comes back to waits where it is.
        if self.ticket.is_none() && stdio(&held)?.is_worn() {
            held.retire();
            drop(held);
            held = self.lease().await?;
        }
        if !self.goes_on_at(&held) {
            return Err(Refusal::new(RefusalCode::UnknownSession, "the instance of this session has ended"));
        }
        let lists = stdio(&held)?.lists();
        let call = self.begin(&held, stdio(&held)?).await.map_err(turned)?;
        let answer = if self.id.is_some() { self.answer(call, &held).await? } else { Answer::stream(call, None) };
        Ok(Had { answer, held, lists })
    }

    async fn lease(&self) -> Result<Held, Refusal> {
        let tenant = self.reservation.tenant();
        let launch = || launch(tenant, &self.server, &self.secrets);
        self.instances.lease(&self.seat.key, tenant.revision(), launch).await.map_err(|why| not_had(&why))
    }

    /// Whether a session whose process is its own still has that process.
    fn goes_on_at(&self, held: &Held) -> bool {
        let own = self.seat.per == InstancePer::Session;
        let visitor = self.seat.visitor.as_ref().filter(|_| own);
        visitor.and_then(Visitor::instance).is_none_or(|instance| instance == held.info().id)
    }

    async fn begin(&self, held: &Held, connection: &Connection<Owner>) -> Result<Call<Owner>, Turned> {
        let owner = self.seat.owner(self.reservation.tenant());
        let client = self.seat.visitor.as_ref().map(Visitor::client);
        match (&self.id, client, &self.ticket) {
            (None, Some(client), _) => connection.stream(owner, client).await,
            (_, None, Some(ticket)) => {
                let call = ticket.call(&self.server, &held.info().id, SystemTime::now()).ok_or(Turned::Unknown)?;
                connection.resume(owner, call, self.body.clone()).await
            }
            (_, client, _) => connection.request(owner, client, self.body.clone()).await,
        }
    }

    async fn answer(&self, call: Call<Owner>, held: &Held) -> Result<Answer<Owner>, Refusal> {
        let patience = Duration::from_millis(self.seat.limits.answer_timeout_ms);
        let seal = seal(self.reservation.tenant(), &self.seal, &self.server, &held.info().id);
        let answer = tokio::time::timeout(patience, Answer::of(call, self.id.as_deref(), seal)).await;
        match answer {
            Ok(Answer::Gone) => Err(ended(held).await),
            Ok(answer) => Ok(answer),
            Err(_) => Err(Refusal::new(RefusalCode::UpstreamTimeout, "no answer within `answer_timeout_ms`")),
        }
    }
}

/// The channel of the instance that calls of this seat use now, where one serves.
fn current(instances: &Instances, seat: &Seat) -> Option<Connection<Owner>> {
    instances.current(&seat.key)?.stdio().cloned()
}

fn stdio(held: &Held) -> Result<&Connection<Owner>, Refusal> {
    let replaced = || Refusal::new(RefusalCode::InstanceDown, "the instance is of an earlier configuration; try again");
    held.connection().stdio().ok_or_else(replaced)
}

/// What to run for this tenant, with its own secrets.
pub(super) fn launch(tenant: &TenantContext, server: &str, secrets: &SecretKeys) -> Result<Launch, StartError> {
    let grant = tenant.grant(server);
    let command = grant.and_then(|grant| Some((grant.server().command.as_ref()?, grant.require())));
    // A seat is had only where there is a command.
    let (command, require) = command.ok_or_else(|| StartError::Refused("the server has no `command`".to_owned()))?;
    let open = |name: &SecretName| secrets.open(tenant, name).map_err(|why| StartError::Refused(why.to_string()));
    Launch::of(command, tenant.revision(), require, open)
}

/// What a modern client is given to bring back: its call, for nobody else.
fn seal(tenant: &TenantContext, keys: &Arc<SealKeys>, server: &str, instance: &str) -> Seal {
    let (tenant, keys) = (tenant.clone(), Arc::clone(keys));
    let (server, instance) = (server.to_owned(), instance.to_owned());
    Box::new(move |call| {
        let ticket = Ticket::new(&server, &instance, call, SystemTime::now());
        Owned::seal(&tenant, &keys, &ticket).map(|sealed| sealed.as_str().to_owned())
    })
}

/// Why there is no instance.
pub(super) fn not_had(why: &StartError) -> Refusal {
    let code = match why {
        StartError::TooMany => RefusalCode::Busy,
        StartError::Closing => RefusalCode::Draining,
        StartError::TimedOut(_) | StartError::Broken { .. } | StartError::Refused(_) => RefusalCode::InstanceDown,
    };
    Refusal::new(code, why.to_string())
}

/// Why the instance that had the call has ended.
async fn ended(held: &Held) -> Refusal {
    let (code, how) = match tokio::time::timeout(END_KNOWN_AFTER, held.ended()).await {
        Ok(end) if end.cause == Cause::OutOfMemory => (RefusalCode::InstanceOutOfMemory, end.to_string()),
        Ok(end) => (RefusalCode::InstanceEnded, end.to_string()),
        Err(_) => (RefusalCode::InstanceEnded, "it closed its output and runs on".to_owned()),
    };
    Refusal::new(code, format!("the instance ended within the call: {how}"))
}

/// Why the instance's channel does not take a message.
fn turned(why: Turned) -> Refusal {
    match why {
        Turned::Gone => Refusal::new(RefusalCode::UpstreamUnreachable, "the instance has ended"),
        Turned::Full => Refusal::new(RefusalCode::Busy, "the instance has as many calls as it may"),
        Turned::Unreadable => Refusal::new(RefusalCode::InvalidRequest, "the body is no message of its kind"),
        Turned::Unknown => Refusal::new(RefusalCode::InvalidParams, "no such call or question of this principal waits"),
    }
}

impl Asked {
    /// Nobody waits any more: the call is answered to its end all the same.
    fn without_client(self) {
        match self.outcome {
            Ok(Had { answer: Answer::Events(messages), held, .. }) => {
                let source = Source::Instance(Box::new(Events::new(messages, Some(Box::new(held)))));
                drop(Stream::new(source, self.reservation, 200).outliving_client());
            }
            Ok(_) => settle(self.reservation, 200, 0, "the client left before the end"),
            Err(refusal) => drop(Refused::settled(self.reservation, refusal)),
        }
    }
}

/// What a client is answered, and the hold on the instance that said it; none where it was said before.
struct Answered {
    answer: Answer<Owner>,
    held: Option<Held>,
}

fn reply(
    gateway: &Gateway,
    mut reservation: Reservation,
    request: &Request<'_>,
    seat: &Seat,
    Answered { answer, held }: Answered,
) -> Result<Response<ReplyBody>, Refused> {
    let standing = reservation.standing();
    let session = match opened(gateway, &mut reservation, request, seat, held.as_ref()) {
        Ok(session) => session,
        Err(refusal) => return Err(Refused::settled(reservation, refusal)),
    };
    let mut response = match answer {
        Answer::Json(body) => whole(reservation, request, seat, body)?,
        Answer::Events(messages) => {
            let read = request.method().is_none_or(Method::answers_are_rewritten);
            let rewriting = read.then(|| Rewriting::new(request.server, seat.limits.filtered_bytes_max));
            let source = Source::Instance(Box::new(Events::new(messages, held.map(|held| Box::new(held) as Hold))));
            let mut response = streamed(gateway, reservation, request, StatusCode::OK, source, rewriting, None);
            wire::finish(&mut response, request, "text/event-stream");
            response
        }
        Answer::Gone | Answer::Nothing => done(reservation, request, StatusCode::ACCEPTED),
    };
    told::standing(response.headers_mut(), standing);
    response.headers_mut().extend(session.map(|session| (HeaderName::from_static(SESSION_ID), session)));
    Ok(response)
}

/// An answer in one message.
fn whole(
    mut reservation: Reservation,
    request: &Request<'_>,
    seat: &Seat,
    body: Bytes,
) -> Result<Response<ReplyBody>, Refused> {
    reservation.came_back();
    let read = request.method().is_none_or(Method::answers_are_rewritten);
    let shown = if read { shortened(&reservation, request, body) } else { Ok(body) };
    let over = |body: &Bytes| body.len() as u64 > seat.limits.reply_bytes_max;
    let refusal = match shown {
        Ok(body) if over(&body) => Refusal::new(RefusalCode::UpstreamInvalid, "the answer is over `reply_bytes_max`"),
        Ok(body) => {
            let status = if request.era == Era::Modern { modern_status(&body) } else { 200 };
            settle(reservation, status, body.len() as u64, "");
            let mut response = Response::new(ReplyBody::full(body));
            *response.status_mut() = StatusCode::from_u16(status).unwrap_or_default();
            wire::finish(&mut response, request, "application/json");
            return Ok(response);
        }
        Err(refusal) => refusal,
    };
    Err(Refused::settled(reservation, refusal))
}

/// The session that `initialize` opened, sealed for the principal that it was opened for.
fn opened(
    gateway: &Gateway,
    reservation: &mut Reservation,
    request: &Request<'_>,
    seat: &Seat,
    held: Option<&Held>,
) -> Result<Option<HeaderValue>, Refusal> {
    let visitor = seat.visitor.as_ref().filter(|_| request.method() == Some(Method::Initialize));
    let Some(visitor) = visitor else { return Ok(None) };
    let own = held.filter(|_| seat.per == InstancePer::Session).map(|held| held.info().id.as_str());
    let session = visitor.session(request.server, own);
    let sealed = Owned::seal(reservation.tenant(), &gateway.seal, &session);
    let header = sealed.and_then(|sealed| HeaderValue::from_str(sealed.as_str()).ok());
    let header = header.ok_or_else(|| Refusal::new(RefusalCode::Internal, "the session could not be sealed"))?;
    reservation.session_opened();
    Ok(Some(header))
}

/// A legacy client answers what the server asked it.
async fn respond(
    instances: &Instances,
    reservation: Reservation,
    request: &Request<'_>,
    seat: &Seat,
) -> Result<Response<ReplyBody>, Refused> {
    let taken = match current(instances, seat) {
        Some(connection) => connection.respond(seat.owner(reservation.tenant()), request.body.clone()).await,
        None => Err(Turned::Gone),
    };
    if taken.is_ok() {
        return Ok(done(reservation, request, StatusCode::ACCEPTED));
    }
    let refusal = Refusal::new(RefusalCode::InvalidRequest, "no such question was put to this principal");
    Err(Refused::settled(reservation, refusal))
}

/// A legacy client ends its session.
async fn leave(
    gateway: &Gateway,
    instances: &Instances,
    reservation: Reservation,
    request: &Request<'_>,
    seat: &Seat,
) -> Response<ReplyBody> {
    if let Some(connection) = current(instances, seat) {
        connection.forget(seat.owner(reservation.tenant())).await;
    }
    if seat.per == InstancePer::Session {
        instances.stop_of(&seat.key);
    }
    if let Some(visitor) = &seat.visitor
        && gateway.ended.end(visitor.id())
    {
        gateway.ledger.session_ended(reservation.tenant(), visitor.opened());
    }
    done(reservation, request, StatusCode::NO_CONTENT)
}

/// An answer without a body.
fn done(reservation: Reservation, request: &Request<'_>, status: StatusCode) -> Response<ReplyBody> {
    settle(reservation, status.as_u16(), 0, "");
    let mut response = Response::new(ReplyBody::Full(None));
    *response.status_mut() = status;
    wire::finish(&mut response, request, "");
    response
}

fn settle(reservation: Reservation, status: u16, bytes_out: u64, cause: &str) {
    reservation.settle(Settlement { outcome: Outcome::Answered, cause: cause.to_owned(), status, bytes_out });
}
