//! The names in the assertion: the short-lived JWT by which the gateway tells an upstream who is calling.
//!
//! Header: `alg` = [`ALGORITHM`], `typ` = [`TYPE`], `kid`. Claims: the registered `iss` (the gateway's public URL),
//! `aud` (the server's name), `sub` (the caller's subject), `iat`, `exp`, `jti`-less by design (it is reused for up to
//! 30 seconds), and the names below. The public keys are served at [`JWKS_PATH`] of the gateway.

/// The `alg` of every assertion (RFC 7518, section 3.4).
pub const ALGORITHM: &str = "ES256";
/// The `typ` of every assertion (explicit typing, RFC 8725 section 3.11).
pub const TYPE: &str = "partywall+jwt";
/// Claim: the tenant's id, a hyphenated UUID.
pub const TENANT_ID: &str = "tenant_id";
/// Claim: the tenant's name, for people to read; never a key.
pub const TENANT_NAME: &str = "tenant_name";
/// Claim: the OAuth client that called (RFC 8693, section 4.3).
pub const CLIENT_ID: &str = "client_id";
/// Claim: the caller's scopes, space-separated (RFC 8693, section 4.2).
pub const SCOPE: &str = "scope";
/// Claim: the configuration revision under which the call was admitted.
pub const REVISION: &str = "revision";
/// Seconds that an assertion is valid for.
pub const LIFETIME_S: u64 = 60;
/// Where the gateway serves the public keys that verify assertions (RFC 7517 key set).
pub const JWKS_PATH: &str = "/.well-known/partywall/jwks.json";
