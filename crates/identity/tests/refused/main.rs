//! Every way we know in which a token can be wrong. Each row is one flaw away from a token that is accepted, and both
//! are tried: a row whose flaw is no longer the reason fails.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod claims;
mod draft;
mod format;
mod header;
mod keys;

use std::cell::Cell;
use std::time::{Duration, UNIX_EPOCH};

use partywall_domain::{Profile, Shape};
use partywall_identity::{Issuer, IssuerSettings, KeyOrigin, Principal, Resource, Unauthenticated, verify};
use partywall_testkit::token;
use serde_json::Value;

/// The second at which every token of these tests is looked at.
pub(crate) const NOW: u64 = 1_800_000_000;
/// What every token is for.
pub(crate) const RESOURCE: &str = "https://mcp.example.com/mcp/notes";
/// The resource that contains it.
pub(crate) const PARENT: &str = "https://mcp.example.com/mcp";

/// Two trusted issuers. Their keys have the same `kid`.
pub(crate) struct World {
    pub(crate) corporate: token::Issuer,
    pub(crate) partner: token::Issuer,
    trusted: Vec<Issuer>,
}

impl World {
    fn new() -> Self {
        let corporate = token::Issuer::new("https://login.example.com");
        let partner = token::Issuer::new("https://login.example.org");
        let trusted = vec![
            trust("corporate", &corporate, "tenant", &corporate.jwks()).unwrap(),
            trust("partner", &partner, "org.id", &partner.jwks()).unwrap(),
        ];
        Self { corporate, partner, trusted }
    }

    fn verify(&self, token: &str) -> Result<Principal, Unauthenticated> {
        look_at(&self.trusted, token)
    }
}

pub(crate) fn trust(name: &str, issuer: &token::Issuer, tenant_claim: &str, jwks: &Value) -> Result<Issuer, String> {
    Issuer::new(IssuerSettings {
        name: name.parse().unwrap(),
        url: issuer.url().to_owned(),
        shape: Shape::of(Profile::Rfc9068),
        audiences: Vec::new(),
        clients: Vec::new(),
        algorithms: Vec::new(),
        tenant_claim: Some(tenant_claim.to_owned()),
        keys: KeyOrigin::Given(jwks.to_string()),
        listed: false,
        development: false,
    })
}

pub(crate) fn look_at(trusted: &[Issuer], token: &str) -> Result<Principal, Unauthenticated> {
    let find = |url: &str| trusted.iter().find(|issuer| issuer.settings().url == url);
    verify(find, |_| None, token, &Resource::new(RESOURCE, Some(PARENT)), UNIX_EPOCH + Duration::from_secs(NOW))
}

/// A token, why it is refused, and the same token without its flaw.
#[derive(Clone)]
pub(crate) struct Row {
    name: String,
    token: String,
    told: String,
    mended: String,
}

impl Row {
    pub(crate) fn new(name: impl Into<String>, token: String, told: &str, mended: &str) -> Self {
        Self { name: name.into(), token, told: told.to_owned(), mended: mended.to_owned() }
    }
}

#[test]
fn a_flawed_token_is_refused_for_its_flaw_and_accepted_without_it() {
    let world = World::new();
    let rows = [header::rows(&world), format::rows(&world), claims::rows(&world), keys::rows(&world)].concat();
    assert!(rows.len() >= 400, "only {} rows are left", rows.len());
    let mut wrong = Vec::new();
    for Row { name, token, told, mended } in &rows {
        match world.verify(token) {
            Ok(_) => wrong.push(format!("{name}: accepted")),
            Err(why) if why.to_string() != *told => wrong.push(format!("{name}: told `{why}`, not `{told}`")),
            Err(_) => {}
        }
        if let Err(why) = world.verify(mended) {
            wrong.push(format!("{name}: refused without its flaw: {why}"));
        }
        if token == mended {
            wrong.push(format!("{name}: has no flaw"));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn no_two_rows_have_one_name() {
    let world = World::new();
    let rows = [header::rows(&world), format::rows(&world), claims::rows(&world), keys::rows(&world)].concat();
    let mut names: Vec<_> = rows.iter().map(|row| row.name.as_str()).collect();
    names.sort_unstable();
    let twice: Vec<_> = names.windows(2).filter(|pair| pair[0] == pair[1]).collect();
    assert!(twice.is_empty(), "{twice:?}");
}

/// What anybody can send must cost little: no signature is looked at before the claims hold.
#[test]
fn header_and_claims_are_refused_whatever_the_signature_is() {
    let world = World::new();
    for Row { name, token, told, .. } in [header::rows(&world), claims::rows(&world)].concat() {
        let (signed, _) = token.rsplit_once('.').unwrap();
        let forged = format!("{signed}.{}", world.partner.signature("something else"));
        let why = world.verify(&forged).unwrap_err().to_string();
        assert!(why == told || told == draft::NO_KEY, "{name}: `{why}` before `{told}`");
    }
}

/// A token that is not well formed makes nobody look for its issuer, so it can cause no fetch.
#[test]
fn a_malformed_token_asks_for_no_issuer() {
    let world = World::new();
    for Row { name, token, .. } in [header::rows(&world), format::rows(&world), claims::rows(&world)].concat() {
        let asked = Cell::new(false);
        let find = |_: &str| {
            asked.set(true);
            None
        };
        let why = verify(find, |_| None, &token, &Resource::new(RESOURCE, None), UNIX_EPOCH).unwrap_err();
        let malformed = matches!(why, Unauthenticated::Malformed(_) | Unauthenticated::Opaque);
        assert!(!(malformed && asked.get()), "{name}: an issuer was looked for");
    }
}

/// Where an issuer's keys are fetched, what can be refused without them is: of all the rows only those whose flaw is the
/// key itself, or that name another, ask for keys.
#[test]
fn what_can_be_refused_without_a_key_fetches_none() {
    let world = World::new();
    let away = world.trusted.iter().map(|issuer| {
        let keys = KeyOrigin::Fetched { url: None, private_networks: Vec::new() };
        Issuer::new(IssuerSettings { keys, ..issuer.settings().clone() }).unwrap()
    });
    let away: Vec<_> = away.collect();
    let (mut refused, mut asked) = (0, Vec::new());
    for Row { name, token, told, .. } in [header::rows(&world), format::rows(&world), claims::rows(&world)].concat() {
        let fetches = Cell::new(0);
        let find = |url: &str| away.iter().find(|issuer| issuer.settings().url == url);
        let keys = |_: &IssuerSettings| {
            fetches.set(fetches.get() + 1);
            None
        };
        let resource = Resource::new(RESOURCE, Some(PARENT));
        assert!(verify(find, keys, &token, &resource, UNIX_EPOCH + Duration::from_secs(NOW)).is_err(), "{name}");
        let by_key = [draft::NO_KEY, draft::SIGNATURE].contains(&told.as_str());
        match (fetches.get(), by_key) {
            (0, _) => refused += 1,
            (_, true) => {}
            (_, false) => asked.push(name),
        }
    }
    assert!(asked.is_empty(), "fetched for: {asked:?}");
    assert!(refused >= 200, "only {refused} are refused without a fetch");
}
