//! `GET /metrics`: what the node counted, as Prometheus reads it (OpenMetrics 1.0 text).
//!
//! Nothing here is written by a caller: a label's value is the name of a tenant, which operators give, or a word of ours.
//! The number of series is bounded: so many tenants by name, the rest as `other`, and lists that are closed.

use std::collections::BTreeMap;
use std::fmt;

use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use partywall_ledger::{BUCKETS_US, Busiest, NodeSums, Sums, Timing};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric, MetricEncoder, NoLabelSet, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use crate::control::Control;
use crate::health::{self, Standing};
use crate::refused::Refused;
use crate::vitals::Process;

/// What Prometheus takes the text for.
const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// The label of all tenants that are not named. A tenant of this name counts among them.
const OTHER: &str = "other";

/// Everything that is shown, as it stood when it was asked for.
#[derive(Debug)]
struct Figures {
    tenants: BTreeMap<String, Sums>,
    tenants_active: usize,
    node: NodeSums,
    /// The state of each instance.
    instances: Vec<String>,
    process: Process,
    standing: Standing,
    ready: bool,
    draining: bool,
    log_lines_dropped: u64,
    spans_sent: u64,
    spans_dropped: u64,
    entries_lost: u64,
    journal_writable: bool,
}

pub(crate) async fn page(control: Control) -> Result<Response, Refused> {
    let standing = health::standing(&control).await;
    let ready = health::is_ready(&health::checks(&control).await);
    // Every tenant is looked at: not on a thread that serves calls.
    let page = tokio::task::spawn_blocking(move || write(Figures::gather(&control, standing, ready))).await;
    let page = page.ok().and_then(Result::ok).ok_or_else(|| Refused::fault("the figures could not be written"))?;
    Ok(([(CONTENT_TYPE, MEDIA_TYPE)], page).into_response())
}

fn write(figures: Figures) -> Result<String, fmt::Error> {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(figures));
    let mut page = String::new();
    text::encode(&mut page, &registry)?;
    Ok(page)
}

impl Figures {
    fn gather(control: &Control, standing: Standing, ready: bool) -> Self {
        let parts = control.parts();
        let busiest = parts.ledger.busiest(parts.metrics_tenants_max);
        Self {
            tenants_active: busiest.active,
            tenants: by_name(busiest),
            node: parts.ledger.node_sums(),
            instances: parts.tiers.states(),
            process: parts.vitals.process(),
            standing,
            ready,
            draining: parts.vitals.draining(),
            log_lines_dropped: parts.vitals.log_lines_dropped(),
            spans_sent: parts.vitals.spans_sent(),
            spans_dropped: parts.vitals.spans_dropped(),
            entries_lost: parts.ledger.entries_lost(),
            journal_writable: parts.ledger.journal_writable(),
        }
    }
}

/// A line for each name. A tenant that was deleted and one that has its name now are one, since names are what is read.
fn by_name(busiest: Busiest) -> BTreeMap<String, Sums> {
    let mut tenants = BTreeMap::from([(OTHER.to_owned(), busiest.other)]);
    for (name, sums) in busiest.tenants {
        let line = tenants.entry(name.to_string()).or_default();
        *line = line.and(sums);
    }
    tenants
}

impl Collector for Figures {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut page = Page(encoder);
        self.calls(&mut page)?;
        self.times(&mut page)?;
        self.instances(&mut page)?;
        self.refusals(&mut page)?;
        self.configuration(&mut page)?;
        self.losses(&mut page)?;
        self.process(&mut page)
    }
}

impl Figures {
    fn calls(&self, page: &mut Page<'_>) -> fmt::Result {
        let mut calls = page.begin("partywall_calls", "Calls that ended, by how they ended", MetricType::Counter)?;
        for (tenant, sums) in &self.tenants {
            let outcomes = [
                ("answered", sums.answered),
                ("upstream_error", sums.upstream_error),
                ("refused", sums.refused),
                ("abandoned", sums.abandoned),
            ];
            for (outcome, count) in outcomes {
                row(&mut calls, &[("tenant", tenant.as_str()), ("outcome", outcome)], &ConstCounter::new(count))?;
            }
        }
        let counter = MetricType::Counter;
        self.each(page, "partywall_request_bytes", "Bytes of request bodies", counter, |sums| sums.bytes_in)?;
        self.each(page, "partywall_response_bytes", "Bytes of answers' bodies", counter, |sums| sums.bytes_out)?;
        let gauge = MetricType::Gauge;
        self.each(page, "partywall_calls_in_flight", "Calls being served", gauge, |sums| sums.in_flight)?;
        self.each(page, "partywall_streams_open", "Long-lived streams open", gauge, |sums| sums.streams_open)?;
        page.gauge("partywall_tenants_active", "Tenants that called since start", as_f64(self.tenants_active as u64))
    }

