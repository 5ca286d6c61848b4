//! Who a verified token speaks for.

use std::fmt;
use std::sync::Arc;

use partywall_domain::IssuerName;

/// A verified token: issuer, claim value, subject, client, scopes, expiry. It names no tenant yet.
///
/// Only [`crate::verify`] makes one. Cheap to clone.
#[derive(Clone)]
pub struct Principal(Arc<Facts>);

pub(crate) struct Facts {
    pub(crate) issuer: IssuerName,
    pub(crate) tenant_claim: Option<String>,
    pub(crate) subject: String,
    pub(crate) client: String,
    pub(crate) scope: String,
    pub(crate) expires: u64,
    pub(crate) epoch: u64,
}

impl Principal {
    pub(crate) fn mint(facts: Facts) -> Self {
        Self(Arc::new(facts))
    }

    /// The document name of the issuer that signed the token.
    pub fn issuer(&self) -> &IssuerName {
        &self.0.issuer
    }

    /// What the issuer's tenant claim said, if the token has that claim.
    pub fn tenant_claim(&self) -> Option<&str> {
        self.0.tenant_claim.as_deref()
    }

    /// The token's `sub` (RFC 9068, section 2.2): unique within its issuer only.
    pub fn subject(&self) -> &str {
        &self.0.subject
    }

    /// The OAuth client that got the token (RFC 9068 `client_id`).
    pub fn client(&self) -> &str {
        &self.0.client
    }

    /// The granted scopes, space-separated as in the token (RFC 6749, section 3.3).
    pub fn scope(&self) -> &str {
        &self.0.scope
    }

    /// Whether the token carries this scope.
    pub fn has_scope(&self, scope: &str) -> bool {
        self.0.scope.split_ascii_whitespace().any(|granted| granted == scope)
    }

    /// The epoch of its issuer's document when the token was verified.
    pub fn epoch(&self) -> u64 {
        self.0.epoch
    }

    /// When the token ends, in seconds since the Unix epoch.
    pub fn expires(&self) -> u64 {
        self.0.expires
    }
}

/// Shows whose it is, never what it may do.
impl fmt::Debug for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Principal({} at {})", self.0.subject, self.0.issuer)
    }
}
