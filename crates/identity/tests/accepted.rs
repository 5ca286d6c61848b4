//! Tokens that are accepted, what their principal then says, and the key sets that an issuer may have.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use std::time::{Duration, SystemTime};

use partywall_domain::{Profile, Shape};
use partywall_identity::{Issuer, IssuerSettings, KeyOrigin, Principal, Resource, Unauthenticated, verify};
use partywall_testkit::token::{self, Algorithm, Claims};
use serde_json::{Value, json};

const RESOURCE: &str = "https://mcp.example.com/mcp/notes";
const PARENT: &str = "https://mcp.example.com/mcp";

fn trust(issuer: &token::Issuer, tenant_claim: Option<&str>, jwks: &Value) -> Result<Issuer, String> {
    Issuer::new(IssuerSettings {
        name: "corporate".parse().unwrap(),
        url: issuer.url().to_owned(),
        shape: Shape::of(Profile::Rfc9068),
        audiences: Vec::new(),
        clients: Vec::new(),
        algorithms: Vec::new(),
        tenant_claim: tenant_claim.map(str::to_owned),
        keys: KeyOrigin::Given(jwks.to_string()),
        listed: true,
        development: false,
    })
}

fn look_at(trusted: &Issuer, token: &str) -> Result<Principal, Unauthenticated> {
    let find = |url: &str| Some(trusted).filter(|issuer| issuer.settings().url == url);
    verify(find, |_| None, token, &Resource::new(RESOURCE, Some(PARENT)), SystemTime::now())
}

fn corporate() -> token::Issuer {
    token::Issuer::new("https://login.example.com")
}

#[test]
fn a_principal_says_what_the_token_said() {
    let issuer = corporate();
    let trusted = trust(&issuer, Some("tenant"), &issuer.jwks()).unwrap();
    let claims = issuer.claims(RESOURCE).subject("ann").client("agent").tenant("acme").scope("notes:read notes:write");
    let principal = look_at(&trusted, &issuer.token(claims.with("exp", 9_999_999_999_u64))).unwrap();
    assert_eq!(principal.issuer().as_str(), "corporate");
    assert_eq!(principal.tenant_claim(), Some("acme"));
    assert_eq!((principal.subject(), principal.client()), ("ann", "agent"));
    assert_eq!(principal.scope(), "notes:read notes:write");
    assert!(principal.has_scope("notes:read") && principal.has_scope("notes:write"));
    for not_a_scope in ["", " ", "notes", "notes:", "NOTES:READ", "notes:read notes:write"] {
        assert!(!principal.has_scope(not_a_scope), "{not_a_scope:?}");
    }
    assert_eq!(principal.expires(), 9_999_999_999);
    assert_eq!(format!("{principal:?}"), "Principal(ann at corporate)");
}

#[test]
fn every_algorithm_that_is_offered_verifies() {
    for algorithm in [Algorithm::Es256, Algorithm::EdDsa, Algorithm::Rs256] {
        let issuer = token::Issuer::with("https://login.example.com", "key-7", algorithm);
        let trusted = trust(&issuer, None, &issuer.jwks()).unwrap();
        let good = issuer.token(issuer.claims(RESOURCE));
        assert!(look_at(&trusted, &good).is_ok(), "{algorithm:?}");
        let (signed, signature) = good.rsplit_once('.').unwrap();
        let first = if signature.starts_with('A') { 'B' } else { 'A' };
        let flipped = look_at(&trusted, &format!("{signed}.{first}{}", &signature[1..])).unwrap_err();
        assert!(matches!(flipped, Unauthenticated::Signature(_)), "{algorithm:?}: {flipped}");
        for other in ["ES256", "EdDSA", "RS256"].into_iter().filter(|alg| *alg != algorithm.as_str()) {
            let mut header = issuer.header();
            header["alg"] = other.into();
            let swapped = issuer.raw(header.to_string(), Value::from(issuer.claims(RESOURCE)).to_string());
            let why = look_at(&trusted, &swapped).unwrap_err();
            assert!(matches!(why, Unauthenticated::NoKey(_)), "{algorithm:?} as {other}: {why}");
        }
    }
}

