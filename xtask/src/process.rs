//! Programs in the background: found beside this one, awaited until they are ready, ended by process id.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};

/// A binary that was built beside this one.
pub(crate) fn binary(name: &str) -> Command {
    let own = std::env::current_exe().unwrap_or_default();
    Command::new(own.with_file_name(name))
}

/// The environment variable that says with which of Cargo's profiles `cargo xtask bench` builds.
const PROFILE: &str = "PARTYWALL_BENCH_PROFILE";

/// The profile with which `cargo xtask bench` builds: `dist`, as releases are, unless the environment says `release`,
/// which is built sooner.
pub(crate) fn profile() -> String {
    std::env::var(PROFILE).unwrap_or_else(|_| "dist".to_owned())
}

/// A binary that was built with that profile.
pub(crate) fn measured(name: &str) -> Command {
    built_with(&profile(), name)
}

/// A binary that was built with `--release`.
pub(crate) fn released(name: &str) -> Command {
    built_with("release", name)
}

/// Cargo puts a profile's binaries beside the folder in which this program lies.
fn built_with(profile: &str, name: &str) -> Command {
    let own = std::env::current_exe().unwrap_or_default();
    let target: PathBuf = own.parent().and_then(|folder| folder.parent()).unwrap_or(&own).to_owned();
    Command::new(target.join(profile).join(name))
}

/// A program in the background, ended when it is dropped.
pub(crate) struct Process(Child);

impl Process {
    /// Starts it.
    pub(crate) fn spawn(command: &mut Command) -> Result<Self> {
        let name = command.get_program().to_string_lossy().into_owned();
        Ok(Self(command.spawn().with_context(|| format!("`{name}` does not start"))?))
    }

    /// Starts it and waits for the line that has `mark`; gives what follows the mark.
    pub(crate) fn start(command: &mut Command, mark: &str) -> Result<(Self, String)> {
        let name = command.get_program().to_string_lossy().into_owned();
        let mut process = Self::spawn(command.stdout(Stdio::piped()))?;
        let stdout = process.0.stdout.take().context("the output is not piped")?;
        let mut lines = BufReader::new(stdout).lines();
        let line = lines.find_map(|line| line.ok().filter(|line| line.contains(mark)));
        let line = line.with_context(|| format!("`{name}` ended before it was ready"))?;
        std::thread::spawn(move || lines.for_each(drop));
        let (_, rest) = line.split_once(mark).unwrap_or_default();
        Ok((process, rest.to_owned()))
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }

    /// Whether it has ended by itself.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.0.try_wait().is_ok_and(|status| status.is_some())
    }

    /// Asks it to end, and with it what it started, and waits until it has.
    pub(crate) fn end(&mut self) {
        let _ = Command::new("kill").arg(self.id().to_string()).status();
        let _ = self.0.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
