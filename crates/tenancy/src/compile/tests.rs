//! A change over what stands gives what compiling the whole gives, whatever the change, and shares what it does not touch.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;

use partywall_documents::{Change, Document, Kind};
use partywall_domain::{Revision, Sealed, TenantId};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

use super::compile;
use crate::draft::Draft;
use crate::snapshot::{Door, Snapshot};

/// What stands, by kind and name.
type Standing = BTreeMap<(Kind, String), Document>;

const TENANTS: [&str; 5] = ["acme", "globex", "initech", "stark", "umbrella"];
const PLACES: [&str; 4] = [
    "http://127.0.0.1:9100/mcp",
    "http://localhost:9100/mcp",
    "http://127.0.0.1:9101/mcp",
    "http://127.0.0.1:9001/mcp",
];

fn jwks() -> Value {
    json!({ "keys": [{
        "kty": "EC", "crv": "P-256", "kid": "1",
        "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4", "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
    }] })
}

fn id_of(tenant: &str) -> TenantId {
    let number = TENANTS.iter().position(|name| *name == tenant).unwrap();
    format!("00000000-0000-4000-8000-{number:012x}").parse().unwrap()
}

fn document(kind: Kind, name: &str, body: Value) -> Document {
    Document::new(kind, name, (kind == Kind::Tenant).then(|| id_of(name)), body)
}

/// A house in which everything fits.
fn house() -> Vec<Document> {
    let issuer = |name: &str, url: &str| {
        document(Kind::Issuer, name, json!({ "url": url, "tenant_claim": "tenant", "jwks": jwks() }))
    };
    let tenant = |name: &str| {
        let identities = json!([{ "issuer": "many", "value": name }]);
        document(Kind::Tenant, name, json!({ "plan": "standard", "identities": identities }))
    };
    let grant = json!({ "notes": { "placement": "shared", "tools": { "allow": ["list"] } } });
    let mut all = vec![
        issuer("many", "https://many.example"),
        issuer("each", "https://each.example/{tenant}"),
        document(Kind::Issuer, "own", json!({ "url": "https://own.example", "jwks": jwks() })),
        document(Kind::Server, "notes", json!({ "url": "http://127.0.0.1:9000/mcp", "sharing": "stateless" })),
        document(Kind::Server, "files", json!({})),
        document(Kind::Plan, "standard", json!({ "servers": grant })),
        document(Kind::Plan, "bare", json!({})),
    ];
    all.extend(TENANTS.map(tenant));
    all
}

fn issuer() -> impl Strategy<Value = Document> {
    let url = select(vec!["https://many.example", "https://own.example", "https://each.example/{tenant}", "each"]);
    let claim = prop::option::weighted(0.7, Just("tenant"));
    (select(vec!["many", "each", "own", "spare"]), url, claim).prop_map(|(name, url, claim)| {
        let own = if url == "each" { format!("https://{name}.example") } else { url.to_owned() };
        let mut body = json!({ "url": own, "jwks": jwks() });
        if let Some(claim) = claim {
            body["tenant_claim"] = claim.into();
        }
        document(Kind::Issuer, name, body)
    })
}

fn server() -> impl Strategy<Value = Document> {
    let url = prop::option::weighted(0.8, select(vec!["http://127.0.0.1:9000/mcp", "http://127.0.0.1:9001/mcp"]));
    let sharing = prop::option::weighted(0.8, select(vec!["stateless", "assertion", "because"]));
    let auth = json!({ "kind": "header", "name": "x-api-key", "secret": "key" });
    let auth = prop::option::weighted(0.3, Just(auth));
    (select(vec!["notes", "files", "spare"]), url, sharing, auth).prop_map(|(name, url, sharing, auth)| {
        let mut body = json!({});
        for (field, value) in [("url", url.map(Value::from)), ("sharing", sharing.map(Value::from)), ("auth", auth)] {
            if let Some(value) = value {
                body[field] = value;
            }
        }
        document(Kind::Server, name, body)
    })
}

fn servers() -> impl Strategy<Value = Value> {
    let placement = prop_oneof![
        3 => Just(json!("shared")),
        3 => select(PLACES.to_vec()).prop_map(|url| json!({ "remote": url })),
        1 => Just(json!(null)),
    ];
    let one = (select(vec!["notes", "notes", "files", "spare"]), placement);
    prop::collection::vec(one, 0..2).prop_map(|all| {
        let patch = |placement: Value| if placement.is_null() { json!({}) } else { json!({ "placement": placement }) };
        all.into_iter().map(|(name, placement)| (name.to_owned(), patch(placement))).collect::<Value>()
    })
}

