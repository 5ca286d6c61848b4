//! What the issuer's endpoints share: the key that signs, the gateway it signs for, and what it remembers.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use partywall_domain::{ConnectId, ServerName};
use partywall_gateway::Gateway;

use super::DevelopmentIssuer;
use super::choices::Choices;
use super::grants::Grants;
use super::register::Client;
use super::request::Asked;
use super::shelf::Shelf;

/// Registered clients at a time. Default 1,000: registering is open to all, so somebody may do nothing else.
const CLIENTS_MAX: usize = 1_000;
/// How long a registration holds. Default 90 days: longer than a sign-in.
const CLIENT_LIFETIME: Duration = Duration::from_hours(90 * 24);
/// Sign-in pages at a time that nobody has answered yet. Default 1,000, each of a few KiB.
const PAGES_MAX: usize = 1_000;
/// How long a person may look at the sign-in page. Default 10 min.
const PAGE_LIFETIME: Duration = Duration::from_mins(10);

pub(super) struct Desk {
    pub(super) issuer: Arc<DevelopmentIssuer>,
    gateway: Arc<Gateway>,
    memory: Mutex<Memory>,
}

pub(super) struct Memory {
    pub(super) clients: Shelf<Client>,
    /// What was asked, by the token of the form that answers it.
    pub(super) pages: Shelf<Asked>,
    pub(super) grants: Grants,
}

impl Desk {
    pub(super) fn new(issuer: Arc<DevelopmentIssuer>, gateway: Arc<Gateway>) -> Self {
        let memory = Memory {
            clients: Shelf::new(CLIENTS_MAX, CLIENT_LIFETIME),
            pages: Shelf::new(PAGES_MAX, PAGE_LIFETIME),
            grants: Grants::new(),
        };
        Self { issuer, gateway, memory: Mutex::new(memory) }
    }

    pub(super) fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The client with this id, if it is registered.
    pub(super) fn client(&self, id: &str) -> Option<Client> {
        self.memory().clients.get(id, Instant::now()).cloned()
    }

    /// What a person may choose among now.
    pub(super) fn choices(&self) -> Choices {
        Choices::of(&self.gateway.snapshot.load())
    }

    /// Whether this is a resource of our gateway (RFC 8707). A server's name need not be known: what is not there
    /// answers like what is another's.
    pub(super) fn is_ours(&self, resource: &str) -> bool {
        resource.strip_prefix(self.gateway.public_url.as_str()).is_some_and(is_endpoint)
    }
}

/// `/mcp` or `/c/{connect_id}/mcp`, and a server's name below it.
fn is_endpoint(path: &str) -> bool {
    let segments: Vec<_> = path.split('/').collect();
    let below = match &segments[..] {
        ["", "mcp", below @ ..] => below,
        ["", "c", connect, "mcp", below @ ..] if connect.parse::<ConnectId>().is_ok() => below,
        _ => return false,
    };
    matches!(below, []) || matches!(below, [server] if server.parse::<ServerName>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resource_is_an_endpoint() {
        let connect = "/c/0123456789abcdef0123456789abcdef/mcp";
        for path in ["/mcp", "/mcp/notes", connect, &format!("{connect}/notes")] {
            assert!(is_endpoint(path), "{path}");
        }
        for path in ["", "/", "/mcp/", "/mcp/notes/", "/mcp/Not_A_Name", "/mcp?a", "/mcp#a", "/c/short/mcp", "/other"] {
            assert!(!is_endpoint(path), "{path}");
        }
    }
}
