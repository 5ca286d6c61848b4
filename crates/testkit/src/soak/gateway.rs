//! The gateway under load: started, furnished, stopped, and what it wrote meanwhile counted.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail, ensure};

use super::books::{Books, Journal, Log};
use super::load::Tenant;
use super::{Options, Scene};
use crate::hostile::{Target, Upstream};
use crate::token::{Algorithm, Issuer, KID};

/// How long it may take to be ready and to stop.
const PATIENCE: Duration = Duration::from_mins(2);
/// Tenants that have to do with hostile peers.
const HOSTILE_TENANTS: usize = 8;
/// How often the documents are applied until they are taken.
const APPLIES_MAX: usize = 5;
/// Descriptors that the gateway may have. A soak holds some hundred hostile connections open at a time, each with one
/// behind it, which is beyond what a shell commonly allows.
const DESCRIPTORS: u32 = 16_384;

pub(super) struct Gateway {
    child: Child,
    data: PathBuf,
    address: SocketAddr,
    log: Option<Log>,
    journal: Option<Journal>,
}

impl Gateway {
    pub(super) async fn start(options: &Options) -> Result<Self> {
        let data = std::env::temp_dir().join(format!("partywall-soak-{}", std::process::id()));
        std::fs::create_dir_all(&data).with_context(|| format!("`{}` cannot be made", data.display()))?;
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let config = data.join("partywall.toml");
        let settings = format!(
            "data = \"{}\"\nlisten = \"{address}\"\nadmin_listen = \"127.0.0.1:0\"\npublic_url = \"http://{address}\"\n",
            data.display()
        );
        std::fs::write(&config, settings)?;
        let shell = format!("ulimit -n {DESCRIPTORS} 2>/dev/null; exec \"$0\" \"$@\"");
        let mut command = Command::new("sh");
        command.arg("-c").arg(shell).arg(&options.partywall).arg("serve").arg("--config").arg(&config);
        let mut child = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().context("`sh` does not start")?;
        let stderr = child.stderr.take().context("the log is not piped")?;
        let log = Log::read(stderr, options.log_file.as_deref())?;
        let journal = Some(Journal::follow(data.join("journal")));
        let mut gateway = Self { child, data, address, log: Some(log), journal };
        gateway.ready().await?;
        Ok(gateway)
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    async fn ready(&mut self) -> Result<()> {
        let since = Instant::now();
        while !self.log.as_ref().is_some_and(Log::is_ready) {
            if let Some(status) = self.child.try_wait()? {
                bail!("the gateway ended before it was ready: {status}");
            }
            ensure!(since.elapsed() < PATIENCE, "the gateway was not ready in time");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    /// Applies an issuer, the upstream's servers and the tenants, and makes a token for each.
    pub(super) fn furnish(&self, upstream: Upstream, options: &Options) -> Result<Scene> {
        let issuer = Issuer::with("https://login.example.com", KID, Algorithm::EdDsa);
        let honest: Vec<_> = (0..options.tenants).map(|number| format!("honest-{number}")).collect();
        let hostile: Vec<_> = (0..HOSTILE_TENANTS).map(|number| format!("hostile-{number}")).collect();
        let mut documents =
            format!("version = 1\n{}{}", document(&issuer), upstream.documents("answer_timeout_ms = 2000"));
        for name in honest.iter().chain(&hostile) {
            let tenant = format!(
                "[tenant.{name}]\nplan = \"hostile\"\nidentities = [{{ issuer = \"corporate\", value = \"{name}\" }}]\n\
                 limits = {{ calls_per_second = 100000, calls_burst = 100000, calls_in_flight_max = 1000, \
                 lists_per_second = 10000, lists_burst = 10000 }}\n"
            );
            documents.push_str(&tenant);
        }
        let path = self.data.join("soak.toml");
        std::fs::write(&path, documents)?;
        apply(&options.partywall, &self.data, &path)?;
        let public = format!("http://{}/mcp", self.address);
        let until = SystemTime::now().duration_since(UNIX_EPOCH)? + options.duration + Duration::from_hours(1);
        let token = |name: &str| issuer.token(issuer.claims(&public).tenant(name).with("exp", until.as_secs()));
        let host = self.address.to_string();
        let target = |name: &String| Target { address: self.address, host: host.clone(), token: token(name) };
        Ok(Scene {
            address: self.address,
            honest: Arc::new(honest.iter().map(|name| Tenant { name: name.clone(), token: token(name) }).collect()),
            hostile: hostile.iter().map(target).collect(),
            host: host.clone(),
            upstream,
        })
    }

    /// Stops it and closes its books.
    pub(super) async fn close(mut self) -> Result<Books> {
        Command::new("kill").arg(self.child.id().to_string()).status()?;
        let since = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait()? {
                break status;
            }
            ensure!(since.elapsed() < PATIENCE, "the gateway did not stop in time");
            tokio::time::sleep(Duration::from_millis(50)).await;
        };
        ensure!(status.success(), "the gateway ended with {status}");
        let journal = self.journal.take().context("the journal is read once")?;
        let log = self.log.take().context("the log is read once")?;
        Ok(Books { journal: journal.close()?, log: log.close()? })
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.data);
    }
}

/// Applies documents. Each upstream is asked what it speaks, which on a busy machine may take longer than an operator is
/// made to wait, so it is tried again.
fn apply(partywall: &Path, data: &Path, documents: &Path) -> Result<()> {
    let mut told = String::new();
    for _ in 0..APPLIES_MAX {
        let applied = Command::new(partywall).arg("apply").arg("--data").arg(data).arg("-f").arg(documents).output()?;
        if applied.status.success() {
            return Ok(());
        }
        told = String::from_utf8_lossy(&applied.stderr).into_owned();
    }
    bail!("apply: {told}")
}

/// The document of an issuer named `corporate`, with the tenant claim `tenant`.
fn document(issuer: &Issuer) -> String {
    let jwk = issuer.jwk();
    let members = jwk.as_object().into_iter().flatten().map(|(name, value)| format!("{name} = {value}"));
    let (url, members) = (issuer.url(), members.collect::<Vec<_>>().join(", "));
    format!("[issuer.corporate]\nurl = \"{url}\"\ntenant_claim = \"tenant\"\njwks = {{ keys = [{{ {members} }}] }}\n")
}
