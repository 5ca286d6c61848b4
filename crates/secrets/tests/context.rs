//! Opening through a context: the caller's own tenant's secrets, and nobody else's.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::time::SystemTime;

use partywall_documents::{Document, Kind, Secrets};
use partywall_domain::{Revision, Secret, SecretName, TenantId};
use partywall_identity::{Resource, verify};
use partywall_secrets::{NotOpened, SecretKey, SecretKeys};
use partywall_tenancy::{Snapshot, TenantContext, compile};
use partywall_testkit::token::Issuer;
use serde_json::{Value, json};

const RESOURCE: &str = "https://mcp.example.com/mcp/notes";

#[test]
fn a_context_opens_its_own_tenants_secrets_alone() {
    let keys = keys();
    let (acme, globex) = (TenantId::random(), TenantId::random());
    let seal = |tenant, name: &str, value: &str| {
        let name: SecretName = name.parse().unwrap();
        let sealed = keys.seal(tenant, &name, &Secret::new(value)).unwrap();
        (name, sealed)
    };
    let of_acme: Secrets = [seal(acme, "notes-key", "of acme"), seal(acme, "other", "of acme too")].into();
    // `stolen` is acme's, put among globex's by whoever can write the store.
    let stolen = ("stolen".parse().unwrap(), of_acme[&name("notes-key")].clone());
    let of_globex: Secrets = [seal(globex, "notes-key", "of globex"), stolen].into();
    let house = House::new(&[("acme", acme, of_acme), ("globex", globex, of_globex)]);
    let (ann, gus) = (house.enter("acme"), house.enter("globex"));

    assert_eq!(keys.open(&ann, &name("notes-key")), Ok(Secret::new("of acme")));
    assert_eq!(keys.open(&gus, &name("notes-key")), Ok(Secret::new("of globex")));
    assert_eq!(keys.open(&gus, &name("other")), Err(NotOpened::Missing(name("other"))));
    assert_eq!(keys.open(&gus, &name("stolen")), Err(NotOpened::Closed(name("stolen"))));

    let all = keys.open_all(&ann, &[name("notes-key"), name("other")]).unwrap();
    assert_eq!(all.into_keys().map(|name| name.to_string()).collect::<Vec<_>>(), ["notes-key", "other"]);
    assert_eq!(keys.open_all(&gus, &[name("notes-key"), name("other")]), Err(NotOpened::Missing(name("other"))));
    assert!(keys.open_all(&gus, []).unwrap().is_empty());
}

fn keys() -> SecretKeys {
    SecretKeys::new(SecretKey::new(1, &[7; 32]).unwrap(), Vec::new())
}

fn name(text: &str) -> SecretName {
    text.parse().unwrap()
}

struct House {
    issuer: Issuer,
    snapshot: Snapshot,
}

impl House {
    fn new(tenants: &[(&str, TenantId, Secrets)]) -> Self {
        let issuer = Issuer::new("https://login.example.com");
        let document = |kind, name: &str, body: Value| Document {
            kind,
            name: name.to_owned(),
            tenant_id: None,
            body,
            secrets: Secrets::new(),
        };
        let trusted = json!({ "url": issuer.url(), "tenant_claim": "tenant", "jwks": issuer.jwks() });
        let mut documents =
            vec![document(Kind::Issuer, "corporate", trusted), document(Kind::Plan, "standard", json!({}))];
        for (name, id, secrets) in tenants {
            let body = json!({ "plan": "standard", "identities": [{ "issuer": "corporate", "value": name }] });
            let document = document(Kind::Tenant, name, body);
            documents.push(Document { tenant_id: Some(*id), secrets: secrets.clone(), ..document });
        }
        Self { issuer, snapshot: compile(Revision(1), &documents).unwrap() }
    }

    fn enter(&self, tenant: &str) -> TenantContext {
        let token = self.issuer.token(self.issuer.claims(RESOURCE).tenant(tenant).subject("somebody"));
        let resource = Resource::new(RESOURCE, None);
        let principal = verify(|url| self.snapshot.issuer(url), |_| None, &token, &resource, SystemTime::now());
        self.snapshot.enter(principal.unwrap()).unwrap()
    }
}
