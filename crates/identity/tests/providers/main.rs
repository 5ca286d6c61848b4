//! What identity providers really sign: their access tokens enter, and whatever else they sign does not, even where
//! its audience is ours. The tokens have the claims that each provider documents; the values are made up.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod entra;
mod hosted;
mod own;
mod restrict;
mod templates;

use std::time::{Duration, UNIX_EPOCH};

use partywall_domain::{Profile, Shape};
use partywall_identity::{Issuer, IssuerSettings, KeyOrigin, Principal, Resource, Unauthenticated, verify};
use partywall_testkit::token::{self, Algorithm};
use serde_json::{Value, json};

/// The second at which every token of these tests is looked at.
pub(crate) const NOW: u64 = 1_800_000_000;
/// What every token is for, unless its provider cannot say so.
pub(crate) const RESOURCE: &str = "https://mcp.example.com/mcp/notes";
/// The resource that contains it.
pub(crate) const PARENT: &str = "https://mcp.example.com/mcp";

/// One kind of access token of one provider, and what else that provider signs.
pub(crate) struct Provider {
    pub(crate) name: &'static str,
    /// As an issuer document says it; the keys are filled in.
    pub(crate) document: IssuerSettings,
    pub(crate) header: Value,
    pub(crate) access: Value,
    /// Subject, client, scope and tenant of the principal.
    pub(crate) means: [&'static str; 4],
    /// Whatever else it signs with the same key, each with its header; the audience is made to match.
    pub(crate) twins: Vec<(&'static str, Value, Value)>,
}

/// An issuer's document with nothing but what every one has.
pub(crate) fn document(profile: Profile, url: &str, tenant_claim: Option<&str>) -> IssuerSettings {
    IssuerSettings {
        name: profile.as_str().parse().unwrap(),
        url: url.to_owned(),
        shape: Shape::of(profile),
        audiences: Vec::new(),
        clients: Vec::new(),
        algorithms: Vec::new(),
        tenant_claim: tenant_claim.map(str::to_owned),
        keys: KeyOrigin::Given(String::new()),
        listed: false,
        development: false,
    }
}

/// The header that most providers give to all that they sign.
pub(crate) fn plain_header() -> Value {
    json!({ "typ": "JWT", "alg": "RS256", "kid": token::KID })
}

/// `claims` with these in place of, or beside, what is there; `null` takes one out.
pub(crate) fn with(claims: &Value, changes: Value) -> Value {
    let mut claims = claims.clone();
    let Value::Object(changes) = changes else { panic!("changes are an object") };
    for (name, value) in changes {
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(&name);
        } else {
            claims[name] = value;
        }
    }
    claims
}

/// One key for all of these tests: what is believed of it, a document says.
pub(crate) fn key() -> token::Issuer {
    token::Issuer::with("https://unused.example", token::KID, Algorithm::Rs256)
}

pub(crate) fn trust(key: &token::Issuer, document: &IssuerSettings) -> Issuer {
    Issuer::new(IssuerSettings { keys: KeyOrigin::Given(key.jwks().to_string()), ..document.clone() }).unwrap()
}

pub(crate) fn sign(key: &token::Issuer, header: &Value, claims: &Value) -> String {
    let mut claims = claims.clone();
    for (name, at) in [("iat", NOW - 10), ("exp", NOW + 3_600)] {
        claims[name] = at.into();
    }
    key.raw(header.to_string(), claims.to_string())
}

/// Looks at a token with one trusted issuer, which is found by this `iss` alone.
pub(crate) fn look_at(trusted: &Issuer, iss: &str, token: &str) -> Result<Principal, Unauthenticated> {
    let resource = Resource::new(RESOURCE, Some(PARENT));
    let find = |claimed: &str| (claimed == iss).then_some(trusted);
    verify(find, |_| None, token, &resource, UNIX_EPOCH + Duration::from_secs(NOW))
}

fn all() -> Vec<Provider> {
    [entra::all(), hosted::all(), own::all()].into_iter().flatten().collect()
}

#[test]
fn an_access_token_of_each_provider_means_what_its_claims_say() {
    let key = key();
    for Provider { name, document, header, access, means, .. } in all() {
        let iss = access["iss"].as_str().unwrap();
        let principal = look_at(&trust(&key, &document), iss, &sign(&key, &header, &access));
        let principal = principal.unwrap_or_else(|why| panic!("{name}: {why}"));
        let tenant = principal.tenant_claim().unwrap_or_default();
        assert_eq!([principal.subject(), principal.client(), principal.scope(), tenant], means, "{name}");
    }
}

#[test]
fn nothing_else_that_a_provider_signs_is_taken_for_an_access_token() {
    let key = key();
    for Provider { name, document, access, twins, .. } in all() {
        assert!(!twins.is_empty(), "{name} signs access tokens alone?");
        let iss = access["iss"].as_str().unwrap();
        for (kind, header, claims) in twins {
            let told = look_at(&trust(&key, &document), iss, &sign(&key, &header, &claims)).err();
            assert!(matches!(told, Some(Unauthenticated::NotAccessToken(_))), "{name}, {kind}: {told:?}");
        }
    }
}

#[test]
fn every_profile_has_a_provider_here() {
    let tried: Vec<_> = all().into_iter().map(|provider| provider.document.name.to_string()).collect();
    for profile in Profile::ALL {
        assert!(tried.iter().any(|name| name == profile.as_str()), "no token for profile `{}`", profile.as_str());
    }
}