fn plan() -> impl Strategy<Value = Document> {
    (select(vec!["standard", "bare", "spare"]), servers(), 1..3_u32).prop_map(|(name, servers, rate)| {
        document(Kind::Plan, name, json!({ "servers": servers, "limits": { "calls_per_second": rate } }))
    })
}

fn tenant() -> impl Strategy<Value = Document> {
    let value = prop_oneof![5 => select(TENANTS.to_vec()).prop_map(Some), 1 => Just(Some("{tenant}")), 1 => Just(None)];
    let identity = (select(vec!["many", "many", "each", "own", "spare"]), value);
    let plan = select(vec!["standard", "standard", "bare", "spare"]);
    let connect = prop::option::weighted(0.3, select(vec!["a".repeat(22), "b".repeat(22)]));
    let id = prop::option::weighted(0.05, select(TENANTS.to_vec()));
    let own = (select(TENANTS.to_vec()), plan, prop::collection::vec(identity, 0..3));
    let secret = prop::option::weighted(0.7, 1..3_u32);
    (own, prop::option::weighted(0.4, servers()), connect, id, secret).prop_map(
        |((name, plan, identities), servers, connect, id, secret)| {
            let identity = |(issuer, value): (&str, Option<&str>)| match value {
                Some(value) => json!({ "issuer": issuer, "value": value }),
                None => json!({ "issuer": issuer }),
            };
            let identities: Vec<_> = identities.into_iter().map(identity).collect();
            let mut body = json!({ "plan": plan, "identities": identities });
            for (field, value) in [("servers", servers), ("connect_id", connect.map(Value::from))] {
                if let Some(value) = value {
                    body[field] = value;
                }
            }
            let secrets = secret.map(|epoch| ("key".parse().unwrap(), Sealed::new(epoch, *b"sealed")));
            let secrets = secrets.into_iter().collect();
            Document { tenant_id: Some(id_of(id.unwrap_or(name))), secrets, ..document(Kind::Tenant, name, body) }
        },
    )
}

/// Mostly tenants, as in life; some documents go, and some come back as they were in the house.
fn change() -> impl Strategy<Value = Change> {
    let any = prop_oneof![1 => issuer(), 1 => server(), 1 => plan(), 5 => tenant()];
    prop_oneof![
        6 => any.prop_map(Change::Put),
        2 => select(house()).prop_map(Change::Put),
        1 => select(house()).prop_map(|document| Change::Delete(document.kind, document.name)),
    ]
}

/// Changes made at once, and whether they get into the store although they do not fit.
fn step() -> impl Strategy<Value = (Vec<Change>, bool)> {
    (prop::collection::vec(change(), 1..4), prop::bool::weighted(0.2))
}

fn after(standing: &Standing, changes: &[Change]) -> Standing {
    let mut after = standing.clone();
    for change in changes {
        let (kind, name) = change.key();
        match change {
            Change::Put(document) => drop(after.insert((kind, name.to_owned()), document.clone())),
            Change::Delete(..) => drop(after.remove(&(kind, name.to_owned()))),
        }
    }
    after
}

/// What is another in `after` than in `before`, as the store tells it: the newest word on each document.
fn between(before: &Standing, after: &Standing) -> Vec<Change> {
    let put = after.iter().filter(|(key, document)| before.get(*key) != Some(*document));
    let put = put.map(|(_, document)| Change::Put(document.clone()));
    let gone = before.keys().filter(|key| !after.contains_key(*key));
    put.chain(gone.map(|(kind, name)| Change::Delete(*kind, name.clone()))).collect()
}

fn whole(standing: &Standing, revision: u64) -> Option<Snapshot> {
    compile(Revision(revision), &standing.values().cloned().collect::<Vec<_>>()).ok()
}

