//! The demo's documents, as files that a person can read, change and apply again.

use std::fs;

use anyhow::Context;
use partywall_control::wire::File;
use partywall_domain::Sharing;
use serde_json::Value;

use super::Stage;
use crate::development::{NAME, TENANT_CLAIM};

/// The name of the demo's own server.
pub(super) const NOTES: &str = "notes";
/// The name of the user's server.
pub(super) const OWN_SERVER: &str = "server";

/// The tenants and plans, written once: what the user changed in them stays.
const TENANTS_OF_NOTES: &str = include_str!("tenants.toml");
const TENANTS_OF_OWN_SERVER: &str = include_str!("tenants-of-server.toml");

/// The two files: issuer and server, which every start writes anew because addresses change, and the tenants.
pub(super) fn files(stage: &Stage, url: &str, sharing: Sharing) -> anyhow::Result<Vec<File>> {
    let (name, tenants) = match stage.server {
        NOTES => ("tenants.toml", TENANTS_OF_NOTES),
        _ => ("tenants-of-server.toml", TENANTS_OF_OWN_SERVER),
    };
    let path = stage.data.path().join(name);
    if !path.exists() {
        fs::write(&path, tenants).with_context(|| path.display().to_string())?;
    }
    let tenants = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let platform = platform(stage, url, sharing)?;
    fs::write(stage.data.path().join("platform.toml"), &platform).context("platform.toml")?;
    Ok(vec![
        File { name: "platform.toml".to_owned(), text: platform },
        File { name: path.display().to_string(), text: tenants },
    ])
}

fn platform(stage: &Stage, url: &str, sharing: Sharing) -> anyhow::Result<String> {
    let (server, issuer, sharing) = (stage.server, stage.issuer.url(), sharing.as_str());
    let jwks = inline(&stage.issuer.jwks()?);
    Ok(format!(
        "# Written by `partywall demo` at every start.\n\
         version = 1\n\n\
         [issuer.{NAME}]\n\
         url = \"{issuer}\"\n\
         tenant_claim = \"{TENANT_CLAIM}\"\n\
         listed = true\n\
         development = true\n\
         jwks = {jwks}\n\n\
         [server.{server}]\n\
         url = \"{url}\"\n\
         sharing = \"{sharing}\"\n"
    ))
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
