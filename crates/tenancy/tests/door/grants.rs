//! What a tenant then may do: its word over the plan's, the plan's over the default, and nothing where nobody spoke.

use partywall_domain::{Limits, Placement};
use partywall_tenancy::TenantContext;
use serde_json::{Value, json};

use crate::house::{House, RESOURCE, compiled, enter, put};

/// Acme, with this in the documents.
fn acme(changes: &[(&str, Value)]) -> TenantContext {
    let house = House::new();
    let mut documents = house.documents();
    for (path, value) in changes {
        put(&mut documents, path, value.clone());
    }
    let snapshot = compiled(&documents).unwrap();
    enter(&snapshot, &house.corporate, house.corporate.claims(RESOURCE).tenant("acme")).unwrap()
}

#[test]
fn a_tenants_limit_stands_over_the_plans_and_the_plans_over_the_default() {
    let standard = Limits::default();
    let plan = ("plan.standard.limits", json!({ "calls_per_second": 5, "calls_burst": 6 }));
    let own = ("tenant.acme.limits", json!({ "calls_burst": 7, "streams_open_max": 8 }));
    let rows: [(&[(&str, Value)], Limits); 4] = [
        (&[], standard),
        (std::slice::from_ref(&plan), Limits { calls_per_second: 5, calls_burst: 6, ..standard }),
        (std::slice::from_ref(&own), Limits { calls_burst: 7, streams_open_max: 8, ..standard }),
        (&[plan.clone(), own.clone()], Limits { calls_per_second: 5, calls_burst: 7, streams_open_max: 8, ..standard }),
    ];
    for (changes, expected) in rows {
        assert_eq!(*acme(changes).limits(), expected, "{changes:?}");
    }
}

#[test]
fn deny_wins_and_silence_denies() {
    let rows: [(Value, &[(&str, bool)]); 8] = [
        (json!(null), &[("list", false), ("", false)]),
        (json!({}), &[("list", false)]),
        (json!({ "allow": [] }), &[("list", false)]),
        (json!({ "allow": ["*"] }), &[("list", true), ("a/b:c", true)]),
        (
            json!({ "allow": ["list_*"] }),
            &[("list_", true), ("list_all", true), ("List_all", false), ("xlist_a", false)],
        ),
        (json!({ "deny": ["drop"] }), &[("drop", false), ("list", false)]),
        (json!({ "allow": ["*"], "deny": ["drop*"] }), &[("drop", false), ("drop_all", false), ("list", true)]),
        (json!({ "allow": ["drop"], "deny": ["*"] }), &[("drop", false)]),
    ];
    for (tools, expected) in rows {
        let tenant = acme(&[("plan.standard.servers.notes.tools", tools.clone())]);
        let grant = tenant.grant("notes").unwrap();
        for (tool, granted) in expected {
            assert_eq!(grant.tools().grants(tool), *granted, "{tool:?} by {tools}");
        }
        // Nobody said a word about these.
        assert!(!grant.prompts().grants("list") && !grant.resources().grants("notes://1"));
    }
}

#[test]
fn a_tenants_word_replaces_the_plans_field_by_field() {
    let tenant = acme(&[
        ("plan.standard.servers.notes.tools", json!({ "allow": ["*"], "deny": ["drop"] })),
        ("plan.standard.servers.notes.prompts", json!({ "allow": ["hello"] })),
        (
            "tenant.acme.servers.notes",
            json!({ "tools": { "allow": ["read"] }, "resources": { "allow": ["notes://*"] } }),
        ),
    ]);
    let grant = tenant.grant("notes").unwrap();
    assert!(grant.tools().grants("read") && !grant.tools().grants("list") && !grant.tools().grants("drop"));
    assert!(grant.prompts().grants("hello") && !grant.prompts().grants("bye"));
    assert!(grant.resources().grants("notes://1/a") && !grant.resources().grants("file:///etc/passwd"));
    assert_eq!(*grant.placement(), Placement::Shared);
    assert_eq!(grant.upstream().map(|url| &**url), Some("http://127.0.0.1:9000/mcp"));
}

#[test]
fn a_placement_of_its_own_leads_elsewhere() {
    let tenant =
        acme(&[("tenant.acme.servers.notes", json!({ "placement": { "remote": "http://127.0.0.1:9102/mcp" } }))]);
    let grant = tenant.grant("notes").unwrap();
    assert_eq!(*grant.placement(), Placement::Remote("http://127.0.0.1:9102/mcp".into()));
    assert_eq!(grant.upstream().map(|url| &**url), Some("http://127.0.0.1:9102/mcp"));
    assert!(grant.tools().grants("list"), "the plan's tools still hold");
}

#[test]
fn a_tool_needs_the_scopes_of_every_rule_it_matches() {
    let scopes = json!({
        "*": ["notes"],
        "write_*": ["notes:write", "notes"],
        "write_all": ["notes:admin"],
        "{drop,purge}": ["notes:admin"],
    });
    let tenant = acme(&[("plan.standard.servers.notes.scopes", scopes)]);
    let grant = tenant.grant("notes").unwrap();
    let rows: [(&str, &[&str]); 6] = [
        ("read", &["notes"]),
        ("write_one", &["notes", "notes:write"]),
        ("write_all", &["notes", "notes:admin", "notes:write"]),
        ("drop", &["notes", "notes:admin"]),
        ("purge", &["notes", "notes:admin"]),
        ("Write_one", &["notes"]),
    ];
    for (tool, expected) in rows {
        assert_eq!(grant.scopes_for(tool), expected, "{tool}");
    }
    assert_eq!(acme(&[]).grant("notes").unwrap().scopes_for("read"), [""; 0]);
}
