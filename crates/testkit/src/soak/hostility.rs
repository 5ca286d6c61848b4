//! Hostile peers of every kind, one after the other, at a rate.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, JoinSet};

use crate::hostile::{RUDE, Target, WRONG};

/// Hostile peers at it at the same time. Default 400: the slow ones take half a minute each, and each holds a connection.
const AT_ONCE_MAX: usize = 400;
/// How long one may go on, if the gateway does not end it: longer than all it waits for.
const PATIENCE: Duration = Duration::from_mins(2);

/// What they did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hostile {
    /// Those that were at it.
    pub met: u64,
    /// Those whose connection the gateway never closed.
    pub left_open: u64,
    /// Those that found no place, since too many were at it already.
    pub skipped: u64,
    /// How many kinds there are.
    pub kinds: u64,
}

/// The task that sends them.
pub(super) struct Hostility(JoinHandle<Hostile>);

impl Hostility {
    /// Begins, with so many a second.
    pub(super) fn begin(targets: Vec<Target>, rate: f64, over: Arc<AtomicBool>) -> Self {
        Self(tokio::spawn(send(targets, Duration::from_secs_f64(1.0 / rate), over)))
    }

    /// Waits for the last of them.
    pub(super) async fn end(self) -> Hostile {
        self.0.await.unwrap_or_default()
    }
}

async fn send(targets: Vec<Target>, every: Duration, over: Arc<AtomicBool>) -> Hostile {
    let places = Arc::new(Semaphore::new(AT_ONCE_MAX));
    let mut at_it = JoinSet::new();
    let kinds = RUDE.len() + 2 * WRONG.len();
    let mut hostile = Hostile { kinds: kinds as u64, ..Hostile::default() };
    let mut tick = tokio::time::interval(every);
    for number in 0_usize.. {
        tick.tick().await;
        if over.load(Ordering::Relaxed) {
            break;
        }
        while let Some(done) = at_it.try_join_next() {
            hostile.count(done.unwrap_or(true));
        }
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            hostile.skipped += 1;
            continue;
        };
        let target = targets[number % targets.len()].clone();
        at_it.spawn(async move {
            let ended = tokio::time::timeout(PATIENCE, one(number % kinds, &target)).await.is_ok();
            drop(place);
            ended
        });
    }
    while let Some(done) = at_it.join_next().await {
        hostile.count(done.unwrap_or(true));
    }
    hostile
}

impl Hostile {
    fn count(&mut self, ended: bool) {
        self.met += 1;
        self.left_open += u64::from(!ended);
    }
}

/// The kinds in a row: rude clients, then clients that call a wrong upstream, by a call and by a list.
async fn one(kind: usize, target: &Target) {
    // A connection that is refused or reset is what some of them are after.
    let _ = if let Some(rude) = RUDE.get(kind) {
        rude.act(target).await.map(drop)
    } else {
        let at = kind - RUDE.len();
        target.meet(&WRONG[at / 2], at % 2 == 1).await
    };
}
