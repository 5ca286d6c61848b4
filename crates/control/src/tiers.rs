//! What the control plane asks about the instances that nodes start: whether a tier can be had, and what runs.
//!
//! It starts and ends nothing itself: whoever wires the process knows how.

use partywall_documents::Mistake;
use partywall_domain::{Floor, Isolation, Placement, ServerName, TenantId};
use partywall_tenancy::Snapshot;

use crate::wire::{Instance, InstanceLine, Tier};

/// The tiers of the nodes, and the instances on them.
pub trait Tiers: Send + Sync {
    /// Why an instance kept apart like this and holding this cannot be had; `None` if it can.
    fn lacking(&self, isolation: Isolation, floor: Option<&Floor>) -> Option<String>;
    /// What each tier enforces.
    fn tiers(&self) -> Vec<Tier>;
    /// All instances, those on their way out included; a tenant's name is filled in by whoever shows them.
    fn list(&self) -> Vec<(Option<TenantId>, Instance)>;
    /// What each instance does: `starting`, `warm`, `frozen` or `draining`.
    fn states(&self) -> Vec<String> {
        self.list().into_iter().map(|(_, instance)| instance.state).collect()
    }
    /// Stops an instance when its calls are done; whether there is one of this id.
    fn stop(&self, id: &str) -> bool;
    /// What instances of a tenant's server said lately beside the protocol, the newest last; also of those that ended.
    fn said(&self, tenant: Option<TenantId>, server: &ServerName) -> Vec<InstanceLine>;
}

/// The placements of `after` that no node can give, where `before` did not have them.
pub(crate) fn not_to_be_had(tiers: &dyn Tiers, before: Option<&Snapshot>, after: &Snapshot) -> Vec<Mistake> {
    let empty = Snapshot::empty();
    let mut mistakes = Vec::new();
    for tenant in after.tenants_not_in(before.unwrap_or(&empty)) {
        for grant in tenant.servers() {
            let Placement::Dedicated(isolation) = grant.placement() else { continue };
            if let Some(message) = tiers.lacking(*isolation, grant.require()) {
                let path = format!("tenant.{}.servers.{}.placement", tenant.name(), grant.server().name);
                mistakes.push(Mistake { path, message });
            }
        }
    }
    mistakes
}
