//! One line of the journal. A wire type: the only thing of the ledger that is serialised.

use partywall_domain::{Outcome, ServerName, TenantId, TenantName};
use serde::{Deserialize, Serialize};

use crate::strangers::Stranger;
use crate::tally::InstanceUse;

/// What an instance used since it was written down last.
#[derive(Clone, Copy, Debug)]
pub struct InstanceSpent<'a> {
    /// Whose it is; none of one that serves all tenants.
    pub tenant: Option<TenantId>,
    /// The tenant's name; none of one that is gone.
    pub name: Option<&'a TenantName>,
    /// The server.
    pub server: &'a ServerName,
    /// The instance's id.
    pub instance: &'a str,
    /// What it used.
    pub used: InstanceUse,
    /// Why it ended, if it did.
    pub ended: Option<&'a str>,
}

/// A journal entry: a call's beginning, its end, a refusal before a tenant was known, or what an instance used.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Entry {
    /// `began`, `ended`, `stranger` or `instance`.
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
    /// The instance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// What it used since its entry before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub used: Option<InstanceUse>,
}

impl Entry {
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

    pub(crate) fn of_instance(spent: &InstanceSpent<'_>) -> Self {
        Self {
            kind: "instance".to_owned(),
            at: now(),
            tenant_id: spent.tenant.map(|id| id.to_string()),
            tenant: spent.name.map(|name| name.as_str().to_owned()),
            server: spent.server.to_string(),
            cause: spent.ended.map(ToOwned::to_owned),
            instance: Some(spent.instance.to_owned()),
            used: Some(spent.used),
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
