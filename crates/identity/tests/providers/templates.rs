//! Providers with an `iss` for each of their own tenants: one document, and the `iss` says what the tenant claim says.
//!
//! Which of those `iss` are known is the door's: it registers those of tenants that have the value as identity.

use partywall_identity::{Issuer, IssuerSettings, KeyOrigin, Resource, Unauthenticated, verify};
use serde_json::{Value, json};

use crate::entra::{TID, v2, v2_access};
use crate::{NOW, RESOURCE, key, plain_header, sign, trust, with};

const OTHER: &str = "00000000-0000-4000-8000-00000000beef";

/// A name, who the customers are, what is other in the token, and what is told.
type Row = (&'static str, &'static [&'static str], Value, Result<&'static str, &'static str>);

/// Looks at a token where the directories with these ids are customers.
fn look(trusted: &Issuer, customers: &[&str], token: &str) -> Result<String, Unauthenticated> {
    let known: Vec<_> = customers.iter().filter_map(|tid| trusted.url_for(tid)).collect();
    let find = |iss: &str| known.iter().any(|known| known == iss).then_some(trusted);
    let now = std::time::UNIX_EPOCH + std::time::Duration::from_secs(NOW);
    let principal = verify(find, |_| None, token, &Resource::new(RESOURCE, None), now)?;
    Ok(principal.tenant_claim().unwrap_or("none").to_owned())
}

#[test]
fn the_iss_of_a_customer_says_what_its_tenant_claim_says() {
    const UNKNOWN: &str = "the token's `iss` is not a trusted issuer";
    const MISMATCH: &str = "claim `iss` is not that of the tenant claim";
    let key = key();
    let trusted = trust(&key, &v2());
    let iss = |tid: &str| format!("https://login.microsoftonline.com/{tid}/v2.0");
    let rows: &[Row] = &[
        ("a customer", &[TID], json!({}), Ok(TID)),
        ("one of two customers", &[OTHER, TID], json!({}), Ok(TID)),
        ("nobody's customer", &[OTHER], json!({}), Err(UNKNOWN)),
        ("no customers", &[], json!({}), Err(UNKNOWN)),
        ("a customer's `iss`, another customer's claim", &[TID, OTHER], json!({ "tid": OTHER }), Err(MISMATCH)),
        ("a customer's `iss`, a stranger's claim", &[TID], json!({ "tid": OTHER }), Err(MISMATCH)),
        ("a stranger's `iss`, a customer's claim", &[TID], json!({ "iss": iss(OTHER) }), Err(UNKNOWN)),
        ("another customer's `iss`", &[TID, OTHER], json!({ "iss": iss(OTHER) }), Err(MISMATCH)),
        ("no claim", &[TID], json!({ "tid": null }), Err(MISMATCH)),
        ("an empty claim", &[TID], json!({ "tid": "" }), Err("claim `tenant claim` is empty or too long")),
        ("in capitals", &[TID], json!({ "tid": TID.to_uppercase() }), Err(MISMATCH)),
        ("the placeholder itself", &[TID], json!({ "iss": iss("{tid}"), "tid": "{tid}" }), Err(UNKNOWN)),
        ("the `iss` of everybody's endpoint", &[TID], json!({ "iss": iss("common") }), Err(UNKNOWN)),
        (
            "the `iss` of the other version",
            &[TID],
            json!({ "iss": format!("https://sts.windows.net/{TID}/") }),
            Err(UNKNOWN),
        ),
    ];
    for (name, customers, changes, expected) in rows {
        let token = sign(&key, &plain_header(), &with(&v2_access(), changes.clone()));
        let found = look(&trusted, customers, &token).map_err(|why| why.to_string());
        assert_eq!(found.as_deref().map_err(String::as_str), *expected, "{name}");
    }
}

/// Microsoft says of each key for which `iss` it is; the key of personal accounts stands in the set of all.
/// <https://learn.microsoft.com/en-us/entra/identity-platform/access-tokens#validate-the-issuer>
#[test]
fn a_key_that_is_for_one_iss_signs_for_no_other() {
    let key = key();
    let iss = |tid: &str| format!("https://login.microsoftonline.com/{tid}/v2.0");
    let rows: [(Option<Value>, bool); 6] = [
        (None, true),
        (Some(iss("{tenantid}").into()), true),
        (Some(iss(TID).into()), true),
        (Some(iss(OTHER).into()), false),
        (Some(json!(null)), false),
        (Some(json!([iss(TID)])), false),
    ];
    for (of, accepted) in rows {
        let mut jwks = key.jwks();
        if let Some(of) = &of {
            jwks["keys"][0]["issuer"] = of.clone();
        }
        let document = IssuerSettings { keys: KeyOrigin::Given(jwks.to_string()), ..v2() };
        let trusted = Issuer::new(document).unwrap();
        let found = look(&trusted, &[TID, OTHER], &sign(&key, &plain_header(), &v2_access()));
        assert_eq!(found.is_ok(), accepted, "a key for {of:?}: {found:?}");
        assert!(accepted || matches!(found, Err(Unauthenticated::Signature(_))), "{found:?}");
    }
}
