//! What crosses the admin API's wire, for both its ends.

mod instance;
mod node;
mod secret;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use instance::{Held, Instance, InstanceLine, InstanceLog, Instances, Stopped, Tier};
pub use node::{Check, Health, Readiness, Top, TopLine};
pub use secret::{Asked, Reseal, SecretLine, Secrets, SetSecret};

/// A file of documents; its ending says how to read it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// Its name, as mistakes cite it.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// `POST /api/v1/apply`: these documents shall stand; what is not mentioned stays.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Apply {
    /// The documents.
    pub files: Vec<File>,
    /// Do everything but write.
    #[serde(default)]
    pub dry_run: bool,
    /// Why, for the history.
    #[serde(default)]
    pub reason: Option<String>,
}

/// What an apply did, or would do.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Applied {
    /// The revision that stands now.
    pub revision: u64,
    /// Every document mentioned.
    pub changes: Vec<Change>,
    /// Which nodes enforce it; none if nothing was written.
    pub enforced: Option<Enforced>,
}

/// What became of one document.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Change {
    /// `issuer`, `server`, `plan` or `tenant`.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// What became of it.
    pub change: Fate,
    /// Which of its fields are others; in a preview and in a difference.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<Field>,
}

/// A field that is another than before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    /// Where in its document: `limits.calls_burst`.
    pub path: String,
    /// What it said; none: it was not there.
    pub before: Option<Value>,
    /// What it says; none: it is not there.
    pub after: Option<Value>,
}

/// What became of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// It is new.
    Created,
    /// It is another than before.
    Changed,
    /// It says what it said before.
    Unchanged,
    /// It is gone.
    Deleted,
}

impl Fate {
    /// The word, as on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Changed => "changed",
            Self::Unchanged => "unchanged",
            Self::Deleted => "deleted",
        }
    }
}

/// The query of `GET /api/v1/config/history`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AskHistory {
    /// The document, as `tenant.acme`; none: all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub document: Option<String>,
    /// Only revisions before this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<u64>,
    /// At most as many.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// `GET /api/v1/config/history`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct History {
    /// The revision that stands.
    pub revision: u64,
    /// The revisions asked for, the newest first.
    pub revisions: Vec<Made>,
}

/// How a revision came about.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Made {
    /// Its number.
    pub revision: u64,
    /// When: RFC 3339, UTC.
    pub at: String,
    /// The operator.
    pub author: String,
    /// Why, if the operator said so.
    pub reason: Option<String>,
    /// How many documents it brought, changed or took away.
    pub documents: u64,
}

/// The query of `GET /api/v1/config/diff`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AskDiff {
    /// From this revision; none: the one before `to`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<u64>,
    /// To this revision; none: the one that stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<u64>,
}

/// `GET /api/v1/config/diff`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Differences {
    /// The one revision.
    pub from: u64,
    /// The other one.
    pub to: u64,
    /// Every document that differs, with the fields that do.
    pub changes: Vec<Change>,
}

/// `POST /api/v1/config/rollback`: what stood at a revision shall stand again. The answer is that of an apply.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rollback {
    /// The revision.
    pub to: u64,
    /// Do everything but write.
    #[serde(default)]
    pub dry_run: bool,
    /// Why, for the history.
    #[serde(default)]
    pub reason: Option<String>,
}

/// Which nodes enforce a revision.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Enforced {
    /// How many do.
    pub nodes: usize,
    /// How many there are.
    pub of: usize,
    /// Milliseconds from the writing until the last one did; none if one does not yet.
    pub after_ms: Option<u64>,
}

/// Something wrong in a document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mistake {
    /// Where it is written: `acme.toml:12:9`. None: in a document that stands already.
    pub place: Option<String>,
    /// What it is about: `tenant.acme.identities.0.issuer`.
    pub path: String,
    /// What is wrong, and what to write instead.
    pub message: String,
}

impl Mistake {
    /// Where it stands among others: as somebody reads who goes through the files; what stands nowhere comes last.
    pub fn order(&self) -> (bool, &str, u64, u64) {
        let mut parts = self.place.as_deref().unwrap_or_default().rsplitn(3, ':');
        let mut number = || parts.next().and_then(|part| part.parse().ok()).unwrap_or(0);
        let (column, line) = (number(), number());
        (self.place.is_none(), parts.next().unwrap_or_default(), line, column)
    }
}

/// The body of every answer that is no success.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Refused {
    /// Why.
    pub error: Problem,
    /// Everything wrong in the documents, if that is why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mistakes: Vec<Mistake>,
}

/// Why something was refused.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Problem {
    /// What is wrong.
    pub message: String,
    /// What to do next.
    pub hint: String,
}

/// `GET /api/v1/tenants`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Tenants {
    /// The revision that stands.
    pub revision: u64,
    /// The tenants, by name.
    pub tenants: Vec<TenantLine>,
}

/// One tenant of the list.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TenantLine {
    /// Its name.
    pub name: String,
    /// Its id.
    pub id: String,
    /// Its plan.
    pub plan: String,
    /// Whether its calls are refused.
    pub suspended: bool,
    /// The servers granted.
    pub servers: Vec<String>,
}

