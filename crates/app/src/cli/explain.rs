//! `partywall explain`: why a request ended as it did, or what a call with a token would meet.

use std::io::Read;
use std::process::ExitCode;

use anyhow::{Context, anyhow};
use partywall_control::wire::{Explain as Asked, Explanation};

use super::{Explain, Format, print, tenant};

pub(crate) async fn run(explain: &Explain) -> anyhow::Result<ExitCode> {
    let client = explain.admin.client()?;
    let explanation: Explanation = match (&explain.token, &explain.request) {
        (Some(source), _) => {
            let asked = Asked { token: read(source)?, server: explain.server.clone(), tool: explain.tool.clone() };
            client.post("/api/v1/explain", &asked).await?
        }
        (None, Some(request)) => {
            let id: partywall_domain::RequestId = request.parse().map_err(|_| {
                anyhow!("`{request}` is not a request id; one stands in `partywall-request-id` and in each log line")
            })?;
            client.get(&format!("/api/v1/requests/{id}")).await?
        }
        (None, None) => anyhow::bail!("say what to explain: `--token -` or a request id"),
    };
    match explain.output.output {
        Format::Json => print::json(&explanation)?,
        Format::Table => print::data(&page(&explanation))?,
    }
    Ok(ExitCode::SUCCESS)
}

/// A token out of a file, or out of stdin for `-`.
pub(super) fn read(source: &str) -> anyhow::Result<String> {
    if source != "-" {
        return std::fs::read_to_string(source).with_context(|| {
            format!("the token file `{source}` cannot be read; pass another, or `--token -` and the token on stdin")
        });
    }
    let mut token = String::new();
    std::io::stdin().read_to_string(&mut token).context("the token on stdin cannot be read")?;
    Ok(token)
}

fn page(explanation: &Explanation) -> String {
    let verdict = &explanation.verdict;
    let refusal = verdict.refusal.as_ref().map(|refusal| format!(" ({refusal})")).unwrap_or_default();
    let mut facts = vec![("verdict", format!("{}{refusal}", verdict.outcome)), ("because", verdict.why.clone())];
    facts.push(("next", verdict.next.clone()));
    if let Some(caller) = &explanation.caller {
        facts
            .push(("caller", format!("{} by client {}, from issuer {}", caller.subject, caller.client, caller.issuer)));
        facts.push(("scopes", caller.scope.clone().unwrap_or_default()));
    }
    facts.push(("rule", explanation.rule.clone().unwrap_or_default()));
    if let Some(left) = &explanation.left {
        let left = format!(
            "{} calls at once; {} in flight, {} streams open",
            left.calls, left.calls_in_flight, left.streams_open
        );
        facts.push(("left", left));
    }
    for entry in &explanation.journal {
        let name = entry.name.as_deref().unwrap_or_default();
        let took = entry.duration_us.map(|us| format!(", {us} us")).unwrap_or_default();
        let words = [&entry.at, &entry.server, &entry.method, name];
        let what: Vec<_> = words.into_iter().filter(|word| !word.is_empty()).collect();
        // Who is turned away before a tenant is known has seen no revision.
        let revision = if entry.revision == 0 { String::new() } else { format!(" at revision {}", entry.revision) };
        let at = format!("{}{revision}{took}", what.join(" "));
        facts.push((entry.kind.as_str(), at));
    }
    let facts = facts.iter().filter(|(_, value)| !value.is_empty());
    let mut page: Vec<_> = facts.map(|(name, value)| format!("{name:<9} {}", print::plain(value))).collect();
    page.extend(explanation.tenant.as_ref().map(|now| format!("\n{}", tenant::page(now))));
    page.join("\n")
}
