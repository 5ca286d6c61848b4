//! Limits of tools: per tenant, server and pattern, beside the tenant's own; no name that a caller makes up is a way
//! around them or makes them grow.

use partywall_domain::RefusalCode;
use partywall_ledger::{Call, Claim, Place, Throttled, Weight};
use partywall_tenancy::TenantContext;
use serde_json::{Value, json};

use crate::house::{House, answered, call};

fn take(house: &House, tenant: &TenantContext, server: &str, tool: &str) -> Result<Place, Throttled> {
    house.ledger.take(tenant, &Claim { weight: Weight::Call, server, tool: Some(tool) })
}

/// How many of `tools` get in, called in turn and held.
fn got_in(house: &House, tenant: &TenantContext, server: &str, tools: &[&str]) -> usize {
    let held: Vec<_> = tools.iter().filter_map(|tool| take(house, tenant, server, tool).ok()).collect();
    held.len()
}

fn wide() -> Value {
    json!({ "calls_per_second": 1, "calls_burst": 1000, "calls_in_flight_max": 1000 })
}

#[test]
fn the_tools_of_a_pattern_share_its_limit() {
    let searching = json!({ "search*": { "calls_per_second": 1, "calls_burst": 3 } });
    let in_flight = json!({ "search*": { "calls_in_flight_max": 2 } });
    let both = json!({ "search*": { "calls_per_second": 1, "calls_burst": 4 }, "*_all": { "calls_per_second": 1, "calls_burst": 1 } });
    let rows: [(&str, &Value, &[&str], usize); 9] = [
        ("a rate", &searching, &["search", "search_all", "searches", "search", "search_all"], 3),
        ("another tool", &searching, &["read"; 9], 9),
        ("in another case", &searching, &["Search", "SEARCH_ALL", "sEaRcH", "search", "SearcH"], 3),
        ("names made up", &searching, &["search1", "search2", "search3", "search4", "search5"], 3),
        ("at the same time", &in_flight, &["search", "search_all", "SEARCH", "read", "read"], 4),
        ("of two patterns, both hold", &both, &["search_all", "search_all", "search", "search", "search"], 4),
        ("and each by itself", &both, &["read_all", "read_all", "write_all", "search"], 2),
        ("nothing of a name", &searching, &["", "sear", "xsearch"], 3),
        ("no limits", &json!({}), &["search"; 9], 9),
    ];
    for (what, tool_limits, tools, expected) in rows {
        let house = House::new();
        let acme = house.with_tools(&wide(), tool_limits);
        assert_eq!(got_in(&house, &acme, "notes", tools), expected, "{what}");
        assert_eq!(got_in(&house, &acme, "files", &["search"; 9]), 9, "{what}: another server is another matter");
        assert_eq!(house.ledger.left(acme.config()).in_flight, 0, "{what}");
    }
}

/// LiteLLM#29482: whoever names another server in its request drained that server's quota.
#[test]
fn a_server_that_the_tenant_has_not_is_nobodys_limit() {
    let house = House::new();
    let acme = house.with_tools(&wide(), &json!({ "*": { "calls_per_second": 1, "calls_burst": 2 } }));
    let notes = acme.grant("notes").unwrap();
    let left = || house.ledger.tools_left(acme.config(), notes);
    for server in ["files", "nobodys", "", "Notes", "notes/", "notes\0"] {
        assert!(take(&house, &acme, server, "search").is_ok(), "{server:?}");
    }
    assert_eq!(left(), [(Some(2), 0)], "nothing of it was used");
    let held = take(&house, &acme, "notes", "search").unwrap();
    assert_eq!(left(), [(Some(1), 1)]);
    drop(held);
    assert_eq!(left(), [(Some(1), 0)]);
}

#[test]
fn what_a_tool_is_refused_costs_the_tenant_nothing_and_what_the_tenant_is_refused_no_tool() {
    let house = House::new();
    let tool_limits =
        json!({ "a*": { "calls_per_second": 1, "calls_burst": 1 }, "*b": { "calls_per_second": 1, "calls_burst": 5 } });
    let limits = json!({ "calls_per_second": 1, "calls_burst": 3, "calls_in_flight_max": 9 });
    let acme = house.with_tools(&limits, &tool_limits);
    assert!(take(&house, &acme, "notes", "ab").is_ok());
    for _ in 0..20 {
        let throttled = take(&house, &acme, "notes", "ab").err().unwrap();
        assert_eq!((throttled.code, throttled.policy.name), (RefusalCode::RateLimited, "tool"));
        assert_eq!(throttled.cause(), "over `tool_limits.calls_per_second`");
    }
    let notes = acme.grant("notes").unwrap();
    let of = |pattern: &str| {
        let all = notes.tool_limits().iter().zip(house.ledger.tools_left(acme.config(), notes));
        all.filter(|(limit, _)| limit.tools.as_str() == pattern).map(|(_, left)| left).next().unwrap()
    };
    assert_eq!((house.ledger.left(acme.config()).calls, of("*b")), (2, (Some(4), 0)));
    assert_eq!(got_in(&house, &acme, "notes", &["b", "b", "b"]), 2, "then the tenant's own burst is over");
    assert_eq!(of("*b"), (Some(2), 0));
}

#[test]
fn what_was_used_still_counts_under_another_revision() {
    let house = House::new();
    let at = |burst: u32, in_flight: u32| {
        let limit = json!({ "calls_per_second": 1, "calls_burst": burst, "calls_in_flight_max": in_flight });
        house.with_tools(&wide(), &json!({ "search": limit }))
    };
    let (before, after) = (at(3, 9), at(4, 1));
    let held: Vec<_> = (0..3).map(|_| take(&house, &before, "notes", "search").unwrap()).collect();
    let throttled = take(&house, &after, "notes", "search").err().unwrap();
    assert_eq!((throttled.code, throttled.policy.name), (RefusalCode::TooManyInFlight, "tool-in-flight"));
    drop(held);
    assert!(take(&house, &after, "notes", "search").is_ok());
    assert!(take(&house, &after, "notes", "search").is_err(), "three of the four were used before");
}

#[test]
fn a_call_keeps_its_tools_place_until_it_ends() {
    let house = House::new();
    let acme = house.with_tools(&wide(), &json!({ "read": { "calls_in_flight_max": 1 } }));
    let one = house.ledger.reserve(&acme, call(Weight::Call)).unwrap();
    assert!(house.ledger.reserve(&acme, call(Weight::Call)).is_err());
    let other = Call { name: Some("list".to_owned()), ..call(Weight::Call) };
    assert!(house.ledger.reserve(&acme, other).is_ok());
    one.settle(answered());
    assert!(house.ledger.reserve(&acme, call(Weight::Call)).is_ok());
}
