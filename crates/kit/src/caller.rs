//! The verified caller of one request.
//!
//! Its fields are private and its only maker is the child module [`verifier`], so a function that takes a `&Caller`
//! knows that the gateway vouched for it within the last minute.

pub(crate) mod verifier;

use partywall_domain::{Revision, TenantId};

/// Who is calling: taken from a verified assertion, good for one request.
///
/// The guard puts it into the request's extensions; a handler reads it from there:
/// `parts.extensions.get::<Caller>()`.
#[derive(Clone, Debug)]
pub struct Caller {
    tenant_id: TenantId,
    tenant_name: String,
    subject: String,
    client: Option<String>,
    scope: String,
    revision: Revision,
}

impl Caller {
    /// The tenant: the key for everything that is kept. [`TenantId::NOBODY`] is the gateway's own probe.
    pub fn tenant_id(&self) -> TenantId {
        self.tenant_id
    }

    /// The tenant's name, for people to read. It may change hands, so it is never a key.
    pub fn tenant_name(&self) -> &str {
        &self.tenant_name
    }

    /// The user or machine that called (`sub`), as the tenant's issuer names it. Unique within the tenant alone.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// The OAuth client that called, where the token named one (RFC 8693, section 4.3).
    pub fn client(&self) -> Option<&str> {
        self.client.as_deref()
    }

    /// The caller's scopes (RFC 8693, section 4.2), in the assertion's order.
    pub fn scopes(&self) -> impl Iterator<Item = &str> {
        self.scope.split(' ').filter(|scope| !scope.is_empty())
    }

    /// The configuration revision under which the gateway admitted the call.
    pub fn revision(&self) -> Revision {
        self.revision
    }
}
