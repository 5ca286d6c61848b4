//! Codes and refresh tokens, each at most once and in its time.

use super::*;

const CALLBACK: &str = "http://127.0.0.1:1/callback";
const RESOURCE: &str = "http://127.0.0.1:7400/mcp/notes";
const VERIFIER: &str = "a-verifier-of-at-least-forty-three-characters";

fn offered(grants: &mut Grants, now: Instant) -> String {
    let who = SignedIn {
        client: "client".to_owned(),
        tenant: "acme".to_owned(),
        subject: "ann".to_owned(),
        scope: "notes:write".to_owned(),
        resource: RESOURCE.to_owned(),
    };
    let offer = Offer { who, challenge: challenge_of(VERIFIER), redirect: CALLBACK.to_owned() };
    grants.offer(offer, now).unwrap()
}

fn good(code: &str) -> Redeem<'_> {
    Redeem { client: "client", code, verifier: VERIFIER, redirect: Some(CALLBACK), resource: Some(RESOURCE) }
}

fn next(grants: &mut Grants, client: &str, token: &str, now: Instant) -> Result<String, Refused> {
    grants.refresh(&Refresh { client, token, resource: Some(RESOURCE) }, now).map(|(_, next)| next)
}

#[test]
fn a_challenge_is_that_of_the_standard() {
    // RFC 7636, appendix B.
    let challenge = challenge_of("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
    assert_eq!(challenge, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
}

#[test]
fn a_code_is_good_once_and_for_a_minute() {
    let (mut grants, now) = (Grants::new(), Instant::now());
    let code = offered(&mut grants, now);
    let (who, refresh) = grants.redeem(&good(&code), now + CODE_LIFETIME / 2).ok().unwrap();
    assert_eq!((&*who.subject, &*who.scope), ("ann", "notes:write"));
    assert!(grants.redeem(&good(&code), now).is_err());
    assert!(next(&mut grants, "client", &refresh, now).is_err(), "a code used twice ends what came from it");
    let late = offered(&mut grants, now);
    assert!(grants.redeem(&good(&late), now + CODE_LIFETIME).is_err());
}

/// What makes a good exchange a wrong one.
type Change = fn(&mut Redeem<'_>);

#[test]
fn whatever_does_not_fit_spends_the_code() {
    let now = Instant::now();
    let wrong: [(&str, Change); 4] = [
        ("invalid_grant", |ask| ask.client = "another"),
        ("invalid_grant", |ask| ask.verifier = "another"),
        ("invalid_grant", |ask| ask.redirect = Some("http://127.0.0.1:2/callback")),
        ("invalid_target", |ask| ask.resource = Some("http://127.0.0.1:7400/mcp")),
    ];
    for (error, change) in wrong {
        let mut grants = Grants::new();
        let code = offered(&mut grants, now);
        let mut ask = good(&code);
        change(&mut ask);
        assert_eq!(grants.redeem(&ask, now).err().map(|refused| refused.0), Some(error));
        assert!(grants.redeem(&good(&code), now).is_err(), "{error}");
    }
}

#[test]
fn a_refresh_token_is_good_once_and_a_second_use_ends_the_sign_in() {
    let (mut grants, now) = (Grants::new(), Instant::now());
    let code = offered(&mut grants, now);
    let (_, first) = grants.redeem(&good(&code), now).ok().unwrap();
    assert!(next(&mut grants, "another", &first, now).is_err(), "it is its client's");
    let elsewhere = Refresh { client: "client", token: &first, resource: Some("http://127.0.0.1:7400/mcp") };
    assert_eq!(grants.refresh(&elsewhere, now).err().map(|refused| refused.0), Some("invalid_target"));
    let second = next(&mut grants, "client", &first, now).ok().unwrap();
    let third = next(&mut grants, "client", &second, now).ok().unwrap();
    assert!(next(&mut grants, "client", &first, now).is_err());
    assert!(next(&mut grants, "client", &third, now).is_err(), "the thief's token ends with the owner's");
    for nonsense in ["", ".", "a.b", "no dot"] {
        assert!(next(&mut grants, "client", nonsense, now).is_err());
    }
}

#[test]
fn a_sign_in_ends_in_its_time_however_often_it_is_refreshed() {
    let (mut grants, now) = (Grants::new(), Instant::now());
    let code = offered(&mut grants, now);
    let (_, first) = grants.redeem(&good(&code), now).ok().unwrap();
    let second = next(&mut grants, "client", &first, now + SIGN_IN_LIFETIME / 2).ok().unwrap();
    assert!(next(&mut grants, "client", &second, now + SIGN_IN_LIFETIME).is_err());
}
