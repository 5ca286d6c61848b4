//! Names: what people type. Validated once, cheap to clone.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// Longest name, in bytes: a DNS label, so that a name can stand in a URL, a file and a host name alike.
const NAME_BYTES_MAX: usize = 63;

/// Why a text is not a name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a name: use 1 to 63 of a-z, 0-9 and `-`, beginning with a letter and not ending with `-`")]
pub struct InvalidName(String);

fn check(text: &str) -> Result<Arc<str>, InvalidName> {
    let fits = (1..=NAME_BYTES_MAX).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && text.starts_with(|first: char| first.is_ascii_lowercase())
        && !text.ends_with('-');
    if fits { Ok(text.into()) } else { Err(InvalidName(text.chars().take(NAME_BYTES_MAX + 1).collect())) }
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidName;

            fn from_str(text: &str) -> Result<Self, InvalidName> {
                check(text).map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

name!(
    /// A tenant's name. It may change hands after a deletion, so what must not uses [`crate::TenantId`].
    TenantName
);
name!(
    /// The name of a plan: a set of defaults that tenants share.
    PlanName
);
name!(
    /// The name of an MCP server in the catalog, and the last segment of its URL.
    ServerName
);
name!(
    /// The name of a trusted issuer's document (not its `iss`).
    IssuerName
);

name!(
    /// The name of a secret, the same for every tenant that has one for the same purpose: `notes-key`.
    SecretName
);

/// What stands in a customer's own connect URL, `/c/{connect_id}/mcp`: random, so that nobody finds a customer by
/// guessing, and rotatable, since it is no authority. It says which sign-in a client without a token is shown.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectId(Arc<str>);

/// A text is not a connect id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("22 to 64 of A-Z, a-z, 0-9, `-` and `_` are expected, chosen at random; for example `openssl rand -hex 16`")]
pub struct InvalidConnectId;

impl ConnectId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ConnectId {
    type Err = InvalidConnectId;

    fn from_str(text: &str) -> Result<Self, InvalidConnectId> {
        let plain = text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        if plain && (22..=64).contains(&text.len()) { Ok(Self(text.into())) } else { Err(InvalidConnectId) }
    }
}

impl std::borrow::Borrow<str> for ConnectId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_dns_labels() {
        for good in ["a", "acme", "acme-2", &"a".repeat(63)] {
            assert_eq!(good.parse::<TenantName>().unwrap().as_str(), good);
        }
        for bad in ["", "-a", "a-", "2a", "Acme", "a_b", "a b", "a/b", "ä", "а", "a\0", &"a".repeat(64)] {
            assert!(bad.parse::<TenantName>().is_err(), "{bad:?}");
        }
    }
}
