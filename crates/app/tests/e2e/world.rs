//! A running partywall with two tenants, as the demo sets it up, and what tests do to it.
//!
//! Each world is a process of its own on ports that the system chose and a data folder of its own. It is ended, by
//! process id, when the world is dropped. Its log lines go to where the check of all log lines finds them.

use std::io::{BufRead, BufReader, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use partywall_testkit::fixture::{self, Options, Received};
use tempfile::TempDir;
use tokio::net::TcpListener;

/// The binary under test.
pub(crate) const PARTYWALL: &str = env!("CARGO_BIN_EXE_partywall");
/// How long a process may take to be ready, on a busy machine.
const READY_TIMEOUT: Duration = Duration::from_mins(1);

pub(crate) struct World {
    child: Child,
    data: TempDir,
    log: PathBuf,
    /// The URL that clients use, without a path.
    pub(crate) public: String,
    /// The admin listener's URL.
    pub(crate) admin: String,
    /// The URL of the development issuer.
    pub(crate) issuer: String,
}

impl World {
    /// `partywall demo`, with notes behind it.
    pub(crate) fn demo() -> Self {
        Self::demo_with(&[])
    }

    /// `partywall demo` with more arguments.
    pub(crate) fn demo_with(arguments: &[&str]) -> Self {
        Self::start(TempDir::new().unwrap(), arguments)
    }

    /// A demo on a data folder that an earlier world left.
    pub(crate) fn start(data: TempDir, arguments: &[&str]) -> Self {
        let log = log_file();
        let mut command = Command::new(PARTYWALL);
        command.arg("demo").arg("--data").arg(data.path());
        for flag in ["--listen", "--admin-listen", "--issuer-listen"] {
            if !arguments.contains(&flag) {
                command.args([flag, "127.0.0.1:0"]);
            }
        }
        let mut child = command.arg("--log-file").arg(&log).args(arguments).stdout(Stdio::piped()).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap()).lines();
        let since = Instant::now();
        while !stdout.next().expect("the demo ended before it was ready").unwrap().contains("URL for both") {
            assert!(since.elapsed() < READY_TIMEOUT, "the demo was not ready in time");
        }
        // Goes on reading, so that the process never waits for us.
        std::thread::spawn(move || stdout.for_each(drop));
        let running = std::fs::read(data.path().join("running.json")).unwrap();
        let running: serde_json::Value = serde_json::from_slice(&running).unwrap();
        let text = |name: &str| running[name].as_str().unwrap().to_owned();
        Self { child, log, public: text("public"), admin: text("admin"), issuer: text("issuer"), data }
    }

    /// The data folder.
    pub(crate) fn data(&self) -> &Path {
        self.data.path()
    }

    /// The process's id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The URL of a server at the gateway.
    pub(crate) fn url(&self, server: &str) -> String {
        format!("{}/mcp/{server}", self.public)
    }

    /// The log lines so far that contain `text`.
    pub(crate) fn log_lines(&self, text: &str) -> Vec<serde_json::Value> {
        let log = std::fs::read_to_string(&self.log).unwrap();
        log.lines().filter(|line| line.contains(text)).map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// A token for all of a tenant's servers. Noted as a secret, so that the check of log lines looks for it.
    pub(crate) fn token(&self, tenant: &str, subject: &str) -> String {
        self.token_with(tenant, subject, &[])
    }

    /// A token with more arguments, such as `--scope`.
    pub(crate) fn token_with(&self, tenant: &str, subject: &str, arguments: &[&str]) -> String {
        let base = ["token", "--tenant", tenant, "--subject", subject];
        let output = self.run(&[&base[..], arguments].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let token = String::from_utf8(output.stdout).unwrap().trim().to_owned();
        std::fs::write(self.log.with_extension(format!("{tenant}-{subject}.secret")), &token).unwrap();
        token
    }

    /// A command of the command line on this world's data folder.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.run_with(arguments, "")
    }

    /// The same, with something to read on stdin.
    pub(crate) fn run_with(&self, arguments: &[&str], input: &str) -> Output {
        let (verb, rest) = arguments.split_first().unwrap();
        let nested = matches!(*verb, "tenant" | "config" | "instance" | "secret").then(|| rest.first()).flatten();
        let mut command = Command::new(PARTYWALL);
        command.arg(verb).args(nested).arg("--data").arg(self.data());
        run_with(command, &rest[usize::from(nested.is_some())..], input)
    }

    /// The revision that stands.
    pub(crate) fn revision(&self) -> u64 {
        let listed = self.run(&["tenant", "list", "--output", "json"]);
        let listed: serde_json::Value = serde_json::from_slice(&listed.stdout).unwrap();
        listed["revision"].as_u64().unwrap()
    }

    /// Notes a secret, so that the check of log lines looks for it.
    pub(crate) fn note_secret(&self, name: &str, value: &str) {
        let unlike = partywall_domain::RequestId::now();
        std::fs::write(self.log.with_extension(format!("{name}-{unlike}.secret")), value).unwrap();
    }

    /// Where its log lines go.
    pub(crate) fn log_file(&self) -> &Path {
        &self.log
    }

    /// Applies documents written in TOML, without the line with the version.
    pub(crate) fn apply(&self, toml: &str) -> Output {
        let path = self.data().join("applied-by-test.toml");
        std::fs::write(&path, format!("version = 1\n{toml}")).unwrap();
        self.run(&["apply", "-f", path.to_str().unwrap()])
    }

    /// Applies documents that must be taken.
    pub(crate) fn must_apply(&self, toml: &str) {
        let output = self.apply(toml);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// Asks the process to stop and waits for its end; gives its data folder for another start.
    pub(crate) fn stop(mut self) -> TempDir {
        terminate(&mut self.child);
        std::mem::replace(&mut self.data, TempDir::new().unwrap())
    }

    /// Kills the process without a chance to say goodbye; gives its data folder for another start.
    pub(crate) fn crash(mut self) -> TempDir {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        std::mem::replace(&mut self.data, TempDir::new().unwrap())
    }
}

impl Drop for World {
    fn drop(&mut self) {
        terminate(&mut self.child);
    }
}

/// Runs a command with more arguments and something to read on stdin.
pub(crate) fn run_with(mut command: Command, arguments: &[&str], input: &str) -> Output {
    let command = command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // One that reads nothing of it has ended by then.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

/// Sends SIGTERM and waits; kills what does not end.
fn terminate(child: &mut Child) {
    if child.try_wait().is_ok_and(|status| status.is_some()) {
        return;
    }
    let _ = Command::new("kill").arg(child.id().to_string()).status();
    for _ in 0..400 {
        if child.try_wait().is_ok_and(|status| status.is_some()) {
            return;
        }
        std::thread::sleep(Duration::from_millis(25));
    }
    let _ = child.kill();
    let _ = child.wait();
}

/// A log file of its own, where the check of all log lines looks.
pub(crate) fn log_file() -> PathBuf {
    let directory = std::env::var_os("PARTYWALL_TEST_LOGS").map_or_else(std::env::temp_dir, PathBuf::from);
    let name = format!("{}-{}.jsonl", std::process::id(), partywall_domain::RequestId::now());
    directory.join(name)
}

/// An MCP server of the test kit, within this process.
pub(crate) struct Fixture {
    /// Where it serves MCP.
    pub(crate) url: String,
    /// Its address.
    pub(crate) address: SocketAddr,
    /// What it received.
    pub(crate) received: Received,
}

impl Fixture {
    /// Starts one; it runs until the test's runtime ends.
    pub(crate) async fn start(options: Options) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let received = options.received.clone();
        tokio::spawn(fixture::serve(listener, options));
        Self { url: format!("http://{address}/mcp"), address, received }
    }

    /// Documents that put it behind a world as server `fixture`, shared, everything granted to both tenants.
    pub(crate) fn documents(&self) -> String {
        let grant = "{ placement = \"shared\", tools = { allow = [\"*\"] }, prompts = { allow = [\"*\"] }, resources = { allow = [\"*\"] } }";
        let tenant = |name: &str, plan: &str| {
            format!(
                "[tenant.{name}]\nplan = \"{plan}\"\nidentities = [{{ issuer = \"development\", value = \"{name}\" }}]\n\
                 servers.fixture = {grant}\nlimits = {{ calls_per_second = 10000, calls_burst = 10000, calls_in_flight_max = 1000, lists_per_second = 10000, lists_burst = 10000 }}\n"
            )
        };
        let server = format!("[server.fixture]\nurl = \"{}\"\nsharing = \"stateless\"\n", self.url);
        [server, tenant("acme", "standard"), tenant("globex", "enterprise")].join("\n")
    }
}
