//! What an upstream asks for beside the assertion.

use std::sync::Arc;

use crate::name::SecretName;

/// The header that credentials travel in (RFC 9110, section 11.6.2), and our assertion where nothing else does.
const AUTHORIZATION: &str = "authorization";

/// What an upstream asks for beside the assertion.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Auth {
    /// Nothing.
    #[default]
    None,
    /// A header with a secret of the tenant that is calling. No other tenant's stands in, nor one of the platform's.
    Header {
        /// The header, in lower case.
        name: Arc<str>,
        /// What stands before the secret, as in `Bearer `; empty: nothing.
        prefix: Arc<str>,
        /// The secret's name; each tenant has a value of its own.
        secret: SecretName,
    },
}

impl Auth {
    /// The secret that a tenant must have, if any.
    pub fn secret(&self) -> Option<&SecretName> {
        match self {
            Self::None => None,
            Self::Header { secret, .. } => Some(secret),
        }
    }

    /// Whether the credential travels in `Authorization`, so that the assertion travels elsewhere.
    pub fn takes_authorization(&self) -> bool {
        matches!(self, Self::Header { name, .. } if &**name == AUTHORIZATION)
    }
}
