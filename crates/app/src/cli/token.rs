//! `partywall token`: a token of the development issuer.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, anyhow};
use partywall_domain::ServerName;
use partywall_identity::{Job, SystemAuthority};
use partywall_store::Store;

use crate::cli::Token;
use crate::data::Data;
use crate::development::{DevelopmentIssuer, Grant, NAME, OWN_CLIENT};
use crate::keys::{DEVELOPMENT_ISSUER, KeyRing};

pub(crate) fn run(token: &Token) -> anyhow::Result<ExitCode> {
    let desk = Desk::of(&token.data)?;
    warn_if_unknown(&desk.store, &desk.authority, &token.tenant)?;
    let audience = match &token.server {
        Some(server) => format!("{}/mcp/{}", desk.public, server.parse::<ServerName>()?),
        None => format!("{}/mcp", desk.public),
    };
    let grant = Grant {
        client: OWN_CLIENT,
        tenant: &token.tenant,
        subject: &token.subject,
        scope: &token.scope,
        audience: &audience,
        lifetime: token.ttl,
    };
    println!("{}", desk.issuer.token(&grant)?);
    Ok(ExitCode::SUCCESS)
}

/// A token for each of these tenants, good for all their servers and for as long as a measurement takes.
pub(super) fn of_tenants(data: &Path, tenants: &[String]) -> anyhow::Result<Vec<String>> {
    let desk = Desk::of(data)?;
    let audience = format!("{}/mcp", desk.public);
    let token = |tenant: &String| {
        warn_if_unknown(&desk.store, &desk.authority, tenant)?;
        desk.issuer.token(&Grant {
            client: OWN_CLIENT,
            tenant,
            subject: "bench",
            scope: "",
            audience: &audience,
            lifetime: Duration::from_hours(12),
        })
    };
    tenants.iter().map(token).collect()
}

/// The development issuer of a data folder.
struct Desk {
    store: Store,
    authority: SystemAuthority,
    public: String,
    issuer: DevelopmentIssuer,
}

impl Desk {
    fn of(path: &Path) -> anyhow::Result<Self> {
        let data = Data::existing(path)?;
        let running = data.running()?;
        let store = Store::open(data.store())?;
        let authority = SystemAuthority::take().context("the system authority is taken")?;
        let (keys, _) = KeyRing::open(&data)?;
        let key = keys.existing_signing_key(&store, &authority, DEVELOPMENT_ISSUER)?.ok_or_else(|| {
            anyhow!("`{}` has no development issuer; only the data folder of `partywall demo` has one", path.display())
        })?;
        let url = running.issuer.context("the demo ran last before it had sign-in; start `partywall demo` again")?;
        Ok(Self { store, authority, public: running.public, issuer: DevelopmentIssuer::new(&url, &key) })
    }
}

/// A token for a tenant that is not there is good for trying what a stranger meets, and usually a slip.
fn warn_if_unknown(store: &Store, authority: &SystemAuthority, tenant: &str) -> anyhow::Result<()> {
    let mut known = false;
    store.system(authority, Job::Prepare).each(|document| {
        let identities = document.body.get("identities").and_then(|value| value.as_array());
        let here = |identity: &&serde_json::Value| identity.get("issuer").is_some_and(|issuer| issuer == NAME);
        let mut here = identities.into_iter().flatten().filter(here);
        known |= here.any(|identity| identity.get("value").is_some_and(|value| value == tenant));
    })?;
    if !known {
        eprintln!("note: no tenant has the identity `{tenant}` at the development issuer; this token will be refused");
    }
    Ok(())
}
