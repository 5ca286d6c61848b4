//! Saying no, in two voices: one public sentence for the caller, the cause for the books.

use http::{HeaderValue, Response, StatusCode, header};
use partywall_domain::{RefusalCode, RequestId, TenantId};
use partywall_ledger::Throttled;
use partywall_mcp::{Challenge, Era, error_body};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::public_url::PublicUrl;
use crate::reply::ReplyBody;
use crate::told;

/// JSON-RPC code of an unknown resource before 2026-07-28.
const RESOURCE_NOT_FOUND: i64 = -32_002;
/// The header by which a client can name a request to whoever runs the gateway.
pub(crate) const REQUEST_ID: &str = "partywall-request-id";

pub(crate) struct Refusal {
    pub(crate) code: RefusalCode,
    /// For operators; never sent.
    pub(crate) cause: String,
    detail: Detail,
}

enum Detail {
    None,
    /// Who is suspended.
    Suspended(TenantId),
    /// The scopes that would do, as the caller's issuer calls them.
    Scopes(String),
    /// What the caller asked for, which it may be told again.
    Named(String),
    /// The versions that are served.
    Versions {
        requested: String,
        supported: Vec<String>,
    },
    /// Which limit, and when to try again.
    Throttled(Throttled),
    /// The HTTP methods that are served.
    Allow(&'static str),
}

impl Refusal {
    pub(crate) fn new(code: RefusalCode, cause: impl Into<String>) -> Self {
        Self { code, cause: cause.into(), detail: Detail::None }
    }

    pub(crate) fn suspended(tenant: TenantId) -> Self {
        let detail = Detail::Suspended(tenant);
        Self { detail, ..Self::new(RefusalCode::Suspended, "the tenant is suspended") }
    }

    /// Lacks one of the scopes that are `needed`; its issuer can be asked for them as `asked`.
    pub(crate) fn scopes(needed: &[&str], asked: &[&str]) -> Self {
        let (scopes, asked) = (needed.join(" "), asked.join(" "));
        let called = if asked == scopes { String::new() } else { format!(", which its issuer calls `{asked}`") };
        let cause = format!("the token lacks one of the scopes `{scopes}`{called}");
        Self { detail: Detail::Scopes(asked), ..Self::new(RefusalCode::InsufficientScope, cause) }
    }

    pub(crate) fn unknown(code: RefusalCode, name: &str, cause: impl Into<String>) -> Self {
        Self { detail: Detail::Named(name.to_owned()), ..Self::new(code, cause) }
    }

    pub(crate) fn versions(requested: &str, supported: Vec<String>) -> Self {
        let cause = format!("version `{requested}` is not served");
        let detail = Detail::Versions { requested: requested.to_owned(), supported };
        Self { detail, ..Self::new(RefusalCode::UnsupportedVersion, cause) }
    }

    pub(crate) fn method_not_allowed(allow: &'static str) -> Self {
        Self {
            detail: Detail::Allow(allow),
            ..Self::new(RefusalCode::MethodNotAllowed, "the HTTP method is not served")
        }
    }

    pub(crate) fn throttled(throttled: Throttled) -> Self {
        Self { detail: Detail::Throttled(throttled), ..Self::new(throttled.code, "") }
    }

    /// A refusal of a call that is written down whatever became of others.
    pub(crate) fn busy(throttled: Throttled) -> Self {
        Self { cause: throttled.cause(), ..Self::throttled(throttled) }
    }

    /// Whether the caller's token is good, and what it lacks is a tenant.
    pub(crate) fn knows_caller(&self) -> bool {
        matches!(self.code, RefusalCode::UnknownTenant | RefusalCode::Suspended)
    }

    /// The tenant, where the refusal is that it is suspended.
    pub(crate) fn suspended_tenant(&self) -> Option<TenantId> {
        if let Detail::Suspended(tenant) = self.detail { Some(tenant) } else { None }
    }

    /// The answer to a request on `path`. `about` is the message's id and era, where there is one.
    pub(crate) fn into_response(
        self,
        url: &PublicUrl,
        request: RequestId,
        path: &str,
        about: Option<(Option<&RawValue>, Era)>,
    ) -> Response<ReplyBody> {
        let (id, era) = about.map_or((None, Era::Modern), |(id, era)| (id, era));
        let body = error_body(id, self.jsonrpc(era), &self.message(), self.data().as_ref());
        let mut response = Response::new(ReplyBody::full(body));
        *response.status_mut() = self.status(era);
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        insert(headers, REQUEST_ID, &request.to_string());
        if let Some(challenge) = self.challenge(url, path) {
            headers.insert(header::WWW_AUTHENTICATE, challenge);
        }
        match &self.detail {
            Detail::Throttled(throttled) => told::throttled(headers, throttled),
            Detail::Allow(methods) => insert(headers, "allow", methods),
            _ => {}
        }
        response
    }

