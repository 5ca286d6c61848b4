//! Servers on stdio that the demo starts: the user's own, or one of a third party that is on this machine already.
//!
//! What stands in the box is what the program needs as far as that can be told: the system, where the program and its
//! interpreter are installed, and what its arguments name. All of it is read-only, and written into the documents.

use std::collections::BTreeSet;
use std::env;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::bail;
use serde_json::json;

/// Folders that nearly every program needs.
const SYSTEM: [&str; 7] = ["/usr", "/bin", "/lib", "/lib64", "/etc/ssl", "/etc/alternatives", "/etc/ld.so.cache"];
/// Bytes of a program that say what runs it (execve(2)).
const FIRST_LINE_BYTES: usize = 256;
/// Servers of third parties that need no arguments, by the names of their programs, the lightest first.
pub(super) const THIRD_PARTY: [&str; 3] = ["mcp-server-time", "mcp-server-memory", "mcp-server-everything"];

/// A program that can be started in a box.
#[derive(Debug)]
pub(super) struct Started {
    /// The program by its path, and its arguments.
    pub(super) run: Vec<String>,
    /// What of this machine stands in the box.
    roots: BTreeSet<PathBuf>,
    /// The program and what interprets it.
    programs: Vec<PathBuf>,
}

impl Started {
    /// The command as the user typed it.
    pub(super) fn of(command: &[String]) -> anyhow::Result<Self> {
        let Some((program, arguments)) = command.split_first() else { bail!("the command is empty") };
        let Some(found) = find(program) else {
            bail!("`{program}` is no program on this machine; give its path, or install it")
        };
        let mut started = Self { run: vec![found.display().to_string()], roots: BTreeSet::new(), programs: Vec::new() };
        started.run.extend(arguments.iter().cloned());
        started.needs(&found);
        for named in arguments.iter().map(Path::new).filter(|path| path.is_absolute() && path.exists()) {
            started.roots.insert(if named.is_dir() { named.to_owned() } else { place(named) });
        }
        Ok(started)
    }

    /// The first of the third-party servers that is on this machine, with the name of its document.
    pub(super) fn third_party() -> Option<(String, Self)> {
        let (name, program) = THIRD_PARTY.iter().find_map(|name| Some((name, find(name)?)))?;
        let started = Self::of(&[program.display().to_string()]).ok()?;
        Some((name.trim_start_matches("mcp-server-").to_owned(), started))
    }

    /// The table `[server.NAME.command]`.
    pub(super) fn document(&self, name: &str) -> String {
        let system = SYSTEM.iter().map(PathBuf::from).filter(|path| path.exists());
        let mut roots: Vec<_> = system.chain(self.roots.iter().cloned()).collect();
        let all = roots.clone();
        roots.retain(|root| !all.iter().any(|other| root != other && root.starts_with(other)));
        let path = self
            .programs
            .iter()
            .filter_map(|program| program.parent())
            .chain([Path::new("/usr/bin"), Path::new("/bin")]);
        let path = env::join_paths(path).unwrap_or_default();
        // A JSON text is a TOML text.
        let (run, roots, path) = (json!(self.run), json!(roots), json!(path.to_string_lossy()));
        format!("[server.{name}.command]\nrun = {run}\nroots = {roots}\nenv = {{ HOME = \"/tmp\", PATH = {path} }}\n")
    }

    /// Takes in what a program needs to run: where it is, where links lead from there, and what interprets it.
    fn needs(&mut self, program: &Path) {
        if self.programs.iter().any(|known| known == program) {
            return;
        }
        self.programs.push(program.to_owned());
        self.roots.insert(place(program));
        if let Ok(real) = program.canonicalize() {
            self.roots.insert(place(&real));
        }
        if let Some(interpreter) = interpreter(program) {
            self.needs(&interpreter);
        }
    }
}

/// A program by its path, or by its name where `PATH` has it.
fn find(program: &str) -> Option<PathBuf> {
    let is_file = |path: &PathBuf| path.is_file();
    if program.contains('/') {
        return std::path::absolute(program).ok().filter(is_file);
    }
    env::split_paths(&env::var_os("PATH")?).map(|folder| folder.join(program)).find(is_file)
}

/// What runs a script, by its first line; `env` finds it by name.
fn interpreter(program: &Path) -> Option<PathBuf> {
    let mut first = [0; FIRST_LINE_BYTES];
    let read = File::open(program).and_then(|mut file| file.read(&mut first)).ok()?;
    let line =
        String::from_utf8_lossy(first[..read].strip_prefix(b"#!")?.split(|byte| *byte == b'\n').next()?).into_owned();
    let mut words = line.split_whitespace();
    let runs = words.next()?;
    match words.find(|word| !word.starts_with('-')) {
        Some(name) if runs.ends_with("/env") => find(name),
        _ => find(runs),
    }
}

/// The folder in which a program is installed with what belongs to it: the one that has its `bin`, or all of the
/// packages beside it. Never a home folder as a whole.
fn place(program: &Path) -> PathBuf {
    let packages = program.ancestors().filter(|path| path.file_name().is_some_and(|name| name == "node_modules"));
    if let Some(outermost) = packages.last() {
        return outermost.to_owned();
    }
    let folder = program.parent().unwrap_or(program);
    let above = folder.parent().filter(|above| folder.ends_with("bin") && !is_home(above));
    above.unwrap_or(folder).to_owned()
}

fn is_home(path: &Path) -> bool {
    path.parent().is_none()
        || path == Path::new("/home")
        || env::var_os("HOME").is_some_and(|home| path == Path::new(&home))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_stands_in_the_box_with_what_belongs_to_it_and_no_home() {
        let home = env::var("HOME").unwrap();
        for (program, expected) in [
            ("/opt/venv/bin/mcp-server-time", "/opt/venv"),
            ("/opt/npm/node_modules/.bin/server", "/opt/npm/node_modules"),
            ("/opt/npm/node_modules/@a/b/node_modules/c/index.js", "/opt/npm/node_modules"),
            ("/srv/tools/server", "/srv/tools"),
            ("/bin/sh", "/bin"),
            (&format!("{home}/bin/server"), &format!("{home}/bin")),
            (&format!("{home}/.local/bin/server"), &format!("{home}/.local")),
        ] {
            assert_eq!(place(Path::new(program)), Path::new(expected), "{program}");
        }
    }

    #[test]
    fn a_script_needs_what_interprets_it() {
        let folder = tempfile::tempdir().unwrap();
        let script = folder.path().join("server");
        std::fs::write(&script, "#!/usr/bin/env -S sh -e\nexit 0\n").unwrap();
        assert_eq!(interpreter(&script).unwrap().file_name().unwrap(), "sh");
        std::fs::write(&script, "#! /bin/sh -e\nexit 0\n").unwrap();
        assert_eq!(interpreter(&script).unwrap(), Path::new("/bin/sh"));
        let started = Started::of(&[script.display().to_string(), "--root".to_owned(), "/etc".to_owned()]).unwrap();
        let document = started.document("server");
        assert!(document.contains(&json!(folder.path()).to_string()) && document.contains("\"/etc\""), "{document}");
        assert!(Started::of(&["no-such-program-anywhere".to_owned()]).is_err());
    }
}
