//! Hostile peers: so many at it at a time, each taking its turn at every kind.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::task::JoinSet;

use crate::hostile::{RUDE, Rude, Target, WRONG, Wrong};

/// How long one may go on, if the gateway does not end it: longer than all it waits for.
const PATIENCE: Duration = Duration::from_mins(2);

/// What they did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hostile {
    /// How many were at it at a time.
    pub peers: usize,
    /// How often each kind came.
    pub met: Vec<u64>,
    /// Those whose connection the gateway never closed.
    pub left_open: u64,
}

impl Hostile {
    /// How often they came in all.
    pub fn in_all(&self) -> u64 {
        self.met.iter().sum()
    }

    /// How many kinds came.
    pub fn kinds_met(&self) -> usize {
        self.met.iter().filter(|met| **met > 0).count()
    }

    fn add(&mut self, other: &Self) {
        self.left_open += other.left_open;
        for (met, more) in self.met.iter_mut().zip(&other.met) {
            *met += more;
        }
    }
}

/// The peers, at it until it is over.
pub(super) struct Hostility(JoinSet<Hostile>);

impl Hostility {
    /// Begins. Each peer begins at a kind of its own.
    pub(super) fn begin(targets: &[Target], peers: usize, over: &Arc<AtomicBool>) -> Self {
        let kinds = kinds();
        let mut at_it = JoinSet::new();
        for (number, target) in targets.iter().cycle().take(peers).enumerate() {
            let first = kinds.len() * number / peers;
            at_it.spawn(peer(kinds.clone(), first, target.clone(), Arc::clone(over)));
        }
        Self(at_it)
    }

    /// Waits for the last of them.
    pub(super) async fn end(mut self) -> Hostile {
        let mut all = Hostile { peers: self.0.len(), met: vec![0; kinds().len()], left_open: 0 };
        while let Some(done) = self.0.join_next().await {
            all.add(&done.unwrap_or_default());
        }
        all
    }
}

/// One peer, which turns to the next kind when it is done with one.
async fn peer(kinds: Vec<Kind>, first: usize, target: Target, over: Arc<AtomicBool>) -> Hostile {
    let mut hostile = Hostile { peers: 1, met: vec![0; kinds.len()], left_open: 0 };
    for turn in first.. {
        if over.load(Ordering::Relaxed) {
            break;
        }
        let number = turn % kinds.len();
        let ended = tokio::time::timeout(PATIENCE, kinds[number].act(&target)).await.is_ok();
        hostile.met[number] += 1;
        hostile.left_open += u64::from(!ended);
    }
    hostile
}

/// A way of being hostile: a rude client, or a client that calls a wrong upstream, or asks it for a list.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Rude(&'static Rude),
    Calls(&'static Wrong),
    Lists(&'static Wrong),
}

/// All of them.
pub(super) fn kinds() -> Vec<Kind> {
    let wrong = WRONG.iter().flat_map(|wrong| [Kind::Calls(wrong), Kind::Lists(wrong)]);
    RUDE.iter().map(Kind::Rude).chain(wrong).collect()
}

impl Kind {
    pub(super) fn name(self) -> String {
        match self {
            Self::Rude(rude) => rude.name.to_owned(),
            Self::Calls(wrong) => format!("{}, called", wrong.server),
            Self::Lists(wrong) => format!("{}, listed", wrong.server),
        }
    }

    pub(super) async fn act(self, target: &Target) {
        // A connection that is refused or reset is what some of them are after.
        let _ = match self {
            Self::Rude(rude) => rude.act(target).await.map(drop),
            Self::Calls(wrong) => target.meet(wrong, false).await,
            Self::Lists(wrong) => target.meet(wrong, true).await,
        };
    }
}
