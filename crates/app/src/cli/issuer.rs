//! `partywall issuer`: whom the gateway trusts, and whether a token of theirs would find its way in.

mod claims;
mod walk;

use std::process::ExitCode;

use anyhow::anyhow;
use partywall_control::wire::{Explain, Explanation, Issuer, Issuers};
use partywall_domain::IssuerName;
use serde::Serialize;

use super::{Format, explain, print};
use crate::admin_client::AdminClient;

/// One step of the way, and how it went.
#[derive(Serialize)]
struct Step {
    name: &'static str,
    outcome: Outcome,
    told: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    Ok,
    /// The way goes on; there is something to know.
    Note,
    Failed,
}

impl Step {
    fn ok(name: &'static str, told: impl Into<String>) -> Self {
        Self { name, outcome: Outcome::Ok, told: told.into() }
    }

    fn note(name: &'static str, told: impl Into<String>) -> Self {
        Self { name, outcome: Outcome::Note, told: told.into() }
    }

    fn failed(name: &'static str, told: impl Into<String>) -> Self {
        Self { name, outcome: Outcome::Failed, told: told.into() }
    }
}

/// Lists the issuers.
pub(super) async fn list(client: &AdminClient, output: Format) -> anyhow::Result<ExitCode> {
    let issuers: Issuers = client.get("/api/v1/issuers").await?;
    match output {
        Format::Json => print::json(&issuers)?,
        Format::Table => {
            let rows = issuers.issuers.into_iter().map(|issuer| {
                let keys = match (issuer.keys.given, issuer.keys.known) {
                    (true, _) => "given",
                    (false, true) => "fetched",
                    (false, false) => "not here yet",
                };
                let listed = if issuer.listed { "yes" } else { "no" };
                let identities = issuer.identities.to_string();
                [issuer.name, issuer.profile, keys.to_owned(), listed.to_owned(), identities, issuer.url]
            });
            print::data(&print::table(["name", "profile", "keys", "listed", "identities", "url"], rows))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Walks the way to a token and with it. It fails if a step does.
pub(super) async fn test(
    client: &AdminClient,
    name: &str,
    token: Option<&str>,
    output: Format,
) -> anyhow::Result<ExitCode> {
    let name: IssuerName = name.parse().map_err(|error| anyhow!("{error}"))?;
    let token = token.map(explain::read).transpose()?;
    let issuer: Issuer = client.get(&format!("/api/v1/issuers/{name}")).await?;
    let mut steps = walk::walk(&issuer).await;
    if let Some(token) = token {
        steps.extend(claims::compare(&issuer, token.trim()));
        steps.push(verdict(client, token).await?);
    }
    match output {
        Format::Json => print::json(&steps)?,
        Format::Table => print::data(&page(&steps))?,
    }
    let failed = steps.iter().filter(|step| step.outcome == Outcome::Failed).count();
    if failed == 0 {
        return Ok(ExitCode::SUCCESS);
    }
    let (page, steps) = (page_of(&issuer.profile), if failed == 1 { "step" } else { "steps" });
    eprintln!(
        "error: {failed} {steps} failed for issuer `{name}`; how to set it up: docs/identity-providers/{page}.md"
    );
    Ok(ExitCode::FAILURE)
}

/// What the gateway says of the token.
async fn verdict(client: &AdminClient, token: String) -> anyhow::Result<Step> {
    let asked = Explain { token, server: None, tool: None };
    let Explanation { verdict, tenant, .. } = client.post("/api/v1/explain", &asked).await?;
    Ok(match tenant {
        Some(tenant) if verdict.refusal.is_none() => Step::ok("gateway", format!("it enters tenant `{}`", tenant.name)),
        _ => Step::failed("gateway", format!("it is refused: {}; {}", verdict.why, verdict.next)),
    })
}

fn page(steps: &[Step]) -> String {
    let line = |step: &Step| {
        let outcome = match step.outcome {
            Outcome::Ok => "ok",
            Outcome::Note => "note",
            Outcome::Failed => "FAILED",
        };
        format!("{outcome:<7} {:<13} {}", step.name, print::plain(&step.told))
    };
    steps.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// The page of the documentation for a profile.
fn page_of(profile: &str) -> &str {
    if matches!(profile, "rfc9068" | "generic") { "README" } else { profile }
}
