//! Binds a legacy MCP session to the caller who opened it.
//!
//! MCP before 2026-07-28 has sessions, and the servers' SDKs keep them by id alone: whoever knows the id may resume the
//! stream and read the answers in it. So the id that leaves the guard carries a MAC over the caller, and an id that
//! comes back with another caller is replaced by one that nobody has. A server then answers to it as to any unknown
//! session, and one that has no sessions ignores it, as the modern protocol asks.
//!
//! The key is of this process, as the sessions are. Sessions that outlive the process are not provided for.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::{HeaderMap, HeaderName, HeaderValue};

use crate::Caller;

const SESSION_ID: HeaderName = HeaderName::from_static("mcp-session-id");

/// Never a session's id: servers make those of random bits.
const UNKNOWN: HeaderValue = HeaderValue::from_static("unknown");

pub(crate) struct Sessions(hmac::Key);

impl Sessions {
    pub(crate) fn new() -> Self {
        let mut key = [0; 32];
        // Without randomness there is nothing to be safe with; aws-lc aborts before it reports that.
        aws_lc_rs::rand::fill(&mut key).unwrap_or_else(|_| std::process::abort());
        Self(hmac::Key::new(hmac::HMAC_SHA256, &key))
    }

    /// The session id on its way out gets this caller's MAC.
    pub(crate) fn bind(&self, caller: &Caller, headers: &mut HeaderMap) {
        if let Some(id) = headers.remove(SESSION_ID) {
            let mac = URL_SAFE_NO_PAD.encode(hmac::sign(&self.0, &message(caller, id.as_bytes())));
            let bound = [id.as_bytes(), b".", mac.as_bytes()].concat();
            headers.insert(SESSION_ID, HeaderValue::from_bytes(&bound).unwrap_or(UNKNOWN));
        }
    }

    /// The session id on its way in loses its MAC, or becomes one that nobody has.
    pub(crate) fn unbind(&self, caller: &Caller, headers: &mut HeaderMap) {
        let mut values = headers.get_all(SESSION_ID).iter();
        let id = match (values.next(), values.next()) {
            (None, _) => return,
            (Some(bound), None) => self.open(caller, bound).unwrap_or(UNKNOWN),
            (Some(_), Some(_)) => UNKNOWN,
        };
        headers.insert(SESSION_ID, id);
    }

    fn open(&self, caller: &Caller, bound: &HeaderValue) -> Option<HeaderValue> {
        let (id, mac) = bound.to_str().ok()?.rsplit_once('.')?;
        let mac = URL_SAFE_NO_PAD.decode(mac).ok()?;
        hmac::verify(&self.0, &message(caller, id.as_bytes()), &mac).ok()?;
        HeaderValue::from_str(id).ok()
    }
}

/// Tenant, subject, client and id, each after its length, so that no two callers write the same bytes.
fn message(caller: &Caller, id: &[u8]) -> Vec<u8> {
    let tenant = caller.tenant_id().to_string();
    let client = caller.client().map_or_else(Vec::new, |client| [b"=", client.as_bytes()].concat());
    let parts = [tenant.as_bytes(), caller.subject().as_bytes(), &client, id];
    parts.iter().flat_map(|part| [&(part.len() as u64).to_be_bytes()[..], part].concat()).collect()
}