#[test]
fn what_the_standards_leave_open_is_accepted() {
    let issuer = corporate();
    let trusted = trust(&issuer, Some("tenant"), &issuer.jwks()).unwrap();
    let good = || issuer.claims(RESOURCE);
    let rows: Vec<(&str, Claims)> = vec![
        ("`aud` is the resource", good()),
        ("`aud` is the resource that contains it", good().with("aud", PARENT)),
        ("`aud` is a list of one", good().with("aud", json!([RESOURCE]))),
        ("`aud` is a list, ours not first", good().with("aud", json!(["https://other.example.com", PARENT]))),
        ("no `iat`", good().without("iat")),
        ("`nbf` in the past", good().with("nbf", 1)),
        ("no `scope`", good().without("scope")),
        ("no tenant claim", good()),
        ("a claim that nobody knows", good().with("acr", json!({ "a": [1, 2.5, -3, null, true, "x"] }))),
        ("a subject of another script", good().subject("Ωλένη")),
    ];
    for (name, claims) in rows {
        assert!(look_at(&trusted, &issuer.token(claims)).is_ok(), "{name}");
    }
    for typ in ["at+jwt", "AT+JWT", "application/at+jwt"] {
        let header = json!({ "typ": typ, "alg": "ES256", "kid": token::KID }).to_string();
        assert!(look_at(&trusted, &issuer.raw(header, Value::from(good()).to_string())).is_ok(), "{typ}");
    }
}

#[test]
fn the_tenant_claim_is_found_where_the_issuer_keeps_it_and_nowhere_else() {
    let issuer = corporate();
    let claims = || issuer.claims(RESOURCE);
    let rows: Vec<(Option<&str>, Claims, Option<&str>)> = vec![
        (Some("tenant"), claims().tenant("acme"), Some("acme")),
        (Some("tenant"), claims().tenant("acme").with("org_id", "globex").with("tenant_id", "globex"), Some("acme")),
        (Some("tenant"), claims().with("Tenant", "acme"), None),
        (Some("tenant"), claims(), None),
        (Some("org.id"), claims().with("org", json!({ "id": "acme", "name": "globex" })), Some("acme")),
        (Some("org.id"), claims().with("org.id", "acme"), None),
        (Some("org.id"), claims().with("org", "acme"), None),
        (Some("org.id"), claims().with("org", json!(["acme"])), None),
        (Some("org.id"), claims().with("id", "acme"), None),
        (Some("a.b.c"), claims().with("a", json!({ "b": { "c": "acme" } })), Some("acme")),
        (None, claims().tenant("acme"), None),
    ];
    for (path, claims, expected) in rows {
        let trusted = trust(&issuer, path, &issuer.jwks()).unwrap();
        let principal = look_at(&trusted, &issuer.token(claims.clone())).unwrap();
        assert_eq!(principal.tenant_claim(), expected, "{path:?} of {claims:?}");
    }
}

