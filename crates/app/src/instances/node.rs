//! What the control plane asks about instances, answered by this node.

use std::sync::Arc;

use partywall_control::Tiers;
use partywall_control::wire::{Held, Instance, InstanceLine, Tier};
use partywall_domain::{Floor, Isolation, ServerName, TenantId};
use partywall_gateway::Gateway;
use partywall_supervisor::floor::Enforced;
use partywall_supervisor::supervisor::InstanceRecord;

use super::said::Said;

/// The tiers of this node.
pub(crate) struct NodeTiers {
    pub(super) gateway: Arc<Gateway>,
    pub(super) said: Arc<Said>,
}

impl Tiers for NodeTiers {
    fn lacking(&self, isolation: Isolation, floor: Option<&Floor>) -> Option<String> {
        let enforced = self.gateway.instances.as_ref().map(partywall_gateway::Instances::enforced);
        let Some(enforced) = enforced.filter(|enforced| enforced.isolation == isolation) else {
            let here = enforced.map_or("none".to_owned(), |enforced| format!("`{}`", enforced.isolation.as_str()));
            return Some(format!("tier `{}` cannot be had here; there is: {here}", isolation.as_str()));
        };
        enforced.require(floor.unwrap_or(&Floor::default())).err().map(|why| why.to_string())
    }

    fn tiers(&self) -> Vec<Tier> {
        self.gateway.instances.iter().map(|instances| tier(instances.enforced())).collect()
    }

    fn list(&self) -> Vec<(Option<TenantId>, Instance)> {
        let records = self.gateway.instances.iter().flat_map(partywall_gateway::Instances::list);
        records.map(|record| (record.info.key.tenant(), shown(&record))).collect()
    }

    fn stop(&self, id: &str) -> bool {
        self.gateway.instances.as_ref().is_some_and(|instances| instances.stop(id))
    }

    fn said(&self, tenant: Option<TenantId>, server: &ServerName) -> Vec<InstanceLine> {
        self.said.of(&(tenant, server.clone()))
    }
}

/// A tier, as it is shown.
pub(crate) fn tier(enforced: &Enforced) -> Tier {
    let missing = enforced.missing.iter().map(|(what, how)| Held { what: what.to_string(), how: how.clone() });
    Tier { isolation: enforced.isolation.as_str().to_owned(), holds: holds(enforced), missing: missing.collect() }
}

fn holds(enforced: &Enforced) -> Vec<Held> {
    let held = enforced.guarantees.iter();
    held.map(|(what, how)| Held { what: what.to_string(), how: how.clone() }).collect()
}

fn shown(record: &InstanceRecord) -> Instance {
    let InstanceRecord { info, state, leases, usage, .. } = record;
    let since = jiff::Timestamp::try_from(info.since).map(|since| format!("{since:.0}")).unwrap_or_default();
    Instance {
        id: info.id.clone(),
        tenant: None,
        server: info.key.server().to_string(),
        isolation: info.enforced.isolation.as_str().to_owned(),
        state: state.as_str().to_owned(),
        since,
        calls: *leases,
        cpu_us: usage.cpu_us,
        memory_bytes: usage.memory_bytes,
        memory_peak_bytes: usage.memory_peak_bytes,
        read_bytes: usage.read_bytes,
        written_bytes: usage.written_bytes,
        processes_refused: usage.processes_refused,
        volume_bytes: usage.volume_bytes,
        holds: holds(&info.enforced),
    }
}
