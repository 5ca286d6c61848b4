//! `partywall config`: who changed what when, what differs between two revisions, and going back to one.

use std::process::ExitCode;

use partywall_control::wire::{AskDiff, AskHistory, Differences, History, Rollback};

use super::{Format, apply, fields, print};
use crate::admin_client::AdminClient;

/// Shows the revisions, the newest first.
pub(crate) async fn history(client: &AdminClient, asked: &AskHistory, output: Format) -> anyhow::Result<ExitCode> {
    let history: History = client.ask("/api/v1/config/history", asked).await?;
    match output {
        Format::Json => print::json(&history)?,
        Format::Table => {
            let rows = history.revisions.iter().map(|made| {
                let reason = made.reason.clone().unwrap_or_default();
                [made.revision.to_string(), made.at.clone(), made.author.clone(), made.documents.to_string(), reason]
            });
            print::data(&print::table(["revision", "at", "author", "documents", "reason"], rows))?;
            eprintln!("revision {} stands", history.revision);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Shows what differs between two revisions.
pub(crate) async fn diff(client: &AdminClient, asked: &AskDiff, output: Format) -> anyhow::Result<ExitCode> {
    let differences: Differences = client.ask("/api/v1/config/diff", asked).await?;
    match output {
        Format::Json => print::json(&differences)?,
        Format::Table => {
            let lines = fields::lines(&differences.changes);
            if !lines.is_empty() {
                print::data(&lines)?;
            }
            let (from, to, many) = (differences.from, differences.to, differences.changes.len());
            eprintln!("from revision {from} to revision {to}: {many} documents differ");
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Makes stand again what stood at a revision.
pub(crate) async fn rollback(client: &AdminClient, asked: &Rollback, output: Format) -> anyhow::Result<ExitCode> {
    apply::tell(client.change("/api/v1/config/rollback", asked).await?, output)
}
