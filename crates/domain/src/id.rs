//! Ids. An id names something; it never grants anything.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

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

/// A W3C trace id: 16 bytes, not all zero (Trace Context, section 3.2.2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TraceId(u128);

impl TraceId {
    /// A fresh random id.
    pub fn random() -> Self {
        Self(Uuid::new_v4().as_u128())
    }

    /// The trace id of a `traceparent` header (version 00), or `None` if the header is not well formed.
    pub fn of_traceparent(header: &str) -> Option<Self> {
        let mut parts = header.split('-');
        let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let hex = |text: &str, length: usize| {
            text.len() == length && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
        };
        let whole = hex(version, 2) && hex(trace, 32) && hex(span, 16) && hex(flags, 2) && parts.next().is_none();
        let id = u128::from_str_radix(trace, 16).ok()?;
        (whole && version != "ff" && id != 0).then_some(Self(id))
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // 32 hexadecimal digits, as a UUID without hyphens has: written at once, where an integer is written digit by digit.
        Uuid::from_u128(self.0).simple().fmt(f)
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

    #[test]
    fn a_traceparent_is_taken_whole_or_not_at_all() {
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert_eq!(TraceId::of_traceparent(good).unwrap().to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
        for bad in [
            "",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
        ] {
            assert_eq!(TraceId::of_traceparent(bad), None, "{bad}");
        }
    }
}
