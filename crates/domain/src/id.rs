//! Ids. An id names something; it never grants anything.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

use crate::trace::SpanId;

/// A tenant's id: a random UUID (RFC 9562 version 4) given at creation and never reused.
///
/// Files, assertions, row-level security and log lines carry it. It is a name that anyone can type, so no function
/// that acts takes it: they take a tenant context.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TenantId(Uuid);

impl TenantId {
    /// The id that belongs to no customer: the gateway's own probes of a server carry it.
    pub const NOBODY: Self = Self(Uuid::nil());

    /// A fresh random id.
    pub fn random() -> Self {
        Self(Uuid::new_v4())
    }

    /// A byte that is another for another tenant as often as not: what is kept in parts is spread over them by it.
    pub fn spread(self) -> u8 {
        self.0.as_bytes()[0]
    }
}

impl fmt::Display for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

/// The text is not a tenant id in its one spelling: lower-case hyphenated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a tenant id: a lower-case hyphenated UUID is expected")]
pub struct InvalidTenantId;

impl FromStr for TenantId {
    type Err = InvalidTenantId;

    /// Accepts the hyphenated lower-case form alone, so that one tenant has one spelling in file names and claims.
    fn from_str(text: &str) -> Result<Self, InvalidTenantId> {
        let id = Uuid::try_parse(text).map_err(|_| InvalidTenantId)?;
        if id.hyphenated().to_string() == text { Ok(Self(id)) } else { Err(InvalidTenantId) }
    }
}

/// The number of a configuration. Revisions only grow; a rollback is a new revision with old content.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Revision(pub u64);

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The id of one HTTP exchange, given by the gateway: a UUID version 7, so that journal entries sort by time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestId(Uuid);

impl RequestId {
    /// A fresh id.
    pub fn now() -> Self {
        Self(Uuid::now_v7())
    }

    /// The span that this exchange is within its trace: the id's last bits, which are random.
    pub fn span(self) -> SpanId {
        // The two highest of these bits say of which kind the UUID is and are never both zero, so there is always one.
        SpanId::of_bits(self.low_bits())
    }

    /// Bits that are random and that no caller chooses (RFC 9562, section 5.7).
    pub fn random_bits(self) -> u64 {
        self.low_bits() & (u64::MAX >> 2)
    }

    fn low_bits(self) -> u64 {
        self.0.as_u64_pair().1
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.simple().fmt(f)
    }
}

impl FromStr for RequestId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Uuid::try_parse(text).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_id_has_one_spelling() {
        let id = TenantId::random();
        assert_eq!(id.to_string().parse::<TenantId>(), Ok(id));
        for other in
            [id.to_string().to_uppercase(), id.to_string().replace('-', ""), format!("{{{id}}}"), String::new()]
        {
            assert!(other == id.to_string() || other.parse::<TenantId>().is_err(), "{other}");
        }
    }
}