    /// One number for each tenant.
    fn each(
        &self,
        page: &mut Page<'_>,
        name: &str,
        help: &str,
        kind: MetricType,
        of: impl Fn(&Sums) -> u64,
    ) -> fmt::Result {
        let counter = matches!(kind, MetricType::Counter);
        let mut family = page.begin(name, help, kind)?;
        for (tenant, sums) in &self.tenants {
            let labels = [("tenant", tenant.as_str())];
            if counter {
                row(&mut family, &labels, &ConstCounter::new(of(sums)))?;
            } else {
                row(&mut family, &labels, &ConstGauge::new(as_f64(of(sums))))?;
            }
        }
        Ok(())
    }

    /// One time for each tenant, out of microseconds.
    fn each_s(&self, page: &mut Page<'_>, name: &str, help: &str, of: impl Fn(&Sums) -> u64) -> fmt::Result {
        let mut family = page.begin(name, help, MetricType::Counter)?;
        for (tenant, sums) in &self.tenants {
            row(&mut family, &[("tenant", tenant.as_str())], &ConstCounter::new(seconds(of(sums))))?;
        }
        Ok(())
    }

    fn times(&self, page: &mut Page<'_>) -> fmt::Result {
        let help = "Seconds that calls took, in the gateway itself (own), waiting for a place (queue) and at upstreams";
        let mut spent = page.begin("partywall_call_time_seconds", help, MetricType::Counter)?;
        for (tenant, sums) in &self.tenants {
            for (part, us) in [("own", sums.own_us), ("queue", sums.queue_us), ("upstream", sums.upstream_us)] {
                row(&mut spent, &[("tenant", tenant.as_str()), ("part", part)], &ConstCounter::new(seconds(us)))?;
            }
        }
        let help = "How long served calls took, by part; long-lived streams are not among them";
        let mut took = page.begin("partywall_call_duration_seconds", help, MetricType::Histogram)?;
        let parts = [("own", &self.node.own), ("queue", &self.node.queue), ("upstream", &self.node.upstream)];
        for (part, Timing { sum_us, counts }) in parts {
            let bounds = BUCKETS_US.iter().map(|us| seconds(*us)).chain([f64::INFINITY]);
            let buckets: Vec<_> = bounds.zip(counts.iter().copied()).collect();
            let count = counts.iter().sum();
            took.encode_family(&[("part", part)])?.encode_histogram::<NoLabelSet>(
                seconds(*sum_us),
                count,
                &buckets,
                None,
            )?;
        }
        Ok(())
    }

    /// What runs now, and what instances of tenants used.
    fn instances(&self, page: &mut Page<'_>) -> fmt::Result {
        let mut running = page.begin("partywall_instances", "Instances, by what they do", MetricType::Gauge)?;
        for state in ["starting", "warm", "frozen", "draining"] {
            let count = self.instances.iter().filter(|one| *one == state).count();
            row(&mut running, &[("state", state)], &ConstGauge::new(as_f64(count as u64)))?;
        }
        let counter = MetricType::Counter;
        let starts = |sums: &Sums| sums.instances.starts;
        self.each(page, "partywall_instance_starts", "Instances that were started", counter, starts)?;
        let cpu = |sums: &Sums| sums.instances.cpu_us;
        self.each_s(page, "partywall_instance_cpu_seconds", "CPU time of instances", cpu)?;
        let lived = |sums: &Sums| sums.instances.lived_us;
        self.each_s(page, "partywall_instance_seconds", "Time for which instances ran", lived)?;
        let help = "Bytes of memory of instances, each for the seconds it was held";
        let memory = |sums: &Sums| sums.instances.memory_byte_s;
        self.each(page, "partywall_instance_memory_byte_seconds", help, MetricType::Counter, memory)?;
        let read = |sums: &Sums| sums.instances.read_bytes;
        self.each(page, "partywall_instance_read_bytes", "Bytes from disks", MetricType::Counter, read)?;
        let written = |sums: &Sums| sums.instances.written_bytes;
        self.each(page, "partywall_instance_written_bytes", "Bytes to disks", MetricType::Counter, written)
    }

