//! The state of one slot: cold, starting, warm, draining. Events go in, actions come out, the time is an argument.
//!
//! It does nothing itself: no process, no clock, no lock. Whoever owns it performs the actions and feeds back what came
//! of them; that two starts never run at once, or that an instance in use is never frozen, is decided here alone.

mod words;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::launch::Life;
pub use words::{Action, Event, Phase, Why};

/// Calls held for one slot while it starts. 256: the calls in flight of the busiest tenant, with room.
pub const HELD_MAX: usize = 256;
/// After the first failure, until the next try. It doubles with each failure.
pub const BACKOFF_FIRST: Duration = Duration::from_millis(200);
/// The longest pause between two tries, and how long the breaker stays open.
pub const BACKOFF_MAX: Duration = Duration::from_secs(30);
/// Failures in a row until calls are refused at once instead of held.
pub const BREAKER_FAILURES: u32 = 5;
/// How long an instance must live for its end to count as the first failure and not as one more.
pub const STABLE: Duration = Duration::from_secs(10);

/// Numbers the instances of one slot, in order.
pub type Generation = u64;
/// Numbers the calls that wait.
pub type Waiter = u64;

/// One slot.
#[derive(Debug)]
pub struct Slot {
    life: Life,
    /// Whether an instance is wanted also where nobody calls.
    kept: bool,
    /// Whether the next instance must wait for the last one's end: a volume is mounted once.
    exclusive: bool,
    current: Current,
    leaving: Vec<Leaving>,
    held: VecDeque<(Waiter, Instant)>,
    failures: u32,
    generations: Generation,
    closing: bool,
}

#[derive(Debug, PartialEq, Eq)]
enum Current {
    Cold {
        not_before: Option<Instant>,
    },
    Starting {
        generation: Generation,
        /// None while it waits for a place.
        deadline: Option<Instant>,
    },
    Warm {
        generation: Generation,
        since: Instant,
        leases: u32,
        idle_since: Instant,
        frozen: bool,
    },
}

/// An instance that is on its way out.
#[derive(Debug)]
struct Leaving {
    generation: Generation,
    leases: u32,
    /// When calls in flight have had their time.
    deadline: Instant,
    /// When it was asked to end.
    asked: Option<Instant>,
    killed: bool,
}

impl Slot {
    /// A cold slot.
    pub fn new(life: Life, exclusive: bool) -> Self {
        let current = Current::Cold { not_before: None };
        let (leaving, held) = (Vec::new(), VecDeque::new());
        Self { life, kept: false, exclusive, current, leaving, held, failures: 0, generations: 0, closing: false }
    }

    /// Takes what happened and says what is to be done, in order.
    pub fn handle(&mut self, event: Event, now: Instant) -> Vec<Action> {
        let mut actions = Vec::new();
        self.take(event, now, &mut actions);
        self.expire(now, &mut actions);
        self.drain(now, &mut actions);
        self.go_on(now, &mut actions);
        actions
    }

    fn take(&mut self, event: Event, now: Instant, actions: &mut Vec<Action>) {
        match event {
            Event::Call { waiter, deadline } => self.call(waiter, deadline, now, actions),
            Event::Abandoned(waiter) => self.held.retain(|(held, _)| *held != waiter),
            Event::Returned { generation, count } => self.returned(generation, count, now),
            Event::Launching(generation) => {
                let until = now + self.life.start_timeout;
                if let Some(deadline) = self.starting(generation) {
                    *deadline = Some(until);
                }
            }
            Event::Ready(generation) => self.ready(generation, now),
            Event::Failed(generation) => {
                if self.is_starting(generation) {
                    self.fail(now);
                }
            }
            Event::Refused(generation) => {
                if self.is_starting(generation) {
                    self.current = Current::Cold { not_before: None };
                    self.kept = false;
                    self.refuse_all(Why::Refused, actions);
                }
            }
            Event::Died(generation) => self.died(generation, now),
            Event::Relaunch { life, exclusive } => {
                (self.life, self.exclusive, self.failures) = (life, exclusive, 0);
                self.leave(now, actions);
                self.current = Current::Cold { not_before: None };
            }
            Event::Live(life) => self.life = life,
            Event::Keep(kept) => self.kept = kept,
            Event::Yield => {
                if self.could_yield() {
                    self.leave(now, actions);
                }
            }
            Event::Stop(generation) => {
                if [self.serving(), self.starting_now()].contains(&Some(generation)) {
                    self.leave(now, actions);
                }
            }
            Event::Close => {
                self.closing = true;
                self.leave(now, actions);
                self.refuse_all(Why::Closing, actions);
            }
            Event::Tick => {}
        }
    }

