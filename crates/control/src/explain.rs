//! Explaining: which tenant and by which rule, what is in force and who set it, what is left, why refused.
//!
//! It takes the same steps as a call, by the same code, and stops where a call would be refused.

mod principal;

use std::io;

use partywall_domain::{RefusalCode, RequestId};
use partywall_identity::{IssuerSettings, Principal, Unauthenticated};
use partywall_ledger::{Entry, Ledger};
use partywall_tenancy::{NotEntered, Snapshot, TenantConfig, TenantContext};

use principal::Found;

use crate::control::Parts;
use crate::view;
use crate::wire::{Caller, Explain, Explanation, Left, Verdict};

/// What a call with this token would meet.
pub(crate) fn token(parts: &Parts, snapshot: &Snapshot, asked: &Explain) -> Explanation {
    let Found { principal, connect } = match principal::find(parts, snapshot, asked) {
        Ok(found) => found,
        Err(why) => return nobody(snapshot, None, refused(RefusalCode::InvalidToken, &told(parts, snapshot, &why))),
    };
    let caller = Some(caller(&principal));
    let rule = rule(principal.issuer().as_str(), principal.tenant_claim());
    match snapshot.enter(principal) {
        Ok(tenant) if connect.is_some_and(|named| named.id() != tenant.id()) => {
            nobody(snapshot, caller, refused(RefusalCode::UnknownTenant, "the connect URL is not this tenant's"))
        }
        Ok(tenant) => {
            let mut explanation = about(&parts.ledger, snapshot, tenant.config(), check(&tenant, asked));
            explanation.caller = caller.map(|caller| Caller { scope: Some(tenant.scope().to_owned()), ..caller });
            explanation.rule = Some(rule);
            explanation
        }
        Err(why @ NotEntered::Unknown { .. }) => {
            nobody(snapshot, caller, refused(RefusalCode::UnknownTenant, &why.to_string()))
        }
        Err(NotEntered::Suspended(id, name)) => {
            let tenant = snapshot.tenant(name.as_str());
            let verdict = refused(RefusalCode::Suspended, &NotEntered::Suspended(id, name.clone()).to_string());
            let told = tenant.map(|tenant| about(&parts.ledger, snapshot, tenant, verdict.clone()));
            let told = told.unwrap_or_else(|| nobody(snapshot, None, verdict));
            Explanation { caller, rule: Some(rule), ..told }
        }
    }
}

/// What became of a request; `None` if the journal has nothing of it.
pub(crate) fn request(parts: &Parts, snapshot: &Snapshot, id: RequestId) -> io::Result<Option<Explanation>> {
    let journal = parts.ledger.find(id)?;
    let Some(last) = journal.last().cloned() else { return Ok(None) };
    let verdict = verdict_of(&last);
    let tenant = snapshot.tenants().find(|tenant| last.tenant_id.as_deref() == Some(&*tenant.id().to_string()));
    let told = match tenant {
        Some(tenant) => about(&parts.ledger, snapshot, tenant, verdict),
        None => nobody(snapshot, None, verdict),
    };
    let caller = (!last.subject.is_empty()).then(|| Caller {
        issuer: last.issuer.clone(),
        subject: last.subject.clone(),
        client: last.client.clone(),
        scope: None,
        expires: None,
    });
    let rule = caller.is_some().then(|| rule(&last.issuer, last.tenant_claim.as_deref()));
    Ok(Some(Explanation { rule, caller, journal, ..told }))
}

/// Why a token is refused; where a key is missing, with why it could not be fetched.
fn told(parts: &Parts, snapshot: &Snapshot, why: &Unauthenticated) -> String {
    let problem = match why {
        Unauthenticated::NeedsKeys { issuer, .. } => snapshot.issuer_named(issuer),
        _ => None,
    };
    let problem = problem.and_then(|issuer| parts.keys.problem(issuer.settings()));
    problem.map_or_else(|| why.to_string(), |problem| format!("{why}: {problem}"))
}

/// Whose keys this node lacks to tell what the token is, and which.
pub(crate) fn lacks(parts: &Parts, snapshot: &Snapshot, asked: &Explain) -> Option<(IssuerSettings, Option<String>)> {
    match principal::find(parts, snapshot, asked) {
        Err(Unauthenticated::NeedsKeys { issuer, kid }) => {
            snapshot.issuer_named(&issuer).map(|issuer| (issuer.settings().clone(), kid))
        }
        _ => None,
    }
}

fn rule(issuer: &str, claim: Option<&str>) -> String {
    match claim {
        Some(value) => format!("issuer `{issuer}`, tenant claim = `{value}`"),
        None => format!("issuer `{issuer}`"),
    }
}

fn check(tenant: &TenantContext, asked: &Explain) -> Verdict {
    let Some(server) = &asked.server else { return let_through("the token enters this tenant") };
    let Some(grant) = tenant.grant(server) else {
        let why = format!("neither tenant `{}` nor its plan has a server `{server}`", tenant.name());
        return refused(RefusalCode::UnknownServer, &why);
    };
    let Some(tool) = &asked.tool else { return let_through("the tenant has this server") };
    if !grant.tools().grants(tool) {
        let why = format!(
            "tool `{tool}` is not granted: `{}` of server `{server}` has `{}`",
            tenant.name(),
            grant.tools().as_str()
        );
        return refused(RefusalCode::UnknownTool, &why);
    }
    let missing: Vec<_> = grant.scopes_for(tool).into_iter().filter(|scope| !tenant.has_scope(scope)).collect();
    if missing.is_empty() {
        let_through("the tool is granted, and the token has the scopes that it needs")
    } else {
        refused(RefusalCode::InsufficientScope, &format!("the token lacks `{}`", missing.join(" ")))
    }
}

