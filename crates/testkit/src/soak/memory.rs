//! What the gateway has in memory, looked at all the time: whether it grows.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

/// How often to look.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// The part of the time at the beginning that says nothing of growth: buffers and caches fill.
const WARMING_UP: f64 = 0.2;

/// What was seen of it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Growth {
    /// Megabytes (2^20 bytes) when the load began.
    pub before_mib: f64,
    /// The most there were.
    pub most_mib: f64,
    /// At the end of the load.
    pub after_mib: f64,
    /// Megabytes an hour, by the line of least squares through all that was seen after warming up.
    pub slope_mib_per_hour: f64,
}

/// The task that looks.
pub(super) struct Memory {
    seen: Arc<Mutex<Vec<(f64, f64)>>>,
    counts: Arc<AtomicBool>,
    task: JoinHandle<()>,
}

impl Memory {
    pub(super) fn watch(pid: u32) -> Self {
        let (seen, counts) = (Arc::<Mutex<Vec<_>>>::default(), Arc::<AtomicBool>::default());
        let (into, wanted) = (Arc::clone(&seen), Arc::clone(&counts));
        let task = tokio::spawn(async move {
            let since = Instant::now();
            loop {
                if let Some(mib) = resident_mib(pid).filter(|_| wanted.load(Ordering::Relaxed)) {
                    into.lock().unwrap_or_else(PoisonError::into_inner).push((since.elapsed().as_secs_f64(), mib));
                }
                tokio::time::sleep(LOOK_EVERY).await;
            }
        });
        Self { seen, counts, task }
    }

    /// From now on it counts.
    pub(super) fn begin(&self) {
        self.counts.store(true, Ordering::Relaxed);
    }

    pub(super) fn end(self) -> Growth {
        self.task.abort();
        growth(&self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "for people")]
fn growth(seen: &[(f64, f64)]) -> Growth {
    let (Some(first), Some(last)) = (seen.first(), seen.last()) else { return Growth::default() };
    let warm = &seen[(seen.len() as f64 * WARMING_UP) as usize..];
    let count = warm.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| warm.iter().map(of).sum::<f64>() / count;
    let (at, mib) = (mean(|seen| seen.0), mean(|seen| seen.1));
    let spread: f64 = warm.iter().map(|seen| (seen.0 - at).powi(2)).sum();
    let together: f64 = warm.iter().map(|seen| (seen.0 - at) * (seen.1 - mib)).sum();
    let slope = if spread > 0.0 { together / spread } else { 0.0 };
    Growth {
        before_mib: first.1,
        most_mib: seen.iter().map(|seen| seen.1).fold(0.0, f64::max),
        after_mib: last.1,
        slope_mib_per_hour: slope * 3600.0,
    }
}

pub(super) fn resident_mib(pid: u32) -> Option<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: f64 = line.trim().trim_end_matches(" kB").parse().ok()?;
    Some(kib / 1024.0)
}

#[cfg(test)]
mod tests {
    use super::{Growth, growth};

    #[test]
    fn a_steady_growth_is_seen_and_a_warm_up_is_not() {
        let steady: Vec<_> = (0..1000).map(|at| (f64::from(at), 10.0 + f64::from(at) / 3600.0)).collect();
        assert!((growth(&steady).slope_mib_per_hour - 1.0).abs() < 1e-6);
        let warms_up: Vec<_> =
            (0..1000).map(|at| (f64::from(at), if at < 200 { f64::from(at) } else { 200.0 })).collect();
        let seen = growth(&warms_up);
        assert!(seen.slope_mib_per_hour.abs() < 1e-6, "{seen:?}");
        assert_eq!((seen.before_mib, seen.most_mib, seen.after_mib), (0.0, 200.0, 200.0));
        assert_eq!(growth(&[]), Growth::default());
    }
}
