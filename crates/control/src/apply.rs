//! Applying documents: all of them or none, after everything that can be wrong with them has been told.
//!
//! What is mentioned shall stand as it says; what is not mentioned stays. A tenant that is new gets its id here.

use std::sync::Arc;
use std::time::{Duration, Instant};

use partywall_documents::{Document, Kind};
use partywall_domain::{Revision, TenantId};
use partywall_identity::{Job, Operator};
use partywall_store::StoreError;
use partywall_tenancy::{Snapshot, compile};

use crate::control::Control;
use crate::probe::{self, Answers, Targets};
use crate::source::Source;
use crate::wire::{Applied, Change, Enforced, Fate, File, Mistake};

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

impl Control {
    /// Applies files of documents in this operator's name.
    pub async fn apply_as(
        &self,
        operator: &Operator,
        files: &[File],
        dry_run: bool,
        reason: Option<&str>,
    ) -> Result<Applied, NotApplied> {
        if reason.is_some_and(|reason| reason.chars().count() > REASON_CHARS_MAX) {
            return Err(NotApplied::Reason);
        }
        let source = Arc::new(Source::read(files).map_err(NotApplied::Mistakes)?);
        let mut answers = Answers::new();
        for _ in 0..TRIES_MAX {
            let draft = self.draft(operator, &source).await?;
            self.prove(&source, &draft, &mut answers).await?;
            if dry_run {
                return Ok(draft.told(draft.base, None));
            }
            let began = Instant::now();
            match self.write(operator, &draft, &answers, reason).await {
                Ok(revision) => return Ok(draft.told(revision, Some(self.wait(revision, began).await))),
                Err(NotApplied::Store(StoreError::Moved { .. })) => {}
                Err(other) => return Err(other),
            }
        }
        Err(NotApplied::Moving)
    }

    async fn draft(&self, operator: &Operator, source: &Arc<Source>) -> Result<Draft, NotApplied> {
        let (control, operator, source) = (self.clone(), operator.clone(), Arc::clone(source));
        blocking(move || Draft::new(&control, &operator, &source)).await?
    }

    /// Asks the upstreams that are new. Those asked in an earlier try are not asked again.
    async fn prove(&self, source: &Source, draft: &Draft, answers: &mut Answers) -> Result<(), NotApplied> {
        let unasked = draft.targets.iter().filter(|(key, _)| !answers.contains_key(*key));
        let unasked = unasked.map(|(_, (target, _))| target.clone()).collect();
        answers.extend(probe::ask(&self.parts().prober, unasked).await);
        let failures = draft.targets.iter().flat_map(|(key, (_, paths))| probe::failures(answers, key, paths));
        let mistakes: Vec<_> = failures.map(|mistake| source.locate(mistake)).collect();
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
        if draft.puts.is_empty() {
            return Ok(draft.base);
        }
        let answered =
            draft.targets.keys().filter_map(|key| Some((Arc::clone(&key.0), answers.get(key)?.clone().ok()?)));
        let said: Vec<_> = answered.collect();
        let (control, operator, base, puts) = (self.clone(), operator.clone(), draft.base, draft.puts.clone());
        let reason = reason.map(str::to_owned);
        blocking(move || {
            let parts = control.parts();
            let system = parts.store.system(&parts.authority, Job::Probe);
            for (url, said) in &said {
                system.put_said(url, said)?;
            }
            Ok(parts.store.platform(&operator).apply(base, &puts, reason.as_deref())?)
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

/// What an apply would do to the configuration that stands at `base`.
struct Draft {
    base: Revision,
    puts: Vec<partywall_store::Change>,
    changes: Vec<Change>,
    targets: Targets,
}

impl Draft {
    fn new(control: &Control, operator: &Operator, source: &Source) -> Result<Self, NotApplied> {
        let (base, mut documents) = control.parts().store.platform(operator).documents()?;
        let before = control.compile(base, &documents).ok();
        let (puts, changes) = merge(&mut documents, source);
        let after = checked(base, &documents, source)?;
        if !control.parts().development {
            refuse_development(&after, source)?;
        }
        let targets = probe::new_targets(before.as_deref(), &after);
        Ok(Self { base, puts, changes, targets })
    }

    fn told(&self, revision: Revision, enforced: Option<Enforced>) -> Applied {
        Applied { revision: revision.0, changes: self.changes.clone(), enforced }
    }
}

/// Makes `documents` say what the source says, and tells what that changed.
fn merge(documents: &mut Vec<Document>, source: &Source) -> (Vec<partywall_store::Change>, Vec<Change>) {
    let (mut puts, mut changes) = (Vec::new(), Vec::new());
    let known: std::collections::HashMap<_, _> =
        documents.iter().enumerate().map(|(index, document)| ((document.kind, document.name.clone()), index)).collect();
    for (kind, name, body) in source.documents() {
        let fate = match known.get(&(kind, name.to_owned())).and_then(|index| documents.get_mut(*index)) {
            Some(document) if document.body == *body => Fate::Unchanged,
            Some(document) => {
                document.body = body.clone();
                puts.push(partywall_store::Change::Put(document.clone()));
                Fate::Changed
            }
            None => {
                let tenant_id = (kind == Kind::Tenant).then(TenantId::random);
                let document = Document { kind, name: name.to_owned(), tenant_id, body: body.clone() };
                puts.push(partywall_store::Change::Put(document.clone()));
                documents.push(document);
                Fate::Created
            }
        };
        changes.push(Change { kind: kind.to_string(), name: name.to_owned(), change: fate });
    }
    (puts, changes)
}

/// The documents compiled, or everything that is wrong with them and with the files they came from.
fn checked(base: Revision, documents: &[Document], source: &Source) -> Result<Snapshot, NotApplied> {
    let compiled = compile(Revision(base.0 + 1), documents);
    let mut mistakes = source.mistakes().to_vec();
    match compiled {
        Ok(snapshot) if mistakes.is_empty() => Ok(snapshot),
        Ok(_) => Err(NotApplied::Mistakes(mistakes)),
        Err(more) => {
            mistakes.extend(more.into_iter().map(|mistake| source.locate(mistake)));
            mistakes.sort_by(|one, other| one.order().cmp(&other.order()));
            Err(NotApplied::Mistakes(mistakes))
        }
    }
}

/// A development issuer is for the demo: whoever has its folder can be any tenant.
fn refuse_development(after: &Snapshot, source: &Source) -> Result<(), NotApplied> {
    let development = after.issuers().map(partywall_identity::Issuer::settings).filter(|issuer| issuer.development);
    let mistake = |path| partywall_documents::Mistake {
        path,
        message: "a development issuer is for `partywall demo` alone; use an issuer of your own".to_owned(),
    };
    let mistakes: Vec<_> =
        development.map(|issuer| source.locate(mistake(format!("issuer.{}.development", issuer.name)))).collect();
    if mistakes.is_empty() { Ok(()) } else { Err(NotApplied::Mistakes(mistakes)) }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, NotApplied> {
    tokio::task::spawn_blocking(work).await.map_err(|_| NotApplied::CutOff)
}

fn count(mistakes: usize) -> String {
    if mistakes == 1 { "1 mistake".to_owned() } else { format!("{mistakes} mistakes") }
}
