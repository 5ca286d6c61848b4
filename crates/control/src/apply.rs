//! Applying documents: all of them or none, after everything that can be wrong with them has been told.
//!
//! What is mentioned shall stand as it says; what is not mentioned stays. A tenant that is new gets its id here.

use std::sync::Arc;
use std::time::{Duration, Instant};

use partywall_domain::Revision;
use partywall_identity::{Job, Operator};
use partywall_store::StoreError;

use crate::control::Control;
use crate::draft::{Draft, NotDrafted, Wanted};
use crate::probe::{self, Answers};
use crate::secrets::NotDone;
use crate::source::Source;
use crate::wire::{Applied, Enforced, File, Mistake};

/// How often to begin anew because somebody else's change came first. Default 5: beyond it people are not taking turns.
const TRIES_MAX: usize = 5;
/// How long to wait for the nodes. Default 2 s: what a poll takes where a nudge was lost.
const ENFORCED_PATIENCE: Duration = Duration::from_secs(2);
/// Longest reason, in characters. Default 1,000: a commit message.
const REASON_CHARS_MAX: usize = 1_000;

/// Why documents were not applied.
#[derive(Debug, thiserror::Error)]
pub enum NotApplied {
    /// Something is wrong in them.
    #[error("{} in the documents; nothing was changed", count(.0.len()))]
    Mistakes(Vec<Mistake>),
    /// There is nothing to go back to.
    #[error("revision 0 is that of nothing; name one that `partywall config history` shows")]
    Nothing,
    /// Nothing could be done with a secret.
    #[error(transparent)]
    Secret(#[from] NotDone),
    /// The reason is too long.
    #[error("the reason is longer than {REASON_CHARS_MAX} characters; say it shorter")]
    Reason,
    /// Others keep changing the configuration.
    #[error("the configuration was changed by others {TRIES_MAX} times meanwhile; try again")]
    Moving,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A fault of our own: the work was cut off.
    #[error("the work was cut off; look into the log and try again")]
    CutOff,
}

impl From<NotDrafted> for NotApplied {
    fn from(why: NotDrafted) -> Self {
        match why {
            NotDrafted::Mistakes(mistakes) => Self::Mistakes(mistakes),
            NotDrafted::Secret(why) => Self::Secret(why),
            NotDrafted::Store(error) => Self::Store(error),
        }
    }
}

impl Control {
    /// Applies files of documents in this operator's name.
    pub async fn apply_as(
        &self,
        operator: &Operator,
        files: &[File],
        dry_run: bool,
        reason: Option<&str>,
    ) -> Result<Applied, NotApplied> {
        let source = Source::read(files).map_err(NotApplied::Mistakes)?;
        self.make(operator, Wanted::Documents(source), dry_run, reason).await
    }

    /// Makes the documents stand that stood at a revision, as a new one. They are checked like any others.
    pub async fn roll_back_as(
        &self,
        operator: &Operator,
        to: Revision,
        dry_run: bool,
        reason: Option<&str>,
    ) -> Result<Applied, NotApplied> {
        if to == Revision::default() {
            return Err(NotApplied::Nothing);
        }
        self.make(operator, Wanted::Revision(to), dry_run, reason).await
    }

    pub(crate) async fn make(
        &self,
        operator: &Operator,
        wanted: Wanted,
        dry_run: bool,
        reason: Option<&str>,
    ) -> Result<Applied, NotApplied> {
        if reason.is_some_and(|reason| reason.chars().count() > REASON_CHARS_MAX) {
            return Err(NotApplied::Reason);
        }
        let wanted = Arc::new(wanted);
        let mut answers = Answers::new();
        for _ in 0..TRIES_MAX {
            let draft = self.draft(operator, &wanted).await?;
            self.prove(&wanted, &draft, &mut answers).await?;
            if dry_run {
                return Ok(draft.preview());
            }
            let began = Instant::now();
            match self.write(operator, &draft, &answers, reason).await {
                Ok(revision) => {
                    let enforced = self.wait(revision, began).await;
                    return Ok(draft.told(revision, enforced));
                }
                Err(NotApplied::Store(StoreError::Moved { .. })) => {}
                Err(other) => return Err(other),
            }
        }
        Err(NotApplied::Moving)
    }

    async fn draft(&self, operator: &Operator, wanted: &Arc<Wanted>) -> Result<Draft, NotApplied> {
        let (control, operator, wanted) = (self.clone(), operator.clone(), Arc::clone(wanted));
        blocking(move || Draft::new(&control, &operator, &wanted)).await?.map_err(NotApplied::from)
    }

    /// Asks the upstreams that are new. Those asked in an earlier try are not asked again.
    async fn prove(&self, wanted: &Wanted, draft: &Draft, answers: &mut Answers) -> Result<(), NotApplied> {
        let unasked = draft.targets.iter().filter(|(key, _)| !answers.contains_key(*key));
        let unasked = unasked.map(|(_, (target, _))| target.clone()).collect();
        answers.extend(probe::ask(&self.parts().prober, unasked).await);
        let failures = draft.targets.iter().flat_map(|(key, (_, paths))| probe::failures(answers, key, paths));
        let mistakes: Vec<_> = failures.map(|mistake| wanted.locate(mistake)).collect();
        if mistakes.is_empty() { Ok(()) } else { Err(NotApplied::Mistakes(mistakes)) }
    }

    /// Writes the draft as a new revision; none where nothing would change. What the upstreams said goes first: it is
    /// true whatever becomes of the revision, and a node that follows at once finds it there.
    async fn write(
        &self,
        operator: &Operator,
        draft: &Draft,
        answers: &Answers,
        reason: Option<&str>,
    ) -> Result<Revision, NotApplied> {
        if draft.changes.is_empty() {
            return Ok(draft.base);
        }
        let answered =
            draft.targets.keys().filter_map(|key| Some((Arc::clone(&key.0), answers.get(key)?.clone().ok()?)));
        let said: Vec<_> = answered.collect();
        let (control, operator, base, changes) = (self.clone(), operator.clone(), draft.base, draft.changes.clone());
        let reason = reason.map(str::to_owned);
        blocking(move || {
            let parts = control.parts();
            let system = parts.store.system(&parts.authority, Job::Probe);
            for (url, said) in &said {
                system.put_said(url, said)?;
            }
            Ok(parts.store.platform(&operator).apply(base, &changes, reason.as_deref())?)
        })
        .await?
    }

    async fn wait(&self, revision: Revision, began: Instant) -> Enforced {
        let nodes = self.parts().fleet.enforced(revision, ENFORCED_PATIENCE).await;
        let after = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let enforcing = nodes.iter().filter(|node| node.revision >= revision).count();
        Enforced { nodes: enforcing, of: nodes.len(), after_ms: (enforcing == nodes.len()).then_some(after) }
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, NotApplied> {
    tokio::task::spawn_blocking(work).await.map_err(|_| NotApplied::CutOff)
}

fn count(mistakes: usize) -> String {
    if mistakes == 1 { "1 mistake".to_owned() } else { format!("{mistakes} mistakes") }
}
