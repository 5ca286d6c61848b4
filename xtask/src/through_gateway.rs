//! `cargo xtask conformance`: the official suite through the gateway.
//!
//! The fixture stands behind a demo as a shared server, and an injector before it adds a token, since the suite has
//! none to send. What it finds is held against a baseline that only shrinks.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};

use crate::conformance;
use crate::process::{Process, binary};
use crate::run::{cargo, root, run};
use crate::steps::Steps;
use crate::tools;

/// The requirement sets: the newest legacy version and the modern one.
const REQUIREMENTS: [&str; 2] = ["2025-11-25", "2026-07-28"];
/// How the fixture answers: as streams, which is the SDK's default, and as plain JSON.
const ANSWERS: [&[&str]; 2] = [&[], &["--json"]];

const DOCUMENTS: &str = r#"
version = 1

[server.fixture]
url = "FIXTURE"
sharing = "stateless"

[plan.conformance]
limits = { calls_per_second = 10000, calls_burst = 10000, calls_in_flight_max = 1000, streams_open_max = 1000, lists_per_second = 10000, lists_burst = 10000, handshakes_per_second = 10000, handshakes_burst = 10000 }
servers.fixture = { placement = "shared", tools = { allow = ["*"] }, prompts = { allow = ["*"] }, resources = { allow = ["*"] } }

[tenant.suite]
plan = "conformance"
identities = [{ issuer = "development", value = "suite" }]
"#;

/// Builds what the suite needs, then runs it.
pub(crate) fn run_all() -> ExitCode {
    let mut steps = Steps::default();
    let result = in_order(&mut steps);
    steps.finish(result)
}

fn in_order(steps: &mut Steps) -> Result<()> {
    steps.step("tools", || tools::ensure().map(drop))?;
    steps.step("build", || {
        run(cargo(&["build", "--bins", "--package", "partywall-app", "--package", "partywall-testkit"]))
    })?;
    steps.step("conformance", judge)
}

/// Both requirement sets, with both kinds of answers. The binaries must have been built.
pub(crate) fn judge() -> Result<()> {
    let tools = tools::ensure()?;
    let baseline = root().join("tests/clients/expected-failures.yaml");
    let mut clean = true;
    for answers in ANSWERS {
        let stand = Stand::up(answers)?;
        for requirements in REQUIREMENTS {
            let out = root().join(format!("target/conformance/{requirements}{}", answers.concat()));
            let report = conformance::run(&tools, &stand.url, requirements, &baseline, &out)?;
            println!("{requirements} {}: {report}", if answers.is_empty() { "as streams" } else { "as JSON" });
            clean &= report.is_clean();
        }
    }
    ensure!(clean, "the suite and `{}` disagree; details are under target/conformance", baseline.display());
    Ok(())
}

/// Fixture, gateway and injector. Ended, by process id, when it is dropped.
struct Stand {
    url: String,
    _fixture: Process,
    _gateway: Process,
    _injector: Process,
    data: PathBuf,
}

impl Stand {
    fn up(answers: &[&str]) -> Result<Self> {
        let data = root().join(format!("target/conformance/data-{}", std::process::id()));
        std::fs::create_dir_all(&data).with_context(|| format!("`{}` cannot be made", data.display()))?;
        let (fixture, upstream) = Process::start(binary("fixture").args(answers), "listening on ")?;
        let mut gateway = binary("partywall");
        gateway
            .arg("demo")
            .args(["--listen", "--admin-listen", "--issuer-listen"].map(|flag| [flag, "127.0.0.1:0"]).concat());
        gateway.arg("--log-file").arg(log_file(&data)).arg("--data").arg(&data);
        let (gateway, url) = Process::start(&mut gateway, "URL for both")?;
        let address = url.trim().trim_start_matches("http://").split('/').next().unwrap_or_default().to_owned();
        apply(&data, upstream.trim())?;
        let token = partywall(&data, "token", &["--tenant", "suite", "--subject", "suite"])?;
        let mut injector = binary("injector");
        injector.args(["--upstream", &address.parse::<SocketAddr>()?.to_string()]).env("TOKEN", token.trim());
        let (injector, url) = Process::start(&mut injector, "listening on ")?;
        let url = format!("{}/mcp/fixture", url.trim().trim_end_matches('/'));
        Ok(Self { url, _fixture: fixture, _gateway: gateway, _injector: injector, data })
    }
}

impl Drop for Stand {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.data);
    }
}

fn apply(data: &Path, upstream: &str) -> Result<()> {
    let documents = data.join("conformance.toml");
    std::fs::write(&documents, DOCUMENTS.replace("FIXTURE", upstream))?;
    partywall(data, "apply", &["-f", &documents.display().to_string()]).map(drop)
}

fn partywall(data: &Path, verb: &str, arguments: &[&str]) -> Result<String> {
    let output = binary("partywall").arg(verb).arg("--data").arg(data).args(arguments).output()?;
    ensure!(output.status.success(), "partywall {verb}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}

/// The log lines go where the check of all log lines looks, if it is being collected.
fn log_file(data: &Path) -> PathBuf {
    let name = format!("conformance-{}.jsonl", std::process::id());
    let logs = root().join("target/test-logs");
    if logs.is_dir() { logs.join(name) } else { data.with_extension("jsonl") }
}
