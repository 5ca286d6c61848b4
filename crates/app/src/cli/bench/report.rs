//! The figures of a run, for people and for programs.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::Arguments;
use super::plan::Plan;
use super::record::Recorder;
use crate::cli::{Format, print};

/// What was measured. Its JSON is an interface: members are added, none changes its meaning.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    url: String,
    /// `closed` or `open`.
    r#loop: &'static str,
    /// Calls per second that an open loop offered.
    #[serde(skip_serializing_if = "Option::is_none")]
    rate: Option<u64>,
    connections: u64,
    /// Prepared calls: one for each token and era.
    callers: usize,
    seconds: f64,
    /// Calls that were answered as asked.
    answered: u64,
    answered_per_second: f64,
    failed: u64,
    failures: BTreeMap<String, u64>,
    /// Connections that had to be made anew while measuring.
    reconnects: u64,
    latency_us: Latency,
    #[serde(skip_serializing_if = "Option::is_none")]
    cpu: Option<Cpu>,
}

/// Of the answered calls, in microseconds from the intended beginning to the end of the answer.
#[derive(Debug, Serialize)]
struct Latency {
    p50: u64,
    p90: u64,
    p99: u64,
    p99_9: u64,
    max: u64,
    mean: f64,
}

/// User and system time of the processes that were watched.
#[derive(Debug, Serialize)]
struct Cpu {
    seconds: f64,
    /// Answered and failed calls alike.
    us_per_call: f64,
}

#[expect(clippy::cast_precision_loss, reason = "no run has 2^53 calls")]
impl Report {
    pub(super) fn new(arguments: &Arguments, plan: &Plan, recorder: &Recorder, cpu: Option<Duration>) -> Self {
        recorder.with(|records| {
            let latency = &records.latency_us;
            let (answered, failed) = (latency.len(), records.failures.values().sum::<u64>());
            let seconds = arguments.duration.as_secs_f64();
            Self {
                url: arguments.url.clone(),
                r#loop: if arguments.rate.is_some() { "open" } else { "closed" },
                rate: arguments.rate,
                connections: arguments.connections,
                callers: plan.callers(),
                seconds,
                answered,
                answered_per_second: ratio(answered as f64, seconds),
                failed,
                failures: records.failures.clone(),
                reconnects: records.reconnects,
                latency_us: Latency {
                    p50: latency.value_at_quantile(0.5),
                    p90: latency.value_at_quantile(0.9),
                    p99: latency.value_at_quantile(0.99),
                    p99_9: latency.value_at_quantile(0.999),
                    max: latency.max(),
                    mean: latency.mean(),
                },
                cpu: cpu.map(|cpu| Cpu {
                    seconds: cpu.as_secs_f64(),
                    us_per_call: ratio(cpu.as_secs_f64() * 1e6, (answered + failed) as f64),
                }),
            }
        })
    }

    pub(super) fn print(&self, format: Format) -> anyhow::Result<()> {
        match format {
            Format::Json => print::json(self),
            Format::Table => print::data(&self.table()),
        }
    }

    fn table(&self) -> String {
        let Latency { p50, p90, p99, p99_9, max, .. } = &self.latency_us;
        let rate = self.rate.map_or(String::new(), |rate| format!(", {rate} calls/s offered"));
        let mut rows = vec![
            ("loop".to_owned(), format!("{}, {} connections{rate}", self.r#loop, self.connections)),
            ("callers".to_owned(), self.callers.to_string()),
            (
                "answered".to_owned(),
                format!("{} in {:.1} s, {:.0} per second", self.answered, self.seconds, self.answered_per_second),
            ),
            ("failed".to_owned(), self.failed.to_string()),
        ];
        rows.extend(self.failures.iter().map(|(kind, times)| (format!("  {kind}"), times.to_string())));
        if self.reconnects > 0 {
            rows.push(("reconnects".to_owned(), self.reconnects.to_string()));
        }
        for (name, micros) in [("p50", p50), ("p90", p90), ("p99", p99), ("p99.9", p99_9), ("max", max)] {
            rows.push((format!("latency {name}"), format!("{micros} µs")));
        }
        if let Some(cpu) = &self.cpu {
            rows.push(("cpu".to_owned(), format!("{:.1} µs per call, {:.2} s in all", cpu.us_per_call, cpu.seconds)));
        }
        print::table(["figure", "value"], rows.into_iter().map(|(name, value)| [name, value]))
    }
}

/// Nothing out of nothing is nothing.
fn ratio(one: f64, other: f64) -> f64 {
    if other > 0.0 { one / other } else { 0.0 }
}
