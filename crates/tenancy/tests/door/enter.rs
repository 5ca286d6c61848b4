//! Who gets in, and as whom.

use partywall_domain::Revision;
use partywall_tenancy::{NotEntered, Snapshot};
use partywall_testkit::token::{Claims, Issuer};
use serde_json::json;

use crate::house::{House, RESOURCE, compiled, enter, id_of, put};

/// How it begins what an operator is told of a token that means no tenant.
const NOBODY: &str = "no tenant has the identity";

#[test]
fn a_token_enters_the_tenant_it_means() {
    let house = House::new();
    let snapshot = house.snapshot();
    let House { corporate, partner, own } = &house;
    let rows: &[(&Issuer, Option<&str>, Result<&str, &str>)] = &[
        (corporate, Some("acme"), Ok("acme")),
        (corporate, Some("globex"), Ok("globex")),
        (partner, Some("globex"), Ok("globex")),
        (partner, Some("acme-at-partner"), Ok("acme")),
        // The issuer alone says it, whatever its tokens claim.
        (own, None, Ok("umbrella")),
        (own, Some("acme"), Ok("umbrella")),
        (own, Some("umbrella"), Ok("umbrella")),
        // A value belongs to the issuer that vouches for it.
        (partner, Some("acme"), Err(NOBODY)),
        (corporate, Some("acme-at-partner"), Err(NOBODY)),
        // Neither a tenant's name nor its id is an identity.
        (corporate, Some("umbrella"), Err(NOBODY)),
        (corporate, Some("homeless"), Err(NOBODY)),
        (corporate, Some(&id_of("acme").to_string()), Err(NOBODY)),
        (corporate, Some("standard"), Err(NOBODY)),
        (corporate, Some("stranger"), Err(NOBODY)),
        (corporate, None, Err(NOBODY)),
        (partner, None, Err(NOBODY)),
        (corporate, Some("asleep"), Err("tenant `asleep` is suspended")),
        (partner, Some("asleep"), Err(NOBODY)),
    ];
    for (issuer, value, expected) in rows {
        let claims = issuer.claims(RESOURCE);
        let claims = value.map_or_else(|| claims.clone(), |value| claims.clone().tenant(value));
        let entered = enter(&snapshot, issuer, claims);
        let name = entered.as_ref().map(|tenant| tenant.name().as_str());
        match (name, expected) {
            (Ok(name), Ok(expected)) => assert_eq!(name, *expected, "{} {value:?}", issuer.url()),
            (Err(why), Err(told)) => assert!(why.starts_with(told), "{} {value:?}: {why}", issuer.url()),
            (entered, _) => panic!("{} {value:?}: {entered:?}", issuer.url()),
        }
    }
}

#[test]
fn what_looks_like_a_value_is_not_the_value() {
    let house = House::new();
    let mut documents = house.documents();
    put(&mut documents, "tenant.acme.identities.0.value", json!("caf\u{e9}-acme"));
    let snapshot = compiled(&documents).unwrap();
    let claims = |value: &str| house.corporate.claims(RESOURCE).tenant(value);
    assert_eq!(enter(&snapshot, &house.corporate, claims("caf\u{e9}-acme")).unwrap().id(), id_of("acme"));
    for look_alike in [
        "cafe\u{301}-acme",
        "CAF\u{c9}-ACME",
        "Caf\u{e9}-acme",
        "caf\u{e9}-Acme",
        "cafe-acme",
        "caf\u{e9}-\u{430}cme",
        "caf\u{e9}-a\u{441}me",
        "caf\u{e9}\u{2010}acme",
        "caf\u{e9}\u{2013}acme",
        "caf\u{e9}-\u{ff41}cme",
        "caf\u{e9}-\u{1d41a}cme",
        "caf\u{e9}-ac\u{200d}me",
        "caf\u{e9}-ac\u{ad}me",
        "caf\u{e9}-acme\u{200b}",
        "caf\u{e9}-acme\u{fe0f}",
        "\u{feff}caf\u{e9}-acme",
        "\u{202e}emca-\u{e9}fac",
        " caf\u{e9}-acme",
        "caf\u{e9}-acme ",
        "caf\u{e9}-acme\u{a0}",
        "caf\u{e9}-acme.",
        "caf\u{e9}-acme/",
        "caf\u{e9}-acme%00",
        "caf%C3%A9-acme",
        "caf\u{e9}-acme,globex",
        "caf\u{e9}-acm",
        "caf\u{e9}-acmee",
        "*",
        "caf\u{e9}-*",
        "__proto__",
    ] {
        let why = enter(&snapshot, &house.corporate, claims(look_alike)).unwrap_err();
        assert!(why.starts_with(NOBODY), "{look_alike:?}: {why}");
    }
}

