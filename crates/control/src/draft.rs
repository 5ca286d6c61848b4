//! What a change would make of the configuration that stands, before anything of it is written.

use std::collections::HashSet;

use partywall_documents::{Document, Kind, Mistake};
use partywall_domain::{Revision, TenantId};
use partywall_identity::{Issuer, Operator};
use partywall_secrets::SecretKeys;
use partywall_store::{Change, Difference, PlatformStore, StoreError};
use partywall_tenancy::{self as tenancy, Snapshot};

use crate::control::{Control, Unreadable};
use crate::difference;
use crate::probe::{self, Targets};
use crate::secrets::{self, NotDone};
use crate::source::Source;
use crate::tiers;
use crate::wire::{self, Applied, Enforced};

/// What somebody wants to stand.
pub(crate) enum Wanted {
    /// These documents; what is not mentioned stays.
    Documents(Source),
    /// Everything as it was at a revision.
    Revision(Revision),
    /// Other secrets of tenants.
    Secrets(secrets::Change),
}

/// Why there is no draft.
pub(crate) enum NotDrafted {
    /// Something is wrong in the documents.
    Mistakes(Vec<wire::Mistake>),
    /// Nothing can be done with a secret.
    Secret(NotDone),
    /// The store failed.
    Store(StoreError),
}

impl From<NotDone> for NotDrafted {
    fn from(why: NotDone) -> Self {
        match why {
            NotDone::Store(error) => Self::Store(error),
            other => Self::Secret(other),
        }
    }
}

impl From<StoreError> for NotDrafted {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Wanted {
    /// A mistake with its place, where it is in a file.
    pub(crate) fn locate(&self, mistake: Mistake) -> wire::Mistake {
        match self {
            Self::Documents(source) => source.locate(mistake),
            _ => wire::Mistake { place: None, path: mistake.path, message: mistake.message },
        }
    }

    /// What it makes of each document that it mentions. If somebody else writes in between, the store refuses what was
    /// made of it.
    fn differences(
        &self,
        platform: &PlatformStore<'_>,
        keys: &SecretKeys,
        base: Revision,
    ) -> Result<Vec<Difference>, NotDrafted> {
        match self {
            Self::Revision(to) => Ok(platform.differences(base, *to)?),
            Self::Secrets(change) => Ok(change.differences(platform, keys)?),
            Self::Documents(source) => source
                .documents()
                .map(|(kind, name, body)| {
                    let before = platform.standing(kind, name)?;
                    let new = || (kind == Kind::Tenant).then(TenantId::random);
                    let tenant_id = before.as_ref().map_or_else(new, |document| document.tenant_id);
                    let secrets = before.as_ref().map(|document| document.secrets.clone()).unwrap_or_default();
                    let after = Document { kind, name: name.to_owned(), tenant_id, body: body.clone(), secrets };
                    Ok(Difference { kind, name: name.to_owned(), before, after: Some(after) })
                })
                .collect(),
        }
    }
}

/// What a change would do to the configuration that stands at `base`.
pub(crate) struct Draft {
    pub(crate) base: Revision,
    /// What is to be written.
    pub(crate) changes: Vec<Change>,
    /// The upstreams that are to be asked first.
    pub(crate) targets: Targets,
    differences: Vec<Difference>,
}

impl Draft {
    /// Everything that can be wrong is told by what is compiled here. Blocks.
    pub(crate) fn new(control: &Control, operator: &Operator, wanted: &Wanted) -> Result<Self, NotDrafted> {
        let platform = control.parts().store.platform(operator);
        // A configuration that stands and is none any more is what somebody may be about to mend.
        let (base, before) = match control.standing(operator) {
            Ok(snapshot) => (snapshot.revision(), Some(snapshot)),
            Err(Unreadable::Mistakes { revision, .. }) => (revision, None),
            Err(Unreadable::Store(error)) => return Err(error.into()),
        };
        let differences = wanted.differences(&platform, &control.parts().secrets, base)?;
        let changes: Vec<_> = differences.iter().filter_map(Difference::change).collect();
        let next = Revision(base.0 + 1);
        let compiled = match &before {
            Some(before) => tenancy::Draft::of(&changes).over(before, next),
            None => whole(&platform, &changes)?.compile(next),
        };
        let after = checked(compiled, wanted)?;
        if !control.parts().development {
            refuse_development(&after, wanted)?;
        }
        refuse_unplaced(control, before.as_deref(), &after, wanted)?;
        let targets = probe::new_targets(before.as_deref(), &after);
        Ok(Self { base, changes, targets, differences })
    }

    /// What was done.
    pub(crate) fn told(&self, revision: Revision, enforced: Enforced) -> Applied {
        let changes = self.differences.iter().map(difference::fate);
        Applied { revision: revision.0, changes: changes.collect(), enforced: Some(enforced) }
    }

    /// What would be done, field by field.
    pub(crate) fn preview(&self) -> Applied {
        let changes = self.differences.iter().map(difference::in_full);
        Applied { revision: self.base.0, changes: changes.collect(), enforced: None }
    }
}

/// Everything that stands, with the changes.
fn whole(platform: &PlatformStore<'_>, changes: &[Change]) -> Result<tenancy::Draft, StoreError> {
    let new: HashSet<_> = changes.iter().map(Change::key).collect();
    let mut draft = tenancy::Draft::of(changes);
    platform.each(|document| {
        if !new.contains(&(document.kind, document.name.as_str())) {
            draft.put(&document);
        }
    })?;
    Ok(draft)
}

/// What was compiled, or everything that is wrong with it and with the files it came from.
fn checked(compiled: Result<Snapshot, Vec<Mistake>>, wanted: &Wanted) -> Result<Snapshot, NotDrafted> {
    let mut mistakes = match wanted {
        Wanted::Documents(source) => source.mistakes().to_vec(),
        _ => Vec::new(),
    };
    match compiled {
        Ok(snapshot) if mistakes.is_empty() => Ok(snapshot),
        Ok(_) => Err(NotDrafted::Mistakes(mistakes)),
        Err(more) => {
            mistakes.extend(more.into_iter().map(|mistake| wanted.locate(mistake)));
            mistakes.sort_by(|one, other| one.order().cmp(&other.order()));
            Err(NotDrafted::Mistakes(mistakes))
        }
    }
}

/// A placement that no node can give, or not as it is required, is refused by name and never weakened.
fn refuse_unplaced(
    control: &Control,
    before: Option<&Snapshot>,
    after: &Snapshot,
    wanted: &Wanted,
) -> Result<(), NotDrafted> {
    let mistakes = tiers::not_to_be_had(&*control.parts().tiers, before, after);
    let mistakes: Vec<_> = mistakes.into_iter().map(|mistake| wanted.locate(mistake)).collect();
    if mistakes.is_empty() { Ok(()) } else { Err(NotDrafted::Mistakes(mistakes)) }
}

/// A development issuer is for the demo: whoever has its folder can be any tenant.
fn refuse_development(after: &Snapshot, wanted: &Wanted) -> Result<(), NotDrafted> {
    let development = after.issuers().map(Issuer::settings).filter(|issuer| issuer.development);
    let mistake = |path| Mistake {
        path,
        message: "a development issuer is for `partywall demo` alone; use an issuer of your own".to_owned(),
    };
    let mistakes: Vec<_> =
        development.map(|issuer| wanted.locate(mistake(format!("issuer.{}.development", issuer.name)))).collect();
    if mistakes.is_empty() { Ok(()) } else { Err(NotDrafted::Mistakes(mistakes)) }
}
