//! What a soak found, and whether that is as it should be.

use std::fmt;
use std::time::Duration;

use super::books::Books;
use super::hostility::Hostile;
use super::load::{Counts, share};
use super::memory::Growth;

/// Beyond this much growth in the whole of a run memory is not flat. Default 16 MiB: what an allocator keeps one time more
/// and another less.
const GROWTH_MIB_MAX: f64 = 16.0;
/// The part of the honest calls asked for that must have been answered in the time. Default 0.95: a load that fell behind
/// is not the load that the run is about.
const ACHIEVED_MIN: f64 = 0.95;

/// What was found.
#[derive(Clone, Debug)]
pub struct Report {
    /// Calls a second that saturate; none where the rate was given.
    pub saturation: Option<f64>,
    /// Calls a second that were asked for.
    pub rate: f64,
    /// How long the load went on.
    pub took: Duration,
    /// Honest tenants.
    pub tenants: usize,
    /// Honest clients.
    pub clients: usize,
    /// What became of the honest calls, those included by which it was found out what saturates.
    pub honest: Counts,
    /// Honest calls that were answered under the load itself.
    pub answered_under_load: u64,
    /// The hostile peers.
    pub hostile: Hostile,
    /// Journal and log.
    pub books: Books,
    /// The memory.
    pub memory: Growth,
}

impl Report {
    /// Everything that is not as it should be; nothing if all is well.
    pub fn complaints(&self) -> Vec<String> {
        let (journal, log, honest) = (&self.books.journal, &self.books.log, &self.honest);
        let lines_missing = journal.ended.saturating_sub(log.calls);
        let all = [
            (honest.answered == 0, "no call was answered".to_owned()),
            (honest.wrong > 0, format!("{} answers were not their call's", honest.wrong)),
            (honest.refused > 0, format!("{} honest calls were refused", honest.refused)),
            (honest.lost > 0, format!("{} honest calls had no answer", honest.lost)),
            (journal.open > 0, format!("{} calls began and did not end once", journal.open)),
            (
                journal.honest_answered != honest.answered,
                format!("{} calls were answered, and the journal has {}", honest.answered, journal.honest_answered),
            ),
            (
                lines_missing > log.dropped || log.calls > journal.ended,
                format!(
                    "the journal has {} ends, the log {} lines and {} that were dropped",
                    journal.ended, log.calls, log.dropped
                ),
            ),
            (self.hostile.in_all() == 0, "no hostile peer was at it".to_owned()),
            (self.hostile.left_open > 0, format!("{} hostile peers were never ended", self.hostile.left_open)),
        ];
        all.into_iter().filter_map(|(wrong, what)| wrong.then_some(what)).collect()
    }

    /// Whether memory grew in the whole of the run, by the slope of what was seen after warming up. A short run says
    /// nothing of it.
    pub fn grows(&self) -> bool {
        self.grown_mib() > GROWTH_MIB_MAX
    }

    /// Whether the honest load was not what it was to be. A short run on a machine that does something else beside it says
    /// nothing of it.
    pub fn falls_short(&self) -> bool {
        self.achieved() < self.rate * ACHIEVED_MIN
    }

    fn achieved(&self) -> f64 {
        share(self.answered_under_load, self.took)
    }

    fn grown_mib(&self) -> f64 {
        self.memory.slope_mib_per_hour * self.took.as_secs_f64() / 3600.0
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { honest, hostile, books, memory, .. } = self;
        let saturation = self.saturation.map_or_else(String::new, |calls| format!(" (60 % of {calls:.0})"));
        writeln!(
            f,
            "{:.1} min at {:.0} calls/s{saturation}, {} clients of {} tenants",
            self.took.as_secs_f64() / 60.0,
            self.rate,
            self.clients,
            self.tenants
        )?;
        writeln!(
            f,
            "honest calls: {} answered, {} wrong, {} refused, {} lost; {:.0} a second under load",
            honest.answered,
            honest.wrong,
            honest.refused,
            honest.lost,
            self.achieved()
        )?;
        writeln!(
            f,
            "hostile peers: {} at a time; {} turns, {} of {} kinds; {} never ended",
            hostile.peers,
            hostile.in_all(),
            hostile.kinds_met(),
            hostile.met.len(),
            hostile.left_open
        )?;
        let (journal, log) = (&books.journal, &books.log);
        writeln!(
            f,
            "journal: {} began, {} ended, {} open, {} honest and answered; log: {} lines, {} dropped and counted",
            journal.began, journal.ended, journal.open, journal.honest_answered, log.calls, log.dropped
        )?;
        write!(
            f,
            "memory: {:.1} MiB before, {:.1} at most, {:.1} after; slope {:+.2} MiB an hour, {:+.1} MiB in this run",
            memory.before_mib,
            memory.most_mib,
            memory.after_mib,
            memory.slope_mib_per_hour,
            self.grown_mib()
        )
    }
}
