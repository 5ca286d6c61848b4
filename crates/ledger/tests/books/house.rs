//! Two tenants and a ledger in a folder of its own.

use std::fs;
use std::path::Path;
use std::time::{Instant, SystemTime};

use partywall_documents::{Document, Kind};
use partywall_domain::{Outcome, RequestId, Revision, TraceId};
use partywall_identity::{Resource, verify};
use partywall_ledger::{Call, Entry, Ids, Ledger, Settlement, Weight};
use partywall_tenancy::{Snapshot, TenantContext, compile};
use partywall_testkit::token::Issuer;
use serde_json::{Value, json};
use tempfile::TempDir;

const RESOURCE: &str = "https://mcp.example.com/mcp/notes";

pub(crate) struct House {
    issuer: Issuer,
    folder: TempDir,
    pub(crate) ledger: Ledger,
}

impl House {
    pub(crate) fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let (ledger, closed) = Ledger::open(folder.path()).unwrap();
        assert_eq!(closed, 0);
        Self { issuer: Issuer::new("https://login.example.com"), folder, ledger }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Acme and globex, each with these limits.
    pub(crate) fn snapshot(&self, revision: u64, acme: &Value, globex: &Value) -> Snapshot {
        compile(Revision(revision), &self.documents(acme, globex)).unwrap()
    }

    fn documents(&self, acme: &Value, globex: &Value) -> Vec<Document> {
        let document = |kind, name: &str, body| {
            let tenant_id = match name {
                "acme" => Some("6f0c9e9e-3c6d-4f5a-9a55-0d2b7c1e0a01".parse().unwrap()),
                "globex" => Some("6f0c9e9e-3c6d-4f5a-9a55-0d2b7c1e0a02".parse().unwrap()),
                _ => None,
            };
            Document::new(kind, name, tenant_id, body)
        };
        let tenant = |name: &str, limits: &Value| {
            let identities = json!([{ "issuer": "corporate", "value": name }]);
            document(Kind::Tenant, name, json!({ "plan": "bare", "identities": identities, "limits": limits }))
        };
        let issuer = json!({ "url": self.issuer.url(), "jwks": self.issuer.jwks(), "tenant_claim": "tenant" });
        vec![
            document(Kind::Issuer, "corporate", issuer),
            document(Kind::Plan, "bare", json!({})),
            tenant("acme", acme),
            tenant("globex", globex),
        ]
    }

    pub(crate) fn enter(&self, snapshot: &Snapshot, tenant: &str) -> TenantContext {
        self.enter_as(snapshot, tenant, "ann")
    }

    pub(crate) fn enter_as(&self, snapshot: &Snapshot, tenant: &str, subject: &str) -> TenantContext {
        let token = self.issuer.token(self.issuer.claims(RESOURCE).tenant(tenant).subject(subject));
        let resource = Resource::new(RESOURCE, None);
        let principal = verify(|url| snapshot.issuer(url), |_| None, &token, &resource, SystemTime::now()).unwrap();
        snapshot.enter(principal).unwrap()
    }

    /// Acme with these limits.
    pub(crate) fn acme(&self, limits: &Value) -> TenantContext {
        self.enter(&self.snapshot(7, limits, &json!({})), "acme")
    }

    /// Acme with these limits for the tools of two servers.
    pub(crate) fn with_tools(&self, limits: &Value, tool_limits: &Value) -> TenantContext {
        let server = |name: &str, port: u32| {
            let body = json!({ "url": format!("http://127.0.0.1:{port}/mcp"), "sharing": "stateless" });
            Document::new(Kind::Server, name, None, body)
        };
        let grant = |tool_limits: &Value| json!({ "placement": "shared", "tools": { "allow": ["*"] }, "tool_limits": tool_limits });
        let mut documents = self.documents(limits, &json!({}));
        documents.extend([server("notes", 9001), server("files", 9002)]);
        let acme = documents.iter_mut().find(|document| document.name == "acme").unwrap();
        acme.body["servers"] = json!({ "notes": grant(tool_limits), "files": grant(&json!({})) });
        self.enter(&compile(Revision(7), &documents).unwrap(), "acme")
    }

    /// What is on disk at this moment.
    pub(crate) fn entries(&self) -> Vec<Entry> {
        entries(self.folder())
    }
}

/// All entries in a folder, in the order written. A line that is none is not.
pub(crate) fn entries(folder: &Path) -> Vec<Entry> {
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort_unstable();
    let lines = files.iter().flat_map(|file| {
        let bytes = fs::read(file).unwrap();
        bytes.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect::<Vec<_>>()
    });
    lines.filter_map(|line| serde_json::from_slice(&line).ok()).collect()
}

pub(crate) fn call(weight: Weight) -> Call {
    Call {
        ids: ids(),
        since: Instant::now(),
        weight,
        server: "notes".to_owned(),
        method: "tools/call",
        name: Some("read".to_owned()),
        era: "modern",
        bytes_in: 0,
    }
}

pub(crate) fn ids() -> Ids {
    Ids { request: RequestId::now(), trace: TraceId::random(), parent: None, sampled: true, kept: false }
}

pub(crate) fn answered() -> Settlement {
    Settlement { outcome: Outcome::Answered, cause: String::new(), status: 200, bytes_out: 42 }
}