#[test]
fn two_values_that_look_alike_are_two_tenants() {
    let house = House::new();
    let mut documents = house.documents();
    put(&mut documents, "tenant.acme.identities.0.value", json!("caf\u{e9}"));
    put(&mut documents, "tenant.globex.identities.0.value", json!("cafe\u{301}"));
    let snapshot = compiled(&documents).unwrap();
    for (value, tenant) in [("caf\u{e9}", "acme"), ("cafe\u{301}", "globex")] {
        let entered = enter(&snapshot, &house.corporate, house.corporate.claims(RESOURCE).tenant(value));
        assert_eq!(entered.unwrap().name().as_str(), tenant);
    }
}

/// Only the claim that the issuer's document names says who it is.
#[test]
fn other_claims_do_not_name_a_tenant() {
    let house = House::new();
    let snapshot = house.snapshot();
    let claims = || house.corporate.claims(RESOURCE);
    let others = ["tenant_id", "tenantId", "tid", "org_id", "org", "organization", "Tenant", "TENANT", "tenant "];
    for other in others {
        let both = claims().tenant("acme").with(other, "globex");
        assert_eq!(enter(&snapshot, &house.corporate, both).unwrap().name().as_str(), "acme", "{other}");
        assert!(enter(&snapshot, &house.corporate, claims().with(other, "acme")).is_err(), "{other}");
    }
}

/// Issuer mix-up: every issuer speaks as every other, with the values of both.
#[test]
fn no_issuer_speaks_for_another() {
    let house = House::new();
    let snapshot = house.snapshot();
    let issuers = [&house.corporate, &house.partner, &house.own];
    let stranger = Issuer::new("https://idp.attacker.example");
    let values = ["acme", "globex", "acme-at-partner", "asleep", "umbrella"];
    for claimed in issuers {
        for signer in issuers.into_iter().chain([&stranger]).filter(|signer| signer.url() != claimed.url()) {
            for value in values {
                let claims: Claims = claimed.claims(RESOURCE).tenant(value);
                let why = enter(&snapshot, signer, claims).unwrap_err();
                assert!(
                    why.starts_with("the signature does not verify"),
                    "{} as {}: {why}",
                    signer.url(),
                    claimed.url()
                );
            }
        }
    }
    let why = enter(&snapshot, &stranger, stranger.claims(RESOURCE).tenant("acme")).unwrap_err();
    assert_eq!(why, "the token's `iss` is not a trusted issuer");
}

#[test]
fn a_context_is_what_was_entered() {
    let house = House::new();
    let snapshot = house.snapshot();
    let claims = house.corporate.claims(RESOURCE).tenant("acme").subject("bob").client("cli").scope("a b");
    let tenant = enter(&snapshot, &house.corporate, claims).unwrap();
    assert_eq!((tenant.id(), tenant.name().as_str(), tenant.revision()), (id_of("acme"), "acme", Revision(7)));
    assert_eq!((tenant.principal().subject(), tenant.principal().client()), ("bob", "cli"));
    let granted: Vec<_> = tenant.config().servers().map(|grant| grant.server().name.to_string()).collect();
    assert_eq!(granted, ["legacy", "notes"]);
    assert!(tenant.grant("other").is_none());
    // Its neighbour has the same plan, and nothing of what is acme's own.
    let claims = house.corporate.claims(RESOURCE).tenant("globex");
    let neighbour = enter(&snapshot, &house.corporate, claims).unwrap();
    assert!(neighbour.grant("legacy").is_none() && neighbour.grant("notes").is_some());
}

#[test]
fn an_identity_that_is_taken_away_opens_nothing() {
    let house = House::new();
    let claims = || house.corporate.claims(RESOURCE).tenant("acme");
    let principal = |snapshot: &Snapshot| {
        let resource = partywall_identity::Resource::new(RESOURCE, None);
        let token = house.corporate.token(claims());
        partywall_identity::verify(
            |url| snapshot.issuer(url),
            |_| None,
            &token,
            &resource,
            std::time::SystemTime::now(),
        )
        .unwrap()
    };
    let before = house.snapshot();
    for (path, value) in [
        ("tenant.acme", json!(null)),
        ("tenant.acme.identities.0.value", json!("renamed")),
        ("tenant.acme.suspended", json!(true)),
    ] {
        let mut documents = house.documents();
        put(&mut documents, path, value);
        let after = compiled(&documents).unwrap();
        assert!(before.enter(principal(&before)).is_ok());
        assert!(after.enter(principal(&before)).is_err(), "{path}");
    }
    // Another tenant takes over the value: the same token means the new one from then on.
    let mut documents = house.documents();
    put(&mut documents, "tenant.acme.identities.0.value", json!("renamed"));
    put(&mut documents, "tenant.globex.identities.0.value", json!("acme"));
    let after = compiled(&documents).unwrap();
    assert_eq!(after.enter(principal(&before)).unwrap().id(), id_of("globex"));
}

