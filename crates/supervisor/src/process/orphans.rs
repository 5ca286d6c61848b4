//! What a crash of the gateway left behind: found by the records on disk and by the cgroups, and ended.
//!
//! The keeper ends its box when the gateway is gone; this is for the case that the keeper was ended as well.

use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::cgroup::Cgroups;

/// What cgroups of ours are called, before a random part.
const PREFIX: &str = "partywall-";
/// How often an orphan that does not end is looked at again, 10 ms apart.
const LOOKS: u32 = 300;

/// The name by which this state directory's cgroups are known: given once, so that they are found after a crash.
pub(super) fn name(state: &Path) -> io::Result<String> {
    let path = state.join("cgroup");
    match fs::read_to_string(&path) {
        Ok(name) if name.starts_with(PREFIX) => return Ok(name),
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let name = format!("{PREFIX}{}", uuid::Uuid::new_v4().simple());
    fs::write(&path, &name)?;
    Ok(name)
}

/// Writes down that a keeper runs: its number, and when it began, because numbers are used again.
pub(super) fn remember(record: &Path, keeper: Option<u32>) -> io::Result<()> {
    let Some(id) = keeper else { return Ok(()) };
    fs::write(record, format!("{id} {}", began(id).unwrap_or_default()))
}

/// Ends all that is on record or in a cgroup of ours, and says how many there were. Nothing of this gateway runs yet.
pub(super) async fn end(state: &Path, cgroups: &Cgroups) -> u32 {
    let records = state.join("records");
    let mut ended = 0_u32;
    for entry in fs::read_dir(&records).into_iter().flatten().flatten() {
        end_keeper(&fs::read_to_string(entry.path()).unwrap_or_default());
        let _ = fs::remove_file(entry.path());
        ended += 1;
    }
    // One more than that may stand: of the keeper that waited for an order.
    for group in cgroups.standing() {
        // A frozen process takes no signal in version 1.
        group.freeze(false);
        for _ in 0..LOOKS {
            let processes = group.processes();
            if processes.is_empty() {
                break;
            }
            if !group.kill() {
                for process in processes {
                    let _ = kill(Pid::from_raw(process), Signal::SIGKILL);
                }
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        group.remove().await;
    }
    let _ = fs::remove_dir_all(state.join("sockets"));
    let _ = fs::create_dir_all(state.join("sockets"));
    ended
}

/// Ends the keeper of a record, if it still is that one.
fn end_keeper(record: &str) -> bool {
    let Some((id, started)) = record.split_once(' ') else { return false };
    let Ok(id) = id.parse::<u32>() else { return false };
    began(id).is_some_and(|now| now == started) && kill(Pid::from_raw(id.cast_signed()), Signal::SIGKILL).is_ok()
}

/// When a process began, in ticks since boot: field 22 of its `stat`, counted behind the name, which may hold anything.
fn began(id: u32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    let (_, behind) = stat.rsplit_once(')')?;
    behind.split_whitespace().nth(19).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_only_has_the_number_of_a_keeper_is_left_alone() {
        let own = std::process::id();
        assert!(began(own).is_some_and(|ticks| ticks.parse::<u64>().is_ok()));
        for record in [format!("{own} 1"), String::new(), "x y".to_owned(), format!("{own}")] {
            assert!(!end_keeper(&record), "{record:?}");
        }
    }

    #[test]
    fn the_cgroups_of_a_state_directory_keep_their_name() {
        let dir = tempfile::tempdir().unwrap();
        let first = name(dir.path()).unwrap();
        assert_eq!(name(dir.path()).unwrap(), first);
        assert_ne!(name(tempfile::tempdir().unwrap().path()).unwrap(), first);
    }
}
