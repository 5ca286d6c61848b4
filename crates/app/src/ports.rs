//! What the control plane asks of the rest, answered by this process: it is the whole fleet.

use std::sync::Arc;
use std::time::Duration;

use partywall_control::{BoxFuture, Fleet, NodeAck, ProbeFailure, ProbeTarget, Prober};
use partywall_domain::{Revision, Said};
use partywall_gateway::{Gateway, Probe, ProbeError};
use partywall_identity::SystemAuthority;
use partywall_node::Enforcement;

/// The one node there is.
pub(crate) struct ThisNode(pub(crate) Enforcement);

impl Fleet for ThisNode {
    fn enforced(&self, revision: Revision, patience: Duration) -> BoxFuture<'_, Vec<NodeAck>> {
        Box::pin(async move {
            let enforced = self.0.reached(revision, patience).await.unwrap_or_else(|| self.0.now());
            vec![NodeAck { node: "this".to_owned(), revision: enforced.revision }]
        })
    }
}

/// Asks upstreams with the data plane's own client, and lets the data plane know what they said.
pub(crate) struct GatewayProber {
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) authority: Arc<SystemAuthority>,
}

impl Prober for GatewayProber {
    fn probe(&self, target: ProbeTarget) -> BoxFuture<'_, Result<Said, Vec<ProbeFailure>>> {
        Box::pin(async move {
            let probe = Probe { server: &target.server, url: &target.url, sharing: target.sharing, auth: &target.auth };
            let said = self.gateway.probe(&self.authority, &probe).await.map_err(|error| match error {
                ProbeError::Url(why) => vec![ProbeFailure::Url(why)],
                ProbeError::Sharing(all) => all.into_iter().map(ProbeFailure::Sharing).collect(),
            })?;
            self.gateway.said.learn(target.url, &said);
            Ok(said)
        })
    }
}