/// Everything that a snapshot decides by.
fn told(snapshot: &Snapshot) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    let mut tell = |of: &str, key: &dyn Debug, value: String| drop(all.insert(format!("{of} {key:?}"), value));
    let current = |tenant: &Arc<_>| {
        let config: &Arc<crate::tenant::TenantConfig> = tenant;
        assert!(Arc::ptr_eq(config, snapshot.tenants.get(config.name()).unwrap()), "`{}` as it was", config.name());
        config.name().to_string()
    };
    tell("revision", &"", snapshot.revision.to_string());
    for (name, issuer) in &*snapshot.trust.by_name {
        tell("issuer", name, issuer.epoch().to_string());
    }
    for (url, issuer) in snapshot.trust.by_url.iter() {
        tell("iss", url, format!("{} {}", issuer.settings().name, issuer.epoch()));
    }
    snapshot.servers.iter().for_each(|(name, server)| tell("server", name, format!("{server:?}")));
    snapshot.plans.iter().for_each(|(name, plan)| tell("plan", name, format!("{plan:?}")));
    snapshot.tenants.iter().for_each(|(name, tenant)| tell("tenant", name, format!("{tenant:?}")));
    snapshot.ids.iter().for_each(|(id, name)| tell("id", id, name.to_string()));
    snapshot.connects.iter().for_each(|(id, tenant)| tell("connect", id, current(tenant)));
    snapshot.claims.iter().for_each(|(claim, tenant)| tell("claim", claim, current(tenant)));
    snapshot.urls.iter().for_each(|(url, who)| tell("url", url, format!("{who:?}")));
    snapshot.doors.iter().for_each(|(issuer, door)| {
        let door = match door {
            Door::One(tenant) => current(tenant),
            Door::ByClaim(many) => format!("by claim: {many}"),
        };
        tell("door", issuer, door);
    });
    all
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_change_over_what_stands_is_the_whole_compiled(steps in prop::collection::vec(step(), 1..12)) {
        let mut standing = after(&Standing::new(), &house().into_iter().map(Change::Put).collect::<Vec<_>>());
        let (mut taken, mut base) = (standing.clone(), whole(&standing, 0).unwrap());
        for (revision, (changes, forced)) in (1..).zip(steps) {
            let then = after(&standing, &changes);
            let expected = whole(&then, revision);
            let delta = Draft::of(&between(&taken, &then)).over(&base, Revision(revision)).ok();
            prop_assert_eq!(delta.is_some(), expected.is_some(), "{:?}", changes);
            if let (Some(delta), Some(expected)) = (delta, expected) {
                prop_assert_eq!(told(&delta), told(&expected));
                (standing, taken, base) = (then.clone(), then, delta);
            } else if forced {
                standing = then;
            }
        }
    }
}

#[test]
fn tenants_that_say_nothing_of_their_own_share_what_their_plan_grants() {
    let standing = after(&Standing::new(), &house().into_iter().map(Change::Put).collect::<Vec<_>>());
    let base = whole(&standing, 0).unwrap();
    let grants = |snapshot: &Snapshot, name: &str| Arc::clone(&snapshot.tenants.get(name).unwrap().servers);
    assert!(Arc::ptr_eq(&grants(&base, "acme"), &grants(&base, "globex")));

    let own = json!({ "plan": "standard", "servers": { "notes": { "tools": { "allow": ["*"] } } } });
    let next = Draft::of(&[Change::Put(document(Kind::Tenant, "acme", own))]).over(&base, Revision(1)).unwrap();
    assert!(Arc::ptr_eq(&grants(&base, "globex"), &grants(&next, "globex")));
    assert!(next.tenants.get("acme").unwrap().grant("notes").unwrap().tools().grants("add"));
    assert!(!next.tenants.get("globex").unwrap().grant("notes").unwrap().tools().grants("add"));
}

#[test]
fn what_a_change_does_not_touch_is_shared() {
    let standing = after(&Standing::new(), &house().into_iter().map(Change::Put).collect::<Vec<_>>());
    let base = whole(&standing, 0).unwrap();
    let touched = |change: Change| {
        let next = Draft::of(&[change]).over(&base, Revision(1)).unwrap();
        let mut names: Vec<_> = next.tenants_not_in(&base).map(|tenant| tenant.name().to_string()).collect();
        names.sort();
        names
    };
    let put = |kind, name: &str, body| Change::Put(document(kind, name, body));
    assert_eq!(touched(put(Kind::Tenant, "acme", json!({ "plan": "standard" }))), ["acme"]);
    assert_eq!(touched(Change::Delete(Kind::Tenant, "acme".to_owned())), [""; 0]);
    assert_eq!(touched(put(Kind::Plan, "spare", json!({}))), [""; 0]);
    assert_eq!(touched(put(Kind::Plan, "standard", json!({}))), TENANTS);
    assert_eq!(touched(put(Kind::Server, "files", json!({ "sharing": "stateless" }))), [""; 0]);
    let server = json!({ "url": "http://127.0.0.1:9002/mcp", "sharing": "stateless" });
    assert_eq!(touched(put(Kind::Server, "notes", server)), TENANTS);
    let issuer = json!({ "url": "https://elsewhere.example", "tenant_claim": "tenant", "jwks": jwks() });
    assert_eq!(touched(put(Kind::Issuer, "many", issuer.clone())), TENANTS);
    assert_eq!(touched(put(Kind::Issuer, "each", issuer)), [""; 0]);
}