fn about(ledger: &Ledger, snapshot: &Snapshot, tenant: &TenantConfig, verdict: Verdict) -> Explanation {
    let left = ledger.left(tenant);
    Explanation {
        tenant: view::tenant(ledger, snapshot, tenant.name().as_str()),
        left: Some(Left { calls: left.calls, calls_in_flight: left.in_flight, streams_open: left.streams_open }),
        ..nobody(snapshot, None, verdict)
    }
}

fn nobody(snapshot: &Snapshot, caller: Option<Caller>, verdict: Verdict) -> Explanation {
    let revision = snapshot.revision().0;
    Explanation { revision, verdict, rule: None, caller, tenant: None, left: None, journal: Vec::new() }
}

fn caller(principal: &Principal) -> Caller {
    Caller {
        issuer: principal.issuer().to_string(),
        subject: principal.subject().to_owned(),
        client: principal.client().to_owned(),
        scope: Some(principal.scope().to_owned()),
        expires: Some(principal.expires()),
    }
}

fn let_through(why: &str) -> Verdict {
    Verdict { outcome: "let_through".to_owned(), refusal: None, why: why.to_owned(), next: String::new() }
}

fn refused(code: RefusalCode, why: &str) -> Verdict {
    Verdict {
        outcome: "refused".to_owned(),
        refusal: Some(code.as_str().to_owned()),
        why: why.to_owned(),
        next: next(code).to_owned(),
    }
}

fn verdict_of(last: &Entry) -> Verdict {
    let code = last.refusal.as_deref().and_then(|word| RefusalCode::ALL.iter().find(|code| code.as_str() == word));
    let sentence = code.map(|code| code.sentence()).unwrap_or_default();
    Verdict {
        outcome: last.outcome.clone().unwrap_or_else(|| "in_flight".to_owned()),
        refusal: last.refusal.clone(),
        why: last.cause.clone().filter(|cause| !cause.is_empty()).unwrap_or_else(|| sentence.to_owned()),
        next: code.map(|code| next(*code)).unwrap_or_default().to_owned(),
    }
}

/// What the operator can do about a refusal.
fn next(code: RefusalCode) -> &'static str {
    match code {
        RefusalCode::NoToken | RefusalCode::MalformedAuthorization => "the client must send one bearer token",
        RefusalCode::InvalidToken => {
            "get a new token for this resource from an issuer that `partywall apply` made known"
        }
        RefusalCode::UnknownTenant => {
            "add the identity to a tenant's `identities` and apply, or leave the stranger outside"
        }
        RefusalCode::Suspended => "set `suspended = false` in the tenant's document and apply",
        RefusalCode::TooManyVerifications => {
            "let the client wait; if it does not end, see with `partywall issuer list` whose keys do not come"
        }
        RefusalCode::TenantMismatch => {
            "let the client leave the tenant out, or take the argument out of `tenant_arguments` of the server"
        }
        RefusalCode::InsufficientScope => "ask the issuer for a token with the scope, or change `scopes` of the server",
        RefusalCode::UnknownServer => "add the server under `servers` of the tenant or its plan and apply",
        RefusalCode::UnknownTool => "add the tool under `tools.allow` of the server, in the tenant or its plan",
        RefusalCode::UnknownPrompt => "add the prompt under `prompts.allow` of the server, in the tenant or its plan",
        RefusalCode::UnknownResource => {
            "add the resource under `resources.allow` of the server, in the tenant or its plan"
        }
        RefusalCode::RateLimited | RefusalCode::TooManyInFlight => {
            "raise the limit that the cause names, in the tenant or its plan, or let the client wait"
        }
        RefusalCode::TooManySessions => "raise `limits.sessions_open_max`, or let clients end the sessions they leave",
        RefusalCode::TooManyBodies => "raise `limits.bodies_bytes_max`, or let the client send less at a time",
        RefusalCode::TooManyStreams => "raise `limits.streams_open_max`, or let the client close streams",
        RefusalCode::Busy => {
            "raise `calls_in_flight_max` in the server's `limits` if it can take more, or run more of it"
        }
        RefusalCode::TooManyRequests => "raise `address_limits` in the settings if this address is many clients",
        RefusalCode::UpstreamUnreachable | RefusalCode::UpstreamTimeout | RefusalCode::UpstreamInvalid => {
            "look at the server behind the gateway: is it up, and does it accept the gateway's assertion?"
        }
        RefusalCode::NoCredential => "set the secret that the cause names anew, with `partywall secret set`",
        RefusalCode::UnknownSession => "the client must begin anew with `initialize`",
        RefusalCode::ForeignOrigin => "call the gateway by its `public_url`",
        _ => "look at what the client sends",
    }
}
