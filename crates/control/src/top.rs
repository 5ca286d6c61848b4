//! `GET /api/v1/top`: who is busy now, out of the node's memory, measured over some seconds.

use std::time::{Duration, Instant};

use axum::extract::{Query, Request};
use axum::http::StatusCode;
use axum::{Json, RequestExt as _};
use partywall_ledger::{Ledger, Sums};
use serde::Deserialize;
use tokio::sync::Semaphore;

use crate::control::Control;
use crate::refused::Refused;
use crate::wire::{Top, TopLine};

/// Longest time that is measured, in seconds. Default 60: whoever wants more looks at a chart.
const SECONDS_MAX: f64 = 60.0;
/// Most tenants told of. Default 1,000: far more than a screen shows.
const TENANTS_MAX: usize = 1_000;
/// Measurements at a time. Default 4: each holds the sums of all tenants meanwhile, some 90 bytes for each tenant.
static PLACES: Semaphore = Semaphore::const_new(4);

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Asked {
    seconds: f64,
    tenants: usize,
}

impl Default for Asked {
    fn default() -> Self {
        Self { seconds: 1.0, tenants: 20 }
    }
}

pub(crate) async fn top(control: Control, mut request: Request) -> Result<Json<Top>, Refused> {
    let wrong = |what: String| Refused::new(StatusCode::BAD_REQUEST, what, "write for example `?seconds=1&tenants=20`");
    let Query(asked) = request.extract_parts::<Query<Asked>>().await.map_err(|error| wrong(error.body_text()))?;
    if !(0.01..=SECONDS_MAX).contains(&asked.seconds) || !(1..=TENANTS_MAX).contains(&asked.tenants) {
        return Err(wrong(format!("`seconds` is 0.01 to {SECONDS_MAX}, `tenants` 1 to {TENANTS_MAX}")));
    }
    let busy = || Refused::new(StatusCode::SERVICE_UNAVAILABLE, "others are measuring", "ask again in a moment");
    let _place = PLACES.try_acquire().map_err(|_| busy())?;
    let ledger = control.parts().ledger.clone();
    let (since, before) = (Instant::now(), sums(&ledger).await?);
    tokio::time::sleep(Duration::from_secs_f64(asked.seconds)).await;
    let now = sums(&ledger).await?;
    Ok(Json(measured(&ledger, &before, &now, since.elapsed().as_secs_f64(), asked.tenants)))
}

/// Every tenant is looked at: not on a thread that serves calls.
async fn sums(ledger: &Ledger) -> Result<Vec<Sums>, Refused> {
    let ledger = ledger.clone();
    let read = tokio::task::spawn_blocking(move || ledger.sums()).await;
    read.map_err(|_| Refused::fault("the sums could not be read"))
}

fn measured(ledger: &Ledger, before: &[Sums], now: &[Sums], seconds: f64, most: usize) -> Top {
    let then = |index| before.get(index).copied().unwrap_or_default();
    let mut spans: Vec<_> = now.iter().enumerate().map(|(index, sums)| (index, sums.since(then(index)))).collect();
    let all = spans.iter().fold(Sums::default(), |all, (_, sums)| all.and(*sums));
    let busy = |sums: &Sums| (sums.calls(), sums.in_flight, sums.streams_open);
    spans.retain(|(_, sums)| busy(sums) > (0, 0, 0));
    spans.sort_unstable_by(|(one, its), (other, others)| busy(others).cmp(&busy(its)).then(one.cmp(other)));
    spans.truncate(most);
    let named = spans.iter().filter_map(|(index, sums)| {
        let (name, _) = ledger.tenant_at(*index)?;
        Some(line(name.to_string(), sums, seconds))
    });
    Top { seconds, tenants_active: now.len(), all: line(String::new(), &all, seconds), tenants: named.collect() }
}

#[expect(clippy::cast_precision_loss, reason = "exact up to 2^53, and people read three digits")]
fn line(tenant: String, sums: &Sums, seconds: f64) -> TopLine {
    let rate = |count: u64| count as f64 / seconds;
    let calls = sums.calls();
    let mean = |us: u64| (calls > 0).then(|| us as f64 / calls as f64 / 1e3);
    TopLine {
        tenant,
        calls_per_s: rate(calls),
        refused_per_s: rate(sums.refused),
        upstream_errors_per_s: rate(sums.upstream_error),
        calls_in_flight: sums.in_flight,
        streams_open: sums.streams_open,
        bytes_out_per_s: rate(sums.bytes_out),
        own_ms: mean(sums.own_us),
        queue_ms: mean(sums.queue_us),
        upstream_ms: mean(sums.upstream_us),
        delay_ms_per_s: rate(sums.delay_us) / 1e3,
    }
}
