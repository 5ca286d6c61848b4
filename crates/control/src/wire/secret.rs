//! Secrets of tenants on the wire: a value goes in, and nothing has one that comes out.

use serde::{Deserialize, Serialize};

/// `PUT /api/v1/tenants/{name}/secrets/{secret}`. The answer is that of an apply.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetSecret {
    /// The value, up to 4,096 bytes of what a header carries.
    pub value: String,
    /// Do everything but write.
    #[serde(default)]
    pub dry_run: bool,
    /// Why, for the history.
    #[serde(default)]
    pub reason: Option<String>,
}

/// How a change is asked for: the query of `DELETE /api/v1/tenants/{name}/secrets/{secret}`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// Do everything but write.
    #[serde(default)]
    pub dry_run: bool,
    /// Why, for the history.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// `POST /api/v1/secrets/rotate`: what earlier keys sealed shall be sealed with the key of now.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reseal {
    /// Of this tenant; none: of all.
    #[serde(default)]
    pub tenant: Option<String>,
    /// Do everything but write.
    #[serde(default)]
    pub dry_run: bool,
    /// Why, for the history.
    #[serde(default)]
    pub reason: Option<String>,
}

/// `GET /api/v1/tenants/{name}/secrets`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Secrets {
    /// The revision that stands.
    pub revision: u64,
    /// The tenant.
    pub tenant: String,
    /// The epoch in which secrets are sealed now.
    pub epoch: u32,
    /// Its secrets, by name.
    pub secrets: Vec<SecretLine>,
}

/// One secret of the list.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SecretLine {
    /// Its name.
    pub name: String,
    /// The revision in which it was set, or sealed anew.
    pub revision: u64,
    /// When: RFC 3339, UTC.
    pub at: String,
    /// The operator.
    pub author: String,
    /// Which key sealed it.
    pub epoch: u32,
    /// The tenant's servers that ask for it.
    pub servers: Vec<String>,
}
