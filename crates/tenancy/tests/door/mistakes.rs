//! Everything that can be wrong in documents, and what the operator is told: where it is, and what to write instead.

mod rows;

use partywall_documents::{Document, Kind};
use partywall_domain::{Revision, TenantId};
use partywall_tenancy::compile;
use serde_json::{Value, json};

use rows::{ANYWHERE, ISSUERS, PLACEMENTS, PLANS, SERVERS, TENANTS};

use crate::house::{House, compiled, id_of, listed, put};

/// Two tenants: acme's plan grants it `notes`, globex has nothing.
fn documents(house: &House) -> Value {
    let mut documents = house.documents();
    for path in ["tenant.asleep", "tenant.homeless", "tenant.umbrella", "issuer.umbrella-idp"] {
        put(&mut documents, path, json!(null));
    }
    put(&mut documents, "plan.bare", json!({}));
    put(&mut documents, "tenant.globex.plan", json!("bare"));
    documents
}

fn told(documents: &Value) -> Vec<String> {
    let mistakes = compiled(documents).err().unwrap_or_default();
    mistakes.into_iter().map(|mistake| format!("{}: {}", mistake.path, mistake.message)).collect()
}

#[test]
fn every_mistake_is_told_with_its_place() {
    let house = House::new();
    assert_eq!(told(&documents(&house)), [""; 0], "the documents have no mistake but the row's");
    let mut page = String::new();
    for (path, json) in [ANYWHERE, ISSUERS, SERVERS, PLANS, TENANTS, PLACEMENTS].concat() {
        let mut documents = documents(&house);
        put(&mut documents, path, serde_json::from_str(json).unwrap());
        let told = told(&documents);
        assert!(!told.is_empty(), "{path} = {json} is no mistake");
        page.extend([path, " = ", json, "\n    ", &told.join("\n    "), "\n"]);
    }
    insta::assert_snapshot!(page);
}

#[test]
fn what_has_no_bound_is_refused() {
    let house = House::new();
    let many = |value: Value| (0..1001).map(|index| (format!("a{index}"), value.clone())).collect::<Value>();
    let patterns = "plan.standard.servers.notes.tools";
    let rows = [
        (
            patterns,
            json!({ "allow": ["a".repeat(257)] }),
            "a pattern of 1 to 256 bytes is expected, for example `list_*`",
        ),
        (patterns, json!({ "deny": vec!["a"; 1001] }), "more than 1000 items"),
        (
            "plan.standard.servers.notes.scopes",
            json!({ "*": vec!["a"; 17] }),
            "a list of 1 to 16 scopes is expected here, each without a space",
        ),
        ("plan.standard.servers.notes.scopes", many(json!(["a"])), "more than 1000 entries"),
        ("plan.standard.servers", many(json!({ "placement": "shared" })), "more than 1000 entries"),
        ("plan.spare", many(json!(1)), "more than 1000 entries"),
        (
            "tenant.acme.identities",
            json!(vec![json!({ "issuer": "corporate", "value": "a" }); 1001]),
            "more than 1000 items",
        ),
        (
            "issuer.corporate.jwks",
            json!({ "keys": vec![house.corporate.jwk(); 33] }),
            "a JWK set of 1 to 32 keys is expected, this one has 33",
        ),
    ];
    for (path, value, expected) in rows {
        let mut documents = documents(&house);
        put(&mut documents, path, value);
        let told = told(&documents);
        assert!(told.iter().any(|line| line.ends_with(expected)), "{path}: {told:?}");
    }
}

#[test]
fn an_identity_fits_its_issuers_iss() {
    let house = House::new();
    let rows = [
        (
            "https://login.example.org/{tenant}",
            json!([{ "issuer": "partner" }]),
            "tenant.acme.identities.0: issuer `partner` has an `iss` for each tenant; give the `value` that stands in it",
        ),
        (
            "https://login.example.{tenant}",
            json!([{ "issuer": "partner", "value": "com" }]),
            "tenant.acme.identities.0: issuer `corporate` has this `iss` already",
        ),
    ];
    for (url, identities, expected) in rows {
        let mut documents = documents(&house);
        put(&mut documents, "issuer.partner.url", json!(url));
        put(&mut documents, "tenant.acme.identities", identities);
        assert_eq!(told(&documents), [expected], "{url}");
    }
}

