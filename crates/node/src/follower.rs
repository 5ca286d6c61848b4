//! Following the configuration: read what changed, compile it, swap.
//!
//! A nudge makes it quick and a poll makes it sure. What cannot be taken leaves the old snapshot standing: calls go on
//! under the rules that held.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use partywall_documents::Mistake;
use partywall_domain::{Revision, event};
use partywall_identity::{Job, SystemAuthority};
use partywall_store::{Store, StoreError};
use partywall_tenancy::{Draft, Snapshot};
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::enforcement::{Enforced, Enforcement};

/// How often to look without having been nudged. Default 2 s: a revision that another process wrote, or whose nudge
/// was lost, holds soon enough for a person who waits, and the question costs microseconds.
const POLL_EVERY: Duration = Duration::from_secs(2);
/// Most mistakes that one log line names. Default 20: the line stays readable, and the count says how many there are.
const MISTAKES_LOGGED_MAX: usize = 20;

/// Keeps this node's snapshot at the newest configuration, for as long as it is held.
pub struct Follower {
    snapshot: Arc<ArcSwap<Snapshot>>,
    enforcement: Enforcement,
    _stop: DropGuard,
}

impl Follower {
    /// Takes the configuration that stands, then follows it until `stop` is cancelled or the follower is dropped.
    ///
    /// # Errors
    /// The store could not be read at all. A configuration that cannot be taken is no error: nothing is served until
    /// one can.
    pub async fn start(
        store: Store,
        authority: Arc<SystemAuthority>,
        stop: &CancellationToken,
    ) -> Result<Self, StoreError> {
        let snapshot = Arc::new(ArcSwap::from_pointee(Snapshot::empty()));
        let (sender, receiver) = watch::channel(Enforced { revision: Revision::default(), at: SystemTime::now() });
        let stop = stop.child_token();
        // Before the first look, so that what is written after it is not missed.
        let nudges = store.changed();
        let mut errand =
            Errand { store, authority, snapshot: Arc::clone(&snapshot), enforced: sender, seen: None, away: false };
        errand.look().await?;
        tokio::spawn(errand.run(nudges, stop.clone()));
        Ok(Self { snapshot, enforcement: Enforcement::new(receiver), _stop: stop.drop_guard() })
    }

    /// The snapshot that calls read.
    pub fn snapshot(&self) -> Arc<ArcSwap<Snapshot>> {
        Arc::clone(&self.snapshot)
    }

    /// What holds here, for those who wait for it.
    pub fn enforcement(&self) -> Enforcement {
        self.enforcement.clone()
    }
}

struct Errand {
    store: Store,
    authority: Arc<SystemAuthority>,
    snapshot: Arc<ArcSwap<Snapshot>>,
    enforced: watch::Sender<Enforced>,
    /// The newest revision that was looked at, taken or not.
    seen: Option<Revision>,
    /// Whether the store could not be read the last time.
    away: bool,
}

impl Errand {
    async fn run(mut self, mut nudges: watch::Receiver<Revision>, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                Ok(()) = nudges.changed() => {}
                () = tokio::time::sleep(POLL_EVERY) => {}
            }
            match self.look().await {
                Ok(()) => self.away = false,
                Err(error) => self.tell_away(&error),
            }
        }
    }

    /// Takes the configuration that stands, if it is one that was not looked at.
    async fn look(&mut self) -> Result<(), StoreError> {
        let (store, authority, seen) = (self.store.clone(), Arc::clone(&self.authority), self.seen);
        let stands = self.snapshot.load_full();
        let read = tokio::task::spawn_blocking(move || read(&store, &authority, &stands, seen)).await;
        // The reading was cancelled with the runtime, or it panicked: either way there is nothing new to take.
        let Ok(read) = read else { return Ok(()) };
        let Some((revision, compiled)) = read? else { return Ok(()) };
        self.seen = Some(revision);
        match compiled {
            Ok(snapshot) => self.take(snapshot),
            Err(mistakes) => tell_mistakes(revision, &mistakes),
        }
        Ok(())
    }

    fn take(&self, snapshot: Snapshot) {
        let revision = snapshot.revision();
        let old = self.snapshot.swap(Arc::new(snapshot));
        // Where most of it is nobody's any more, letting go of it takes a while.
        tokio::task::spawn_blocking(move || drop(old));
        self.enforced.send_replace(Enforced { revision, at: SystemTime::now() });
        tracing::info!(event = event::ENFORCED, job = Job::Follow.as_str(), revision = revision.0);
    }

    /// Says so once, and not again every two seconds.
    fn tell_away(&mut self, error: &StoreError) {
        if !std::mem::replace(&mut self.away, true) {
            tracing::error!(event = event::NOT_ENFORCED, job = Job::Follow.as_str(), cause = %error);
        }
    }
}

type Compiled = Result<Snapshot, Vec<Mistake>>;

/// Reads what changed since the snapshot that stands and compiles that, on a thread that may block. Where that gives no
/// snapshot, whatever the reason, the whole is read and decides.
fn read(
    store: &Store,
    authority: &SystemAuthority,
    stands: &Snapshot,
    seen: Option<Revision>,
) -> Result<Option<(Revision, Compiled)>, StoreError> {
    let system = store.system(authority, Job::Follow);
    if seen == Some(system.revision()?) {
        return Ok(None);
    }
    let (revision, changes) = system.changes_since(stands.revision())?;
    if let Some(changes) = changes
        && let Ok(snapshot) = Draft::of(&changes).over(stands, revision)
    {
        return Ok(Some((revision, Ok(snapshot))));
    }
    let mut draft = Draft::default();
    let revision = system.each(|document| draft.put(&document))?;
    Ok(Some((revision, draft.compile(revision))))
}

fn tell_mistakes(revision: Revision, mistakes: &[Mistake]) {
    let named: Vec<_> = mistakes
        .iter()
        .take(MISTAKES_LOGGED_MAX)
        .map(|mistake| format!("{}: {}", mistake.path, mistake.message))
        .collect();
    tracing::error!(
        event = event::NOT_ENFORCED,
        job = Job::Follow.as_str(),
        revision = revision.0,
        mistakes = mistakes.len(),
        cause = named.join("; ")
    );
}
