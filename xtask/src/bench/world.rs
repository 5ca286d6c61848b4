//! A gateway as operators run it, with as many tenants as wanted, and tokens for those that call.

use std::fmt::Write as _;
use std::fs;
use std::io::{Read, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::figures::Figures;
use super::instances;
use super::nginx::free_address;
use super::watch;
use crate::process::{Process, measured};

/// The issuer whose tokens are used. Nobody is asked for its keys: they stand in its document.
const ISSUER: &str = "https://issuer.bench.example";
/// Instances that may stand at once: more than there are.
const AWAKE_MAX: u32 = 1_000;
/// How long the gateway may take to answer its first call after a start.
const FIRST_CALL_TIMEOUT: Duration = Duration::from_mins(1);

/// The number of tenants at which some are over their limit at once, the first of them, and how many they are.
const WITH_THROTTLED: u32 = 1_000;
const THROTTLED_FROM: u32 = 900;
const THROTTLED: u32 = 100;

pub(super) struct World {
    process: Process,
    address: String,
    folder: PathBuf,
}

impl World {
    /// Sets up a gateway with `tenants` tenants, starts it again on what it then has, and notes how long that took until
    /// its first answer.
    pub(super) fn start(folder: &Path, upstream: &str, tenants: u32, figures: &mut Figures) -> Result<Self> {
        let world = Self::set_up(folder.join(format!("world-{tenants}")), tenants)?;
        let began = Instant::now();
        world.apply(&documents(&world.read("jwks.json")?, upstream, tenants))?;
        eprintln!("  {tenants} tenants applied in {:.1} s", began.elapsed().as_secs_f64());
        world.restarted(tenants, figures)
    }

    /// Sets up a gateway whose `tenants` tenants each have an instance of `run`, as `own`, once they call it, and a
    /// grant of the `shared` server.
    pub(super) fn with_instances(folder: &Path, run: &[&str], shared: &str, tenants: u32) -> Result<Self> {
        let world = Self::set_up(folder.join("world-instances"), tenants)?;
        world.apply(&instances::documents(&world.read("jwks.json")?, ISSUER, run, shared, tenants))?;
        Ok(world)
    }

    /// A gateway without documents, and tokens for its tenants.
    fn set_up(folder: PathBuf, tenants: u32) -> Result<Self> {
        fs::create_dir_all(&folder)?;
        let address = free_address()?;
        fs::write(
            folder.join("partywall.toml"),
            format!(
                "data = \"{0}/data\"\nlog_file = \"{0}/log.jsonl\"\nlisten = \"{address}\"\nadmin_listen = \"127.0.0.1:0\"\n\
                 instances.awake_max = {AWAKE_MAX}\n",
                folder.display()
            ),
        )?;
        let world = Self { process: serve(&folder, &address)?, address, folder };
        world.make_tokens(tenants.clamp(1, 10_000))?;
        Ok(world)
    }

    /// The same, started anew: its memory is that of a start, not of an apply.
    fn restarted(self, tenants: u32, figures: &mut Figures) -> Result<Self> {
        let Self { mut process, address, folder } = self;
        process.end();
        let began = Instant::now();
        let world = Self { process: serve(&folder, &address)?, address, folder };
        if tenants > 0 {
            world.first_call(began + FIRST_CALL_TIMEOUT)?;
            figures.note(&format!("start, {tenants} tenants"), began.elapsed().as_secs_f64() * 1e3);
        }
        Ok(world)
    }

    /// The MCP endpoint that all of them share.
    pub(super) fn url(&self) -> String {
        self.url_of("echo")
    }

    /// The MCP endpoint of a server.
    pub(super) fn url_of(&self, server: &str) -> String {
        format!("http://{}/mcp/{server}", self.address)
    }

    pub(super) fn pid(&self) -> u32 {
        self.process.id()
    }

    pub(super) fn resident_mb(&self) -> Result<f64> {
        watch::resident_mb(self.pid())
    }

    /// A file with a token for each of the first `count` tenants.
    pub(super) fn tokens(&self, count: u32) -> Result<PathBuf> {
        self.some_tokens("served", 0, count)
    }

    /// A file with a token for each tenant that is over its limit at once.
    pub(super) fn throttled_tokens(&self) -> Result<PathBuf> {
        self.some_tokens("throttled", THROTTLED_FROM, THROTTLED)
    }

    /// A file with a token that nobody signed.
    pub(super) fn forged_token(&self) -> Result<PathBuf> {
        let path = self.folder.join("token-forged");
        let all = self.read("tokens")?;
        let (signed, _) = all.lines().next().and_then(|token| token.rsplit_once('.')).context("there are no tokens")?;
        fs::write(&path, format!("{signed}.{}", "A".repeat(342)))?;
        Ok(path)
    }

    fn some_tokens(&self, name: &str, from: u32, count: u32) -> Result<PathBuf> {
        let path = self.folder.join(format!("tokens-{name}-{count}"));
        let all = self.read("tokens")?;
        let some: Vec<&str> = all.lines().skip(from as usize).take(count as usize).collect();
        fs::write(&path, some.join("\n"))?;
        Ok(path)
    }

    fn make_tokens(&self, count: u32) -> Result<()> {
        let mut tokens = measured("tokens");
        tokens.args(["--issuer", ISSUER, "--audience", &format!("http://{}/mcp", self.address)]);
        tokens.args(["--count", &count.to_string()]).arg("--jwks").arg(self.folder.join("jwks.json"));
        fs::write(self.folder.join("tokens"), output(&mut tokens)?)?;
        Ok(())
    }

    fn apply(&self, documents: &str) -> Result<()> {
        let path = self.folder.join("documents.json");
        fs::write(&path, documents)?;
        let mut apply = measured("partywall");
        apply.arg("apply").arg("-f").arg(&path).arg("--data").arg(self.folder.join("data"));
        output(&mut apply).map(drop)
    }

    /// Calls until it is answered.
    fn first_call(&self, deadline: Instant) -> Result<()> {
        let token = self.all_tokens()?.swap_remove(0);
        loop {
            match self.call("echo", &token) {
                Ok(answer) if answer.starts_with("HTTP/1.1 200 ") => return Ok(()),
                last => ensure!(Instant::now() < deadline, "the gateway does not serve: {last:?}"),
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// A token of each tenant.
    pub(super) fn all_tokens(&self) -> Result<Vec<String>> {
        Ok(self.read("tokens")?.lines().map(str::to_owned).collect())
    }

    /// Calls `echo` of a server over a connection of its own; gives the answer, head and body.
    pub(super) fn call(&self, server: &str, token: &str) -> Result<String> {
        let body = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}"#;
        let mut stream = TcpStream::connect(&self.address)?;
        let (address, length) = (&self.address, body.len());
        write!(
            stream,
            "POST /mcp/{server} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\nAccept: application/json, text/event-stream\r\n\
             Content-Type: application/json\r\nMcp-Protocol-Version: 2026-07-28\r\nMcp-Method: tools/call\r\nMcp-Name: echo\r\n\
             Connection: close\r\nContent-Length: {length}\r\n\r\n{body}"
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    }

    fn read(&self, name: &str) -> Result<String> {
        let path = self.folder.join(name);
        fs::read_to_string(&path).with_context(|| path.display().to_string())
    }
}

fn serve(folder: &Path, address: &str) -> Result<Process> {
    let mut process =
        Process::spawn(measured("partywall").arg("serve").arg("--config").arg(folder.join("partywall.toml")))?;
    watch::until_listening(address, &mut process)?;
    Ok(process)
}

fn output(command: &mut Command) -> Result<String> {
    let output = command.output()?;
    ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}

/// Issuer, server, plans and tenants. Everything that a call meets is on: a rule for the tool, limits, the assertion. One
/// plan's limits never bind, the other's always do.
fn documents(jwks: &str, upstream: &str, tenants: u32) -> String {
    let mut text = format!(
        r#"{{"version":1,
"issuer":{{"bench":{{"url":"{ISSUER}","tenant_claim":"tenant","jwks":{jwks}}}}},
"server":{{"echo":{{"url":"{upstream}","sharing":"stateless"}}}},
"plan":{{"bench":{{"limits":{{"calls_per_second":1000000,"calls_burst":1000000,"calls_in_flight_max":10000}},
"servers":{{"echo":{{"placement":"shared","tools":{{"allow":["echo","read_*"],"deny":["delete_*"]}},
"tool_limits":{{"echo":{{"calls_per_second":1000000,"calls_burst":1000000,"calls_in_flight_max":10000}}}}}}}}}},
"throttled":{{"limits":{{"calls_per_second":1000000,"calls_burst":1000000,"calls_in_flight_max":10000}},
"servers":{{"echo":{{"placement":"shared","tools":{{"allow":["echo","read_*"],"deny":["delete_*"]}},
"tool_limits":{{"echo":{{"calls_per_second":1,"calls_burst":1}}}}}}}}}}}},
"tenant":{{"#
    );
    for number in 0..tenants {
        let comma = if number == 0 { "" } else { ",\n" };
        let throttled = tenants == WITH_THROTTLED && number >= THROTTLED_FROM;
        let plan = if throttled { "throttled" } else { "bench" };
        let _ = write!(
            text,
            r#"{comma}"t{number}":{{"plan":"{plan}","identities":[{{"issuer":"bench","value":"t{number}"}}]}}"#
        );
    }
    text.push_str("}}");
    text
}
