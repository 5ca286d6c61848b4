//! `cargo xtask conformance`: the official suite through the gateway.
//!
//! The fixture stands behind a demo, as a shared server over HTTP and as an instance of the tenant's own on stdio, in a
//! box. An injector before it adds a token, since the suite has none to send. What it finds is held against a baseline
//! that only shrinks.

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
/// How the fixture is served.
#[derive(Clone, Copy)]
enum Served {
    /// Shared, over HTTP; with these arguments.
    Shared(&'static [&'static str]),
    /// By a process on stdio, which speaks this era and is for one of these.
    Instance { era: &'static str, per: &'static str },
}

/// All ways: answers as streams, which is the SDK's default, and as plain JSON; an instance that is spoken to in either
/// era. A legacy session has a process of its own, since log lines have a reader only then. Each with its name, and what
/// may fail.
const WAYS: [(&str, Served, &str); 4] = [
    ("shared, as streams", Served::Shared(&[]), "expected-failures.yaml"),
    ("shared, as JSON", Served::Shared(&["--json"]), "expected-failures.yaml"),
    ("modern instance", Served::Instance { era: "modern", per: "tenant" }, "expected-failures-modern-instance.yaml"),
    ("legacy instance", Served::Instance { era: "legacy", per: "session" }, "expected-failures-legacy-instance.yaml"),
];

const DOCUMENTS: &str = r#"
version = 1

[plan.conformance]
limits = { calls_per_second = 10000, calls_burst = 10000, calls_in_flight_max = 1000, streams_open_max = 1000, lists_per_second = 10000, lists_burst = 10000, handshakes_per_second = 10000, handshakes_burst = 10000 }
servers.fixture = { placement = PLACEMENT, tools = { allow = ["*"] }, prompts = { allow = ["*"] }, resources = { allow = ["*"] } }

[tenant.suite]
plan = "conformance"
identities = [{ issuer = "development", value = "suite" }]

[server.fixture]
"#;

/// Folders that programs of this host need, where there are such.
const SYSTEM: [&str; 4] = ["/usr", "/bin", "/lib", "/lib64"];

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

/// Both requirement sets, in every way. The binaries must have been built.
pub(crate) fn judge() -> Result<()> {
    let tools = tools::ensure()?;
    let mut clean = true;
    for (name, served, baseline) in WAYS {
        let baseline = root().join("tests/clients").join(baseline);
        let stand = Stand::up(served)?;
        for requirements in REQUIREMENTS {
            let out = root().join(format!("target/conformance/{requirements}-{}", name.replace([',', ' '], "-")));
            let report = conformance::run(&tools, &stand.url, requirements, &baseline, &out)?;
            println!("{requirements} {name}: {report}");
            clean &= report.is_clean();
        }
    }
    ensure!(clean, "the suite and the baselines in tests/clients disagree; details are under target/conformance");
    Ok(())
}

/// Fixture, gateway and injector. Ended, by process id, when it is dropped.
struct Stand {
    url: String,
    /// Where it is not the gateway that starts it.
    _fixture: Option<Process>,
    _gateway: Process,
    _injector: Process,
    data: PathBuf,
}

impl Stand {
    fn up(served: Served) -> Result<Self> {
        let data = root().join(format!("target/conformance/data-{}", std::process::id()));
        std::fs::create_dir_all(&data).with_context(|| format!("`{}` cannot be made", data.display()))?;
        let (fixture, documents) = served.stand()?;
        let mut gateway = binary("partywall");
        gateway
            .arg("demo")
            .args(["--listen", "--admin-listen", "--issuer-listen"].map(|flag| [flag, "127.0.0.1:0"]).concat());
        gateway.arg("--log-file").arg(log_file(&data)).arg("--data").arg(&data);
        let (gateway, url) = Process::start(&mut gateway, "URL for both")?;
        let address = url.trim().trim_start_matches("http://").split('/').next().unwrap_or_default().to_owned();
        apply(&data, &documents)?;
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

impl Served {
    /// The documents, and the fixture where the gateway does not start it.
    fn stand(self) -> Result<(Option<Process>, String)> {
        match self {
            Self::Shared(arguments) => {
                let (fixture, url) = Process::start(binary("fixture").args(arguments), "listening on ")?;
                let server = format!("url = \"{}\"\nsharing = \"stateless\"\n", url.trim());
                Ok((Some(fixture), DOCUMENTS.replace("PLACEMENT", "\"shared\"") + &server))
            }
            Self::Instance { era, per } => {
                let fixture = binary("fixture").get_program().to_owned();
                let fixture = Path::new(&fixture);
                let folder = fixture.parent().context("the fixture lies nowhere")?;
                let roots = SYSTEM.map(Path::new).into_iter().filter(|path| path.exists()).chain([folder]);
                let roots: Vec<_> = roots.map(|path| path.display().to_string()).collect();
                let run = [&fixture.display().to_string(), "--stdio", "--eras", era];
                let server = format!(
                    "instance_per = \"{per}\"\n[server.fixture.command]\nrun = {run:?}\nroots = {roots:?}\n\
                     asks = [\"sampling\", \"elicitation\", \"roots\"]\n"
                );
                Ok((None, DOCUMENTS.replace("PLACEMENT", "\"process\"") + &server))
            }
        }
    }
}

fn apply(data: &Path, documents: &str) -> Result<()> {
    let file = data.join("conformance.toml");
    std::fs::write(&file, documents)?;
    partywall(data, "apply", &["-f", &file.display().to_string()]).map(drop)
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
