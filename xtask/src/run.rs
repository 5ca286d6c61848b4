//! Starting other programs from the root of the workspace.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use anyhow::{Context, Result, bail};

/// Where the workspace begins.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the workspace").to_owned()
}

/// `cargo` with these arguments, not started yet.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(root());
    command
}

/// Runs a command to its end; anything but success is an error that shows the command.
pub(crate) fn run(mut command: Command) -> Result<()> {
    let status = command.status().with_context(|| format!("{} does not start", shown(&command)))?;
    succeeded(&command, status)
}

/// Installers print their progress; the caller's stdout is for results.
pub(crate) fn talking_to_stderr(mut command: Command) -> Command {
    command.stdin(Stdio::null()).stdout(std::io::stderr());
    command
}

/// Whether a command succeeds; its output is not shown.
pub(crate) fn succeeds(mut command: Command) -> bool {
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

/// The stream of a child that [`run_and_read`] reads along.
#[derive(Clone, Copy)]
pub(crate) enum Stream {
    Stdout,
    Stderr,
}

/// Runs a command, passes one of its streams on as it comes and hands each line to `read` as well.
pub(crate) fn run_and_read(mut command: Command, stream: Stream, read: impl FnMut(&str)) -> Result<()> {
    match stream {
        Stream::Stdout => command.stdout(Stdio::piped()),
        Stream::Stderr => command.stderr(Stdio::piped()),
    };
    let mut child = command.spawn().with_context(|| format!("{} does not start", shown(&command)))?;
    match stream {
        Stream::Stdout => pass_on(child.stdout.take().expect("it is piped"), std::io::stdout(), read)?,
        Stream::Stderr => pass_on(child.stderr.take().expect("it is piped"), std::io::stderr(), read)?,
    }
    let status = child.wait()?;
    succeeded(&command, status)
}

fn pass_on(from: impl Read, mut to: impl Write, mut read: impl FnMut(&str)) -> Result<()> {
    let mut from = BufReader::new(from);
    let mut line = Vec::new();
    while from.read_until(b'\n', &mut line)? > 0 {
        to.write_all(&line)?;
        read(&String::from_utf8_lossy(&line));
        line.clear();
    }
    Ok(())
}

fn succeeded(command: &Command, status: ExitStatus) -> Result<()> {
    if !status.success() {
        bail!("{} ended with {status}", shown(command));
    }
    Ok(())
}

fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    let words: Vec<_> = std::iter::once(program).chain(command.get_args()).map(|word| word.to_string_lossy()).collect();
    format!("`{}`", words.join(" "))
}
