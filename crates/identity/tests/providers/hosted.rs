//! Okta, Auth0 and Amazon Cognito.

use partywall_domain::Profile;
use partywall_identity::IssuerSettings;
use partywall_testkit::token;
use serde_json::json;

use crate::{PARENT, Provider, RESOURCE, document, plain_header, with};

pub(crate) fn all() -> Vec<Provider> {
    vec![
        okta(),
        okta_service(),
        auth0(),
        auth0_rfc9068(),
        auth0_machine(),
        cognito_bound(),
        cognito(),
        cognito_machine(),
    ]
}

/// A custom authorization server whose one audience is the gateway.
/// Claims: <https://developer.okta.com/docs/api/openapi/okta-oauth/guides/overview/#access-token>, and `id-token` there.
fn okta() -> Provider {
    let iss = "https://example.okta.com/oauth2/aus1a2b3c4d5e6f7g8h9";
    let id = json!({
        "ver": 1, "jti": "ID.Kh3k", "iss": iss, "aud": PARENT, "sub": "00u1ann", "amr": ["pwd"], "idp": "00o1",
        "auth_time": 1, "name": "Ann", "email": "ann@acme.example", "nonce": "n-1", "at_hash": "h", "tenant": "acme",
    });
    let header = json!({ "alg": "RS256", "kid": token::KID });
    Provider {
        name: "okta, with a user",
        document: document(Profile::Okta, iss, Some("tenant")),
        header: header.clone(),
        access: json!({
            "ver": 1, "jti": "AT.0mP4", "iss": iss, "aud": PARENT, "cid": "0oa1agent", "uid": "00u1ann",
            "scp": ["openid", "notes:read"], "auth_time": 1, "sub": "ann@acme.example", "tenant": "acme",
        }),
        means: ["ann@acme.example", "0oa1agent", "openid notes:read", "acme"],
        twins: vec![
            ("ID token", header.clone(), id.clone()),
            ("ID token of a client without nonce", header, with(&id, json!({ "nonce": null, "at_hash": null }))),
        ],
    }
}

fn okta_service() -> Provider {
    let user = okta();
    let service = json!({ "uid": null, "auth_time": null, "sub": "0oa1agent", "scp": ["notes:read"] });
    Provider {
        name: "okta, client credentials",
        access: with(&user.access, service),
        means: ["0oa1agent", "0oa1agent", "notes:read", "acme"],
        ..user
    }
}

/// The default dialect.
/// Claims: <https://auth0.com/docs/secure/tokens/access-tokens/access-token-profiles> and
/// <https://auth0.com/docs/secure/tokens/id-tokens/id-token-structure>.
fn auth0() -> Provider {
    let iss = "https://example.eu.auth0.com/";
    let id = json!({
        "iss": iss, "aud": RESOURCE, "sub": "auth0|ann", "nickname": "ann", "name": "Ann", "given_name": "Ann",
        "picture": "https://cdn.example/ann.png", "updated_at": "2026-11-01T00:00:00.000Z", "email": "ann@acme.example",
        "email_verified": true, "sid": "s-1", "nonce": "n-1", "org_id": "org_acme",
    });
    Provider {
        name: "auth0, its own dialect",
        document: document(Profile::Auth0, iss, Some("org_id")),
        header: plain_header(),
        access: json!({
            "iss": iss, "sub": "auth0|ann", "aud": [RESOURCE, "https://example.eu.auth0.com/userinfo"],
            "azp": "agent", "scope": "openid notes:read", "org_id": "org_acme",
            // All that the user may do, whatever the client was given: no scope of this token.
            "permissions": ["notes:read", "notes:write"],
        }),
        means: ["auth0|ann", "agent", "openid notes:read", "org_acme"],
        twins: vec![
            ("ID token", plain_header(), id.clone()),
            ("ID token of a client without nonce", plain_header(), with(&id, json!({ "nonce": null }))),
        ],
    }
}

fn auth0_rfc9068() -> Provider {
    let own = auth0();
    Provider {
        name: "auth0, the dialect of RFC 9068",
        header: json!({ "typ": "at+jwt", "alg": "RS256", "kid": token::KID }),
        access: with(&own.access, json!({ "azp": null, "client_id": "agent", "jti": "j-1", "permissions": null })),
        ..own
    }
}

/// <https://auth0.com/docs/get-started/authentication-and-authorization-flow/client-credentials-flow>
fn auth0_machine() -> Provider {
    let own = auth0();
    let machine = json!({
        "aud": RESOURCE, "sub": "agent@clients", "gty": "client-credentials", "scope": "notes:read",
        "permissions": ["notes:read"],
    });
    Provider {
        name: "auth0, client credentials",
        access: with(&own.access, machine),
        means: ["agent@clients", "agent", "notes:read", "org_acme"],
        ..own
    }
}

/// A token that was asked for with `resource`, which Cognito calls resource binding.
/// Claims: <https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-the-access-token.html>
/// and `…-using-the-id-token.html`; the tenant is added by a pre token generation trigger.
fn cognito_bound() -> Provider {
    let iss = "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_Example";
    let header = json!({ "alg": "RS256", "kid": token::KID });
    let id = json!({
        "iss": iss, "aud": RESOURCE, "sub": "5f7c-ann", "cognito:username": "ann", "cognito:groups": ["acme"],
        "event_id": "e-1", "token_use": "id", "auth_time": 1, "jti": "j-2", "origin_jti": "o-1",
        "email": "ann@acme.example", "custom:tenant": "acme", "at_hash": "h", "nonce": "n-1",
    });
    let bare = with(&id, json!({ "at_hash": null, "nonce": null, "client_id": "agent" }));
    Provider {
        name: "cognito, bound to a resource",
        document: document(Profile::Cognito, iss, Some("tenant")),
        header: header.clone(),
        access: json!({
            "iss": iss, "aud": RESOURCE, "sub": "5f7c-ann", "client_id": "agent", "cognito:groups": ["acme"],
            "origin_jti": "o-1", "event_id": "e-1", "token_use": "access", "scope": "openid notes/read",
            "auth_time": 1, "jti": "j-1", "username": "ann", "version": 2, "tenant": "acme",
        }),
        means: ["5f7c-ann", "agent", "openid notes/read", "acme"],
        twins: vec![("ID token", header.clone(), id), ("ID token without nonce and hash, with a client", header, bare)],
    }
}

/// A token that was not: it has no `aud`, and counts by its client.
fn cognito() -> Provider {
    let bound = cognito_bound();
    Provider {
        name: "cognito, without `aud`",
        document: IssuerSettings { clients: vec!["agent".to_owned()], ..bound.document.clone() },
        access: with(&bound.access, json!({ "aud": null })),
        ..bound
    }
}

fn cognito_machine() -> Provider {
    let user = cognito();
    let machine = json!({
        "sub": "agent", "cognito:groups": null, "origin_jti": null, "event_id": null, "username": null,
        "scope": "notes/read",
    });
    Provider {
        name: "cognito, client credentials",
        access: with(&user.access, machine),
        means: ["agent", "agent", "notes/read", "acme"],
        ..user
    }
}
