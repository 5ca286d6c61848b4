//! The demo's documents, as files that a person can read, change and apply again.

use std::fs;

use anyhow::Context;
use partywall_control::wire::File;
use partywall_domain::Sharing;
use serde_json::Value;

use super::Stage;
use super::started::{Started, THIRD_PARTY};
use crate::development::{NAME, TENANT_CLAIM};

/// The name of the demo's own server.
pub(super) const NOTES: &str = "notes";
/// The name of the user's server.
pub(super) const OWN_SERVER: &str = "server";

/// The tenants and plans, written once: what the user changed in them stays.
pub(super) struct Tenants {
    /// The file's name in the data folder.
    pub(super) name: &'static str,
    text: &'static str,
}

pub(super) const TENANTS: &Tenants = &Tenants { name: "tenants.toml", text: include_str!("tenants.toml") };
pub(super) const TENANTS_OF_SERVER: &Tenants =
    &Tenants { name: "tenants-of-server.toml", text: include_str!("tenants-of-server.toml") };
pub(super) const TENANTS_OF_COMMAND: &Tenants =
    &Tenants { name: "tenants-of-command.toml", text: include_str!("tenants-of-command.toml") };

/// What stands behind the URL.
pub(super) enum Catalog {
    /// A server that runs at this URL, and why it may be shared.
    Shared(String, Sharing),
    /// A server that is started for each tenant.
    Started(Started),
}

/// The two files: issuer and servers, which every start writes anew because addresses change, and the tenants.
pub(super) fn files(stage: &Stage, catalog: &Catalog) -> anyhow::Result<Vec<File>> {
    let path = stage.data.path().join(stage.tenants.name);
    if !path.exists() {
        fs::write(&path, first_tenants(stage)).with_context(|| path.display().to_string())?;
    }
    let tenants = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let platform = platform(stage, catalog, &tenants)?;
    fs::write(stage.data.path().join("platform.toml"), &platform).context("platform.toml")?;
    Ok(vec![
        File { name: "platform.toml".to_owned(), text: platform },
        File { name: path.display().to_string(), text: tenants },
    ])
}

/// The tenants of a first start. Where there is a third party's server on this machine, `globex` has a process of it.
fn first_tenants(stage: &Stage) -> String {
    let own = Started::third_party().filter(|_| stage.server == NOTES);
    let own = own.map(|(name, _)| {
        format!(
            "\n# A server on stdio that knows nothing of tenants: globex has a process of it, in a sandbox of its own.\n\
             [tenant.globex.servers.{name}]\nplacement = \"process\"\ntools = {{ allow = [\"*\"] }}\n"
        )
    });
    format!("{}{}", stage.tenants.text, own.unwrap_or_default())
}

fn platform(stage: &Stage, catalog: &Catalog, tenants: &str) -> anyhow::Result<String> {
    let (server, issuer) = (stage.server, stage.issuer.url());
    let jwks = inline(&stage.issuer.jwks()?);
    let server = match catalog {
        Catalog::Shared(url, sharing) => {
            format!("[server.{server}]\nurl = \"{url}\"\nsharing = \"{}\"\n", sharing.as_str())
        }
        Catalog::Started(started) => started.document(server),
    };
    Ok(format!(
        "# Written by `partywall demo` at every start.\n\
         version = 1\n\n\
         [issuer.{NAME}]\n\
         url = \"{issuer}\"\n\
         tenant_claim = \"{TENANT_CLAIM}\"\n\
         listed = true\n\
         development = true\n\
         jwks = {jwks}\n\n\
         {server}{}",
        third_party(tenants)
    ))
}

/// The third party's server that the tenants mention, if any. Where it is gone by now, its call says so.
fn third_party(tenants: &str) -> String {
    let mentioned = THIRD_PARTY.iter().find_map(|program| {
        let name = program.trim_start_matches("mcp-server-");
        tenants.contains(&format!(".servers.{name}]")).then_some((program, name))
    });
    let Some((program, name)) = mentioned else { return String::new() };
    match Started::of(&[(*program).to_owned()]) {
        Ok(started) => format!("\n{}", started.document(name)),
        Err(_) => format!("\n[server.{name}.command]\nrun = [\"/usr/bin/{program}\"]\n"),
    }
}

/// A JSON value as TOML on one line.
fn inline(value: &Value) -> String {
    match value {
        Value::Object(map) => {
            let members: Vec<_> = map
                .iter()
                .filter(|(_, value)| !value.is_null())
                .map(|(name, value)| format!("{name} = {}", inline(value)))
                .collect();
            format!("{{ {} }}", members.join(", "))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(inline).collect::<Vec<_>>().join(", ")),
        other => other.to_string(),
    }
}
