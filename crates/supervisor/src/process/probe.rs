//! What this host really enforces: tried, not read off version numbers.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use crate::cgroup::Cgroups;
use crate::floor::{Enforced, Guarantee, Isolation};
use crate::order::{Found, PROBE};

/// Until the trial must be over. 10 s: it takes milliseconds, and a host that hangs must not hang the gateway's start.
const PROBE_TIMEOUT: Duration = Duration::from_secs(10);

pub(super) async fn enforced(keeper: &(PathBuf, Vec<String>), cgroups: &Cgroups, root: bool) -> Enforced {
    let found = tried(keeper).await.unwrap_or_else(|why| Found {
        namespaces: Some(why.clone()),
        landlock: 0,
        seccomp: Some(why),
    });
    judge(&found, |controller| cgroups.version(controller), root)
}

async fn tried((program, arguments): &(PathBuf, Vec<String>)) -> Result<Found, String> {
    let mut command = Command::new(program);
    command.args(arguments).arg(PROBE).env_clear().stdin(Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(PROBE_TIMEOUT, command.output()).await;
    let output = output.map_err(|_| format!("the trial did not end within {} s", PROBE_TIMEOUT.as_secs()))?;
    let output = output.map_err(|error| format!("`{}` cannot be run: {error}", program.display()))?;
    serde_json::from_slice(&output.stdout).map_err(|_| {
        let said = String::from_utf8_lossy(&output.stderr);
        format!("the trial failed: {}", said.lines().last().unwrap_or("it said nothing"))
    })
}

/// What is enforced, from what was found.
fn judge(found: &Found, version: impl Fn(&str) -> Option<u8>, root: bool) -> Enforced {
    let group = |name: &str| {
        version(name).map(|version| format!("cgroup v{version}")).ok_or("no such cgroup to write to".to_owned())
    };
    let or_rlimit = |held: Result<String, String>| held.or_else(|_| Ok("rlimit".to_owned()));
    let held: [(Guarantee, Result<String, String>); 9] = [
        (Guarantee::Namespaces, found.namespaces.clone().map_or(Ok("tried".to_owned()), Err)),
        (Guarantee::Seccomp, found.seccomp.clone().map_or(Ok("tried".to_owned()), Err)),
        (
            Guarantee::Landlock,
            if found.landlock > 0 {
                Ok(format!("ABI {}", found.landlock))
            } else {
                Err("the kernel has none".to_owned())
            },
        ),
        (
            Guarantee::OwnUid,
            if root { Ok("a uid for each tenant".to_owned()) } else { Err("the gateway is no root".to_owned()) },
        ),
        (Guarantee::Memory, group("memory")),
        (Guarantee::Cpu, group("cpu")),
        (Guarantee::Processes, or_rlimit(group("pids"))),
        (Guarantee::Files, Ok("rlimit".to_owned())),
        (Guarantee::Volume, Err("nothing bounds it".to_owned())),
    ];
    let (mut guarantees, mut missing) = (BTreeMap::new(), BTreeMap::new());
    for (guarantee, held) in held {
        match held {
            Ok(by) => guarantees.insert(guarantee, by),
            Err(why) => missing.insert(guarantee, why),
        };
    }
    Enforced { isolation: Isolation::Process, guarantees, missing }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_guarantee_is_held_by_a_means_or_missing_for_a_reason() {
        let bare = Found { namespaces: Some("no".to_owned()), landlock: 0, seccomp: Some("no".to_owned()) };
        for (found, version, root) in [(Found::default(), Some(2), true), (bare, None, false)] {
            let judged = judge(&found, |_| version, root);
            for one in Guarantee::ALL {
                assert_ne!(judged.guarantees.contains_key(one), judged.missing.contains_key(one), "{one}");
            }
        }
    }

    #[test]
    fn without_cgroups_memory_is_not_held_and_processes_are_by_rlimits() {
        let judged = judge(&Found { landlock: 7, ..Found::default() }, |_| None, true);
        assert!(judged.missing.contains_key(&Guarantee::Memory) && judged.missing.contains_key(&Guarantee::Cpu));
        assert_eq!(judged.guarantees[&Guarantee::Processes], "rlimit");
        assert_eq!(judged.guarantees[&Guarantee::Landlock], "ABI 7");
    }

    #[tokio::test]
    async fn a_trial_that_cannot_be_made_leaves_nothing_guaranteed_but_says_why() {
        let enforced = enforced(&(PathBuf::from("/nowhere/keeper"), Vec::new()), &Cgroups::default(), false).await;
        assert!(enforced.missing[&Guarantee::Namespaces].contains("`/nowhere/keeper` cannot be run"), "{enforced:?}");
    }
}
