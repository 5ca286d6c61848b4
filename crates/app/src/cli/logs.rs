//! `partywall logs`: what the journal of this machine's node has, of one tenant or all.
//!
//! It reads the journal and not the log: the journal is always there, whatever became of the log's lines, and whoever can
//! read the data folder needs no running process.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::ValueEnum;
use partywall_ledger::{Entry, InstanceUse, Tail};

use super::{Format, LogEvent, Logs, print};
use crate::data::Data;

/// How often to look for what came. Default 250 ms: at once, for a person.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Widths of the table's columns but the last. A table that goes on cannot know what comes.
const WIDTHS: [usize; 5] = [24, 16, 14, 40, 22];

pub(crate) async fn run(asked: &Logs) -> anyhow::Result<ExitCode> {
    let journal = Data::existing(&asked.data)?.journal();
    let unreadable = || format!("the journal at `{}` cannot be read; run as the folder's owner", journal.display());
    let lines = usize::try_from(asked.lines)?;
    let (newest, mut tail) = Tail::newest(&journal, lines, |entry| wanted(asked, entry)).with_context(unreadable)?;
    if asked.output.output == Format::Table {
        print::data(&row(&["AT", "TENANT", "OUTCOME", "WHAT", "WHO"].map(str::to_owned), "REQUEST"))?;
    }
    newest.iter().try_for_each(|entry| show(asked, entry))?;
    if !asked.follow {
        return Ok(ExitCode::SUCCESS);
    }
    loop {
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => {}
            _ = tokio::signal::ctrl_c() => return Ok(ExitCode::SUCCESS),
        }
        let came = tail.look().with_context(unreadable)?;
        came.iter().filter(|entry| wanted(asked, entry)).try_for_each(|entry| show(asked, entry))?;
    }
}

fn wanted(asked: &Logs, entry: &Entry) -> bool {
    let is = |value: &Option<String>, text: &str| value.as_deref() == Some(text);
    let word = |event: &LogEvent| event.to_possible_value().is_some_and(|word| word.get_name() == entry.kind);
    let event = match asked.event.as_slice() {
        [] => entry.kind != "began",
        events => events.iter().any(word),
    };
    let ended = |outcome: &super::LogOutcome| {
        outcome.to_possible_value().is_some_and(|word| is(&entry.outcome, word.get_name()))
    };
    event
        && asked.tenant.as_deref().is_none_or(|tenant| is(&entry.tenant, tenant) || is(&entry.tenant_id, tenant))
        && asked.request.is_none_or(|request| entry.request_id == request.to_string())
        && (asked.outcome.is_empty() || asked.outcome.iter().any(ended))
}

fn show(asked: &Logs, entry: &Entry) -> anyhow::Result<()> {
    match asked.output.output {
        Format::Json => print::data(&serde_json::to_string(entry)?),
        Format::Table => print::data(&line(entry)),
    }
}

fn line(entry: &Entry) -> String {
    let tenant = entry.tenant.as_deref().or(entry.tenant_id.as_deref()).unwrap_or("-");
    let outcome = match (&entry.outcome, &entry.refusal) {
        (_, Some(refusal)) => refusal,
        (Some(outcome), None) => outcome,
        (None, None) => &entry.kind,
    };
    let name = entry.name.as_ref().or(entry.instance.as_ref());
    let words = [entry.server.as_str(), &entry.method, name.map(String::as_str).unwrap_or_default()];
    let what: Vec<_> = words.into_iter().filter(|word| !word.is_empty()).collect();
    let took = entry.duration_us.map(|us| format!("{}.{:03} ms", us / 1_000, us % 1_000));
    let who = if entry.subject.is_empty() { "-" } else { &entry.subject };
    let last = [Some(entry.request_id.clone()), took, entry.used.as_ref().map(spent), entry.cause.clone()];
    let last: Vec<_> = last.into_iter().flatten().filter(|text| !text.is_empty()).collect();
    let at = entry.at.get(..23).unwrap_or(&entry.at);
    row(&[at, tenant, outcome, &what.join(" "), who].map(str::to_owned), &last.join("  "))
}

/// What an instance used, for people.
fn spent(used: &InstanceUse) -> String {
    if used.starts > 0 {
        return "started".to_owned();
    }
    let seconds = |us: u64| format!("{}.{:03} s", us / 1_000_000, us % 1_000_000 / 1_000);
    let mib_s = used.memory_byte_s >> 20;
    format!("ran {}, CPU {}, memory {mib_s} MiB s", seconds(used.lived_us), seconds(used.cpu_us))
}

fn row(cells: &[String; 5], last: &str) -> String {
    let cells = cells.iter().zip(WIDTHS).map(|(cell, width)| {
        let cell = print::plain(cell);
        format!("{cell:<width$} ")
    });
    cells.chain([print::plain(last)]).collect::<String>().trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_what_happened_and_is_harmless() {
        let ended = Entry {
            kind: "ended".to_owned(),
            at: "2026-11-25T10:00:00.123456789Z".to_owned(),
            request_id: "0123456789abcdef0123456789abcdef".to_owned(),
            tenant: Some("acme".to_owned()),
            server: "notes".to_owned(),
            method: "tools/call".to_owned(),
            name: Some("a\u{1b}[2J\nb".to_owned()),
            subject: "ann".to_owned(),
            outcome: Some("refused".to_owned()),
            refusal: Some("unknown_tool".to_owned()),
            cause: Some("not granted".to_owned()),
            duration_us: Some(1_042),
            ..Entry::default()
        };
        let expected = "2026-11-25T10:00:00.123  acme             unknown_tool   notes tools/call a\u{fffd}[2J\u{fffd}b                 \
                        ann                    0123456789abcdef0123456789abcdef  1.042 ms  not granted";
        assert_eq!(line(&ended), expected);
        let stranger = Entry { kind: "stranger".to_owned(), ..Entry::default() };
        assert!(line(&stranger).contains(" -  "), "{}", line(&stranger));
    }
}
