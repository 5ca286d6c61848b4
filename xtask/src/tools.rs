//! What the tests need beside Rust, installed into `target/tools`: Node 22, the official clients and servers from npm, and
//! a Python environment.
//!
//! The versions are pinned in `tests/clients`; this only installs them, and only when they changed. What has to be there
//! for the whole machine, `machine` sees to.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::machine;
use crate::run::{root, run, talking_to_stderr};

/// Where everything is.
#[derive(Debug, Clone)]
pub(crate) struct Tools {
    /// Node 22: the conformance suite does not run on an older one.
    pub(crate) node: PathBuf,
    /// A `node_modules`. Scripts that lie elsewhere find it through `NODE_PATH`.
    pub(crate) modules: PathBuf,
    /// The Python of the environment that has the client library.
    pub(crate) python: PathBuf,
    /// A Chromium, of the machine's.
    pub(crate) chromium: PathBuf,
}

/// The manifests that npm reads.
const NPM_MANIFESTS: [&str; 3] = [".npmrc", "package.json", "package-lock.json"];

const PIP_MANIFEST: &str = "requirements.txt";

/// Installs what is missing or pinned differently by now, and says where it is.
pub(crate) fn ensure() -> Result<Tools> {
    let tools = root().join("target/tools");
    fs::create_dir_all(&tools).with_context(|| format!("cannot create `{}`", tools.display()))?;
    // Two runs at once would install over each other; the second waits and finds the work done.
    let lock = File::create(tools.join("lock"))?;
    lock.lock().context("cannot lock `target/tools`")?;

    let modules = Install { what: "node modules", dir: tools.join("npm"), pinned: pinned(&NPM_MANIFESTS)? };
    let python = Install { what: "python environment", dir: tools.join("venv"), pinned: pinned(&[PIP_MANIFEST])? };
    if !(modules.is_done() && python.is_done()) {
        machine::installers()?;
    }
    modules.ensure(npm)?;
    python.ensure(pip)?;
    tools_in(&modules.dir.join("node_modules"), &python.dir, machine::chromium()?)
}

fn tools_in(modules: &Path, venv: &Path, chromium: PathBuf) -> Result<Tools> {
    let machine = match std::env::consts::ARCH {
        "x86_64" => "x64",
        "aarch64" => "arm64",
        other => {
            bail!("no Node 22 is pinned for `{other}`; add its `node-linux-*` package to tests/clients/package.json")
        }
    };
    let node = modules.join(format!("node-linux-{machine}/bin/node"));
    let python = venv.join("bin/python");
    for program in [&node, &python] {
        if !program.exists() {
            bail!("`{}` is missing; remove `target/tools` and run this again", program.display());
        }
    }
    Ok(Tools { node, modules: modules.to_owned(), python, chromium })
}

/// One directory that an installer fills.
struct Install {
    what: &'static str,
    dir: PathBuf,
    /// All that decides what is in it. Once it is filled, this stands in its stamp.
    pinned: String,
}

impl Install {
    fn is_done(&self) -> bool {
        fs::read_to_string(self.stamp()).is_ok_and(|stamp| stamp == self.pinned)
    }

    fn ensure(&self, install: fn(&Path) -> Result<()>) -> Result<()> {
        if self.is_done() {
            return Ok(());
        }
        let began = Instant::now();
        eprintln!("installing {} into {}", self.what, self.dir.display());
        if self.dir.exists() {
            fs::remove_dir_all(&self.dir)?;
        }
        fs::create_dir_all(&self.dir)?;
        install(&self.dir).with_context(|| format!("cannot install the {}", self.what))?;
        // Last, so that an install that was cut short is not taken for a whole one.
        fs::write(self.stamp(), &self.pinned)?;
        eprintln!("installed {} in {:.1} s", self.what, began.elapsed().as_secs_f64());
        Ok(())
    }

    fn stamp(&self) -> PathBuf {
        self.dir.join("stamp")
    }
}

fn npm(dir: &Path) -> Result<()> {
    for name in NPM_MANIFESTS {
        fs::copy(manifest(name), dir.join(name))?;
    }
    let mut npm = Command::new("npm");
    // No package here needs its install script; what does not run cannot fail, nor surprise.
    npm.args(["ci", "--ignore-scripts", "--loglevel=error"]).current_dir(dir);
    run(talking_to_stderr(npm))
}

fn pip(dir: &Path) -> Result<()> {
    let mut venv = Command::new("python3");
    venv.args(["-m", "venv"]).arg(dir);
    run(talking_to_stderr(venv))?;
    let mut pip = Command::new(dir.join("bin/python"));
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"]);
    pip.arg(manifest(PIP_MANIFEST));
    run(talking_to_stderr(pip))
}

fn pinned(manifests: &[&str]) -> Result<String> {
    let read = |name: &&str| {
        let path = manifest(name);
        fs::read_to_string(&path).with_context(|| format!("cannot read `{}`", path.display()))
    };
    manifests.iter().map(read).collect()
}

fn manifest(name: &str) -> PathBuf {
    root().join("tests/clients").join(name)
}