    fn refusals(&self, page: &mut Page<'_>) -> fmt::Result {
        let help = "Refusals, of tenants and of strangers, by code (docs/refusals.md)";
        let mut refusals = page.begin("partywall_refusals", help, MetricType::Counter)?;
        for (code, count) in &self.node.refusals {
            row(&mut refusals, &[("code", code.as_str())], &ConstCounter::new(*count))?;
        }
        let help = "Refusals before a tenant was known, by whether journal and log have them";
        let mut strangers = page.begin("partywall_strangers", help, MetricType::Counter)?;
        row(&mut strangers, &[("booked", "yes")], &ConstCounter::new(self.node.strangers_booked))?;
        row(&mut strangers, &[("booked", "no")], &ConstCounter::new(self.node.strangers_left_out))
    }

    fn configuration(&self, page: &mut Page<'_>) -> fmt::Result {
        let Standing { enforced, standing } = self.standing;
        page.gauge("partywall_revision_enforced", "The configuration that calls are served by", as_f64(enforced.0))?;
        if let Some(standing) = standing {
            page.gauge("partywall_revision_standing", "The newest configuration in the store", as_f64(standing.0))?;
        }
        page.flag("partywall_store_reachable", "Whether the store answers", standing.is_some())?;
        page.flag("partywall_ready", "Whether calls should come here, as in /readyz", self.ready)?;
        page.flag("partywall_draining", "Whether the process is stopping", self.draining)
    }

    fn losses(&self, page: &mut Page<'_>) -> fmt::Result {
        let help = "Journal entries that could not be written";
        page.counter("partywall_journal_entries_lost", help, self.entries_lost)?;
        page.flag("partywall_journal_writable", "Whether the journal takes entries", self.journal_writable)?;
        let help = "Log lines that found no place in the queue";
        page.counter("partywall_log_lines_dropped", help, self.log_lines_dropped)?;
        page.counter("partywall_spans_sent", "Spans that the collector took", self.spans_sent)?;
        page.counter("partywall_spans_dropped", "Spans that found no place or could not be sent", self.spans_dropped)
    }

    fn process(&self, page: &mut Page<'_>) -> fmt::Result {
        let Process { cpu_seconds, resident_bytes, fds_open, fds_max, started_s } = self.process;
        let cpu = page.begin("process_cpu_seconds", "CPU time, user and system", MetricType::Counter)?;
        ConstCounter::new(cpu_seconds).encode(cpu)?;
        page.gauge("process_resident_memory_bytes", "Memory that is resident", as_f64(resident_bytes))?;
        page.gauge("process_open_fds", "File descriptors open", as_f64(fds_open))?;
        page.gauge("process_max_fds", "File descriptors that may be open", as_f64(fds_max))?;
        page.gauge("process_start_time_seconds", "When the process started, since the Unix epoch", started_s)?;
        let mut build = page.begin("partywall_build_info", "The version that runs", MetricType::Gauge)?;
        row(&mut build, &[("version", env!("CARGO_PKG_VERSION"))], &ConstGauge::new(1_i64))
    }
}

/// The page as it is written.
struct Page<'a>(DescriptorEncoder<'a>);

impl Page<'_> {
    fn begin<'s>(&'s mut self, name: &'s str, help: &str, kind: MetricType) -> Result<MetricEncoder<'s>, fmt::Error> {
        self.0.encode_descriptor(name, help, None, kind)
    }

    fn counter(&mut self, name: &str, help: &str, value: u64) -> fmt::Result {
        ConstCounter::new(value).encode(self.begin(name, help, MetricType::Counter)?)
    }

    fn gauge(&mut self, name: &str, help: &str, value: f64) -> fmt::Result {
        ConstGauge::new(value).encode(self.begin(name, help, MetricType::Gauge)?)
    }

    fn flag(&mut self, name: &str, help: &str, value: bool) -> fmt::Result {
        self.gauge(name, help, if value { 1.0 } else { 0.0 })
    }
}

fn row(family: &mut MetricEncoder<'_>, labels: &impl EncodeLabelSet, metric: &impl EncodeMetric) -> fmt::Result {
    metric.encode(family.encode_family(labels)?)
}

#[expect(clippy::cast_precision_loss, reason = "exact up to 2^53, and a chart shows less")]
fn as_f64(number: u64) -> f64 {
    number as f64
}

fn seconds(us: u64) -> f64 {
    as_f64(us) / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_of_the_name_of_the_others_is_one_of_them() {
        let named = |name: &str| (name.parse().unwrap(), Sums { answered: 1, ..Sums::default() });
        let busiest = Busiest {
            tenants: vec![named("acme"), named(OTHER), named("acme")],
            other: Sums { answered: 5, ..Sums::default() },
            active: 4,
        };
        let lines: Vec<_> = by_name(busiest).into_iter().map(|(name, sums)| (name, sums.answered)).collect();
        assert_eq!(lines, [("acme".to_owned(), 2), (OTHER.to_owned(), 6)], "no series stands twice");
    }
}
