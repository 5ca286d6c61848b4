//! What the log says of an instance that says what nobody can be told, or more than is read of it.

use std::time::Duration;

use partywall_domain::event;
use partywall_supervisor::supervisor::InstanceInfo;
use tokio::sync::watch;

use crate::stdio::Unheard;

/// Between two lines of the log on one instance. Default 1 minute.
const AGAIN_AFTER: Duration = Duration::from_mins(1);

/// Writes it down at once when it begins, and then from time to time, until the instance ends.
pub(crate) async fn tell(instance: InstanceInfo, mut counts: watch::Receiver<Unheard>) {
    while counts.changed().await.is_ok() {
        let unheard = *counts.borrow_and_update();
        tracing::info!(
            event = event::INSTANCE_UNHEARD,
            tenant_id = instance.key.tenant().map(|tenant| tenant.to_string()),
            server = instance.key.server().as_str(),
            instance = instance.id,
            unreadable = unheard.dropped.unreadable,
            late = unheard.dropped.late,
            nobodys = unheard.dropped.nobodys,
            unasked = unheard.dropped.unasked,
            rests = unheard.rests,
        );
        tokio::time::sleep(AGAIN_AFTER).await;
    }
}
