//! The token endpoint: a code or a refresh token becomes an access token (RFC 6749, sections 4.1.3 and 6).

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde_json::json;

use super::Grant;
use super::desk::Desk;
use super::fields::Fields;
use super::grants::{Redeem, Refresh, Refused, SignedIn};

/// How long an access token lives. Default 1 h: clients refresh it by themselves.
const ACCESS_LIFETIME: Duration = Duration::from_hours(1);

pub(super) async fn exchange(State(desk): State<Arc<Desk>>, body: Bytes) -> Response {
    let Ok(fields) = Fields::read(&body) else {
        return refused(Refused("invalid_request", "a parameter came twice"));
    };
    match granted(&desk, &fields) {
        Ok((who, refresh)) => tokens(&desk, &who, &refresh),
        Err(why) => refused(why),
    }
}

/// Who signed in, and the refresh token. An unknown client is told first: it then registers again and asks a person.
fn granted(desk: &Desk, fields: &Fields) -> Result<(SignedIn, String), Refused> {
    let needed = |name| fields.get(name).ok_or(Refused("invalid_request", "a parameter that is needed is missing"));
    let (kind, client) = (needed("grant_type")?, needed("client_id")?);
    if desk.client(client).is_none() {
        return Err(Refused("invalid_client", "the client is not registered; register again"));
    }
    let (resource, now) = (fields.get("resource"), Instant::now());
    match kind {
        "authorization_code" => {
            let (code, verifier) = (needed("code")?, needed("code_verifier")?);
            let ask = Redeem { client, code, verifier, redirect: fields.get("redirect_uri"), resource };
            desk.memory().grants.redeem(&ask, now)
        }
        "refresh_token" => {
            let ask = Refresh { client, token: needed("refresh_token")?, resource };
            let (who, next) = desk.memory().grants.refresh(&ask, now)?;
            Ok((narrowed(who, fields), next))
        }
        _ => Err(Refused("unsupported_grant_type", "known are authorization_code and refresh_token")),
    }
}

fn tokens(desk: &Desk, who: &SignedIn, refresh: &str) -> Response {
    let grant = Grant {
        client: &who.client,
        tenant: &who.tenant,
        subject: &who.subject,
        scope: &who.scope,
        audience: &who.resource,
        lifetime: ACCESS_LIFETIME,
    };
    let Ok(access) = desk.issuer.token(&grant) else { return StatusCode::INTERNAL_SERVER_ERROR.into_response() };
    let tokens = json!({
        "access_token": access,
        "token_type": "Bearer",
        "expires_in": ACCESS_LIFETIME.as_secs(),
        "refresh_token": refresh,
        "scope": who.scope,
    });
    ([("cache-control", "no-store")], Json(tokens)).into_response()
}

/// A client that refreshes may ask for less, never for more.
fn narrowed(mut who: SignedIn, fields: &Fields) -> SignedIn {
    if let Some(asked) = fields.get("scope") {
        let asked: Vec<_> = asked.split(' ').collect();
        let left: Vec<_> = who.scope.split(' ').filter(|scope| asked.contains(scope)).collect();
        who.scope = left.join(" ");
    }
    who
}

/// An error as RFC 6749, section 5.2, and RFC 7591, section 3.2.2, have it.
pub(super) fn refused(Refused(error, why): Refused) -> Response {
    let status = match error {
        "invalid_client" => StatusCode::UNAUTHORIZED,
        "server_error" => StatusCode::INTERNAL_SERVER_ERROR,
        _ => StatusCode::BAD_REQUEST,
    };
    let body = json!({ "error": error, "error_description": why });
    (status, [("cache-control", "no-store")], Json(body)).into_response()
}
