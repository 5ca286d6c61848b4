//! What clients send.

use std::time::Instant;

use serde_json::value::RawValue;

use super::call::{Call, Client, Filter, State};
use super::handshake::Phase;
use super::questions::Asker;
use super::{CALLS_MAX, Channel, Failure, Reply, Turned};
use crate::Method;
use crate::object::Members;
use crate::stdio::frame::Frame;
use crate::stdio::splice::{self, member, meta_of};
use crate::version::Era;

impl<O: Clone + Eq> Channel<O> {
    /// A request of `owner`. Gives the number by which the replies name the call. `client` is what a legacy client said
    /// when its session began; `None` for a modern one, which says it in the request.
    ///
    /// # Errors
    /// Where it cannot be taken.
    pub fn request(&mut self, owner: O, client: Option<&Client>, body: &[u8]) -> Result<u64, Turned> {
        let text = one_line(body).ok_or(Turned::Unreadable)?;
        let Some(Frame::Request { id, method, params }) = Frame::read(&text) else { return Err(Turned::Unreadable) };
        let method = Method::of(&method);
        let call = Call {
            owner,
            client: client.cloned().unwrap_or_else(|| Client::in_request(params)),
            id: id.to_owned(),
            token: meta_of(params, "progressToken").map(ToOwned::to_owned),
            method,
            about: about(method, params),
            state: State::Waiting,
            wire: 0,
            rounds: 0,
            request_state: None,
            body: text,
        };
        let number = self.take(call)?;
        if matches!(method, Method::Initialize | Method::Discover | Method::Ping) && matches!(self.phase, Phase::Open) {
            // Answered here, so it need not wait for anybody's turn.
            self.send(number);
        } else {
            self.turns.waiting.push_back(number);
            self.advance();
        }
        Ok(number)
    }

    /// A legacy client opens its stream.
    ///
    /// # Errors
    /// Where it cannot be taken.
    pub fn stream(&mut self, owner: O, client: &Client) -> Result<u64, Turned> {
        let filter = Filter { tools: true, prompts: true, resources: true, uris: Vec::new() };
        let call = Call {
            owner,
            client: client.clone(),
            id: RawValue::NULL.to_owned(),
            token: None,
            method: Method::Listen,
            about: None,
            body: String::new(),
            state: State::Stream(filter),
            wire: 0,
            rounds: 0,
            request_state: None,
        };
        let number = self.take(call)?;
        self.stream_opened();
        Ok(number)
    }

    fn take(&mut self, call: Call<O>) -> Result<u64, Turned> {
        if matches!(self.phase, Phase::Closed) {
            return Err(Turned::Gone);
        }
        if self.calls.len() >= CALLS_MAX {
            return Err(Turned::Full);
        }
        let number = self.number();
        self.ever.called(call.owner.clone());
        self.calls.insert(number, call);
        Ok(number)
    }

    /// A notification of a legacy client's. Cancelling is passed on; what it says of itself otherwise is not for a
    /// server that others share.
    pub fn notify(&mut self, owner: &O, body: &[u8], now: Instant) {
        let Some(text) = one_line(body) else { return };
        let Some(Frame::Notification { method, params }) = Frame::read(&text) else { return };
        let (true, Some(id)) = (method == "notifications/cancelled", member(params, "requestId")) else { return };
        let is = |call: &Call<O>| call.owner == *owner && call.id.get() == id.get() && !is_over(&call.state);
        let Some(number) = self.calls.iter().find(|(_, call)| is(call)).map(|(number, _)| *number) else { return };
        self.reply(number, Reply::Failed(Failure::Cancelled));
        self.cancel(number, now);
        self.advance();
    }

