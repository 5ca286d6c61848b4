//! Whose token it is, for whichever resource of ours it was issued.

use std::cell::Cell;
use std::time::SystemTime;

use partywall_identity::{Issuer, Principal, Resource, Unauthenticated, verify};
use partywall_tenancy::{Snapshot, TenantConfig};

use crate::control::Parts;
use crate::wire::Explain;

/// A token's principal, and whose connect URL it is for, if it is for one.
pub(super) struct Found<'a> {
    pub(super) principal: Principal,
    pub(super) connect: Option<&'a TenantConfig>,
}

/// The token's principal, for the server asked about, or for whichever resource it was issued.
pub(super) fn find<'a>(parts: &Parts, snapshot: &'a Snapshot, asked: &Explain) -> Result<Found<'a>, Unauthenticated> {
    let token = asked.token.trim();
    let issuer = Cell::new(None::<&Issuer>);
    let trusted = |iss: &str| {
        issuer.set(snapshot.issuer(iss));
        issuer.get()
    };
    let look =
        |resource: &Resource| verify(trusted, |issuer| parts.keys.known(issuer), token, resource, SystemTime::now());
    let mut last = first(snapshot, asked, &format!("{}/mcp", parts.public_url), &look);
    for tenant in snapshot.tenants() {
        let Err(Unauthenticated::Audience) = last else { break };
        let known = |issuer: &Issuer| {
            tenant.document().identities.iter().any(|identity| identity.issuer == issuer.settings().name)
        };
        let Some(id) = tenant.document().connect_id.as_ref().filter(|_| issuer.get().is_some_and(known)) else {
            continue;
        };
        let found = first(snapshot, asked, &format!("{}/c/{}/mcp", parts.public_url, id.as_str()), &look);
        if !matches!(found, Err(Unauthenticated::Audience)) {
            return found.map(|principal| Found { principal, connect: Some(tenant) });
        }
        last = found;
    }
    last.map(|principal| Found { principal, connect: None })
}

/// What the first resource decides that the token is for: all servers at this URL, or one of them.
fn first(
    snapshot: &Snapshot,
    asked: &Explain,
    all: &str,
    look: &impl Fn(&Resource) -> Result<Principal, Unauthenticated>,
) -> Result<Principal, Unauthenticated> {
    let resource = |server: &str| Resource::new(&format!("{all}/{server}"), Some(all));
    if let Some(server) = &asked.server {
        return look(&resource(server));
    }
    let mut last = look(&Resource::new(all, None));
    for server in snapshot.servers() {
        match last {
            Err(Unauthenticated::Audience) => last = look(&resource(server.name.as_str())),
            decided => return decided,
        }
    }
    last
}
