//! `partywall instance`: what runs for whom, what it uses, what it says, and its end.

use std::process::ExitCode;

use partywall_control::wire::{Held, Instance, InstanceLog, Instances, Stopped};

use super::{Format, print};
use crate::admin_client::AdminClient;

pub(super) async fn list(client: &AdminClient, format: Format) -> anyhow::Result<ExitCode> {
    let found: Instances = client.get("/api/v1/instances").await?;
    match format {
        Format::Json => print::json(&found)?,
        Format::Table => print::data(&page(&found.instances))?,
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn show(client: &AdminClient, id: &str, format: Format) -> anyhow::Result<ExitCode> {
    let found: Instance = client.get(&format!("/api/v1/instances/{}", segment(id))).await?;
    match format {
        Format::Json => print::json(&found)?,
        Format::Table => print::data(&details(&found))?,
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn logs(
    client: &AdminClient,
    server: &str,
    tenant: Option<&str>,
    format: Format,
) -> anyhow::Result<ExitCode> {
    let asked = match tenant {
        Some(tenant) => serde_json::json!({ "server": server, "tenant": tenant }),
        None => serde_json::json!({ "server": server }),
    };
    let found: InstanceLog = client.ask("/api/v1/instance-logs", &asked).await?;
    match format {
        Format::Json => print::json(&found)?,
        Format::Table if found.lines.is_empty() => eprintln!("nothing was said since this node started"),
        Format::Table => {
            for line in &found.lines {
                print::data(&format!("{}  {}  {}", line.at, line.instance, print::plain(&line.text)))?;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn stop(client: &AdminClient, id: &str) -> anyhow::Result<ExitCode> {
    let stopped: Stopped = client.post(&format!("/api/v1/instances/{}/stop", segment(id)), &()).await?;
    eprintln!("{} ends when its calls have; the next call starts another", stopped.id);
    Ok(ExitCode::SUCCESS)
}

/// An id as it may stand in a path; what is none names no instance.
fn segment(id: &str) -> String {
    form_urlencoded::byte_serialize(id.as_bytes()).collect()
}

fn page(instances: &[Instance]) -> String {
    let header = ["id", "tenant", "server", "isolation", "state", "calls", "cpu s", "memory mib", "since"];
    let row = |one: &Instance| {
        [
            one.id.clone(),
            tenant(one),
            one.server.clone(),
            one.isolation.clone(),
            one.state.clone(),
            one.calls.to_string(),
            seconds(one.cpu_us),
            mib(one.memory_bytes),
            one.since.clone(),
        ]
    };
    print::table(header, instances.iter().map(row))
}

fn details(one: &Instance) -> String {
    let count = |number: Option<u64>| number.map_or_else(|| "not counted here".to_owned(), |number| number.to_string());
    let facts = [
        ("id", one.id.clone()),
        ("tenant", tenant(one)),
        ("server", one.server.clone()),
        ("isolation", one.isolation.clone()),
        ("state", one.state.clone()),
        ("since", one.since.clone()),
        ("calls", one.calls.to_string()),
        ("cpu s", seconds(one.cpu_us)),
        ("memory mib", mib(one.memory_bytes)),
        ("memory peak mib", mib(one.memory_peak_bytes)),
        ("bytes read", count(one.read_bytes)),
        ("bytes written", count(one.written_bytes)),
        ("processes refused", count(one.processes_refused)),
        ("volume mib", mib(one.volume_bytes)),
    ];
    let held = one.holds.iter().map(|Held { what, how }| [what.clone(), how.clone()]);
    let facts = print::table(["what", "now"], facts.map(|(name, value)| [name.to_owned(), value]));
    [facts, print::table(["holds", "by"], held)].join("\n\n")
}

fn tenant(one: &Instance) -> String {
    one.tenant.clone().unwrap_or_else(|| "(all)".to_owned())
}

#[expect(clippy::cast_precision_loss, reason = "people read three digits")]
fn seconds(us: Option<u64>) -> String {
    us.map_or_else(|| "-".to_owned(), |us| format!("{:.3}", us as f64 / 1e6))
}

#[expect(clippy::cast_precision_loss, reason = "people read three digits")]
fn mib(bytes: Option<u64>) -> String {
    bytes.map_or_else(|| "-".to_owned(), |bytes| format!("{:.1}", bytes as f64 / f64::from(1 << 20)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instances_fit_on_lines_of_their_own() {
        let one = Instance {
            id: "0123456789abcdef".to_owned(),
            tenant: Some("acme".to_owned()),
            server: "git".to_owned(),
            isolation: "process".to_owned(),
            state: "warm".to_owned(),
            since: "2026-11-26T06:00:00Z".to_owned(),
            calls: 2,
            cpu_us: Some(1_234_567),
            memory_bytes: Some(12 << 20),
            ..Instance::default()
        };
        let all = Instance { tenant: None, memory_bytes: None, ..one.clone() };
        let expected = "\
ID                TENANT  SERVER  ISOLATION  STATE  CALLS  CPU S  MEMORY MIB  SINCE
0123456789abcdef  acme    git     process    warm   2      1.235  12.0        2026-11-26T06:00:00Z
0123456789abcdef  (all)   git     process    warm   2      1.235  -           2026-11-26T06:00:00Z";
        assert_eq!(page(&[one, all]), expected);
    }

    #[test]
    fn an_id_is_no_way_to_another_path() {
        assert_eq!(segment("../apply?x"), "..%2Fapply%3Fx");
    }
}
