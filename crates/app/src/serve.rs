//! `partywall serve`: the gateway and its admin listener, for real tenants.

use std::path::Path;
use std::process::ExitCode;

use crate::assembly::{Assembly, Names, Plan, stop_on_signal};
use crate::data::Data;
use crate::log;
use crate::settings::Settings;

pub(crate) async fn run(config: &Path) -> anyhow::Result<ExitCode> {
    let settings = Settings::read(config)?;
    let log = log::start(settings.log_file.as_deref())?;
    let data = Data::create(&settings.data)?;
    let assembly = Assembly::new(Plan {
        data,
        listen: settings.listen,
        admin_listen: settings.admin_listen,
        public_url: settings.public_url,
        names: Names {
            hosts: settings.allowed_hosts,
            origins: settings.allowed_origins,
            proxies: settings.trusted_proxies,
        },
        scopes: settings.scopes,
        addresses: settings.addresses,
        tls: settings.tls,
        upstreams: settings.upstreams,
        metrics_tenants_max: settings.metrics_tenants_max,
        secrets_epoch: settings.secrets_epoch,
        log_losses: log.losses(),
        otlp: settings.otlp,
        instances: settings.instances,
        development: None,
    })
    .await?;
    stop_on_signal(assembly.stop.clone());
    assembly.serve(async { Ok(()) }).await?;
    Ok(ExitCode::SUCCESS)
}
