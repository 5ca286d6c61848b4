//! `cargo xtask bench`: what a call costs, against nginx in front of the same upstream in the same run.
//!
//! The systems take turns, several rounds, so that what else the machine does meets all of them alike; the page says the
//! least, the middle and the most of the rounds. It judges by nothing but the targets that stand on the page.

mod figures;
mod instances;
mod load;
mod nginx;
mod page;
mod plan;
mod watch;
mod world;

use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::machine;
use crate::process::{Process, measured, profile};
use crate::run::{cargo, root, run};
use crate::steps::Steps;
use figures::Figures;
use nginx::Nginx;
use plan::Plan;
use world::World;

/// Builds what is needed, measures, writes the page.
pub(crate) fn run_all() -> ExitCode {
    let mut steps = Steps::default();
    let result = in_order(&mut steps);
    steps.finish(result)
}

fn in_order(steps: &mut Steps) -> Result<()> {
    steps.step("tools", || machine::program("nginx", "-v", "the measurement"))?;
    steps.step("build", || {
        let profile = profile();
        let mut build = cargo(&["build", "--profile", &profile]);
        build.args(["--package", "partywall-app", "--package", "partywall-testkit"]);
        // No others: each is linked for minutes.
        build.args(["--bin", "partywall", "--bin", "echo", "--bin", "fixture", "--bin", "tokens"]);
        run(build)
    })?;
    let plan = Plan::of_environment();
    let folder = root().join(format!("target/bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder).with_context(|| format!("`{}` cannot be made", folder.display()))?;
    let mut figures = Figures::default();
    let measured = steps.step("measure", || measure(&plan, &folder, &mut figures));
    let _ = std::fs::remove_dir_all(&folder);
    measured?;
    steps.step("write", || page::write(&plan, &figures))
}

/// Everything, in an order in which what is up at the same time is needed at the same time.
fn measure(plan: &Plan, folder: &std::path::Path, figures: &mut Figures) -> Result<()> {
    let (_upstream, url) = Process::start(&mut measured("echo"), "listening on ")?;
    let upstream = url.trim().to_owned();
    let nginx = Nginx::start(folder, &upstream)?;
    let idle = World::start(folder, &upstream, 0, figures)?;
    figures.note("resident, idle", idle.resident_mb()?);
    drop(idle);
    let main = World::start(folder, &upstream, 1_000, figures)?;
    figures.note("resident, 1,000 tenants", main.resident_mb()?);
    for round in 1..=plan.rounds {
        eprintln!("round {round} of {}: against nginx", plan.rounds);
        load::against_nginx(plan, &nginx, &main, figures)?;
        load::refusals(plan, &main, figures)?;
    }
    figures.note("resident, 1,000 tenants, after the load", main.resident_mb()?);
    drop(main);
    instances::all(plan, folder, figures)?;
    let one = World::start(folder, &upstream, 1, figures)?;
    let many = World::start(folder, &upstream, 10_000, figures)?;
    let most = World::start(folder, &upstream, 100_000, figures)?;
    figures.note("resident, 100,000 tenants", most.resident_mb()?);
    for round in 1..=plan.rounds {
        eprintln!("round {round} of {}: by number of tenants", plan.rounds);
        load::growth(plan, [&one, &many, &most], figures)?;
    }
    figures.note("resident, 10,000 tenants, all active", many.resident_mb()?);
    Ok(())
}