    /// The handshake versions give JSON-RPC errors with status 200: to their clients 404 means that the session ended.
    pub(crate) fn status(&self, era: Era) -> StatusCode {
        let in_session = matches!(self.code, RefusalCode::UnknownMethod | RefusalCode::InvalidParams);
        let status = if era == Era::Legacy && in_session { 200 } else { self.code.status() };
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn jsonrpc(&self, era: Era) -> i64 {
        match self.code {
            RefusalCode::UnknownResource if era == Era::Legacy => RESOURCE_NOT_FOUND,
            code => code.jsonrpc(),
        }
    }

    fn message(&self) -> String {
        match (&self.detail, self.code) {
            (Detail::Named(name), RefusalCode::UnknownTool | RefusalCode::UnknownPrompt) => {
                format!("{}: {name}", self.code.sentence())
            }
            _ => self.code.sentence().to_owned(),
        }
    }

    fn data(&self) -> Option<Value> {
        match &self.detail {
            Detail::Named(uri) if self.code == RefusalCode::UnknownResource => Some(json!({ "uri": uri })),
            Detail::Versions { requested, supported } => {
                Some(json!({ "requested": requested, "supported": supported }))
            }
            Detail::Throttled(throttled) => Some(json!({ "retryAfterMs": throttled.retry_after_ms })),
            _ => None,
        }
    }

    /// `WWW-Authenticate`, where it helps a client on.
    fn challenge(&self, url: &PublicUrl, path: &str) -> Option<HeaderValue> {
        let metadata = url.metadata_of(path);
        let challenge = Challenge { metadata: Some(&metadata), ..Challenge::default() };
        match (&self.detail, self.code) {
            (_, RefusalCode::NoToken) => Challenge { scope: url.scope_at(path), ..challenge }.to_header(),
            (_, code @ (RefusalCode::InvalidToken | RefusalCode::OpaqueToken)) => {
                let description = Some(code.sentence());
                let scope = url.scope_at(path);
                Challenge { error: Some("invalid_token"), description, scope, ..challenge }.to_header()
            }
            (_, RefusalCode::MalformedAuthorization) => {
                Challenge { error: Some("invalid_request"), ..Challenge::default() }.to_header()
            }
            (Detail::Scopes(scopes), RefusalCode::InsufficientScope) => {
                Challenge { error: Some("insufficient_scope"), scope: Some(scopes), ..challenge }.to_header()
            }
            _ => None,
        }
    }
}

fn insert(headers: &mut http::HeaderMap, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A challenge, read as RFC 9110 (section 11.6.1) writes it; `None` if it is not well formed.
    fn read(challenge: &str) -> Option<Vec<(String, String)>> {
        let mut rest = challenge.strip_prefix("Bearer ")?;
        let mut all = Vec::new();
        loop {
            let (name, value) = rest.split_once("=\"")?;
            let (value, after) = value.split_once('"')?;
            all.push((name.to_owned(), value.to_owned()));
            match after {
                "" => return Some(all),
                after => rest = after.strip_prefix(", ")?,
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// Whatever a document says of scopes and whatever path is asked, the challenge says that and nothing else.
        #[test]
        fn a_challenge_is_well_formed(scopes in prop::collection::vec("[!#-\\[\\]-~]{1,12}", 1..5), path in "/mcp/[a-z][a-z0-9]{0,12}") {
            let url = PublicUrl::new("https://mcp.example.com", "127.0.0.1:7400".parse().unwrap()).unwrap();
            let needed: Vec<_> = scopes.iter().map(String::as_str).collect();
            let challenge = Refusal::scopes(&needed, &needed).challenge(&url, &path).unwrap();
            let expected = [
                ("error".to_owned(), "insufficient_scope".to_owned()),
                ("scope".to_owned(), scopes.join(" ")),
                ("resource_metadata".to_owned(), url.metadata_of(&path)),
            ];
            prop_assert_eq!(read(challenge.to_str().unwrap()), Some(expected.to_vec()));
        }
    }
}
