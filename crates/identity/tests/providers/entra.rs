//! Microsoft Entra ID. Which version a token has is the API's choice (`requestedAccessTokenVersion`), not the client's.
//!
//! Claims: <https://learn.microsoft.com/en-us/entra/identity-platform/access-token-claims-reference> and
//! <https://learn.microsoft.com/en-us/entra/identity-platform/id-token-claims-reference>.

use partywall_domain::Profile;
use partywall_identity::IssuerSettings;
use partywall_testkit::token;
use serde_json::{Value, json};

use crate::{Provider, document, plain_header, with};

/// The customer's directory.
pub(crate) const TID: &str = "7c1d1a52-0f1e-4a53-9a43-5b0a1b1f6d01";
/// The registration of the API, which is the audience of version 2.
const API: &str = "3f0d54a8-5f0f-4f57-8d0f-6ff0f9c0c0a2";
const APP_URI: &str = "api://mcp.example.com";
const CLIENT: &str = "9a1f3c5e-2b7d-4c6a-8e90-112233445566";
const SUBJECT: &str = "AAAAAAAAAAAAAAAAAAAAAIkzqFVrSaSaFHy782bbtaQ";
const OBJECT: &str = "11111111-aaaa-4bbb-8ccc-222222222222";

pub(crate) fn v2() -> IssuerSettings {
    let url = "https://login.microsoftonline.com/{tid}/v2.0";
    IssuerSettings { audiences: vec![API.to_owned()], ..document(Profile::Entra, url, Some("tid")) }
}

pub(crate) fn v2_access() -> Value {
    json!({
        "iss": format!("https://login.microsoftonline.com/{TID}/v2.0"), "aud": API, "nbf": 1, "aio": "AXQAi/8IAAAA",
        "azp": CLIENT, "azpacr": "0", "name": "Ann", "oid": OBJECT, "preferred_username": "ann@acme.example",
        "rh": "0.AAAA", "scp": "notes.read notes.write", "sid": "00aa", "sub": SUBJECT, "tid": TID, "uti": "u-1",
        "ver": "2.0",
    })
}

pub(crate) fn all() -> Vec<Provider> {
    vec![v2_delegated(), v2_app_only(), v1_delegated(), v1_app_only()]
}

fn v2_delegated() -> Provider {
    let id = json!({
        "iss": format!("https://login.microsoftonline.com/{TID}/v2.0"), "aud": API, "nbf": 1, "aio": "AXQAi/8IAAAA",
        "name": "Ann", "nonce": "678910", "oid": OBJECT, "preferred_username": "ann@acme.example", "rh": "0.AAAA",
        "sub": SUBJECT, "tid": TID, "uti": "u-2", "ver": "2.0",
    });
    // A client that sends no nonce gets none, and app roles of the user stand in both kinds.
    let bare = with(&id, json!({ "nonce": null, "roles": ["notes.write"] }));
    Provider {
        name: "entra v2, delegated",
        document: v2(),
        header: plain_header(),
        access: v2_access(),
        means: [SUBJECT, CLIENT, "notes.read notes.write", TID],
        twins: vec![
            ("ID token", plain_header(), id.clone()),
            ("ID token without nonce, with roles", plain_header(), bare),
            ("ID token of the hybrid flow", plain_header(), with(&id, json!({ "nonce": null, "c_hash": "x" }))),
        ],
    }
}

fn v2_app_only() -> Provider {
    let app = json!({
        "azpacr": "1", "idtyp": "app", "name": null, "preferred_username": null, "scp": null, "sid": null,
        "roles": ["notes.read.all"], "oid": OBJECT, "sub": OBJECT,
    });
    Provider {
        name: "entra v2, app-only",
        access: with(&v2_access(), app),
        means: [OBJECT, CLIENT, "notes.read.all", TID],
        ..v2_delegated()
    }
}

fn v1_delegated() -> Provider {
    let iss = format!("https://sts.windows.net/{TID}/");
    let access = json!({
        "iss": iss, "aud": APP_URI, "nbf": 1, "acr": "1", "aio": "AXQAi/8IAAAA", "amr": ["pwd"], "appid": CLIENT,
        "appidacr": "0", "family_name": "A", "given_name": "Ann", "ipaddr": "192.0.2.7", "name": "Ann", "oid": OBJECT,
        "rh": "0.AAAA", "scp": "notes.read", "sub": SUBJECT, "tid": TID, "unique_name": "ann@acme.example",
        "upn": "ann@acme.example", "uti": "u-3", "ver": "1.0",
    });
    let id = json!({
        "iss": iss, "aud": APP_URI, "nbf": 1, "amr": ["pwd"], "family_name": "A", "given_name": "Ann",
        "ipaddr": "192.0.2.7", "name": "Ann", "oid": OBJECT, "sub": SUBJECT, "tid": TID, "nonce": "678910",
        "unique_name": "ann@acme.example", "upn": "ann@acme.example", "ver": "1.0",
    });
    let url = "https://sts.windows.net/{tid}/";
    Provider {
        name: "entra v1, delegated",
        document: IssuerSettings { audiences: vec![APP_URI.to_owned()], ..document(Profile::Entra, url, Some("tid")) },
        header: with(&plain_header(), json!({ "x5t": token::KID })),
        access,
        means: [SUBJECT, CLIENT, "notes.read", TID],
        twins: vec![
            ("ID token", plain_header(), id.clone()),
            ("ID token without nonce", plain_header(), with(&id, json!({ "nonce": null }))),
        ],
    }
}

fn v1_app_only() -> Provider {
    let delegated = v1_delegated();
    let app = json!({
        "amr": null, "appidacr": "1", "family_name": null, "given_name": null, "idp": delegated.access["iss"],
        "idtyp": "app", "ipaddr": null, "name": null, "roles": ["notes.read.all"], "scp": null, "oid": OBJECT,
        "sub": OBJECT, "unique_name": null, "upn": null,
    });
    Provider {
        name: "entra v1, app-only",
        access: with(&delegated.access, app),
        means: [OBJECT, CLIENT, "notes.read.all", TID],
        ..delegated
    }
}
