//! A house with tenants, and the issuers whose tokens open it.

use std::time::SystemTime;

use partywall_documents::{Document, Kind, Mistake};
use partywall_domain::{Revision, TenantId};
use partywall_identity::{Resource, verify};
use partywall_tenancy::{Snapshot, TenantContext, compile};
use partywall_testkit::token::{Claims, Issuer};
use serde_json::{Value, json};

pub(crate) const RESOURCE: &str = "https://mcp.example.com/mcp/notes";

/// Three issuers: two serve several customers each, the third is a customer's own. All their keys are named alike.
pub(crate) struct House {
    pub(crate) corporate: Issuer,
    pub(crate) partner: Issuer,
    pub(crate) own: Issuer,
}

impl House {
    pub(crate) fn new() -> Self {
        Self {
            corporate: Issuer::new("https://login.example.com"),
            partner: Issuer::new("https://login.example.org"),
            own: Issuer::new("https://idp.umbrella.example"),
        }
    }

    /// Documents without a mistake.
    pub(crate) fn documents(&self) -> Value {
        json!({
            "issuer": {
                "corporate": { "url": self.corporate.url(), "tenant_claim": "tenant", "jwks": self.corporate.jwks() },
                "partner": { "url": self.partner.url(), "tenant_claim": "tenant", "jwks": self.partner.jwks() },
                "umbrella-idp": { "url": self.own.url(), "jwks": self.own.jwks() },
            },
            "server": {
                "notes": { "url": "http://127.0.0.1:9000/mcp", "sharing": "assertion" },
                "legacy": { "url": "http://127.0.0.1:9001/mcp" },
            },
            "plan": {
                "standard": {
                    "servers": { "notes": { "placement": "shared", "tools": { "allow": ["*"] } } }
                },
            },
            "tenant": {
                "acme": {
                    "plan": "standard",
                    "identities": [
                        { "issuer": "corporate", "value": "acme" },
                        { "issuer": "partner", "value": "acme-at-partner" },
                    ],
                    "servers": { "legacy": { "placement": { "remote": "http://127.0.0.1:9101/mcp" } } },
                },
                "globex": {
                    "plan": "standard",
                    "identities": [
                        { "issuer": "corporate", "value": "globex" },
                        { "issuer": "partner", "value": "globex" },
                    ],
                },
                "umbrella": { "plan": "standard", "identities": [{ "issuer": "umbrella-idp" }] },
                "asleep": {
                    "plan": "standard",
                    "identities": [{ "issuer": "corporate", "value": "asleep" }],
                    "suspended": true,
                },
                "homeless": { "plan": "standard" },
            },
        })
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        compiled(&self.documents()).unwrap()
    }
}

/// The same id for the same name, so that a tenant stays itself over two compilations.
pub(crate) fn id_of(tenant: &str) -> TenantId {
    let number = tenant.bytes().fold(7_u64, |sum, byte| (sum * 31 + u64::from(byte)) % (1 << 48));
    format!("00000000-0000-4000-8000-{number:012x}").parse().unwrap()
}

/// `{ kind: { name: body } }` as the store hands it out.
pub(crate) fn listed(documents: &Value) -> Vec<Document> {
    let mut all = Vec::new();
    for (kind, named) in documents.as_object().unwrap() {
        for (name, body) in named.as_object().unwrap() {
            let kind = Kind::of(kind).unwrap();
            let tenant_id = (kind == Kind::Tenant).then(|| id_of(name));
            all.push(Document::new(kind, name, tenant_id, body.clone()));
        }
    }
    all
}

pub(crate) fn compiled(documents: &Value) -> Result<Snapshot, Vec<Mistake>> {
    compile(Revision(7), &listed(documents))
}

/// `value` at `path`, where `a.b.0` names members and indices; `null` takes out what is there.
pub(crate) fn put(documents: &mut Value, path: &str, value: Value) {
    let (parents, last) = path.rsplit_once('.').unwrap_or(("", path));
    let mut at = documents;
    for name in parents.split('.').filter(|name| !name.is_empty()) {
        at = match name.parse::<usize>() {
            Ok(index) => &mut at[index],
            Err(_) => &mut at[name],
        };
    }
    match (last.parse::<usize>(), at) {
        (Ok(index), at) => at[index] = value,
        (Err(_), Value::Object(members)) if value.is_null() => drop(members.remove(last)),
        (Err(_), at) => at[last] = value,
    }
}

/// What happens to somebody who comes with these claims: the context, or what an operator is told.
pub(crate) fn enter(snapshot: &Snapshot, issuer: &Issuer, claims: Claims) -> Result<TenantContext, String> {
    let resource = Resource::new(RESOURCE, None);
    let token = issuer.token(claims);
    let principal = verify(|url| snapshot.issuer(url), |_| None, &token, &resource, SystemTime::now());
    snapshot.enter(principal.map_err(|why| why.to_string())?).map_err(|why| why.to_string())
}
