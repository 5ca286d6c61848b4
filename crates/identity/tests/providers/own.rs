//! Whatever follows RFC 9068, Keycloak, and issuers that a document describes by itself.

use partywall_domain::{Profile, Shape};
use partywall_identity::IssuerSettings;
use partywall_testkit::token;
use serde_json::{Value, json};

use crate::{Provider, RESOURCE, document, plain_header, with};

pub(crate) fn all() -> Vec<Provider> {
    vec![rfc9068(), keycloak(), keycloak_service(), generic_typ(), generic_claim()]
}

/// RFC 9068, section 2; the ID token is that of OpenID Connect Core 1.0, section 2, with all that an access token has.
fn rfc9068() -> Provider {
    let iss = "https://login.example.com";
    let access = json!({
        "iss": iss, "aud": RESOURCE, "sub": "ann", "client_id": "agent", "jti": "j-1", "auth_time": 1, "acr": "1",
        "scope": "openid notes:read", "tenant": "acme",
    });
    let id = with(&access, json!({ "nonce": "n-1", "at_hash": "h", "amr": ["pwd"], "azp": "agent" }));
    let bare = json!({ "alg": "RS256", "kid": token::KID });
    let logout = with(&access, json!({ "events": { "http://schemas.openid.net/event/backchannel-logout": {} } }));
    Provider {
        name: "rfc9068",
        document: document(Profile::Rfc9068, iss, Some("tenant")),
        header: access_header(),
        access: access.clone(),
        means: ["ann", "agent", "openid notes:read", "acme"],
        twins: vec![
            ("ID token", plain_header(), id.clone()),
            ("ID token without typ", bare.clone(), id),
            ("an access token of before RFC 9068", bare, access.clone()),
            ("logout token", with(&plain_header(), json!({ "typ": "logout+jwt" })), logout),
            ("ID-JAG", with(&plain_header(), json!({ "typ": "oauth-id-jag+jwt" })), access),
        ],
    }
}

/// Claims: <https://www.keycloak.org/docs/latest/server_admin/#_protocol-mappers>, and the kinds in `typ`:
/// <https://www.keycloak.org/docs-api/latest/javadocs/org/keycloak/util/TokenUtil.html>.
fn keycloak() -> Provider {
    let iss = "https://sso.example.com/realms/customers";
    let access = json!({
        "iss": iss, "aud": [RESOURCE, "account"], "sub": "f3b1-ann", "typ": "Bearer", "azp": "agent", "sid": "s-1",
        "jti": "onrtac:1", "auth_time": 1, "acr": "1", "allowed-origins": ["http://127.0.0.1:8080"],
        "realm_access": { "roles": ["offline_access"] }, "resource_access": { "account": { "roles": ["view-profile"] } },
        "scope": "openid notes:read", "email_verified": true, "preferred_username": "ann", "tenant": "acme",
    });
    // An ID token of Keycloak names its client as an access token does: `typ` alone tells them apart.
    let id = with(&access, json!({ "typ": "ID", "realm_access": null, "resource_access": null, "at_hash": "h" }));
    let of_typ = |typ: &str| with(&access, json!({ "typ": typ }));
    let logout =
        with(&of_typ("Logout"), json!({ "events": { "http://schemas.openid.net/event/backchannel-logout": {} } }));
    Provider {
        name: "keycloak",
        document: document(Profile::Keycloak, iss, Some("tenant")),
        header: plain_header(),
        access: access.clone(),
        means: ["f3b1-ann", "agent", "openid notes:read", "acme"],
        twins: vec![
            ("ID token", plain_header(), id.clone()),
            ("ID token without hash", plain_header(), with(&id, json!({ "at_hash": null }))),
            ("refresh token", plain_header(), of_typ("Refresh")),
            ("offline token", plain_header(), of_typ("Offline")),
            ("logout token", with(&plain_header(), json!({ "typ": "logout+jwt" })), logout),
            ("registration token", plain_header(), of_typ("RegistrationAccessToken")),
            ("initial access token", plain_header(), of_typ("InitialAccessToken")),
            ("a token that is bound to a key that nobody here checks", plain_header(), of_typ("DPoP")),
            ("an access token that does not say so", plain_header(), of_typ("bearer")),
            ("an access token with `typ` in its header alone", access_header(), with(&access, json!({ "typ": null }))),
        ],
    }
}

fn keycloak_service() -> Provider {
    let user = keycloak();
    let service = json!({
        "azp": "batch", "client_id": "batch", "clientHost": "192.0.2.7", "clientAddress": "192.0.2.7", "sid": null,
        "sub": "0c9e-service", "preferred_username": "service-account-batch", "scope": "notes:read",
    });
    Provider {
        name: "keycloak, client credentials, with `at+jwt` in its header",
        header: access_header(),
        access: with(&user.access, service),
        means: ["0c9e-service", "batch", "notes:read", "acme"],
        ..user
    }
}

fn generic(url: &str, shape: Shape) -> IssuerSettings {
    IssuerSettings { shape, ..document(Profile::Generic, url, Some("https://example.com/tenant")) }
}

/// A document with `typ`, `scope_claims` and `client_claims`.
fn generic_typ() -> Provider {
    let iss = "https://id.example.org/oauth";
    let shape = Shape {
        typ: vec!["at+jwt".to_owned(), "example-at+jwt".to_owned()],
        scope: vec!["rights".to_owned()],
        client: vec!["app".to_owned()],
        mark: None,
    };
    let access = json!({
        "iss": iss, "aud": RESOURCE, "sub": "ann", "app": "agent", "rights": ["notes:read", "notes:write"],
        "https://example.com/tenant": "acme",
    });
    Provider {
        name: "generic, by `typ`",
        document: generic(iss, shape),
        header: with(&plain_header(), json!({ "typ": "Example-AT+JWT" })),
        access: access.clone(),
        means: ["ann", "agent", "notes:read notes:write", "acme"],
        twins: vec![
            ("ID token", plain_header(), with(&access, json!({ "nonce": "n-1" }))),
            ("ID token without nonce", plain_header(), access),
        ],
    }
}

/// A document with `access_claim`.
fn generic_claim() -> Provider {
    let own = generic_typ();
    let shape =
        Shape { typ: Vec::new(), mark: Some(("kind".to_owned(), Some("access".to_owned()))), ..own.document.shape };
    let access = with(&own.access, json!({ "kind": "access" }));
    let twin = |name, changes: Value| (name, plain_header(), with(&access, changes));
    Provider {
        name: "generic, by `access_claim`",
        document: generic("https://id.example.org/oauth", shape),
        header: plain_header(),
        twins: vec![
            twin("ID token", json!({ "kind": "id" })),
            twin("ID token that says nothing", json!({ "kind": null })),
            twin("a list of kinds", json!({ "kind": ["access"] })),
            twin("ID token with the mark", json!({ "nonce": "n-1" })),
            twin("a token of no client", json!({ "app": null })),
        ],
        access,
        ..own
    }
}

fn access_header() -> Value {
    with(&plain_header(), json!({ "typ": "at+jwt" }))
}
