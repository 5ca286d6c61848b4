//! `partywall doctor`: whether the settings are right, and what each tier really enforces on this host.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use partywall_control::wire::Tier;
use serde::Serialize;

use super::{Format, print};
use crate::instances;
use crate::settings::Settings;

/// What was found.
#[derive(Serialize)]
struct Report {
    /// The settings that were read; none: none were named.
    settings: Option<String>,
    tiers: Vec<Tier>,
}

/// The tiers are tried for real, in a folder that is taken away again; nothing of a running node is touched.
pub(super) async fn run(config: Option<&Path>, format: Format) -> anyhow::Result<ExitCode> {
    config.map(Settings::read).transpose()?;
    let state = tempfile::tempdir().context("there is no place for temporary files")?;
    let driver = instances::driver(state.path()).await?;
    let tiers = vec![instances::shown(partywall_supervisor::driver::Driver::enforced(&driver))];
    drop(driver);
    let report = Report { settings: config.map(|path| path.display().to_string()), tiers };
    match format {
        Format::Json => print::json(&report)?,
        Format::Table => print::data(&page(&report))?,
    }
    Ok(ExitCode::SUCCESS)
}

fn page(report: &Report) -> String {
    let settings = match &report.settings {
        Some(path) => format!("settings  `{path}` can be served"),
        None => "settings  none were named; pass --config FILE to have them checked".to_owned(),
    };
    let rows = report.tiers.iter().flat_map(|tier| {
        let row = |state: &'static str| {
            move |held: &partywall_control::wire::Held| {
                [tier.isolation.clone(), held.what.clone(), state.to_owned(), held.how.clone()]
            }
        };
        tier.holds.iter().map(row("holds")).chain(tier.missing.iter().map(row("missing"))).collect::<Vec<_>>()
    });
    [settings, print::table(["tier", "what", "state", "by, or why not"], rows)].join("\n\n")
}

#[cfg(test)]
mod tests {
    use partywall_control::wire::Held;

    use super::*;

    #[test]
    fn what_is_missing_stands_below_what_holds() {
        let held = |what: &str, how: &str| Held { what: what.to_owned(), how: how.to_owned() };
        let tier = Tier {
            isolation: "process".to_owned(),
            holds: vec![held("memory", "cgroup v1")],
            missing: vec![held("volume", "nothing bounds it")],
        };
        let report = Report { settings: None, tiers: vec![tier] };
        let expected = "\
settings  none were named; pass --config FILE to have them checked

TIER     WHAT    STATE    BY, OR WHY NOT
process  memory  holds    cgroup v1
process  volume  missing  nothing bounds it";
        assert_eq!(page(&report), expected);
    }
}
