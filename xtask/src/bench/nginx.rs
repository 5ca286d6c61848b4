//! nginx before the upstream, as a plain reverse proxy.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use super::watch;
use crate::process::Process;
use crate::run::root;

pub(super) struct Nginx {
    process: Process,
    /// Where the upstream is reached through it.
    pub(super) url: String,
}

impl Nginx {
    /// Starts it and waits until it listens.
    pub(super) fn start(folder: &Path, upstream: &str) -> Result<Self> {
        let address = free_address()?;
        let upstream = upstream.trim_start_matches("http://").split('/').next().unwrap_or_default();
        let template = fs::read_to_string(root().join("benches/nginx.conf")).context("benches/nginx.conf")?;
        let settings = template.replace("FOLDER", &folder.display().to_string());
        let settings = settings.replace("UPSTREAM", upstream).replace("LISTEN", &address);
        let path = folder.join("nginx.conf");
        fs::write(&path, settings).with_context(|| path.display().to_string())?;
        let mut process = Process::spawn(Command::new("nginx").arg("-c").arg(&path).arg("-p").arg(folder))?;
        watch::until_listening(&address, &mut process)?;
        Ok(Self { process, url: format!("http://{address}/mcp") })
    }

    /// The master and its workers.
    pub(super) fn pids(&self) -> Result<Vec<u32>> {
        watch::with_children(self.process.id())
    }
}

impl Drop for Nginx {
    /// A master that is killed leaves its workers behind.
    fn drop(&mut self) {
        self.process.end();
    }
}

/// An address of this machine that nobody listens on at the moment.
pub(super) fn free_address() -> Result<String> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string())
}
