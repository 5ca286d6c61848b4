//! Whose turn it is.
//!
//! A question of a legacy server does not say which call it belongs to. Where questions may be asked, the owners take
//! turns: while one owner's calls are with the server, another's wait, and a question belongs to the owner whose turn it
//! is. Counting sessions or calls would not do: the only call under way may be one owner's and the question another's,
//! whose call was cancelled a moment ago. So a cancelled call keeps its turn until the server has answered it; a server
//! that never does leaves a stain, and from then on its questions are for that owner or for nobody. Most servers never do,
//! as the protocol has it. So once a question met a stain, the channel is worn, and another instance is to take its place.
//! No time would do instead of that: nobody knows for how long a server goes on with a call that was cancelled.

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use super::call::State;
use super::handshake::Phase;
use super::{Action, CANCEL_GRACE, Channel};
use crate::version::Era;

/// Cancelled calls that the server never answered. Default 256; from then on nobody is asked anything, and it is worn.
const STAINS_MAX: usize = 256;

pub(super) struct Turns<O> {
    holder: Option<O>,
    /// The holder's calls that are with the server.
    held: usize,
    pub(super) waiting: VecDeque<u64>,
    /// Calls that were cancelled and never answered, by their id on the channel.
    stains: BTreeMap<u64, O>,
    too_many_stains: bool,
    /// Whether a stain was in the way of a question, and whether that was told.
    worn: Worn,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Worn {
    #[default]
    No,
    Yes,
    Told,
}

impl<O> Default for Turns<O> {
    fn default() -> Self {
        Self {
            holder: None,
            held: 0,
            waiting: VecDeque::new(),
            stains: BTreeMap::new(),
            too_many_stains: false,
            worn: Worn::No,
        }
    }
}

impl<O: Eq> Turns<O> {
    /// The one owner that a question can only be for.
    pub(super) fn asked(&self) -> Option<&O> {
        self.holder.as_ref().filter(|_| !self.stained())
    }

    /// Whether a question may be another's than the holder's.
    fn stained(&self) -> bool {
        let holder = self.holder.as_ref();
        self.too_many_stains || self.stains.values().any(|owner| Some(owner) != holder)
    }

    /// A question could not be put to anybody.
    pub(super) fn refused(&mut self) {
        if self.worn == Worn::No && self.holder.is_some() && self.stained() {
            self.worn = Worn::Yes;
        }
    }

    pub(super) fn has(&self, owner: &O) -> bool {
        self.holder.as_ref().is_none_or(|holder| holder == owner)
    }

    pub(super) fn hold(&mut self, owner: O) {
        self.holder = Some(owner);
        self.held += 1;
    }

    pub(super) fn release(&mut self) {
        self.held = self.held.saturating_sub(1);
        if self.held == 0 {
            self.holder = None;
        }
    }

    /// A late answer takes the stain away.
    pub(super) fn cleaned(&mut self, wire: u64) -> bool {
        self.stains.remove(&wire).is_some()
    }

    fn stain(&mut self, wire: u64, owner: O) {
        if self.stains.len() < STAINS_MAX {
            self.stains.insert(wire, owner);
        } else {
            self.too_many_stains = true;
            self.worn = if self.worn == Worn::Told { Worn::Told } else { Worn::Yes };
        }
    }
}

/// Who has ever called.
pub(super) enum Ever<O> {
    Nobody,
    One(O),
    Several,
}

impl<O: Eq> Ever<O> {
    pub(super) fn called(&mut self, owner: O) {
        match self {
            Self::Nobody => *self = Self::One(owner),
            Self::One(one) if *one == owner => {}
            Self::One(_) | Self::Several => *self = Self::Several,
        }
    }
}

impl<O: Clone + Eq> Channel<O> {
    /// A modern server asks in its answers, so nobody need wait for a turn.
    pub(super) fn takes_turns(&self) -> bool {
        self.options.questions.any() && self.peer() == Some(Era::Legacy)
    }

    /// Sends what waits and can go. First come, first served: an owner that goes on and on does not keep others out.
    pub(super) fn advance(&mut self) {
        while matches!(self.phase, Phase::Open)
            && let Some(number) = self.turns.waiting.front().copied()
        {
            if let Some(call) = self.calls.get(&number) {
                if self.takes_turns() && !self.turns.has(&call.owner) {
                    return;
                }
                self.turns.waiting.pop_front();
                self.send(number);
            } else {
                self.turns.waiting.pop_front();
            }
        }
    }

    /// Takes a call out, and gives its turn back where it has one.
    pub(super) fn remove(&mut self, number: u64) {
        self.pass_questions_on(number);
        let Some(call) = self.calls.remove(&number) else { return };
        self.wires.remove(&call.wire);
        match call.state {
            State::Sent | State::Parked { .. } | State::Cancelled { .. } if self.takes_turns() => self.turns.release(),
            State::Stream(filter) => self.unlisten(filter),
            State::Waiting => self.turns.waiting.retain(|waiting| *waiting != number),
            _ => {}
        }
    }

    /// Ends a call that its client gave up.
    pub(super) fn cancel(&mut self, number: u64, now: Instant) {
        let Some(call) = self.calls.get(&number) else { return };
        if !matches!(call.state, State::Sent | State::Parked { .. }) {
            return self.remove(number);
        }
        let wire = call.wire;
        self.write(format!(
            "{{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{{\"requestId\":{wire},\"reason\":\"the client left\"}}}}"
        ));
        self.withdraw(number);
        if self.takes_turns()
            && let Some(call) = self.calls.get_mut(&number)
        {
            call.state = State::Cancelled { until: now + CANCEL_GRACE };
        } else {
            self.remove(number);
        }
    }

    /// Cancelled calls that were not answered give up their turn, and are remembered.
    pub(super) fn cancelled_late(&mut self, now: Instant) {
        let late = |state: &State| matches!(state, State::Cancelled { until } if now >= *until);
        let over: Vec<_> = self.calls.iter().filter(|(_, call)| late(&call.state)).map(|(number, _)| *number).collect();
        for number in over {
            // An owner that is alone is mistaken for nobody.
            if let Some(call) = self.calls.get(&number).filter(|_| !self.options.sole) {
                self.turns.stain(call.wire, call.owner.clone());
            }
            self.remove(number);
        }
    }

    /// Tells that the channel is worn, once no call waits for a client that could not come back to another instance.
    pub(super) fn turns_worn(&mut self) {
        let waits = |state: &State| matches!(state, State::Parked { .. } | State::Kept { .. });
        if self.turns.worn == Worn::Yes && !self.calls.values().any(|call| waits(&call.state)) {
            self.turns.worn = Worn::Told;
            self.actions.push_back(Action::Worn);
        }
    }
}
