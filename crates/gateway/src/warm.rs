//! Instances that are kept warm: started before anybody calls, and let go where the configuration does not ask for them
//! any more.

use partywall_domain::{InstancePer, Placement, Revision, SecretName};
use partywall_supervisor::launch::Launch;
use partywall_supervisor::supervisor::StartError;
use partywall_tenancy::{Grant, InstanceKey, Upkeep};

use crate::{Gateway, Instances};

/// An instance that is kept warm for a tenant.
pub struct Warm<'a> {
    /// Which.
    pub key: InstanceKey,
    grant: &'a Grant,
}

impl Gateway {
    /// The instances that this tenant's configuration keeps warm: those that serve the whole of it, with `min_warm = 1`.
    pub fn warm<'a>(&self, upkeep: &'a Upkeep) -> Vec<Warm<'a>> {
        let grants = upkeep.config().servers().filter(|grant| is_warm(grant));
        grants.filter_map(|grant| Some(Warm { key: upkeep.instance(&grant.server().name)?, grant })).collect()
    }

    /// Starts such an instance, or what takes its place under this revision, and waits until it answers.
    ///
    /// # Errors
    /// Where it does not start. It is tried again without being asked for, unless it was refused.
    pub async fn keep_warm(&self, upkeep: &Upkeep, warm: &Warm<'_>, revision: Revision) -> Result<(), StartError> {
        let (Some(instances), Some(command)) = (&self.instances, &warm.grant.server().command) else { return Ok(()) };
        let open = |name: &SecretName| {
            self.secrets.open_for_upkeep(upkeep, name).map_err(|why| StartError::Refused(why.to_string()))
        };
        instances.keep(&warm.key, &Launch::of(command, revision, warm.grant.require(), open)?).await
    }

    /// Lets an instance become idle, and stop, that nothing asks to be kept warm any more.
    pub fn let_cool(&self, key: &InstanceKey) {
        if let Some(instances) = &self.instances {
            instances.let_go(key);
        }
    }

    /// How many instances may be kept warm here.
    pub fn kept_max(&self) -> usize {
        self.instances.as_ref().map_or(0, Instances::kept_max)
    }
}

fn is_warm(grant: &Grant) -> bool {
    let command = grant.server().command.as_ref();
    matches!(grant.placement(), Placement::Dedicated(_))
        && command.is_some_and(|command| command.life.min_warm && command.instance_per == InstancePer::Tenant)
}
