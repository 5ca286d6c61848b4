//! `partywall token`: a token of the development issuer.

use std::process::ExitCode;

use anyhow::{Context, anyhow};
use partywall_domain::ServerName;
use partywall_identity::{Job, SystemAuthority};
use partywall_store::Store;

use crate::cli::Token;
use crate::data::Data;
use crate::development::{DevelopmentIssuer, Grant, NAME, OWN_CLIENT};
use crate::keys::{DEVELOPMENT_ISSUER, KeyRing};

pub(crate) fn run(token: &Token) -> anyhow::Result<ExitCode> {
    let data = Data::existing(&token.data)?;
    let running = data.running()?;
    let store = Store::open(data.store())?;
    let authority = SystemAuthority::take().context("the system authority is taken")?;
    let (keys, _) = KeyRing::open(&data)?;
    let key = keys.existing_signing_key(&store, &authority, DEVELOPMENT_ISSUER)?.ok_or_else(|| {
        anyhow!(
            "`{}` has no development issuer; only the data folder of `partywall demo` has one",
            token.data.display()
        )
    })?;
    warn_if_unknown(&store, &authority, &token.tenant)?;
    let audience = match &token.server {
        Some(server) => format!("{}/mcp/{}", running.public, server.parse::<ServerName>()?),
        None => format!("{}/mcp", running.public),
    };
    let issuer = running.issuer.context("the demo ran last before it had sign-in; start `partywall demo` again")?;
    let grant = Grant {
        client: OWN_CLIENT,
        tenant: &token.tenant,
        subject: &token.subject,
        scope: &token.scope,
        audience: &audience,
        lifetime: token.ttl,
    };
    println!("{}", DevelopmentIssuer::new(&issuer, &key).token(&grant)?);
    Ok(ExitCode::SUCCESS)
}

/// A token for a tenant that is not there is good for trying what a stranger meets, and usually a slip.
fn warn_if_unknown(store: &Store, authority: &SystemAuthority, tenant: &str) -> anyhow::Result<()> {
    let (_, documents) = store.system(authority, Job::Prepare).documents()?;
    let identities = documents.iter().filter_map(|document| document.body.get("identities")?.as_array()).flatten();
    let known = identities
        .filter(|identity| identity.get("issuer").is_some_and(|issuer| issuer == NAME))
        .any(|identity| identity.get("value").is_some_and(|value| value == tenant));
    if !known {
        eprintln!("note: no tenant has the identity `{tenant}` at the development issuer; this token will be refused");
    }
    Ok(())
}
