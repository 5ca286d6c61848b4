//! What a slot is told, what it answers, and what it is called.

use std::time::Instant;

use super::{Generation, Waiter};
use crate::launch::Life;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A call wants the instance, and waits until then.
    Call {
        /// The call.
        waiter: Waiter,
        /// Until when it may be held.
        deadline: Instant,
    },
    /// A call that waits was given up by its caller.
    Abandoned(Waiter),
    /// Calls gave an instance back.
    Returned {
        /// The instance.
        generation: Generation,
        /// How many.
        count: u32,
    },
    /// A start has its place and begins.
    Launching(Generation),
    /// An instance answered.
    Ready(Generation),
    /// A start failed, and may be tried again.
    Failed(Generation),
    /// A start is refused: trying again would change nothing.
    Refused(Generation),
    /// An instance is gone.
    Died(Generation),
    /// What is to run changed.
    Relaunch {
        /// The new life.
        life: Life,
        /// Whether two may not run at once.
        exclusive: bool,
    },
    /// The same is to run, and start, sleep and stop at other times.
    Live(Life),
    /// Whether an instance is wanted also where nobody calls. It ends with a refusal: trying again would change nothing.
    Keep(bool),
    /// Somebody else needs the place.
    Yield,
    /// This instance is to end when its calls are done: an operator wants it so, or it is worn.
    Stop(Generation),
    /// The gateway ends.
    Close,
    /// Time went by.
    Tick,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Start an instance.
    Start(Generation),
    /// Give the instance to a call.
    Grant {
        /// The call.
        waiter: Waiter,
        /// The instance.
        generation: Generation,
    },
    /// Tell a call no.
    Refuse {
        /// The call.
        waiter: Waiter,
        /// Why.
        why: Why,
    },
    /// Stop an instance's clock.
    Freeze(Generation),
    /// Let it run on.
    Thaw(Generation),
    /// Ask an instance to end.
    Stop(Generation),
    /// End it by force.
    Kill(Generation),
}

/// Why a call does not get an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// It did not start in the time that the call had.
    TimedOut,
    /// Too many calls wait already.
    TooMany,
    /// It keeps dying; it is not tried before then.
    Broken {
        /// When it is tried again.
        until: Instant,
    },
    /// It cannot be started as it is configured.
    Refused,
    /// The gateway ends.
    Closing,
}

/// What a slot is doing, for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Nothing runs.
    Cold,
    /// One starts.
    Starting,
    /// One serves.
    Warm {
        /// Calls that have it.
        leases: u32,
        /// Whether its clock stands still.
        frozen: bool,
    },
    /// The last ones end.
    Draining,
}
