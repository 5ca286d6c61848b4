//! One line of the journal. A wire type: the only thing of the ledger that is serialised.

use partywall_domain::Outcome;
use partywall_tenancy::TenantContext;
use serde::{Deserialize, Serialize};

use crate::call::Call;
use crate::settlement::{Settlement, Spent};
use crate::strangers::Stranger;

/// A journal entry: a call's beginning, its end, or a refusal before a tenant was known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Entry {
    /// `began`, `ended` or `stranger`.
    pub kind: String,
    /// When it was written (RFC 3339).
    pub at: String,
    /// The request.
    pub request_id: String,
    /// The trace.
    pub trace_id: String,
    /// The tenant; none for a stranger.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant_id: Option<String>,
    /// The tenant's name then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// The revision that held for the call.
    pub revision: u64,
    /// The issuer of the token.
    pub issuer: String,
    /// What its tenant claim said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant_claim: Option<String>,
    /// The token's subject.
    pub subject: String,
    /// The token's client.
    pub client: String,
    /// The server asked for.
    pub server: String,
    /// The method asked for; for a stranger the HTTP method and path.
    pub method: String,
    /// The tool, prompt or resource asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The era.
    pub era: String,
    /// How it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
    /// Which refusal it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refusal: Option<String>,
    /// Why, for operators.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// The HTTP status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Bytes of the body that went to the client.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes_out: Option<u64>,
    /// Microseconds from the request's arrival to the end of the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_us: Option<u64>,
    /// Microseconds of these that it waited for its turn at the upstream.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queued_us: Option<u64>,
}

impl Entry {
    pub(crate) fn began(tenant: &TenantContext, call: &Call) -> Self {
        let principal = tenant.principal();
        Self {
            kind: "began".to_owned(),
            at: now(),
            request_id: call.ids.request.to_string(),
            trace_id: call.ids.trace.to_string(),
            tenant_id: Some(tenant.id().to_string()),
            tenant: Some(tenant.name().to_string()),
            revision: tenant.revision().0,
            issuer: principal.issuer().to_string(),
            tenant_claim: principal.tenant_claim().map(str::to_owned),
            subject: principal.subject().to_owned(),
            client: principal.client().to_owned(),
            server: call.server.clone(),
            method: call.method.to_owned(),
            name: call.name.clone(),
            era: call.era.to_owned(),
            ..Self::default()
        }
    }

    pub(crate) fn ended(tenant: &TenantContext, call: &Call, settlement: &Settlement, spent: Spent) -> Self {
        let refusal = match settlement.outcome {
            Outcome::Refused(code) => Some(code.as_str().to_owned()),
            _ => None,
        };
        Self {
            kind: "ended".to_owned(),
            outcome: Some(settlement.outcome.as_str().to_owned()),
            refusal,
            cause: Some(settlement.cause.clone()).filter(|cause| !cause.is_empty()),
            status: Some(settlement.status),
            bytes_out: Some(settlement.bytes_out),
            duration_us: Some(spent.duration_us),
            queued_us: Some(spent.queued_us).filter(|us| *us > 0),
            ..Self::began(tenant, call)
        }
    }

    pub(crate) fn of_stranger(stranger: &Stranger<'_>) -> Self {
        Self {
            kind: "stranger".to_owned(),
            at: now(),
            request_id: stranger.ids.request.to_string(),
            trace_id: stranger.ids.trace.to_string(),
            tenant_id: stranger.tenant.map(|id| id.to_string()),
            method: stranger.target.to_owned(),
            outcome: Some("refused".to_owned()),
            refusal: Some(stranger.code.as_str().to_owned()),
            cause: Some(stranger.cause.to_owned()),
            status: Some(stranger.code.status()),
            ..Self::default()
        }
    }

    /// The end of a call that a crash cut off.
    pub(crate) fn closed_after_crash(&self) -> Self {
        Self {
            kind: "ended".to_owned(),
            at: now(),
            outcome: Some(Outcome::Abandoned.as_str().to_owned()),
            cause: Some("the gateway stopped before the call ended".to_owned()),
            ..self.clone()
        }
    }

    pub(crate) fn is_beginning(&self) -> bool {
        self.kind == "began"
    }

    pub(crate) fn to_line(&self) -> Vec<u8> {
        let mut line = serde_json::to_vec(self).unwrap_or_default();
        line.push(b'\n');
        line
    }

    pub(crate) fn of_line(line: &str) -> Option<Self> {
        serde_json::from_str(line).ok()
    }
}

fn now() -> String {
    jiff::Timestamp::now().to_string()
}
