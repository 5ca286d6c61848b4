//! What this process knows of itself, for whoever watches it.

use std::fs;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use partywall_control::{Process, Vitals};
use rustix::process::{Resource, getrlimit};
use rustix::time::{ClockId, clock_gettime};
use tokio_util::sync::CancellationToken;

use crate::log::Losses;
use crate::traces::Counts;

pub(crate) struct ThisProcess {
    losses: Losses,
    spans: Arc<Counts>,
    stop: CancellationToken,
    started_s: f64,
}

impl ThisProcess {
    /// A process that began a moment ago and is about to end once `stop` is cancelled.
    pub(crate) fn new(losses: Losses, spans: Arc<Counts>, stop: CancellationToken) -> Self {
        let started_s = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        Self { losses, spans, stop, started_s }
    }
}

impl Vitals for ThisProcess {
    fn draining(&self) -> bool {
        self.stop.is_cancelled()
    }

    fn log_lines_dropped(&self) -> u64 {
        self.losses.count()
    }

    fn spans_sent(&self) -> u64 {
        self.spans.sent()
    }

    fn spans_dropped(&self) -> u64 {
        self.spans.dropped()
    }

    fn process(&self) -> Process {
        Process {
            cpu_seconds: cpu_seconds(),
            resident_bytes: resident_bytes().unwrap_or(0),
            fds_open: fds_open(),
            fds_max: getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX),
            started_s: self.started_s,
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "seconds are few, and nanoseconds fewer than 2^53")]
fn cpu_seconds() -> f64 {
    let used = clock_gettime(ClockId::ProcessCPUTime);
    used.tv_sec as f64 + used.tv_nsec as f64 / 1e9
}

/// The second number in `/proc/self/statm`, in pages (proc(5)).
fn resident_bytes() -> Option<u64> {
    let statm = fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = statm.split(' ').nth(1)?.parse().ok()?;
    pages.checked_mul(u64::try_from(rustix::param::page_size()).ok()?)
}

fn fds_open() -> u64 {
    // One of them is the folder that is read here.
    fs::read_dir("/proc/self/fd").map_or(0, |fds| (fds.count() as u64).saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_knows_what_it_uses() {
        let log = crate::log::Writer::start(Box::new(std::io::sink())).unwrap();
        let this = ThisProcess::new(log.losses(), Arc::default(), CancellationToken::new());
        let before = this.process();
        let files: Vec<_> = (0..10).map(|_| fs::File::open("/proc/self/statm").unwrap()).collect();
        let now = this.process();
        // Other tests of this process open and close theirs, so this says little more than that it is alive.
        assert!(now.fds_open >= 10 && now.fds_open <= now.fds_max, "{now:?}");
        assert!(now.resident_bytes > 1 << 20, "{now:?}");
        assert!(now.cpu_seconds > 0.0 && now.cpu_seconds >= before.cpu_seconds, "{now:?}");
        drop(files);
    }
}