#[test]
fn mistakes_in_many_documents_are_told_in_one_go() {
    let house = House::new();
    let mut documents = documents(&house);
    for (path, value) in [
        ("issuer.corporate.listed", json!("yes")),
        ("issuer.partner.profile", json!("saml")),
        ("server.notes.limits", json!({ "discover_ttl_s": 0 })),
        ("server.legacy.plain_http", json!(1)),
        ("plan.standard.limits", json!({ "calls_burst": 0 })),
        ("plan.bare.servers", json!({ "notes": { "tools": { "allow": [""] } } })),
        ("tenant.acme.tier", json!("gold")),
        ("tenant.acme.identities.1.issuer", json!("nobody")),
        ("tenant.globex.identities.1", json!({ "issuer": "corporate", "value": "acme" })),
    ] {
        put(&mut documents, path, value);
    }
    let mut paths: Vec<_> = compiled(&documents).err().unwrap().into_iter().map(|mistake| mistake.path).collect();
    paths.sort_unstable();
    let expected = [
        "issuer.corporate.listed",
        "issuer.partner.profile",
        "plan.bare.servers.notes.tools",
        "plan.standard.limits.calls_burst",
        "server.legacy.plain_http",
        "server.notes.limits.discover_ttl_s",
        "tenant.acme.identities.1",
        "tenant.acme.tier",
        "tenant.globex.identities.1",
        "tenant.globex.servers.notes.placement",
    ];
    assert_eq!(paths, expected);
}

/// What JSON cannot say: two documents of one name, and ids, which are given and not written.
#[test]
fn a_document_is_there_once_and_an_id_is_one_tenants() {
    let house = House::new();
    let document = |kind, name: &str, tenant_id: Option<TenantId>| {
        let body = match kind {
            Kind::Tenant => json!({ "plan": "bare" }),
            Kind::Issuer => json!({ "url": format!("https://{name}.example"), "jwks": house.corporate.jwks() }),
            Kind::Server | Kind::Plan => json!({}),
        };
        Document::new(kind, name, tenant_id, body)
    };
    let twice = "this document is there twice; keep one";
    let rows = [
        (document(Kind::Tenant, "acme", Some(id_of("acme"))), Some(format!("tenant.acme: {twice}"))),
        (document(Kind::Tenant, "acme", Some(id_of("other"))), Some(format!("tenant.acme: {twice}"))),
        (document(Kind::Plan, "bare", None), Some(format!("plan.bare: {twice}"))),
        (document(Kind::Server, "legacy", None), Some(format!("server.legacy: {twice}"))),
        (document(Kind::Issuer, "corporate", None), Some(format!("issuer.corporate: {twice}"))),
        (
            document(Kind::Tenant, "impostor", Some(id_of("acme"))),
            Some("tenant.impostor: tenant `acme` has the same id; an id is one tenant's for ever".to_owned()),
        ),
        (
            document(Kind::Tenant, "nameless", None),
            Some("tenant.nameless: the tenant has no id; ids are given at creation".to_owned()),
        ),
        (
            document(Kind::Tenant, "nobody", Some(TenantId::NOBODY)),
            Some("tenant.nobody: the tenant has no id; ids are given at creation".to_owned()),
        ),
        (document(Kind::Tenant, "initech", Some(id_of("initech"))), None),
        (document(Kind::Plan, "acme", None), None),
    ];
    for (more, expected) in rows {
        let documents = [listed(&documents(&house)), vec![more.clone()]].concat();
        let mistakes = compile(Revision(1), &documents).err().unwrap_or_default();
        let told: Vec<_> =
            mistakes.into_iter().map(|mistake| format!("{}: {}", mistake.path, mistake.message)).collect();
        match expected {
            Some(expected) => assert!(told.contains(&expected), "{more:?}: {told:?}"),
            None => assert_eq!(told, [""; 0], "{more:?}"),
        }
    }
}

#[test]
fn the_order_of_documents_does_not_matter() {
    let house = House::new();
    let mut documents = listed(&house.documents());
    documents.reverse();
    let snapshot = compile(Revision(1), &documents).unwrap();
    assert_eq!(snapshot.tenants().count(), 5);
}
