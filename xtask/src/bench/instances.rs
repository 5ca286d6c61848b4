//! What an instance costs: its first call beside the bare start of the same program, and a warm call beside a shared one.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::figures::Figures;
use super::load::cpu_per_call;
use super::plan::Plan;
use super::world::World;
use crate::process::{Process, measured};

/// Tenants whose instance is started: three are beyond the 99th percentile.
pub(super) const STARTS: u32 = 300;
/// Before each start: what the gateway does after one, to be ready for the next, is over by then. 50 ms.
const PAUSE: Duration = Duration::from_millis(50);
/// A call as a client of the modern era writes it.
const CALL: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{},"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}"#;

/// First calls and bare starts in turn, so that what else the machine does meets both, then warm calls.
pub(super) fn all(plan: &Plan, folder: &Path, figures: &mut Figures) -> Result<()> {
    let program = measured("fixture").get_program().to_string_lossy().into_owned();
    let (_fixture, shared) = Process::start(Command::new(&program).args(["--json"]), "listening on ")?;
    let world = World::with_instances(folder, &[&program, "--stdio"], shared.trim(), STARTS)?;
    eprintln!("{STARTS} first calls of instances, and as many bare starts");
    let (mut first, mut bare) = (Vec::new(), Vec::new());
    for token in world.all_tokens()? {
        std::thread::sleep(PAUSE);
        bare.push(bare_start(&program)?);
        std::thread::sleep(PAUSE);
        let began = Instant::now();
        let answer = world.call("own", &token)?;
        first.push(began.elapsed());
        ensure!(answer.starts_with("HTTP/1.1 200 "), "the first call of an instance: {answer}");
    }
    for (name, mut times) in [("first call", first), ("bare start", bare)] {
        times.sort();
        for hundredths in [50, 99] {
            let time = times[times.len() * hundredths / 100];
            figures.note(&format!("{name}: p{hundredths}"), time.as_secs_f64() * 1e3);
        }
    }
    for round in 1..=plan.rounds {
        eprintln!("round {round} of {}: warm calls of an instance and of a shared server", plan.rounds);
        for server in ["shared", "own"] {
            figures.note(&format!("{server}: cpu"), cpu_per_call(plan, &world, server)?);
        }
    }
    Ok(())
}

/// From the start of the bare program to its answer.
fn bare_start(program: &str) -> Result<Duration> {
    let began = Instant::now();
    let mut command = Command::new(program);
    let mut child = command.arg("--stdio").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    writeln!(child.stdin.as_mut().context("no input")?, "{CALL}")?;
    let mut answer = String::new();
    BufReader::new(child.stdout.as_mut().context("no output")?).read_line(&mut answer)?;
    let took = began.elapsed();
    let _ = child.kill();
    let _ = child.wait();
    ensure!(answer.contains("\"result\""), "the bare program: {answer}");
    Ok(took)
}

/// Issuer, both servers, and tenants with an instance each.
pub(super) fn documents(jwks: &str, issuer: &str, run: &[&str], shared: &str, tenants: u32) -> String {
    let program = Path::new(run[0]).parent().unwrap_or(Path::new("/"));
    let system = ["/usr", "/bin", "/lib", "/lib64"].map(Path::new).into_iter().filter(|path| path.exists());
    let roots: Vec<_> = system.chain([program]).map(|path| format!(r#""{}""#, path.display())).collect();
    let limits = r#"{"calls_per_second":1000000,"calls_burst":1000000,"calls_in_flight_max":10000}"#;
    let mut text = format!(
        r#"{{"version":1,
"issuer":{{"bench":{{"url":"{issuer}","tenant_claim":"tenant","jwks":{jwks}}}}},
"server":{{"shared":{{"url":"{shared}","sharing":"stateless"}},
"own":{{"command":{{"run":{run:?},"roots":[{roots}],"life":{{"freeze_after_s":0}}}}}}}},
"plan":{{"bench":{{"limits":{limits},
"servers":{{"shared":{{"placement":"shared","tools":{{"allow":["echo"]}}}},
"own":{{"placement":"process","tools":{{"allow":["echo"]}}}}}}}}}},
"tenant":{{"#,
        roots = roots.join(",")
    );
    for number in 0..tenants {
        let comma = if number == 0 { "" } else { ",\n" };
        let _ = write!(
            text,
            r#"{comma}"t{number}":{{"plan":"bench","identities":[{{"issuer":"bench","value":"t{number}"}}]}}"#
        );
    }
    text.push_str("}}");
    text
}
