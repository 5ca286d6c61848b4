//! What the issuer says of itself (RFC 8414), where clients look for it.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use super::desk::Desk;

/// Where the metadata stands: by RFC 8414, and by OpenID Connect for clients that look there alone.
pub(super) const PATHS: [&str; 2] = ["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"];

pub(super) async fn metadata(State(desk): State<Arc<Desk>>) -> Json<Value> {
    let issuer = desk.issuer.url();
    Json(json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"),
        "registration_endpoint": format!("{issuer}/register"),
        "jwks_uri": format!("{issuer}/jwks"),
        "scopes_supported": desk.choices().scopes,
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "token_endpoint_auth_methods_supported": ["none"],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": true,
        // OpenID Connect Discovery asks for these two. No ID token is ever issued; if one were, it would be like this.
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
    }))
}

/// The key that signs the tokens, public half.
pub(super) async fn keys(State(desk): State<Arc<Desk>>) -> Json<Value> {
    Json(desk.issuer.jwks().unwrap_or_default())
}
