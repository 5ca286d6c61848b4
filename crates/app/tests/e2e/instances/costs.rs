//! What an instance costs beside what it is measured against: the bare program, the shared server. Printed and not
//! asserted, but for the answers: on a machine that others use as well a time proves little. `cargo xtask soak` runs it
//! with more of everything, in release.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use partywall_testkit::fixture::Options;
use partywall_testkit::token::Issuer;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::boxed::Boxed;
use crate::http::{Ask, Kept};
use crate::node::{Node, PUBLIC, issuer_document};
use crate::process::Process;
use crate::world::{Fixture, PARTYWALL};

const CALLS_VARIABLE: &str = "PARTYWALL_SOAK_CALLS";

/// Whether everything is to be run in full.
fn in_full() -> bool {
    std::env::var_os(CALLS_VARIABLE).is_some()
}

struct Stage {
    node: Node,
    issuer: Issuer,
}

impl Stage {
    /// A node with so many tenants, each with the fixture as a process of its own and as a server that all share.
    async fn set(tenants: usize) -> (Self, Fixture) {
        let fixture = Fixture::start(Options { json: true, ..Options::default() }).await;
        let issuer = Issuer::new("https://login.example.com");
        let node = Node::start_with(TempDir::new().unwrap(), "[instances]\nawake_max = 400").await;
        let shared = format!("[server.shared]\nurl = \"{}\"\nsharing = \"stateless\"\n", fixture.url);
        let grant = "servers.shared = { placement = \"shared\", tools = { allow = [\"*\"] } }\n";
        let tenant = |number| {
            format!(
                "[tenant.t{number}]\nplan = \"crowd\"\nidentities = [{{ issuer = \"corporate\", value = \"t{number}\" }}]\n"
            )
        };
        let boxed = Boxed::fixture("both").with_command("life = { freeze_after_s = 0 }").server_and_plan("crowd");
        let documents = [issuer_document(&issuer), shared, boxed, grant.to_owned()].join("\n");
        node.must_apply(&[documents, (0..tenants).map(tenant).collect()].join("\n"));
        (Self { node, issuer }, fixture)
    }

    fn ask(&self, server: &str, tenant: usize) -> Ask {
        let claims = self.issuer.claims(&format!("{PUBLIC}/mcp")).tenant(&format!("t{tenant}"));
        let params = json!({"name": "echo", "arguments": {"text": "hello"}});
        let ask = Ask::modern(&self.node.url(server), &self.issuer.token(claims), "tools/call", params);
        ask.header("host", "mcp.example.com")
    }

    /// How long a call took.
    async fn took(&self, kept: &Kept, ask: &Ask) -> Duration {
        let since = Instant::now();
        let answer = kept.send(ask).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        since.elapsed()
    }

    /// CPU time of the gateway for a call, in microseconds.
    async fn cpu_us(&self, ask: &Ask, calls: u32) -> u64 {
        let kept = Kept::default();
        for _ in 0..50 {
            self.took(&kept, ask).await;
        }
        let before = cpu(self.node.pid());
        for _ in 0..calls {
            self.took(&kept, ask).await;
        }
        (cpu(self.node.pid()) - before) / u64::from(calls)
    }
}

/// The time that a process has had, in microseconds: the first number of its `schedstat`s (proc(5)), of all threads.
fn cpu(pid: u32) -> u64 {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let of = |entry: std::io::Result<std::fs::DirEntry>| {
        let text = std::fs::read_to_string(entry.ok()?.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<u64>().ok()
    };
    threads.filter_map(of).sum::<u64>() / 1000
}

/// From the start of the bare program to its first answer to a call.
fn bare() -> Duration {
    let since = Instant::now();
    let mut command = Command::new(Path::new(PARTYWALL).with_file_name("fixture"));
    let child = command.arg("--stdio").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut process = Process(child);
    let mut output = BufReader::new(process.0.stdout.take().unwrap()).lines();
    let mut input = process.0.stdin.take().unwrap();
    let params =
        json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "c", "version": "1"}});
    let call = json!({"name": "echo", "arguments": {"text": "hello"}});
    for (id, method, params) in [(1, "initialize", params), (2, "tools/call", call)] {
        writeln!(input, "{}", json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params})).unwrap();
        let answer: Value = serde_json::from_str(&output.next().unwrap().unwrap()).unwrap();
        assert_eq!(answer["id"], id, "{answer}");
        if id == 1 {
            writeln!(input, "{}", json!({"jsonrpc": "2.0", "method": "notifications/initialized"})).unwrap();
        }
    }
    since.elapsed()
}

fn percentile(times: &mut [Duration], hundredths: usize) -> f64 {
    times.sort();
    times[(times.len() * hundredths / 100).min(times.len() - 1)].as_secs_f64() * 1e3
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_first_call_beside_the_bare_start_of_the_same_program() {
    let tenants = if in_full() { 200 } else { 8 };
    let (stage, _fixture) = Stage::set(tenants).await;
    let (mut cold, mut alone) = (Vec::new(), Vec::new());
    for tenant in 0..tenants {
        // In turn, so that whatever else the machine does is in both.
        alone.push(tokio::task::spawn_blocking(bare).await.unwrap());
        let ask = stage.ask("boxed", tenant);
        cold.push(stage.took(&Kept::default(), &ask).await);
    }
    let all = [50, 99].map(|at| (at, percentile(&mut cold, at), percentile(&mut alone, at)));
    for (at, cold, alone) in all {
        println!("p{at}: first call {cold:.1} ms, bare start {alone:.1} ms, over it {:.1} ms", cold - alone);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_warm_call_of_an_instance_beside_a_shared_one() {
    let (calls, sizes) = if in_full() { (5_000, [1, 200]) } else { (100, [1, 20]) };
    for tenants in sizes {
        let (stage, _fixture) = Stage::set(tenants).await;
        let (shared, own) = (stage.ask("shared", 0), stage.ask("boxed", 0));
        let (shared, own) = (stage.cpu_us(&shared, calls).await, stage.cpu_us(&own, calls).await);
        let ratio = f64::from(u32::try_from(own).unwrap()) / f64::from(u32::try_from(shared.max(1)).unwrap());
        println!(
            "{tenants} tenants: CPU of a shared call {shared} us, of one at an instance {own} us, ratio {ratio:.2}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tenants_that_share_beside_tenants_with_processes_of_their_own() {
    let (tenants, calls) = if in_full() { (300, 10) } else { (10, 2) };
    let (stage, _fixture) = Stage::set(tenants).await;
    for server in ["shared", "boxed"] {
        let (before, since, kept) = (cpu(stage.node.pid()), Instant::now(), Kept::default());
        for _ in 0..calls {
            for tenant in 0..tenants {
                stage.took(&kept, &stage.ask(server, tenant)).await;
            }
        }
        let gateway = resident_mib(stage.node.pid());
        let (cpu, took) = (cpu(stage.node.pid()) - before, since.elapsed().as_secs_f64());
        println!(
            "{tenants} tenants, {calls} calls each, {server}: gateway {gateway:.0} MiB and {cpu} us CPU, {took:.1} s"
        );
    }
    let listed = stage.node.instances();
    let sum = |what: &str| listed.iter().filter_map(|one| one[what].as_u64()).sum::<u64>();
    println!("their instances: {} MiB, {} us CPU", sum("memory_bytes") >> 20, sum("cpu_us"));
    assert_eq!(listed.len(), tenants);
}

fn resident_mib(pid: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() / 1024.0
}
