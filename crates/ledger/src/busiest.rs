//! Which tenants are named in figures, and which are summed up as the others.
//!
//! Whoever watches wants the busiest by name and cannot pay for a series per tenant. Both hold: at most so many tenants are
//! named, and the sums of the named and the others together are all that was counted, and each of them only grows,
//! also when a tenant becomes one of the busiest or is one no more. All the work is the watcher's; a call does none.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use partywall_domain::TenantName;

use crate::meter::Meter;
use crate::tally::Sums;

/// After which time a call counts half for how busy its tenant is. Default 60 s: a tenant that begins to be noisy is named
/// within some looks, and one pause for breath does not lose it its name.
const HALF_LIFE: Duration = Duration::from_mins(1);
/// By how much a tenant must be busier than a named one to take its place. Default half as much again, so that
/// two alike do not take turns: each turn is a series that ends and one that begins.
const LEAD: f64 = 1.5;
/// Tenants that are read at a stretch; between two stretches a tenant's first call may get on the roll.
const STRETCH: usize = 1_024;

/// Every tenant that ever called, in the order of their first calls. Only grows: bounded by the tenants there were.
#[derive(Default)]
pub(crate) struct Roll(Mutex<Vec<Member>>);

struct Member {
    name: TenantName,
    meter: Arc<Meter>,
}

/// The busiest tenants by name, and the rest.
#[derive(Clone, Debug, Default)]
pub struct Busiest {
    /// The named, the busiest first.
    pub tenants: Vec<(TenantName, Sums)>,
    /// All others together.
    pub other: Sums,
    /// Tenants that called since start.
    pub active: usize,
}

impl Roll {
    pub(crate) fn add(&self, name: TenantName, meter: Arc<Meter>) {
        self.members().push(Member { name, meter });
    }

    /// Every tenant's sums since start, by the order of the roll.
    pub(crate) fn all(&self) -> Vec<Sums> {
        let mut all = Vec::new();
        self.each(|sums| all.push(sums));
        all
    }

    /// One tenant of the roll.
    pub(crate) fn named(&self, index: usize) -> Option<(TenantName, Sums)> {
        self.members().get(index).map(|member| (member.name.clone(), member.meter.sums()))
    }

    fn each(&self, mut look: impl FnMut(Sums)) {
        let mut next = 0;
        loop {
            let members = self.members();
            let Some(stretch) = members.get(next..).filter(|rest| !rest.is_empty()) else { return };
            let stretch = &stretch[..stretch.len().min(STRETCH)];
            for member in stretch {
                look(member.meter.sums());
            }
            next += stretch.len();
        }
    }

    fn members(&self) -> MutexGuard<'_, Vec<Member>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Who was named at the last look, and how busy everybody was.
#[derive(Default)]
pub(crate) struct Names(Mutex<State>);

#[derive(Default)]
struct State {
    looked: Option<Instant>,
    /// By the order of the roll.
    busy: Vec<Busy>,
    named: Vec<Named>,
    /// What tenants counted while they were named that are not any more.
    retired: Sums,
    other: Sums,
}

#[derive(Clone, Copy, Default)]
struct Busy {
    seen: u64,
    /// Calls, each halved with every [`HALF_LIFE`].
    score: f64,
    /// Calls and streams that are open now: each counts as one that ended just now.
    open: u64,
}

#[derive(Clone, Copy)]
struct Named {
    index: usize,
    /// What it had counted among the others before it was named.
    before: Sums,
}

impl Names {
    /// Looks at every tenant and names the `max` busiest.
    pub(crate) fn look(&self, roll: &Roll, max: usize, now: Instant) -> Busiest {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = state.busy.len();
        let total = state.score(roll, now);
        let chosen = state.choose(max);
        state.rename(roll, &chosen, known);
        let named: Vec<_> = state.named.iter().filter_map(|named| shown(roll, named)).collect();
        let shown = named.iter().fold(state.retired, |sum, (_, sums)| sum.and(*sums));
        // The total was read before the named were, so that what came between is missing in it for a moment.
        let gauges = total.since(Sums::default());
        let other = total.with(shown, u64::saturating_sub).with(state.other, u64::max);
        state.other = Sums { in_flight: 0, streams_open: 0, ..other };
        let in_flight = gauges.in_flight.saturating_sub(shown.in_flight);
        let streams_open = gauges.streams_open.saturating_sub(shown.streams_open);
        Busiest { tenants: named, other: Sums { in_flight, streams_open, ..other }, active: state.busy.len() }
    }
}

impl State {
    /// Brings everybody's score up to now; gives the sums of all.
    fn score(&mut self, roll: &Roll, now: Instant) -> Sums {
        let passed = self.looked.replace(now).map_or(Duration::ZERO, |looked| now.saturating_duration_since(looked));
        let decay = 0.5_f64.powf(passed.as_secs_f64() / HALF_LIFE.as_secs_f64());
        let (mut total, mut index) = (Sums::default(), 0);
        roll.each(|sums| {
            if index == self.busy.len() {
                self.busy.push(Busy::default());
            }
            let busy = &mut self.busy[index];
            // More calls than 2^53 are not counted exactly, and by then it does not matter.
            #[expect(clippy::cast_precision_loss, reason = "a score is compared and never shown")]
            let new = sums.calls().saturating_sub(busy.seen) as f64;
            let open = sums.in_flight + sums.streams_open;
            *busy = Busy { seen: sums.calls(), score: busy.score * decay + new, open };
            total = total.and(sums);
            index += 1;
        });
        total
    }

    /// The busiest that called at all, the busiest first.
    fn choose(&self, max: usize) -> Vec<usize> {
        let called = self.busy.iter().enumerate().filter(|(_, busy)| busy.seen > 0 || busy.open > 0);
        #[expect(clippy::cast_precision_loss, reason = "a score is compared and never shown")]
        let mut ranked: Vec<_> = called.map(|(index, busy)| (index, busy.score + busy.open as f64)).collect();
        for named in &self.named {
            if let Ok(at) = ranked.binary_search_by_key(&named.index, |(index, _)| *index) {
                ranked[at].1 *= LEAD;
            }
        }
        ranked.sort_unstable_by(|one, other| other.1.total_cmp(&one.1).then(one.0.cmp(&other.0)));
        ranked.into_iter().take(max).map(|(index, _)| index).collect()
    }

    /// Names the chosen. What one counted among the others, which it did if it was known at an earlier look, stays there.
    fn rename(&mut self, roll: &Roll, chosen: &[usize], known: usize) {
        let before = std::mem::take(&mut self.named);
        for named in before.iter().filter(|named| !chosen.contains(&named.index)) {
            let sums = shown(roll, named).map(|(_, sums)| sums).unwrap_or_default();
            self.retired = self.retired.and(Sums { in_flight: 0, streams_open: 0, ..sums });
        }
        let name = |index: &usize| {
            let index = *index;
            let fresh = || {
                let counted = roll.named(index).filter(|_| index < known).map(|(_, sums)| sums);
                Named { index, before: counted.unwrap_or_default() }
            };
            before.iter().find(|named| named.index == index).copied().unwrap_or_else(fresh)
        };
        self.named = chosen.iter().map(name).collect();
    }
}

fn shown(roll: &Roll, named: &Named) -> Option<(TenantName, Sums)> {
    roll.named(named.index).map(|(name, sums)| (name, sums.since(named.before)))
}
