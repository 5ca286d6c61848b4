//! `partywall top`: who is busy now, out of the node's memory.

use std::io::{self, IsTerminal as _};
use std::process::ExitCode;

use partywall_control::wire;

use super::{Format, Top, print};

/// What puts a terminal's cursor at the top and takes away what stood there (ECMA-48: CUP, ED).
const AFRESH: &str = "\u{1b}[H\u{1b}[2J";

pub(crate) async fn run(asked: &Top) -> anyhow::Result<ExitCode> {
    let client = asked.admin.client()?;
    let path = format!("/api/v1/top?seconds={}&tenants={}", asked.seconds, asked.tenants);
    let live = !asked.once && io::stdout().is_terminal();
    loop {
        let top: wire::Top = tokio::select! {
            top = client.get(&path) => top?,
            _ = tokio::signal::ctrl_c() => return Ok(ExitCode::SUCCESS),
        };
        match asked.output.output {
            Format::Json if asked.once => print::json(&top)?,
            Format::Json => print::data(&serde_json::to_string(&top)?)?,
            Format::Table if live => print::data(&format!("{AFRESH}{}", page(&top)))?,
            Format::Table => print::data(&page(&top))?,
        }
        if asked.once {
            return Ok(ExitCode::SUCCESS);
        }
    }
}

fn page(top: &wire::Top) -> String {
    let header = [
        "tenant",
        "calls/s",
        "refused/s",
        "errors/s",
        "in flight",
        "streams",
        "kb out/s",
        "own ms",
        "queue ms",
        "upstream ms",
        "delay ms/s",
    ];
    let all = wire::TopLine { tenant: format!("({} tenants)", top.tenants_active), ..top.all.clone() };
    print::table(header, [&all].into_iter().chain(&top.tenants).map(row))
}

fn row(line: &wire::TopLine) -> [String; 11] {
    let rate = |rate: f64| format!("{rate:.1}");
    let mean = |ms: Option<f64>| ms.map_or_else(|| "-".to_owned(), |ms| format!("{ms:.3}"));
    [
        line.tenant.clone(),
        rate(line.calls_per_s),
        rate(line.refused_per_s),
        rate(line.upstream_errors_per_s),
        line.calls_in_flight.to_string(),
        line.streams_open.to_string(),
        rate(line.bytes_out_per_s / 1e3),
        mean(line.own_ms),
        mean(line.queue_ms),
        mean(line.upstream_ms),
        rate(line.delay_ms_per_s),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_busiest_stand_below_all() {
        let line = |tenant: &str, calls_per_s| wire::TopLine {
            tenant: tenant.to_owned(),
            calls_per_s,
            calls_in_flight: 3,
            bytes_out_per_s: 2_340.0,
            own_ms: Some(0.0421),
            ..wire::TopLine::default()
        };
        let top = wire::Top {
            seconds: 1.0,
            tenants_active: 40,
            all: line("", 120.5),
            tenants: vec![line("acme", 100.0), line("globex", 20.5)],
        };
        let expected = "\
TENANT        CALLS/S  REFUSED/S  ERRORS/S  IN FLIGHT  STREAMS  KB OUT/S  OWN MS  QUEUE MS  UPSTREAM MS  DELAY MS/S
(40 tenants)  120.5    0.0        0.0       3          0        2.3       0.042   -         -            0.0
acme          100.0    0.0        0.0       3          0        2.3       0.042   -         -            0.0
globex        20.5     0.0        0.0       3          0        2.3       0.042   -         -            0.0";
        assert_eq!(page(&top), expected);
    }
}
