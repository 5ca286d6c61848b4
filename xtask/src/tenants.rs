//! `cargo xtask tenants`: what many tenants cost. A release build serves none, a thousand and a hundred thousand; printed
//! is its memory, how long it takes to start, and how long one changed tenant takes until it is enforced.
//!
//! It measures one process on this machine and judges nothing.

mod admin;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};

use crate::process::{Process, released};
use crate::run::{cargo, root, run};
use crate::steps::Steps;
use admin::Admin;

/// How many tenants.
const HOUSES: [usize; 3] = [0, 1_000, 100_000];
/// Tenants in one apply. Default 10,000: what the body of one holds.
const AT_ONCE_MAX: usize = 10_000;
/// Changes that are timed.
const CHANGES: usize = 200;
/// How long a start may take before something is wrong.
const PATIENCE: Duration = Duration::from_mins(1);

const PLATFORM: &str = r#"{ "version": 1,
  "issuer": { "corporate": { "url": "https://login.example.com", "tenant_claim": "org", "jwks": { "keys": [
    { "kty": "EC", "crv": "P-256", "kid": "1", "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4", "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM" }
  ] } } },
  "server": { "fixture": { "url": "FIXTURE", "sharing": "stateless" } },
  "plan": { "standard": { "limits": { "calls_per_second": 20 },
    "servers": { "fixture": { "placement": "shared", "tools": { "allow": ["*"], "deny": ["delete_*"] } } } } } }"#;

/// Builds it, then measures.
pub(crate) fn run_all() -> ExitCode {
    let mut steps = Steps::default();
    let result = in_order(&mut steps);
    steps.finish(result)
}

fn in_order(steps: &mut Steps) -> Result<()> {
    let built = ["--bins", "--package", "partywall-app", "--package", "partywall-testkit"];
    steps.step("build", || run(cargo(&[&["build", "--release"], &built[..]].concat())))?;
    let mut table = format!(
        "{:>8} {:>9} {:>9} {:>9} {:>14} {:>14} {:>14}\n",
        "tenants", "start ms", "RSS MB", "peak MB", "write p50 ms", "write p99 ms", "enforced p99 ms"
    );
    for tenants in HOUSES {
        let line = steps.step("measure", || measure(tenants))?;
        table.push_str(&line);
    }
    print!("\n{table}");
    Ok(())
}

/// Fills a store, starts anew on it, and measures that process.
fn measure(tenants: usize) -> Result<String> {
    let data = Folder::new(tenants)?;
    let (fixture, upstream) = Process::start(&mut released("fixture"), "listening on ")?;
    {
        let (mut filled, admin, _) = serve(&data.0)?;
        admin.apply(&PLATFORM.replace("FIXTURE", upstream.trim()))?;
        for first in (0..tenants).step_by(AT_ONCE_MAX) {
            admin.apply(&documents(first..tenants.min(first + AT_ONCE_MAX)))?;
        }
        filled.end();
    }
    let (mut process, admin, start) = serve(&data.0)?;
    // What the start needed and gave back goes back to the system a little later.
    std::thread::sleep(Duration::from_secs(2));
    let (resident, peak) = (memory(process.id(), "VmRSS:")?, memory(process.id(), "VmHWM:")?);
    let (mut writes, mut enforced) = changes(&admin, tenants)?;
    process.end();
    drop(fixture);
    let mut line = String::new();
    let start = start.as_secs_f64() * 1e3;
    let (p50, p99) = (percentile(&mut writes, 50), percentile(&mut writes, 99));
    let enforced = percentile(&mut enforced, 99);
    writeln!(line, "{tenants:>8} {start:>9.0} {resident:>9.1} {peak:>9.1} {p50:>14.2} {p99:>14.2} {enforced:>14.0}")?;
    print!("{line}");
    Ok(line)
}

