//! The tier that starts instances on this node, and what the log says of them.

mod measured;
mod node;
mod said;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use arc_swap::ArcSwap;
use partywall_domain::event;
use partywall_gateway::{Gateway, Tier};
use partywall_ledger::Ledger;
use partywall_supervisor::Line;
use partywall_supervisor::driver::{Cause, End};
use partywall_supervisor::process::{ProcessDriver, ProcessSettings};
use partywall_supervisor::supervisor::{InstanceInfo, Settings, Watch};
use partywall_tenancy::Snapshot;
use tokio_util::sync::CancellationToken;

use crate::data::Data;
use measured::Measured;
pub(crate) use node::{NodeTiers, tier as shown};
use said::Said;

/// The hidden subcommand by which the binary is its own keeper.
pub(crate) const KEEPER: &str = "keeper";

/// The instances of this node, before there is a gateway that uses them.
pub(crate) struct Starting {
    driver: Arc<ProcessDriver>,
    said: Arc<Said>,
    measured: Arc<Measured>,
    settings: Settings,
}

impl Starting {
    /// The process tier, with its state in the data folder.
    pub(crate) async fn new(
        data: &Data,
        settings: Settings,
        ledger: &Ledger,
        snapshot: Arc<ArcSwap<Snapshot>>,
    ) -> anyhow::Result<Self> {
        let driver = Arc::new(driver(&data.path().join("instances")).await?);
        if driver.orphans() > 0 {
            tracing::warn!(event = event::ORPHANS_ENDED, count = driver.orphans());
        }
        let measured = Arc::new(Measured::new(ledger.clone(), snapshot));
        Ok(Self { driver, said: Arc::default(), measured, settings })
    }

    /// What the gateway is given.
    pub(crate) fn tier(&self) -> Tier {
        let watch = Arc::new(Logged { said: Arc::clone(&self.said), measured: Arc::clone(&self.measured) });
        Tier { driver: Arc::clone(&self.driver) as _, watch, settings: self.settings }
    }

    /// What the control plane asks. From now on, until `stop`, what instances use is measured.
    pub(crate) fn tiers(self, gateway: &Arc<Gateway>, stop: &CancellationToken) -> NodeTiers {
        tokio::spawn(measured::run(Arc::clone(gateway), self.measured, stop.clone()));
        NodeTiers { gateway: Arc::clone(gateway), said: self.said }
    }
}

/// The process tier, with its state in this folder.
pub(crate) async fn driver(state: &Path) -> anyhow::Result<ProcessDriver> {
    let keeper = std::env::current_exe().context("the path of this program is not known")?;
    let settings = ProcessSettings { state: state.to_owned(), keeper: (keeper, vec![KEEPER.to_owned()]) };
    ProcessDriver::start(settings).await.context("the tier `process` cannot be set up")
}

/// Writes down what becomes of instances; each line says whose the instance is.
struct Logged {
    said: Arc<Said>,
    measured: Arc<Measured>,
}

impl Logged {
    fn keep(&self, instance: &InstanceInfo, text: &str) {
        self.said.push((instance.key.tenant(), instance.key.server().clone()), &instance.id, text);
    }
}

impl Watch for Logged {
    fn said(&self, instance: &InstanceInfo, line: Line) {
        self.keep(instance, &line.text);
        tracing::info!(
            event = event::INSTANCE_SAID,
            tenant_id = whose(instance),
            server = instance.key.server().as_str(),
            instance = instance.id,
            text = line.text,
            cut = line.cut,
            lost = line.lost,
        );
    }

    fn ready(&self, instance: &InstanceInfo, took: Duration) {
        self.measured.began(instance);
        tracing::info!(
            event = event::INSTANCE_READY,
            tenant_id = whose(instance),
            server = instance.key.server().as_str(),
            instance = instance.id,
            isolation = instance.enforced.isolation.as_str(),
            took_us = micros(took),
        );
    }

    fn ended(&self, instance: &InstanceInfo, end: &End, lived: Duration) {
        self.keep(instance, &format!("({end})"));
        let usage = &end.usage;
        self.measured.ended(instance, end);
        tracing::info!(
            event = event::INSTANCE_ENDED,
            tenant_id = whose(instance),
            server = instance.key.server().as_str(),
            instance = instance.id,
            cause = %end.cause,
            out_of_memory = end.cause == Cause::OutOfMemory,
            lived_us = micros(lived),
            cpu_us = usage.cpu_us,
            memory_peak_bytes = usage.memory_peak_bytes,
            read_bytes = usage.read_bytes,
            written_bytes = usage.written_bytes,
            processes_refused = usage.processes_refused,
            volume_bytes = usage.volume_bytes,
        );
    }
}

/// The tenant; none where the instance serves all of them.
fn whose(instance: &InstanceInfo) -> Option<String> {
    instance.key.tenant().map(|tenant| tenant.to_string())
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
