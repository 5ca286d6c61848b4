//! The CPU time that processes use, as the kernel counts it.

use std::time::Duration;

use anyhow::Context;

/// How often a second the kernel's unit of CPU time passes: `USER_HZ`, which is 100 on every machine we run on.
const TICKS_PER_SECOND: u32 = 100;

/// The processes that are watched.
pub(super) struct Meter(Vec<u32>);

impl Meter {
    /// Watches these processes, which must be there.
    pub(super) fn new(pids: &[u32]) -> anyhow::Result<Self> {
        let meter = Self(pids.to_vec());
        meter.used()?;
        Ok(meter)
    }

    /// User and system time of them all so far; none if none is watched.
    pub(super) fn used(&self) -> anyhow::Result<Option<Duration>> {
        let ticks: u64 = self.0.iter().map(|pid| ticks(*pid)).sum::<anyhow::Result<u64>>()?;
        let ticks = u32::try_from(ticks).unwrap_or(u32::MAX);
        Ok((!self.0.is_empty()).then(|| Duration::from_secs(1) * ticks / TICKS_PER_SECOND))
    }
}

fn ticks(pid: u32) -> anyhow::Result<u64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .with_context(|| format!("process {pid} cannot be watched; pass the id of one that runs"))?;
    of_stat(&text).with_context(|| format!("`/proc/{pid}/stat` reads differently than proc(5) says"))
}

/// `utime` and `stime`, the 14th and 15th field (proc(5)). The second is the program's name, which may hold anything, so
/// fields are counted from its end.
fn of_stat(stat: &str) -> Option<u64> {
    let (_, rest) = stat.rsplit_once(") ")?;
    let mut fields = rest.split(' ').skip(11);
    Some(fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_and_system_time_are_found_behind_any_name() {
        let stat = "42 (a) (b) c) S 1 42 42 0 -1 4194560 100 0 0 0 25 17 3 4 20 0 9 0 12 0 0";
        assert_eq!(of_stat(stat), Some(42));
        assert_eq!(of_stat("42 (a) S 1"), None);
    }

    #[test]
    fn a_process_that_is_not_there_cannot_be_watched() {
        assert!(Meter::new(&[std::process::id()]).is_ok() && Meter::new(&[u32::MAX]).is_err());
        assert_eq!(Meter::new(&[]).unwrap().used().unwrap(), None);
    }
}
