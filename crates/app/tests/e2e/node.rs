//! A running `partywall serve`, known by a public URL that is not its address: stopped, killed and started again on the
//! same data folder it is the same house to its clients, as another node of it would be.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output};

use partywall_testkit::token::Issuer;
use serde_json::Value;
use tempfile::TempDir;

use crate::scripted::until;
use crate::world::{PARTYWALL, log_file};

/// The URL by which clients know it.
pub(crate) const PUBLIC: &str = "https://mcp.example.com";

pub(crate) struct Node {
    child: Child,
    data: Option<TempDir>,
    log: PathBuf,
    /// Where it listens.
    front: String,
}

impl Node {
    /// Starts one on a data folder and waits until it serves. A port that was free a moment ago may be taken by now, so
    /// it is tried again.
    pub(crate) async fn start(data: TempDir) -> Self {
        Self::start_with(data, "").await
    }

    /// Starts one with more settings.
    pub(crate) async fn start_with(data: TempDir, settings: &str) -> Self {
        for _ in 0..10 {
            let address = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap();
            let (mut child, log) = spawn(data.path(), address, settings);
            let ready = until("the node is ready or ends", || {
                let log = std::fs::read_to_string(&log).unwrap_or_default();
                if log.contains("\"event\":\"ready\"") { Some(true) } else { child.try_wait().unwrap().map(|_| false) }
            });
            if ready.await {
                return Self { child, data: Some(data), log, front: format!("http://{address}") };
            }
        }
        panic!("the node did not start");
    }

    /// A path, by this node's own address.
    pub(crate) fn at(&self, path: &str) -> String {
        format!("{}{path}", self.front)
    }

    /// The URL of a server, by this node's own address.
    pub(crate) fn url(&self, server: &str) -> String {
        format!("{}/mcp/{server}", self.front)
    }

    /// The process's id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The data folder.
    pub(crate) fn data(&self) -> &Path {
        self.data.as_ref().unwrap().path()
    }

    /// The same, as an argument.
    pub(crate) fn folder(&self) -> &str {
        self.data().to_str().unwrap()
    }

    /// The admin listener's URL.
    pub(crate) fn admin(&self) -> String {
        let running = std::fs::read(self.data.as_ref().unwrap().path().join("running.json")).unwrap();
        let running: Value = serde_json::from_slice(&running).unwrap();
        running["admin"].as_str().unwrap().to_owned()
    }

    /// Applies documents written in TOML that must be taken, without the line with the version.
    pub(crate) fn must_apply(&self, toml: &str) {
        let data = self.data.as_ref().unwrap().path();
        let path = data.join("applied-by-test.toml");
        std::fs::write(&path, format!("version = 1\n{toml}")).unwrap();
        let Output { status, stderr, .. } =
            Command::new(PARTYWALL).arg("apply").arg("--data").arg(data).arg("-f").arg(&path).output().unwrap();
        assert!(status.success(), "{}", String::from_utf8_lossy(&stderr));
    }

    /// Sets a secret of a tenant.
    pub(crate) fn must_set(&self, tenant: &str, name: &str, value: &str) {
        let mut command = Command::new(PARTYWALL);
        command.args(["secret", "set", tenant, name, "--data"]).arg(self.data());
        let set = crate::world::run_with(command, &[], value);
        assert!(set.status.success(), "{}", String::from_utf8_lossy(&set.stderr));
    }

    /// The instances that there are.
    pub(crate) fn instances(&self) -> Vec<Value> {
        let output = self.instance(&["list", "--output", "json"]);
        let listed: Value = serde_json::from_slice(&output.stdout).unwrap();
        listed["instances"].as_array().unwrap().clone()
    }

    /// Runs `partywall instance`.
    pub(crate) fn instance(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(PARTYWALL);
        command.arg("instance").args(arguments).arg("--data").arg(self.data()).output().unwrap()
    }

    /// A token of `issuer`, noted as a secret, so that the check of log lines looks for it.
    pub(crate) fn token(&self, issuer: &Issuer, tenant: &str, subject: &str) -> String {
        let claims = issuer.claims(&format!("{PUBLIC}/mcp")).tenant(tenant).subject(subject);
        let token = issuer.token(claims);
        std::fs::write(self.log.with_extension(format!("{tenant}-{subject}.secret")), &token).unwrap();
        token
    }

    /// The log lines so far that contain `text`.
    pub(crate) fn log_lines(&self, text: &str) -> Vec<Value> {
        let log = std::fs::read_to_string(&self.log).unwrap();
        log.lines().filter(|line| line.contains(text)).map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Asks it to stop, and goes on.
    pub(crate) fn terminate(&self) {
        assert!(Command::new("kill").arg(self.child.id().to_string()).status().unwrap().success());
    }

    /// Waits for its end.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        until("the node ends", || self.child.try_wait().unwrap()).await
    }

    /// The data folder of one that has ended.
    pub(crate) fn into_data(mut self) -> TempDir {
        self.data.take().unwrap()
    }

    /// Asks it to stop and waits for its end; gives its data folder for another start.
    pub(crate) async fn stop(mut self) -> TempDir {
        self.terminate();
        assert!(self.ended().await.success());
        self.into_data()
    }

    /// Kills it without a chance to say goodbye; gives its data folder for another start.
    pub(crate) fn crash(mut self) -> TempDir {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.into_data()
    }
}

/// The document of a test's issuer, named `corporate`, with the tenant claim `tenant`.
pub(crate) fn issuer_document(issuer: &Issuer) -> String {
    own_issuer_document("corporate", issuer).replace("\njwks", "\ntenant_claim = \"tenant\"\njwks")
}

/// The document of a customer's own issuer.
pub(crate) fn own_issuer_document(name: &str, issuer: &Issuer) -> String {
    let jwk = issuer.jwk();
    let members = jwk.as_object().unwrap().iter().map(|(name, value)| format!("{name} = {value}"));
    let (url, members) = (issuer.url(), members.collect::<Vec<_>>().join(", "));
    format!("[issuer.{name}]\nurl = \"{url}\"\njwks = {{ keys = [{{ {members} }}] }}\n")
}

fn spawn(data: &Path, address: SocketAddr, more: &str) -> (Child, PathBuf) {
    let log = log_file();
    let (folder, file) = (data.display(), log.display());
    let settings = format!(
        "data = \"{folder}\"\nlog_file = \"{file}\"\nlisten = \"{address}\"\nadmin_listen = \"127.0.0.1:0\"\npublic_url = \"{PUBLIC}\"\n{more}\n",
    );
    let config = data.join("partywall.toml");
    std::fs::write(&config, settings).unwrap();
    (Command::new(PARTYWALL).arg("serve").arg("--config").arg(&config).spawn().unwrap(), log)
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