/// `GET /api/v1/tenants/{name}`: a tenant as it is enforced, plan and overrides taken together.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Tenant {
    /// The revision that stands.
    pub revision: u64,
    /// Its name.
    pub name: String,
    /// Its id.
    pub id: String,
    /// Its plan.
    pub plan: String,
    /// Whether its calls are refused.
    pub suspended: bool,
    /// What in a token means this tenant.
    pub identities: Vec<Identity>,
    /// Its limits.
    pub limits: Vec<Limit>,
    /// The servers granted.
    pub servers: Vec<Server>,
}

/// What in a token means a tenant.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Identity {
    /// The issuer's document.
    pub issuer: String,
    /// The value of its tenant claim; none: every token of this issuer.
    pub value: Option<String>,
}

/// A limit in force.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Limit {
    /// Its name, which says its unit.
    pub name: String,
    /// Its value.
    pub value: u64,
    /// How much of it is there now; none for a rate.
    pub left: Option<u64>,
    /// Who set it: `tenant`, `plan` or `default`.
    pub origin: String,
}

/// What a tenant may do with a server, and where its calls go.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Server {
    /// The server's name.
    pub name: String,
    /// `shared` or `remote`.
    pub placement: String,
    /// The URL behind the placement.
    pub upstream: String,
    /// The tools granted, as patterns; empty: none.
    pub tools: String,
    /// The prompts granted, as patterns; empty: none.
    pub prompts: String,
    /// The resources granted, as patterns; empty: none.
    pub resources: String,
    /// The scopes that tools need.
    pub scopes: Vec<Scopes>,
}

/// The scopes that some tools need.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Scopes {
    /// The tools, as a pattern.
    pub tools: String,
    /// All that they need.
    pub needed: Vec<String>,
}

/// `GET /api/v1/issuers`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Issuers {
    /// The revision that stands.
    pub revision: u64,
    /// The trusted issuers, by name.
    pub issuers: Vec<Issuer>,
}

/// `GET /api/v1/issuers/{name}`: an issuer as it is trusted, without its keys.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Issuer {
    /// The name of its document.
    pub name: String,
    /// Its `iss`, with a placeholder where each of its tenants has one of its own.
    pub url: String,
    /// The `iss` of one of its tenants, where `url` has a placeholder; none: no tenant has one.
    pub example: Option<String>,
    /// Whose tokens' shape its tokens have; `generic` if nobody's.
    pub profile: String,
    /// The `typ` values of its access tokens; empty: `typ` says nothing.
    pub typ: Vec<String>,
    /// The claim that only access tokens have, as `name` or `name=value`.
    pub access_claim: Option<String>,
    /// Where scopes stand.
    pub scope_claims: Vec<String>,
    /// Where the OAuth client stands.
    pub client_claims: Vec<String>,
    /// Where the tenant stands; none: the issuer alone says it.
    pub tenant_claim: Option<String>,
    /// What tokens may be for: our URLs for all servers, of which those for one server begin with.
    pub resources: Vec<String>,
    /// Audiences that count beside these.
    pub audiences: Vec<String>,
    /// The clients whose tokens count; empty: any.
    pub clients: Vec<String>,
    /// Where its keys come from.
    pub keys: Keys,
    /// Whether clients without a token are told of it.
    pub listed: bool,
    /// How many identities of tenants name it.
    pub identities: usize,
}

/// Where an issuer's keys come from.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Keys {
    /// Whether its document gives them; if not they are fetched.
    pub given: bool,
    /// Where its document says that they are.
    pub url: Option<String>,
    /// Networks that are not public and may be asked all the same.
    pub private_networks: Vec<String>,
    /// Whether this node has them.
    pub known: bool,
    /// Why this node could not fetch them the last time.
    pub problem: Option<String>,
}

/// `POST /api/v1/explain`: what would a call with this token meet?
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Explain {
    /// The token.
    pub token: String,
    /// The server that would be called.
    #[serde(default)]
    pub server: Option<String>,
    /// The tool that would be called.
    #[serde(default)]
    pub tool: Option<String>,
}

/// Why something was, or would be, as it is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Explanation {
    /// The revision that stands now.
    pub revision: u64,
    /// Whether the call is let through, and if not, why.
    pub verdict: Verdict,
    /// By which rule this is the tenant.
    pub rule: Option<String>,
    /// Who was calling.
    pub caller: Option<Caller>,
    /// The tenant as it is configured now.
    pub tenant: Option<Tenant>,
    /// What it has left of its limits now.
    pub left: Option<Left>,
    /// What the journal has of the request, oldest first.
    pub journal: Vec<partywall_ledger::Entry>,
}

/// Let through or refused.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Verdict {
    /// `let_through`, `refused`, `in_flight`, or how the call ended.
    pub outcome: String,
    /// Which refusal.
    pub refusal: Option<String>,
    /// Why.
    pub why: String,
    /// What to do.
    pub next: String,
}

/// Who is calling, as the token says.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Caller {
    /// The issuer's document.
    pub issuer: String,
    /// The subject.
    pub subject: String,
    /// The OAuth client.
    pub client: String,
    /// The scopes; none for a request of the past, whose journal does not keep them.
    pub scope: Option<String>,
    /// When the token ends, in seconds since the Unix epoch.
    pub expires: Option<u64>,
}

/// What is left of a tenant's limits.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Left {
    /// Calls that may come at once.
    pub calls: u32,
    /// Calls in flight.
    pub calls_in_flight: u32,
    /// Streams open.
    pub streams_open: u32,
}
