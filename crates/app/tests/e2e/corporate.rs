//! An issuer of a customer's own, as a document names it, and the tokens it signs.

use std::path::Path;

use partywall_testkit::token::{Claims, Issuer};
use serde_json::{Value, json};

/// Its `iss`.
pub(crate) const URL: &str = "https://login.corporate.example";

/// The issuer; its document's name is `corporate` and its tenant claim `tenant`.
pub(crate) struct Corporate(pub(crate) Issuer);

impl Corporate {
    pub(crate) fn new() -> Self {
        Self(Issuer::new(URL))
    }

    /// Its document, in the shape of JSON files.
    pub(crate) fn document(&self) -> Value {
        json!({"url": URL, "tenant_claim": "tenant", "jwks": self.0.jwks()})
    }

    /// Claims that open `{public}/mcp` for a subject of the tenant with that claim value.
    pub(crate) fn claims(&self, public: &str, tenant: &str, subject: &str) -> Claims {
        self.0.claims(&format!("{public}/mcp")).tenant(tenant).subject(subject)
    }

    /// A token with these claims.
    pub(crate) fn token(&self, public: &str, tenant: &str, subject: &str) -> String {
        self.0.token(self.claims(public, tenant, subject))
    }
}

/// Writes documents as a JSON file into a folder; gives its path.
pub(crate) fn write_documents(folder: &Path, documents: &Value) -> String {
    let path = folder.join("applied-by-test.json");
    let mut file = documents.clone();
    file["version"] = json!(1);
    std::fs::write(&path, file.to_string()).unwrap();
    path.to_str().unwrap().to_owned()
}
