//! A call's two lines, written straight into bytes: what both say is written once and copied.
//!
//! What they say is [`super::Entry`], which reads them back; a test holds the two together.

use std::io::Write as _;

use jiff::Timestamp;
use partywall_domain::Outcome;
use partywall_tenancy::TenantContext;
use serde::Serialize;

use crate::call::Call;
use crate::settlement::{Settlement, Spent};

/// Bytes of what both lines say, as far as they can be foreseen.
const COMMON_BYTES: usize = 512;

/// What both lines of a call say: who called and what was asked.
pub(crate) struct Common(Vec<u8>);

impl Common {
    pub(crate) fn of(tenant: &TenantContext, call: &Call) -> Self {
        let principal = tenant.principal();
        let mut json = Vec::with_capacity(COMMON_BYTES);
        let ids = call.ids;
        // Ids have no character that JSON would escape. Writing into memory does not fail.
        let _ =
            write!(json, r#","request_id":"{}","trace_id":"{}","tenant_id":"{}""#, ids.request, ids.trace, tenant.id());
        member(&mut json, "tenant", &tenant.name().as_str());
        member(&mut json, "revision", &tenant.revision().0);
        member(&mut json, "issuer", &principal.issuer().as_str());
        optional(&mut json, "tenant_claim", principal.tenant_claim());
        member(&mut json, "subject", &principal.subject());
        member(&mut json, "client", &principal.client());
        member(&mut json, "server", &call.server);
        member(&mut json, "method", &call.method);
        optional(&mut json, "name", call.name.as_deref());
        member(&mut json, "era", &call.era);
        Self(json)
    }

    /// Appends the line of the beginning.
    pub(crate) fn began(&self, line: &mut Vec<u8>) {
        self.open(line, "began");
        line.extend_from_slice(b"}\n");
    }

    /// Appends the line of the end.
    pub(crate) fn ended(&self, line: &mut Vec<u8>, settlement: &Settlement, spent: Spent) {
        self.open(line, "ended");
        member(line, "outcome", &settlement.outcome.as_str());
        if let Outcome::Refused(code) = settlement.outcome {
            member(line, "refusal", &code.as_str());
        }
        optional(line, "cause", Some(settlement.cause.as_str()).filter(|cause| !cause.is_empty()));
        member(line, "status", &settlement.status);
        member(line, "bytes_out", &settlement.bytes_out);
        member(line, "duration_us", &spent.duration_us);
        if spent.queued_us > 0 {
            member(line, "queued_us", &spent.queued_us);
        }
        line.extend_from_slice(b"}\n");
    }

    fn open(&self, line: &mut Vec<u8>, kind: &str) {
        let _ = write!(line, r#"{{"kind":"{kind}","at":"{:.6}""#, Timestamp::now());
        line.extend_from_slice(&self.0);
    }
}

/// Appends a member; its name is a word of ours.
fn member(line: &mut Vec<u8>, name: &str, value: &impl Serialize) {
    line.extend_from_slice(b",\"");
    line.extend_from_slice(name.as_bytes());
    line.extend_from_slice(b"\":");
    // A text or a number always has a JSON form, and memory takes it.
    let _ = serde_json::to_writer(line, value);
}

fn optional(line: &mut Vec<u8>, name: &str, value: Option<&str>) {
    if let Some(value) = value {
        member(line, name, &value);
    }
}