#[test]
fn a_token_means_the_key_it_names() {
    let old = corporate();
    let new = token::Issuer::with(old.url(), "key-2", Algorithm::Es256);
    let twin = token::Issuer::new(old.url());
    let anonymous = |issuer: &token::Issuer| {
        issuer.raw(r#"{"typ":"at+jwt","alg":"ES256"}"#, Value::from(issuer.claims(RESOURCE)).to_string())
    };
    let signed = |issuer: &token::Issuer| issuer.token(issuer.claims(RESOURCE));
    let mut unnamed = old.jwk();
    unnamed.as_object_mut().unwrap().remove("kid");
    let (one, both) = (json!([old.jwk()]), json!([old.jwk(), new.jwk()]));
    let rows = [
        ("its key alone", &one, signed(&old), true),
        ("the old key while both hold", &both, signed(&old), true),
        ("the new key while both hold", &both, signed(&new), true),
        ("a withdrawn key", &json!([new.jwk()]), signed(&old), false),
        ("a key not yet published", &one, signed(&new), false),
        ("no kid, one candidate", &one, anonymous(&old), true),
        ("no kid, two candidates", &both, anonymous(&old), false),
        ("a kid that two keys have", &json!([old.jwk(), twin.jwk()]), signed(&old), false),
        ("a kid where the key has none", &json!([unnamed]), signed(&old), false),
        ("no kid on either side", &json!([unnamed]), anonymous(&old), true),
    ];
    for (name, keys, token, accepted) in rows {
        let trusted = trust(&old, None, &json!({ "keys": keys })).unwrap();
        assert_eq!(look_at(&trusted, &token).is_ok(), accepted, "{name}");
    }
}

#[test]
fn a_key_set_is_refused_with_what_is_wrong() {
    let issuer = corporate();
    let with = |name: &str, value: Value| {
        let mut jwk = issuer.jwk();
        jwk[name] = value;
        json!({ "keys": [jwk] })
    };
    let rows = [
        ("no set", json!("keys"), "not a JWK set: "),
        ("no keys", json!({}), "not a JWK set: "),
        ("an empty set", json!({ "keys": [] }), "a JWK set of 1 to 32 keys is expected, this one has 0"),
        (
            "33 keys",
            json!({ "keys": vec![issuer.jwk(); 33] }),
            "a JWK set of 1 to 32 keys is expected, this one has 33",
        ),
        (
            "a secret",
            json!({ "keys": [{ "kty": "oct", "k": "c2VjcmV0", "kid": "key-1" }] }),
            "key `key-1` is not RSA, P-256, P-384 or Ed25519",
        ),
        (
            "another curve",
            with("crv", json!("P-384")),
            "key `key-1` declares `ES256`, which is not an algorithm of its kind",
        ),
        ("a curve nobody signs with", with("crv", json!("P-521")), "key `key-1` is not RSA, P-256, P-384 or Ed25519"),
        ("for encryption", with("use", json!("enc")), "key `key-1` is for encryption; give the signing keys only"),
        (
            "for another alg",
            with("alg", json!("ES384")),
            "key `key-1` declares `ES384`, which is not an algorithm of its kind",
        ),
        (
            "for another family",
            with("alg", json!("HS256")),
            "key `key-1` declares `HS256`, which is not an algorithm of its kind",
        ),
        ("a point that is not base64url", with("x", json!("+/=")), "key `key-1` cannot be read: "),
    ];
    for (name, jwks, told) in rows {
        let why = trust(&issuer, None, &jwks).err().unwrap_or_default();
        assert!(why.starts_with(told), "{name}: {why}");
    }
}

#[test]
fn time_is_the_callers() {
    let issuer = corporate();
    let trusted = trust(&issuer, None, &issuer.jwks()).unwrap();
    let token = issuer.token(issuer.claims(RESOURCE).issued_at(1_000));
    let at = |second| {
        let now = SystemTime::UNIX_EPOCH + Duration::from_millis(second);
        verify(|_| Some(&trusted), |_| None, &token, &Resource::new(RESOURCE, None), now).err()
    };
    assert_eq!(at(969_999), Some(Unauthenticated::NotYet));
    assert_eq!(at(970_000), None);
    assert_eq!(at(1_329_999), None);
    assert_eq!(at(1_330_000), Some(Unauthenticated::Expired));
    let before = SystemTime::UNIX_EPOCH - Duration::from_secs(1);
    assert!(verify(|_| Some(&trusted), |_| None, &token, &Resource::new(RESOURCE, None), before).is_err());
}

#[test]
fn a_parent_opens_its_child_and_not_the_other_way_round() {
    let issuer = corporate();
    let trusted = trust(&issuer, None, &issuer.jwks()).unwrap();
    let rows = [
        (PARENT, RESOURCE, Some(PARENT), true),
        (RESOURCE, RESOURCE, Some(PARENT), true),
        (PARENT, RESOURCE, None, false),
        (RESOURCE, PARENT, None, false),
    ];
    for (aud, url, parent, accepted) in rows {
        let token = issuer.token(issuer.claims(aud));
        let entered = verify(|_| Some(&trusted), |_| None, &token, &Resource::new(url, parent), SystemTime::now());
        assert_eq!(entered.is_ok(), accepted, "{aud} at {url} in {parent:?}");
    }
}