/// Changes one tenant after the other: how long each request took, and how long it said the enforcing took, in ms.
fn changes(admin: &Admin, tenants: usize) -> Result<(Vec<f64>, Vec<f64>)> {
    let (mut writes, mut enforced) = (Vec::new(), Vec::new());
    for change in 0..if tenants == 0 { 0 } else { CHANGES } {
        let index = change * (tenants / CHANGES).max(1) % tenants;
        let limits = format!(", \"limits\": {{ \"calls_burst\": {} }}", 1_000 + change);
        let text = format!("{{ \"version\": 1, \"tenant\": {{ {} }} }}", tenant(index, &limits));
        let began = Instant::now();
        enforced.push(apply(admin, &text)?);
        writes.push(began.elapsed().as_secs_f64() * 1e3);
    }
    Ok((writes, enforced))
}

fn documents(tenants: std::ops::Range<usize>) -> String {
    let each = tenants.map(|index| {
        let own = match index % 20 {
            3 | 13 => ", \"limits\": { \"calls_per_second\": 50, \"calls_burst\": 200 }".to_owned(),
            5 => format!(", \"connect_id\": \"{index:032x}\""),
            7 => ", \"servers\": { \"fixture\": { \"tools\": { \"allow\": [\"echo\", \"list_*\"] } } }".to_owned(),
            _ => String::new(),
        };
        tenant(index, &own)
    });
    format!("{{ \"version\": 1, \"tenant\": {{ {} }} }}", each.collect::<Vec<_>>().join(",\n"))
}

fn tenant(index: usize, own: &str) -> String {
    format!(
        "\"customer-{index:06}\": {{ \"plan\": \"standard\", \
         \"identities\": [{{ \"issuer\": \"corporate\", \"value\": \"org_{index:012}\" }}]{own} }}"
    )
}

/// Applies a document; gives how many milliseconds it says that the enforcing took.
fn apply(admin: &Admin, text: &str) -> Result<f64> {
    let answer = admin.apply(text)?;
    answer["enforced"]["after_ms"].as_f64().with_context(|| format!("not enforced in time: {answer}"))
}

/// Starts the gateway; gives how long it took until it answered.
fn serve(data: &Path) -> Result<(Process, Admin, Duration)> {
    let settings = data.join("partywall.toml");
    let text = format!(
        "data = \"{}\"\nlisten = \"127.0.0.1:0\"\nadmin_listen = \"127.0.0.1:0\"\nlog_file = \"{}\"\n",
        data.join("data").display(),
        data.join("log.jsonl").display()
    );
    std::fs::write(&settings, text)?;
    let began = Instant::now();
    let mut serve = released("partywall");
    let process = Process::spawn(serve.arg("serve").arg("--config").arg(&settings).stdout(Stdio::null()))?;
    while began.elapsed() < PATIENCE {
        if let Some(admin) = Admin::of(&data.join("data"), process.id())?
            && admin.answers()
        {
            return Ok((process, admin, began.elapsed()));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    bail!("`partywall serve` does not answer; `{}` says why", data.display())
}

/// Megabytes (10^6 bytes) of a process that the system counts under this word.
fn memory(process: u32, word: &str) -> Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(word)).context("/proc does not say")?;
    let kib: f64 = line.trim().trim_end_matches(" kB").parse()?;
    ensure!(kib > 0.0, "/proc says that nothing is resident");
    Ok(kib * 1024.0 / 1e6)
}

/// The value below which so many of a hundred lie.
fn percentile(values: &mut [f64], of: usize) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get((values.len() * of / 100).min(values.len().saturating_sub(1))).copied().unwrap_or_default()
}

/// A folder that is gone when it is dropped.
struct Folder(PathBuf);

impl Folder {
    fn new(tenants: usize) -> Result<Self> {
        let path = root().join(format!("target/tenants/{tenants}-{}", std::process::id()));
        std::fs::create_dir_all(&path).with_context(|| format!("`{}` cannot be made", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
