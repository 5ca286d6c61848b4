//! The configuration's history: what was made when by whom, what differs between two revisions, and going back to one.

use std::collections::HashMap;

use partywall_documents::Kind;
use partywall_domain::Revision;
use partywall_identity::Operator;
use partywall_store::{SecretDifference, StoreError};

use crate::control::Control;
use crate::difference;
use crate::wire::{AskDiff, AskHistory, Change, Differences, Fate, Field, History, Made};

/// Revisions in one answer if nobody says how many. Default 50: some screens of a terminal.
const REVISIONS_USUAL: u32 = 50;

/// The revisions, the newest first; of one document if it is named. Blocks.
pub(crate) fn history(control: &Control, operator: &Operator, asked: &AskHistory) -> Result<History, StoreError> {
    let platform = control.parts().store.platform(operator);
    let wanted = asked.limit.unwrap_or(REVISIONS_USUAL);
    let before = asked.before.map(Revision);
    let revision = platform.revision()?.0;
    let Some(document) = &asked.document else {
        let made = platform.revisions(before, wanted)?.into_iter().map(|made| Made {
            revision: made.revision.0,
            at: made.at,
            author: made.author,
            reason: made.reason,
            documents: made.documents,
        });
        return Ok(History { revision, revisions: made.collect() });
    };
    let named = document.split_once('.').and_then(|(kind, name)| Some((Kind::of(kind)?, name)));
    let versions = named.map(|(kind, name)| platform.history(kind, name)).transpose()?.unwrap_or_default();
    let wanted = usize::try_from(wanted).unwrap_or(usize::MAX);
    let versions = versions.into_iter().filter(|version| before.is_none_or(|before| version.revision < before));
    let made = versions.take(wanted).map(|version| Made {
        revision: version.revision.0,
        at: version.at,
        author: version.author,
        reason: version.reason,
        documents: 1,
    });
    Ok(History { revision, revisions: made.collect() })
}

/// What differs between two revisions; if they are not named, what the newest one changed. Blocks.
pub(crate) fn diff(control: &Control, operator: &Operator, asked: &AskDiff) -> Result<Differences, StoreError> {
    let platform = control.parts().store.platform(operator);
    let to = asked.to.map_or_else(|| platform.revision(), |to| Ok(Revision(to)))?;
    let from = Revision(asked.from.unwrap_or(to.0.saturating_sub(1)));
    let changes: Vec<_> = platform.differences(from, to)?.iter().map(difference::in_full).collect();
    let changes = with_secrets(changes, platform.secret_differences(from, to)?);
    Ok(Differences { from: from.0, to: to.0, changes })
}

/// The changes, with the secrets that are others: of each is told in which revision it was set, and nothing more.
fn with_secrets(mut changes: Vec<Change>, secrets: Vec<SecretDifference>) -> Vec<Change> {
    let tenants = changes.iter().enumerate().filter(|(_, change)| change.kind == Kind::Tenant.as_str());
    let mut places: HashMap<_, _> = tenants.map(|(place, change)| (change.name.clone(), place)).collect();
    for SecretDifference { tenant, name, before, after } in secrets {
        let set = |revision: Option<Revision>| revision.map(|revision| format!("set in revision {revision}").into());
        let field = Field { path: format!("secrets.{name}"), before: set(before), after: set(after) };
        let place = *places.entry(tenant.clone()).or_insert(changes.len());
        if place == changes.len() {
            let kind = Kind::Tenant.to_string();
            changes.push(Change { kind, name: tenant, change: Fate::Changed, fields: Vec::new() });
        }
        changes[place].fields.push(field);
    }
    changes
}
