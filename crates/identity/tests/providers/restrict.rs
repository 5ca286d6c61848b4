//! What a document can narrow: audiences, clients, algorithms; and whose key counts for whom.

use partywall_domain::Profile;
use partywall_identity::{Issuer, IssuerSettings, Resource, Unauthenticated, algorithm_of, verify};
use partywall_testkit::token::{self, Algorithm, Issuer as Signer};
use serde_json::{Value, json};

use crate::{NOW, PARENT, RESOURCE, document, key, look_at, plain_header, sign, trust, with};

const ISS: &str = "https://cognito-idp.example.com/pool";

fn access(changes: Value) -> Value {
    let access = json!({
        "iss": ISS, "sub": "ann", "client_id": "agent", "token_use": "access", "scope": "notes", "tenant": "acme",
    });
    with(&access, changes)
}

fn own(audiences: &[&str], clients: &[&str], algorithms: &[&str]) -> IssuerSettings {
    let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    IssuerSettings {
        audiences: owned(audiences),
        clients: owned(clients),
        algorithms: algorithms.iter().filter_map(|name| algorithm_of(name)).collect(),
        ..document(Profile::Cognito, ISS, Some("tenant"))
    }
}

#[test]
fn a_document_says_which_audiences_clients_and_algorithms_count() {
    const AUD: &str = "the token's `aud` is another resource";
    const NO_AUD: &str = "claim `aud` is missing, or neither a text nor a list of texts";
    const CLIENT: &str = "claim `client` is not one that this issuer's document names";
    const ALG: &str = "`alg` is not one that this issuer's document allows";
    let key = key();
    let rows: &[(IssuerSettings, Value, &str)] = &[
        (own(&[], &[], &[]), json!({ "aud": RESOURCE }), ""),
        (own(&[], &[], &[]), json!({ "aud": "api-1" }), AUD),
        (own(&["api-1"], &[], &[]), json!({ "aud": "api-1" }), ""),
        (own(&["api-1"], &[], &[]), json!({ "aud": ["api-2", "api-1"] }), ""),
        (own(&["api-1"], &[], &[]), json!({ "aud": RESOURCE }), ""),
        (own(&["api-1"], &[], &[]), json!({ "aud": "api-1/" }), AUD),
        (own(&["api-1"], &[], &[]), json!({ "aud": "API-1" }), AUD),
        (own(&["api-1"], &[], &[]), json!({}), NO_AUD),
        (own(&[], &[], &[]), json!({}), NO_AUD),
        (own(&[], &["agent"], &[]), json!({}), ""),
        (own(&[], &["batch", "agent"], &[]), json!({}), ""),
        (own(&[], &["batch"], &[]), json!({}), CLIENT),
        (own(&[], &["Agent"], &[]), json!({}), CLIENT),
        (own(&[], &["batch"], &[]), json!({ "aud": RESOURCE }), CLIENT),
        // A client that counts does not make up for an audience that is somebody else's.
        (own(&[], &["agent"], &[]), json!({ "aud": "api-1" }), AUD),
        (own(&[], &["agent"], &[]), json!({ "aud": [] }), AUD),
        (own(&[], &["agent"], &[]), json!({ "aud": 7 }), NO_AUD),
        (own(&[], &[], &["RS256"]), json!({ "aud": RESOURCE }), ""),
        (own(&[], &[], &["ES256", "RS256"]), json!({ "aud": RESOURCE }), ""),
        (own(&[], &[], &["ES256"]), json!({ "aud": RESOURCE }), ALG),
        (own(&[], &[], &["RS512"]), json!({ "aud": RESOURCE }), ALG),
    ];
    for (document, changes, expected) in rows {
        let token = sign(&key, &plain_header(), &access(changes.clone()));
        let told = look_at(&trust(&key, document), ISS, &token).err().map(|why| why.to_string());
        let IssuerSettings { audiences, clients, algorithms, .. } = document;
        assert_eq!(told.as_deref().unwrap_or(""), *expected, "{audiences:?} {clients:?} {algorithms:?}: {changes}");
    }
}

/// Two issuers whose keys have one name, and a token of each that claims to be the other's.
#[test]
fn a_kid_means_the_key_of_its_own_issuer() {
    let signers =
        ["https://one.example", "https://two.example"].map(|url| Signer::with(url, token::KID, Algorithm::Rs256));
    let trusted: Vec<Issuer> = signers
        .iter()
        .zip(["one", "two"])
        .map(|(signer, name)| {
            let settings = document(Profile::Rfc9068, signer.url(), Some("tenant"));
            trust(signer, &IssuerSettings { name: name.parse().unwrap(), ..settings })
        })
        .collect();
    let find = |iss: &str| trusted.iter().find(|issuer| issuer.settings().url == iss);
    let now = std::time::UNIX_EPOCH + std::time::Duration::from_secs(NOW);
    let look = |token: &str| verify(find, |_| None, token, &Resource::new(RESOURCE, Some(PARENT)), now);
    for (mine, signer) in signers.iter().enumerate() {
        for (claimed, other) in signers.iter().enumerate() {
            let claims = signer.claims(RESOURCE).tenant("acme").issued_at(NOW).with("iss", other.url());
            let found = look(&signer.token(claims));
            if mine == claimed {
                // The same value of the same claim: what tells the two apart is the issuer, which is part of it.
                let principal = found.unwrap();
                assert_eq!(principal.issuer(), &trusted[mine].settings().name);
                assert_eq!(principal.tenant_claim(), Some("acme"));
            } else {
                assert!(matches!(found, Err(Unauthenticated::Signature(_))), "{found:?}");
            }
        }
    }
}
