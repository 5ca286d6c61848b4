//! What tests and measurements need of the machine itself: npm, Python's venv, a browser, nginx.
//!
//! On a Debian where we are root these are packages away, and nothing else is installed for the whole machine; elsewhere
//! this says what is missing.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, bail};

use crate::run::{run, succeeds, talking_to_stderr};

/// What the installs start with.
const INSTALLERS: [&str; 2] = ["npm", "python3-venv"];
/// A browser, and letters for it to show.
const BROWSER: [&str; 2] = ["chromium", "fonts-dejavu-core"];
/// What the browser is called.
const CHROMIUMS: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// Sees to `npm` and `python3 -m venv`.
pub(crate) fn installers() -> Result<()> {
    if installers_work() {
        return Ok(());
    }
    let installed = apt_get(&INSTALLERS);
    if installed.is_err() || !installers_work() {
        bail!("the tests need `npm` and `python3 -m venv`\nhint: on Debian: apt-get install {}", INSTALLERS.join(" "));
    }
    Ok(())
}

/// A Chromium that starts.
pub(crate) fn chromium() -> Result<PathBuf> {
    if let Some(found) = working_chromium() {
        return Ok(found);
    }
    let installed = apt_get(&BROWSER);
    match working_chromium() {
        Some(found) => Ok(found),
        None => bail!(
            "the tests need a Chromium, to see the sign-in page as a person does{}\nhint: on Debian: apt-get install {}",
            installed.err().map(|why| format!(": {why:#}")).unwrap_or_default(),
            BROWSER.join(" ")
        ),
    }
}

/// A program of the machine's, installed from the package of the same name where it is missing and we may.
pub(crate) fn program(name: &str, version_flag: &str, why: &str) -> Result<()> {
    let works = || {
        let mut command = Command::new(name);
        command.arg(version_flag);
        succeeds(command)
    };
    if works() {
        return Ok(());
    }
    let installed = apt_get(&[name]);
    if installed.is_err() || !works() {
        bail!("{why} needs `{name}`\nhint: on Debian: apt-get install {name}");
    }
    Ok(())
}

fn installers_work() -> bool {
    let mut npm = Command::new("npm");
    npm.arg("--version");
    let mut venv = Command::new("python3");
    // Debian ships the `venv` module without what it needs to bring pip along.
    venv.args(["-c", "import venv, ensurepip"]);
    succeeds(npm) && succeeds(venv)
}

fn working_chromium() -> Option<PathBuf> {
    let directories: Vec<PathBuf> = std::env::split_paths(&std::env::var_os("PATH")?).collect();
    let candidates = CHROMIUMS.iter().flat_map(|name| directories.iter().map(move |directory| directory.join(name)));
    candidates.filter(|path| path.exists()).find(|path| {
        let mut version = Command::new(path);
        version.arg("--version");
        succeeds(version)
    })
}

fn apt_get(packages: &[&str]) -> Result<()> {
    eprintln!("installing {} with apt-get", packages.join(" and "));
    let apt = |arguments: &[&str]| {
        let mut apt = Command::new("apt-get");
        apt.args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
        run(talking_to_stderr(apt))
    };
    // A new machine may have no list of packages at all; a failed refresh still leaves the old one to try.
    let _ = apt(&["update", "-qq"]);
    apt(&[["install", "-y", "-qq", "--no-install-recommends"].as_slice(), packages].concat())
}