#[test]
fn what_lacks_is_asked_for_in_the_words_of_the_issuer_that_signed() {
    let house = House::new();
    let mut documents = house.documents();
    put(&mut documents, "tenant.acme.identities.0.scopes", json!({"Notes.Read": ["notes:read"]}));
    put(
        &mut documents,
        "tenant.acme.identities.1.scopes",
        json!({"https://partner/all": ["notes:read", "notes:write"]}),
    );
    put(&mut documents, "tenant.umbrella.identities.0.scopes", json!({"lesen": ["notes:read"]}));
    let snapshot = compiled(&documents).unwrap();
    let needed = ["notes:read", "notes:write"];
    for (issuer, tenant, asked) in [
        (&house.corporate, "acme", &["Notes.Read", "notes:write"][..]),
        (&house.partner, "acme-at-partner", &["https://partner/all"]),
        (&house.own, "anybody", &["lesen", "notes:write"]),
        (&house.corporate, "globex", &needed),
    ] {
        let entered = enter(&snapshot, issuer, issuer.claims(RESOURCE).tenant(tenant)).unwrap();
        assert_eq!(entered.scopes_to_ask_for(&needed), asked, "{tenant}");
    }
}

#[test]
fn nobody_enters_an_empty_house() {
    let house = House::new();
    let (empty, full) = (Snapshot::empty(), house.snapshot());
    assert_eq!(empty.tenants().count() + empty.servers().count() + empty.issuers().count(), 0);
    let claims = house.corporate.claims(RESOURCE).tenant("acme");
    let why = enter(&empty, &house.corporate, claims.clone()).unwrap_err();
    assert_eq!(why, "the token's `iss` is not a trusted issuer");
    let resource = partywall_identity::Resource::new(RESOURCE, None);
    let now = std::time::SystemTime::now();
    let token = house.corporate.token(claims);
    let principal = partywall_identity::verify(|url| full.issuer(url), |_| None, &token, &resource, now).unwrap();
    assert!(matches!(empty.enter(principal), Err(NotEntered::Unknown { .. })));
}

/// Some providers have an `iss` for each of their tenants, all with the same keys.
#[test]
fn an_iss_of_a_tenants_own_means_that_tenant_and_its_claim_says_the_same() {
    let house = House::new();
    let mut documents = house.documents();
    put(&mut documents, "issuer.partner.url", json!("https://login.example.org/{tenant}/v2.0"));
    let snapshot = compiled(&documents).unwrap();
    let rows = [
        ("globex", Some("globex"), Ok("globex")),
        ("acme-at-partner", Some("acme-at-partner"), Ok("acme")),
        ("globex", Some("acme-at-partner"), Err("claim `iss` is not that of the tenant claim")),
        ("acme-at-partner", Some("globex"), Err("claim `iss` is not that of the tenant claim")),
        ("globex", None, Err("claim `iss` is not that of the tenant claim")),
        ("stranger", Some("stranger"), Err("the token's `iss` is not a trusted issuer")),
        ("acme", Some("acme"), Err("the token's `iss` is not a trusted issuer")),
        ("", Some("globex"), Err("the token's `iss` is not a trusted issuer")),
        ("globex/../acme-at-partner", Some("globex"), Err("the token's `iss` is not a trusted issuer")),
        ("{tenant}", Some("globex"), Err("claim `iss` is not that of the tenant claim")),
        ("{tenant}", Some("{tenant}"), Err(NOBODY)),
    ];
    for (of, value, expected) in rows {
        let claims = house.partner.claims(RESOURCE).with("iss", format!("https://login.example.org/{of}/v2.0"));
        let claims = value.map_or_else(|| claims.clone(), |value| claims.clone().tenant(value));
        let entered = enter(&snapshot, &house.partner, claims.clone());
        let fits = match (&entered, expected) {
            (Ok(tenant), Ok(expected)) => tenant.name().as_str() == expected,
            (Err(why), Err(told)) => why.starts_with(told),
            _ => false,
        };
        assert!(fits, "{of} with {value:?}: {entered:?}");
        // Whoever signs for one `iss` signs for all of this issuer, and for no other issuer.
        let forged = enter(&snapshot, &house.corporate, claims);
        assert!(forged.is_err(), "{of} with {value:?}");
    }
}
