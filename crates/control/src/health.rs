//! Whether the node lives, and whether it should be given calls.
//!
//! Anybody on this machine may ask, since what restarts processes and balances load has no token, and is told yes or no.
//! Why is for operators.

use std::time::Duration;

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use partywall_domain::Revision;
use partywall_identity::{Job, Operator};

use crate::control::Control;
use crate::wire::{Check, Health, Readiness};

/// How long the store may take to say its revision. Default 1 s: it takes microseconds where nothing is wrong.
const STORE_PATIENCE: Duration = Duration::from_secs(1);

/// What is known of the configuration at a moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Standing {
    /// What this node enforces.
    pub(crate) enforced: Revision,
    /// What stands in the store; none if it cannot be asked.
    pub(crate) standing: Option<Revision>,
}

pub(crate) async fn standing(control: &Control) -> Standing {
    let acks = control.parts().fleet.enforced(Revision(0), Duration::ZERO).await;
    let enforced = acks.first().map(|ack| ack.revision).unwrap_or_default();
    let (store, authority) = (control.parts().store.clone(), control.parts().authority.clone());
    let asked = tokio::task::spawn_blocking(move || store.system(&authority, Job::Follow).revision().ok());
    let standing = tokio::time::timeout(STORE_PATIENCE, asked).await.ok().and_then(Result::ok).flatten();
    Standing { enforced, standing }
}

/// `GET /healthz`: it answers, so it lives.
pub(crate) fn alive() -> Response {
    Json(Health { status: "ok".to_owned() }).into_response()
}

/// `GET /readyz`: 200 if calls should come here and 503 if not.
pub(crate) async fn ready(control: Control, operator: Option<Operator>) -> Response {
    let checks = checks(&control).await;
    let ready = is_ready(&checks);
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let word = if ready { "ok" } else { "not ok" }.to_owned();
    match operator {
        Some(_) => (status, Json(Readiness { status: word, checks })).into_response(),
        None => (status, Json(Health { status: word })).into_response(),
    }
}

pub(crate) fn is_ready(checks: &[Check]) -> bool {
    checks.iter().all(|check| check.ok || !check.needed)
}

pub(crate) async fn checks(control: &Control) -> Vec<Check> {
    let parts = control.parts();
    let Standing { enforced, standing } = standing(control).await;
    let check = |name: &str, ok, needed, why: String| Check { name: name.to_owned(), ok, needed, why };
    // Nothing to enforce is no fault; something to enforce and nothing enforced refuses everybody.
    let configured = enforced > Revision(0) || standing == Some(Revision(0));
    let up_to_date = match standing {
        Some(standing) if standing > enforced => format!("revision {enforced} is enforced and {standing} stands"),
        _ => format!("revision {enforced} is enforced"),
    };
    let store = match standing {
        Some(standing) => format!("it is at revision {standing}"),
        None => "it does not answer; calls go on from what is enforced".to_owned(),
    };
    let writable = parts.ledger.journal_writable();
    let lost = parts.ledger.entries_lost();
    let journal = match (writable, lost) {
        (true, 0) => "every entry since start is written".to_owned(),
        (true, lost) => format!("it is written to again; {lost} entries since start could not be written"),
        (false, lost) => format!("{lost} entries since start could not be written; is the disk full?"),
    };
    let draining = parts.vitals.draining();
    let drain = if draining { "the process is stopping" } else { "the process goes on" }.to_owned();
    vec![
        check("configuration", configured, true, up_to_date),
        check("journal", writable, true, journal),
        check("not_draining", !draining, true, drain),
        check("store", standing.is_some(), false, store),
    ]
}
