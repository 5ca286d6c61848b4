//! Where a tenant's calls to a server go, and why a server may serve several tenants.

use std::sync::Arc;

use crate::isolation::{Floor, Isolation};

/// Where one tenant's calls to one server go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Placement {
    /// To the server that tenants share, at the catalog's URL.
    Shared,
    /// To an instance that already runs for this tenant alone, at this URL.
    Remote(Arc<str>),
    /// To an instance that the gateway starts, kept apart like this.
    Dedicated(Isolation),
}

impl Placement {
    /// The word for people.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Shared => "shared",
            Self::Remote(_) => "remote",
            Self::Dedicated(isolation) => isolation.as_str(),
        }
    }

    /// Why this is below a floor; `None` if it is not. What runs elsewhere, nobody here knows the isolation of.
    pub fn below(&self, floor: &Floor) -> Option<String> {
        let wanted = floor.isolation?;
        let reached = matches!(self, Self::Dedicated(isolation) if *isolation >= wanted);
        (!reached).then(|| {
            format!(
                "`{}` is below the `{}` that is required here; place it there, or change `require` of the plan or the \
                 tenant",
                self.as_str(),
                wanted.as_str()
            )
        })
    }
}

/// Why a server may serve several tenants at once. A server without a reason is never shared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sharing {
    /// It verifies the gateway's assertion; proven when the document is applied.
    Assertion,
    /// It keeps nothing between calls: the operator's declaration, on record.
    Stateless,
}

impl Sharing {
    /// The word that documents use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Assertion => "assertion",
            Self::Stateless => "stateless",
        }
    }
}