    fn call(&mut self, waiter: Waiter, deadline: Instant, now: Instant, actions: &mut Vec<Action>) {
        let why = if self.closing {
            Why::Closing
        } else if let Some(until) = self.broken(now) {
            Why::Broken { until }
        } else if self.held.len() >= HELD_MAX {
            Why::TooMany
        } else {
            return self.held.push_back((waiter, deadline));
        };
        actions.push(Action::Refuse { waiter, why });
    }

    /// Until when the breaker is open.
    fn broken(&self, now: Instant) -> Option<Instant> {
        match self.current {
            Current::Cold { not_before } if self.failures >= BREAKER_FAILURES => {
                not_before.filter(|until| now < *until)
            }
            _ => None,
        }
    }

    fn returned(&mut self, of: Generation, count: u32, now: Instant) {
        if let Current::Warm { generation, leases, idle_since, .. } = &mut self.current
            && *generation == of
        {
            *leases = leases.saturating_sub(count);
            *idle_since = now;
        }
        for leaving in self.leaving.iter_mut().filter(|leaving| leaving.generation == of) {
            leaving.leases = leaving.leases.saturating_sub(count);
        }
    }

    fn starting(&mut self, of: Generation) -> Option<&mut Option<Instant>> {
        match &mut self.current {
            Current::Starting { generation, deadline } if *generation == of => Some(deadline),
            _ => None,
        }
    }

    fn is_starting(&self, of: Generation) -> bool {
        matches!(self.current, Current::Starting { generation, .. } if generation == of)
    }

    fn ready(&mut self, generation: Generation, now: Instant) {
        if self.is_starting(generation) {
            self.current = Current::Warm { generation, since: now, leases: 0, idle_since: now, frozen: false };
        }
    }

    /// One more failure in a row.
    fn fail(&mut self, now: Instant) {
        self.failures = self.failures.saturating_add(1);
        self.current = Current::Cold { not_before: Some(now + backoff(self.failures)) };
    }

    fn died(&mut self, of: Generation, now: Instant) {
        self.leaving.retain(|leaving| leaving.generation != of);
        match self.current {
            Current::Warm { generation, since, .. } if generation == of => {
                if now.saturating_duration_since(since) >= STABLE {
                    self.failures = 0;
                }
                self.fail(now);
            }
            Current::Starting { generation, .. } if generation == of => self.fail(now),
            _ => {}
        }
    }

    /// The current instance serves no new call; those that have it get their time.
    fn leave(&mut self, now: Instant, actions: &mut Vec<Action>) {
        let cold = Current::Cold { not_before: None };
        let (generation, leases, killed) = match self.current {
            Current::Cold { .. } => return,
            Current::Starting { generation, .. } => (generation, 0, true),
            Current::Warm { generation, leases, frozen, .. } => {
                if frozen {
                    actions.push(Action::Thaw(generation));
                }
                (generation, leases, false)
            }
        };
        self.current = cold;
        if killed {
            actions.push(Action::Kill(generation));
        }
        let asked = killed.then_some(now);
        self.leaving.push(Leaving { generation, leases, deadline: now + self.life.drain_deadline, asked, killed });
    }

    fn could_yield(&self) -> bool {
        let idle = matches!(self.current, Current::Warm { leases: 0, .. });
        idle && self.held.is_empty() && !self.kept
    }

    fn refuse_all(&mut self, why: Why, actions: &mut Vec<Action>) {
        actions.extend(self.held.drain(..).map(|(waiter, _)| Action::Refuse { waiter, why }));
    }

    /// What waited its time does so no longer.
    fn expire(&mut self, now: Instant, actions: &mut Vec<Action>) {
        if let Some(until) = self.broken(now) {
            self.refuse_all(Why::Broken { until }, actions);
        }
        self.held.retain(|(waiter, deadline)| {
            let stays = now < *deadline;
            if !stays {
                actions.push(Action::Refuse { waiter: *waiter, why: Why::TimedOut });
            }
            stays
        });
    }

    /// Those on their way out: first their calls, then a wish, then force.
    fn drain(&mut self, now: Instant, actions: &mut Vec<Action>) {
        let grace = self.life.stop_grace;
        for leaving in &mut self.leaving {
            let over = leaving.leases == 0 || now >= leaving.deadline;
            if leaving.asked.is_none() && over {
                leaving.asked = Some(now);
                actions.push(Action::Stop(leaving.generation));
            }
            let patience_over = leaving.asked.is_some_and(|asked| now >= asked + grace);
            if patience_over && !leaving.killed {
                leaving.killed = true;
                actions.push(Action::Kill(leaving.generation));
            }
        }
    }

