//! The tenant document: a plan plus overrides.

use std::collections::BTreeMap;

use partywall_domain::{ConnectId, Floor, IssuerName, Placement, PlanName, ServerName, TenantId, TenantName};
use serde_json::Value;

use crate::Secrets;
use crate::limits::LimitsPatch;
use crate::plan::{ServerPatch, is_scope};
use crate::require;
use crate::server::Server;
use crate::table::{Mistakes, Table};

/// A customer, as its document says.
#[derive(Clone, Debug)]
pub struct Tenant {
    /// The id given at creation.
    pub id: TenantId,
    /// Its name.
    pub name: TenantName,
    /// Its plan.
    pub plan: PlanName,
    /// What in a token means this tenant. None: nobody enters.
    pub identities: Vec<Identity>,
    /// What stands in its own connect URL, if it has one.
    pub connect_id: Option<ConnectId>,
    /// Whether its calls are refused.
    pub suspended: bool,
    /// Its overrides of the plan's limits.
    pub limits: LimitsPatch,
    /// Its overrides of the plan's servers, and servers of its own.
    pub servers: BTreeMap<ServerName, ServerPatch>,
    /// How its instances must be kept apart, beside what its plan requires.
    pub require: Option<Floor>,
    /// Its secrets, which stand beside its document.
    pub secrets: Secrets,
}

/// What in a token means a tenant.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Identity {
    /// The issuer that must have signed the token.
    pub issuer: IssuerName,
    /// The value of the issuer's tenant claim; none: every token of this issuer (a customer's own IdP).
    pub value: Option<String>,
    /// What this issuer's scopes are called here; empty: as it calls them.
    pub scopes: BTreeMap<String, Vec<String>>,
}

impl Tenant {
    /// Reads `[tenant.NAME]`, which says no secrets.
    pub fn read(id: TenantId, name: TenantName, mut table: Table<'_>) -> Option<Self> {
        table.required("plan", "standard");
        let plan = table.parse("plan");
        let mistakes = table.mistakes();
        let identities = table.list("identities").unwrap_or_default();
        let identities =
            identities.into_iter().filter_map(|(path, item)| Identity::read(path, item, mistakes)).collect();
        let connect_id = table.parse("connect_id");
        let suspended = table.flag("suspended").unwrap_or(false);
        let limits = LimitsPatch::read(&mut table);
        let servers = ServerPatch::read_all(&mut table);
        let require = require::read(&mut table);
        table.finish();
        Some(Self {
            id,
            name,
            plan: plan?,
            identities,
            connect_id,
            suspended,
            limits,
            servers,
            require,
            secrets: Secrets::new(),
        })
    }
}

impl Tenant {
    /// What a server asks for that is placed there and that the tenant has not, each as a sentence.
    pub fn lacking(&self, server: &Server, placement: &Placement) -> impl Iterator<Item = String> {
        let missing = server.secrets(placement).filter(|secret| !self.secrets.contains_key(*secret));
        let (who, name) = (&self.name, &server.name);
        missing.map(move |secret| {
            format!(
                "server `{name}` asks for secret `{secret}`, which tenant `{who}` would not have; set it first, with \
                 `partywall secret set {who} {secret}`"
            )
        })
    }
}

impl Identity {
    /// What the issuer calls a scope of ours, where it calls it anything else: the name that gives it. Of several that
    /// do, one that `has` says is there already, and then the one that gives least beside it.
    pub fn theirs(&self, ours: &str, has: impl Fn(&str) -> bool) -> Option<&str> {
        let giving = self.scopes.iter().filter(|(_, given)| given.iter().any(|scope| scope == ours));
        giving.min_by_key(|(name, given)| (!has(name), given.len())).map(|(name, _)| name.as_str())
    }

    fn read(path: String, item: &Value, mistakes: &Mistakes) -> Option<Self> {
        let mut table = Table::new(path, item, mistakes)?;
        table.required("issuer", "corporate");
        let issuer = table.parse("issuer");
        let given = table.value("value").is_some();
        let value = table.text("value").map(str::to_owned);
        if value.as_deref().is_some_and(|text| text.is_empty() || text.chars().any(char::is_control)) {
            table.mistake("value", "a text that is not empty and has no control characters is expected here");
        }
        let scopes = table.table("scopes").map(scopes).unwrap_or_default();
        table.finish();
        // A value that cannot be read is not the absence of a value, which would mean every token of the issuer.
        let readable = value.is_some() || !given;
        issuer.filter(|_| readable).map(|issuer| Self { issuer, value, scopes })
    }
}

/// `"Their.Read" = ["notes:read"]`.
fn scopes(table: Table<'_>) -> BTreeMap<String, Vec<String>> {
    let mistakes = table.mistakes();
    let mut all = BTreeMap::new();
    for (theirs, path, value) in table.entries() {
        let ours = value
            .as_array()
            .map(|items| items.iter().map(|item| item.as_str().filter(|text| is_scope(text)).map(str::to_owned)));
        match ours.and_then(Iterator::collect::<Option<Vec<_>>>) {
            Some(ours) if is_scope(theirs) => drop(all.insert(theirs.to_owned(), ours)),
            _ => mistakes.add(path, "a list of scopes is expected here, none with a space in it"),
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_is_asked_for_by_the_name_that_gives_least() {
        let scopes = [("All", &["read", "write"][..]), ("Read", &["read"]), ("Reading", &["read"]), ("Other", &[])];
        let scopes = scopes.map(|(theirs, ours)| (theirs.to_owned(), ours.iter().map(|&scope| scope.into()).collect()));
        let identity = Identity { issuer: "own".parse().expect("a name"), value: None, scopes: scopes.into() };
        for (ours, has, theirs) in [
            ("read", "", Some("Read")),
            ("read", "Reading", Some("Reading")),
            ("read", "All", Some("All")),
            ("write", "Read", Some("All")),
            ("Read", "", None),
            ("delete", "All", None),
        ] {
            assert_eq!(identity.theirs(ours, |name| name == has), theirs, "{ours}, and there is `{has}`");
        }
    }
}