    /// A legacy client answers a question of the server's.
    ///
    /// # Errors
    /// Where no such question was put to this owner.
    pub fn respond(&mut self, owner: &O, body: &[u8]) -> Result<(), Turned> {
        let text = one_line(body).ok_or(Turned::Unreadable)?;
        let frame = Frame::read(&text).ok_or(Turned::Unreadable)?;
        let (Frame::Result { id, .. } | Frame::Error { id, .. }) = frame else { return Err(Turned::Unreadable) };
        let number = id.get().parse::<u64>().map_err(|_| Turned::Unknown)?;
        let question = self.questions.get(&number).ok_or(Turned::Unknown)?;
        let call = self.calls.get(&question.call).filter(|call| call.owner == *owner).ok_or(Turned::Unknown)?;
        match (&question.from, &frame) {
            _ if call.client.era() == Era::Modern => return Err(Turned::Unknown),
            (Asker::Request(asked), _) => {
                let line = splice::with_id(&text, asked).ok_or(Turned::Unreadable)?;
                self.questions.remove(&number);
                self.write(line);
            }
            (Asker::Round { .. }, Frame::Result { result, .. }) => self.round_answered(number, result),
            (Asker::Round { .. }, _) => {
                let (call, answer) = (question.call, splice::with_id(&text, &call.id).ok_or(Turned::Unreadable)?);
                self.finish(call, answer);
            }
        }
        self.advance();
        Ok(())
    }

    /// A modern client comes back with what a call was parked for.
    ///
    /// # Errors
    /// Where no such call of this owner waits, or the request is another.
    pub fn resume(&mut self, owner: &O, number: u64, body: &[u8], now: Instant) -> Result<(), Turned> {
        let text = one_line(body).ok_or(Turned::Unreadable)?;
        let Some(Frame::Request { id, method, params }) = Frame::read(&text) else { return Err(Turned::Unreadable) };
        let method = Method::of(&method);
        let call = self.calls.get_mut(&number).filter(|call| call.owner == *owner).ok_or(Turned::Unknown)?;
        let same = call.method == method && spelled(call.about.as_deref()) == spelled(about(method, params).as_deref());
        if !same || !matches!(call.state, State::Parked { .. } | State::Kept { .. }) {
            return Err(Turned::Unknown);
        }
        call.id = id.to_owned();
        call.token = meta_of(params, "progressToken").map(ToOwned::to_owned);
        if let State::Kept { answer, .. } = &mut call.state {
            let answer = std::mem::take(answer);
            self.take_answers(number, member(params, "inputResponses"));
            self.pass_answer(number, &answer);
        } else {
            call.state = State::Sent;
            self.take_answers(number, member(params, "inputResponses"));
            if self.questions.values().any(|question| question.call == number) {
                self.park(number, now);
            }
        }
        self.advance();
        Ok(())
    }

    fn take_answers(&mut self, call: u64, answers: Option<&RawValue>) {
        let answers = answers.map(Members::of_value).and_then(Result::ok).unwrap_or_default();
        for (key, answer) in answers.0 {
            let Ok(number) = key.parse::<u64>() else { continue };
            if self.questions.get(&number).is_some_and(|question| question.call == call)
                && let Some(question) = self.questions.remove(&number)
                && let Asker::Request(asked) = question.from
            {
                self.write(format!("{{\"jsonrpc\":\"2.0\",\"id\":{asked},\"result\":{answer}}}"));
            }
        }
    }

    /// The client of a call left before it read all that it was told. A modern client has cancelled with that, also where
    /// it was asked something: it does not know by what to come back. A legacy client has not, and its call goes on with
    /// nobody to tell.
    pub fn left(&mut self, number: u64, now: Instant) {
        let Some(call) = self.calls.get(&number) else { return };
        match (&call.state, call.client.era()) {
            (State::Stream(_), _) => self.remove(number),
            (State::Cancelled { .. }, _) | (_, Era::Legacy) => {}
            (_, Era::Modern) => self.cancel(number, now),
        }
        self.advance();
    }

    /// A legacy client's session is over.
    pub fn forget(&mut self, owner: &O) {
        self.unsubscribe_all(owner);
    }
}

fn is_over(state: &State) -> bool {
    matches!(state, State::Cancelled { .. } | State::Stream(_))
}

/// What a call is about, as `Mcp-Name` would say it.
fn about(method: Method, params: Option<&RawValue>) -> Option<Box<RawValue>> {
    let name = if method == Method::ResourcesRead { "uri" } else { "name" };
    member(params, name).map(ToOwned::to_owned)
}

/// The text of a name, whatever escapes it is written with.
fn spelled(about: Option<&RawValue>) -> Option<String> {
    splice::text_of(about)
}

/// A message on one line. A line end within a JSON text can only be white space between two tokens.
fn one_line(body: &[u8]) -> Option<String> {
    let text = str::from_utf8(body).ok()?;
    Some(if text.contains(['\n', '\r']) { text.replace(['\n', '\r'], " ") } else { text.to_owned() })
}