    /// What the current state asks for now.
    fn go_on(&mut self, now: Instant, actions: &mut Vec<Action>) {
        if let Current::Starting { deadline: Some(deadline), .. } = self.current
            && now >= deadline
        {
            self.leave(now, actions);
            self.fail(now);
            if let Some(until) = self.broken(now) {
                self.refuse_all(Why::Broken { until }, actions);
            }
        }
        self.forgive(now);
        if self.should_start(now) {
            self.generations += 1;
            self.current = Current::Starting { generation: self.generations, deadline: None };
            actions.push(Action::Start(self.generations));
        }
        self.serve(now, actions);
    }

    /// Whether somebody wants an instance, and one may be started.
    fn is_wanted(&self) -> bool {
        let free = !self.exclusive || self.leaving.is_empty();
        (!self.held.is_empty() || self.kept) && free && !self.closing
    }

    fn should_start(&self, now: Instant) -> bool {
        let Current::Cold { not_before } = self.current else { return false };
        self.is_wanted() && not_before.is_none_or(|time| now >= time)
    }

    /// Failures that nobody has asked after for a while are forgotten.
    fn forgive(&mut self, now: Instant) {
        if let Current::Cold { not_before: Some(time) } = self.current
            && !self.is_wanted()
            && now >= time + STABLE
        {
            self.failures = 0;
            self.current = Current::Cold { not_before: None };
        }
    }

    fn serve(&mut self, now: Instant, actions: &mut Vec<Action>) {
        let Current::Warm { generation, leases, idle_since, frozen, .. } = &mut self.current else { return };
        let generation = *generation;
        if !self.held.is_empty() && *frozen {
            *frozen = false;
            actions.push(Action::Thaw(generation));
        }
        while let Some((waiter, _)) = self.held.pop_front() {
            *leases += 1;
            actions.push(Action::Grant { waiter, generation });
        }
        if *leases > 0 {
            return;
        }
        let idle = now.saturating_duration_since(*idle_since);
        if !self.kept && idle >= self.life.stop_after {
            self.leave(now, actions);
            self.drain(now, actions);
        } else if !*frozen && self.life.freeze_after.is_some_and(|after| idle >= after) {
            *frozen = true;
            actions.push(Action::Freeze(generation));
        }
    }

    /// When time alone changes something; none: never.
    pub fn next_wake(&self) -> Option<Instant> {
        let held = self.held.iter().map(|(_, deadline)| *deadline);
        let leaving = self.leaving.iter().filter(|leaving| !leaving.killed).map(|leaving| match leaving.asked {
            None => leaving.deadline,
            Some(asked) => asked + self.life.stop_grace,
        });
        let current = match self.current {
            Current::Cold { not_before } => not_before.map(|time| if self.is_wanted() { time } else { time + STABLE }),
            Current::Starting { deadline, .. } => deadline,
            Current::Warm { leases: 0, idle_since, frozen, .. } => {
                let freeze = self.life.freeze_after.filter(|_| !frozen).map(|after| idle_since + after);
                let stop = (!self.kept).then(|| idle_since + self.life.stop_after);
                freeze.into_iter().chain(stop).min()
            }
            Current::Warm { .. } => None,
        };
        held.chain(leaving).chain(current).min()
    }

    /// Whether nothing would be lost by forgetting it: it is as a new one would be.
    pub fn is_over(&self) -> bool {
        let Current::Cold { not_before } = self.current else { return false };
        let calm = not_before.is_none() || self.closing;
        calm && self.leaving.is_empty() && self.held.is_empty() && (!self.kept || self.closing)
    }

    /// Whether it would give its place to another, and since when it is idle.
    pub fn idle_since(&self) -> Option<Instant> {
        match self.current {
            Current::Warm { idle_since, .. } if self.could_yield() => Some(idle_since),
            _ => None,
        }
    }

    /// The instance that serves, if one does.
    pub fn serving(&self) -> Option<Generation> {
        match self.current {
            Current::Warm { generation, .. } => Some(generation),
            _ => None,
        }
    }

    /// The instance that starts, if one does.
    pub fn starting_now(&self) -> Option<Generation> {
        match self.current {
            Current::Starting { generation, .. } => Some(generation),
            _ => None,
        }
    }

    /// What it is doing.
    pub fn phase(&self) -> Phase {
        match self.current {
            Current::Starting { .. } => Phase::Starting,
            Current::Warm { leases, frozen, .. } => Phase::Warm { leases, frozen },
            Current::Cold { .. } if !self.leaving.is_empty() => Phase::Draining,
            Current::Cold { .. } => Phase::Cold,
        }
    }

    /// Failures in a row.
    pub fn failures(&self) -> u32 {
        self.failures
    }
}

/// The pause after so many failures.
fn backoff(failures: u32) -> Duration {
    if failures >= BREAKER_FAILURES {
        return BACKOFF_MAX;
    }
    BACKOFF_FIRST.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(BACKOFF_MAX)
}

#[cfg(test)]
mod tests;
