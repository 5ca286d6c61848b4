//! `partywall.toml`: the settings of one process. Tenants, servers and limits are no settings; they are documents.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use ipnet::IpNet;
use partywall_control::{Located, wire};
use partywall_documents::{Mistakes, Table, is_scope};
use partywall_gateway::AddressLimits;
use partywall_ledger::Rate;
use partywall_supervisor::supervisor::Settings as Instances;

use crate::tls::{Pair, Upstreams};
use crate::traces::Otlp;

/// What `serve` needs to know before it can read any document.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    pub(crate) data: PathBuf,
    pub(crate) listen: SocketAddr,
    pub(crate) admin_listen: SocketAddr,
    pub(crate) public_url: Option<String>,
    pub(crate) allowed_hosts: Vec<String>,
    pub(crate) allowed_origins: Vec<String>,
    pub(crate) trusted_proxies: Vec<IpNet>,
    pub(crate) scopes: Vec<String>,
    pub(crate) addresses: AddressLimits,
    pub(crate) tls: Option<Pair>,
    pub(crate) upstreams: Upstreams,
    pub(crate) log_file: Option<PathBuf>,
    pub(crate) metrics_tenants_max: usize,
    pub(crate) secrets_epoch: u32,
    pub(crate) otlp: Option<Otlp>,
    pub(crate) instances: Instances,
}

/// The front listener's address unless said otherwise.
const LISTEN: ([u8; 4], u16) = ([127, 0, 0, 1], 7400);
/// The admin listener's address unless said otherwise.
const ADMIN_LISTEN: ([u8; 4], u16) = ([127, 0, 0, 1], 7401);
/// Most scopes that clients are told to ask for. Default 16: each stands in every challenge, and people are shown them.
const SCOPES_MAX: usize = 16;
/// What a client asks for that wants to renew its token: its own wish, and none of a resource's (MCP 2026-07-28,
/// authorization).
const OFFLINE: &str = "offline_access";

/// Tenants that `/metrics` names unless said otherwise: as many lines as a chart can show and a person can tell apart.
pub(crate) const METRICS_TENANTS: usize = 20;
/// The epoch whose key seals secrets unless said otherwise: the first.
pub(crate) const SECRETS_EPOCH: u32 = 1;
/// The last one: every earlier key is made at start, and a new one each month lasts for eight years.
const SECRETS_EPOCH_MAX: u64 = 100;
/// Of a hundred calls, how many spans go to the collector unless said otherwise: at a thousand calls a second a hundred
/// spans, which a small collector takes.
const SAMPLE_PERCENT: u8 = 10;
/// Most tenants that it may be told to name: beyond it a scrape is megabytes, and what keeps the series groans.
const METRICS_TENANTS_MAX: u64 = 1_000;

impl Settings {
    /// Reads a settings file; every mistake in it is reported, each with its place.
    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("the settings `{}` cannot be read; pass --config FILE", path.display()))?;
        Self::parse(&path.display().to_string(), text).or_else(|mistakes| {
            for mistake in &mistakes {
                let place = mistake.place.as_deref().unwrap_or("settings");
                let path = if mistake.path.is_empty() { String::new() } else { format!("{}: ", mistake.path) };
                eprintln!("{place}: {path}{}", mistake.message);
            }
            bail!("{} in the settings; see docs/settings.md", count(mistakes.len()))
        })
    }

    fn parse(name: &str, text: String) -> Result<Self, Vec<wire::Mistake>> {
        let located = Located::read(&wire::File { name: name.to_owned(), text })?;
        let mistakes = Mistakes::default();
        let settings = Table::new("", &located.value, &mistakes).and_then(Self::of);
        let found = mistakes.into_vec();
        match settings {
            Some(settings) if found.is_empty() => Ok(settings),
            _ => {
                let mut found: Vec<_> = found.into_iter().map(|mistake| located.locate(mistake)).collect();
                found.sort_by(|one, other| one.order().cmp(&other.order()));
                Err(found)
            }
        }
    }

    fn of(mut table: Table<'_>) -> Option<Self> {
        table.required("data", "/var/lib/partywall");
        let data = table.text("data").map(PathBuf::from);
        let listen = address(&mut table, "listen", LISTEN);
        let admin_listen = address(&mut table, "admin_listen", ADMIN_LISTEN);
        let public_url = table.text("public_url").map(str::to_owned);
        if let Some(Err(why)) = public_url.as_deref().map(|url| partywall_gateway::PublicUrl::new(url, listen)) {
            table.mistake("public_url", why);
        }
        if public_url.is_none() && !listen.ip().is_loopback() {
            table.mistake(
                "public_url",
                "`public_url` is missing: beyond this machine clients need the URL they shall use; for example \
                 `https://mcp.example.com`",
            );
        }
        if !admin_listen.ip().is_loopback() {
            let why = "the admin listener serves this machine alone; reach it through SSH or a sidecar";
            table.mistake("admin_listen", why);
        }
        let allowed_hosts = table.texts("allowed_hosts").unwrap_or_default();
        let allowed_origins = table.texts("allowed_origins").unwrap_or_default();
        if let Some(wrong) = allowed_origins.iter().find(|origin| !is_origin(origin)) {
            table.mistake(
                "allowed_origins",
                format!("`{wrong}` is not an origin; write for example `https://app.example.com`"),
            );
        }
        let trusted_proxies = networks(&mut table);
        let scopes = scopes(&mut table);
        let addresses = table.table("address_limits").map(address_limits).unwrap_or_default();
        let tls = table.table("tls").and_then(pair);
        let upstreams = table.table("upstream_tls").map(upstreams).unwrap_or_default();
        let log_file = table.text("log_file").map(PathBuf::from);
        let metrics_tenants_max = metrics_tenants(&mut table);
        let secrets_epoch = secrets_epoch(&mut table);
        let otlp = otlp(&mut table);
        let instances = table.table("instances").map(instances).unwrap_or_default();
        table.finish();
        Some(Self {
            data: data?,
            listen,
            admin_listen,
            public_url,
            allowed_hosts,
            allowed_origins,
            trusted_proxies,
            scopes,
            addresses,
            tls,
            upstreams,
            log_file,
            metrics_tenants_max,
            secrets_epoch,
            otlp,
            instances,
        })
    }
}

fn otlp(table: &mut Table<'_>) -> Option<Otlp> {
    let endpoint = table.text("otlp_endpoint").map(str::to_owned);
    let percent = table.number("otlp_sample_percent", 1, 100);
    let sample_percent = percent.and_then(|percent| u8::try_from(percent).ok()).unwrap_or(SAMPLE_PERCENT);
    let endpoint = match endpoint {
        Some(endpoint) => endpoint,
        None if percent.is_some() => {
            table.mistake(
                "otlp_endpoint",
                "`otlp_sample_percent` says how many spans go there; say where, or leave it out",
            );
            return None;
        }
        None => return None,
    };
    let is_url = |uri: http::Uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.query().is_none();
    if !endpoint.parse().is_ok_and(is_url) {
        let why = format!("`{endpoint}` is not the URL of a collector; write for example `http://127.0.0.1:4318`");
        table.mistake("otlp_endpoint", why);
    }
    Some(Otlp { endpoint, sample_percent })
}

fn metrics_tenants(table: &mut Table<'_>) -> usize {
    let number = table.number("metrics_tenants_max", 0, METRICS_TENANTS_MAX);
    number.and_then(|number| usize::try_from(number).ok()).unwrap_or(METRICS_TENANTS)
}

fn secrets_epoch(table: &mut Table<'_>) -> u32 {
    let number = table.number("secrets_epoch", SECRETS_EPOCH.into(), SECRETS_EPOCH_MAX);
    number.and_then(|number| u32::try_from(number).ok()).unwrap_or(SECRETS_EPOCH)
}

fn address(table: &mut Table<'_>, field: &'static str, unless_said: ([u8; 4], u16)) -> SocketAddr {
    let standard = SocketAddr::from(unless_said);
    let Some(text) = table.text(field) else { return standard };
    text.parse().unwrap_or_else(|_| {
        table.mistake(field, format!("`{text}` is not an address with a port; write for example `{standard}`"));
        standard
    })
}

/// Scheme and host, and a port where it is not the usual one: what browsers send in `Origin`.
fn is_origin(text: &str) -> bool {
    let uri =
        text.parse::<http::Uri>().ok().filter(|uri| uri.path() == "/" && uri.query().is_none() && !text.ends_with('/'));
    uri.is_some_and(|uri| matches!(uri.scheme_str(), Some("http" | "https")))
}

/// `{ requests_per_second = 2000, requests_burst = 4000, connections_max = 1000 }`, each as far as it is another.
fn address_limits(mut table: Table<'_>) -> AddressLimits {
    let mut number = |field| table.number(field, 1, 1_000_000).and_then(|number| u32::try_from(number).ok());
    let standard = AddressLimits::default();
    let requests = Rate {
        per_second: number("requests_per_second").unwrap_or(standard.requests.per_second),
        burst: number("requests_burst").unwrap_or(standard.requests.burst),
    };
    let connections_max = number("connections_max").unwrap_or(standard.connections_max);
    table.finish();
    AddressLimits { requests, connections_max }
}

/// `{ awake_max = 64, hold_timeout_s = 30 }`, each as far as it is another.
fn instances(mut table: Table<'_>) -> Instances {
    let standard = Instances::default();
    let awake_max = table.number("awake_max", 1, 10_000).and_then(|number| usize::try_from(number).ok());
    let hold_timeout = table.number("hold_timeout_s", 1, 600).map(Duration::from_secs);
    table.finish();
    Instances {
        awake_max: awake_max.unwrap_or(standard.awake_max),
        hold_timeout: hold_timeout.unwrap_or(standard.hold_timeout),
    }
}

/// `{ cert = "…", key = "…" }`.
fn pair(mut table: Table<'_>) -> Option<Pair> {
    table.required("cert", "/etc/partywall/tls.crt");
    table.required("key", "/etc/partywall/tls.key");
    let (cert, key) = (table.text("cert").map(PathBuf::from), table.text("key").map(PathBuf::from));
    table.finish();
    Some(Pair { cert: cert?, key: key? })
}

/// `{ ca = "…", cert = "…", key = "…" }`, each as far as it is needed.
fn upstreams(mut table: Table<'_>) -> Upstreams {
    let mut path = |field| table.text(field).map(PathBuf::from);
    let (ca, cert, key) = (path("ca"), path("cert"), path("key"));
    if cert.is_some() != key.is_some() {
        table.mistake(
            if cert.is_some() { "key" } else { "cert" },
            "a certificate and its key belong together; give both",
        );
    }
    table.finish();
    Upstreams { ca, pair: cert.zip(key).map(|(cert, key)| Pair { cert, key }) }
}

/// The scopes that every client is told to ask for.
fn scopes(table: &mut Table<'_>) -> Vec<String> {
    let scopes = table.texts("scopes").unwrap_or_default();
    if scopes.len() > SCOPES_MAX || !scopes.iter().all(|scope| is_scope(scope)) {
        let message = format!("a list of at most {SCOPES_MAX} scopes is expected here, each without a space");
        table.mistake("scopes", message);
    }
    if scopes.iter().any(|scope| scope == OFFLINE) {
        table.mistake("scopes", format!("`{OFFLINE}` is for clients to ask for that want it (MCP); leave it out"));
    }
    scopes
}

fn networks(table: &mut Table<'_>) -> Vec<IpNet> {
    let texts = table.texts("trusted_proxies").unwrap_or_default();
    let network = |text: &String| {
        let parsed = text.parse();
        if parsed.is_err() {
            table.mistake("trusted_proxies", format!("`{text}` is not a network; write for example `10.0.0.0/8`"));
        }
        parsed.ok()
    };
    texts.iter().filter_map(network).collect()
}

fn count(number: usize) -> String {
    if number == 1 { "1 mistake".to_owned() } else { format!("{number} mistakes") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(text: &str) -> Vec<String> {
        let mistakes = Settings::parse("partywall.toml", text.to_owned()).unwrap_err();
        mistakes
            .into_iter()
            .map(|mistake| format!("{}: {}", mistake.place.unwrap_or_default(), mistake.message))
            .collect()
    }

    #[test]
    fn defaults_are_loopback() {
        let settings = Settings::parse("partywall.toml", "data = \"/tmp/x\"".to_owned()).unwrap();
        assert!(settings.listen.ip().is_loopback() && settings.admin_listen.ip().is_loopback());
        assert_eq!((settings.listen.port(), settings.admin_listen.port()), (7400, 7401));
    }

    #[test]
    fn every_mistake_is_told_at_once_with_its_place() {
        let found = places(
            "listen = \"0.0.0.0\"\nadmin_listen = \"0.0.0.0:7401\"\npublic_url = \"mcp.example.com\"\nlisen = 1\nscopes = [\"a b\", \"offline_access\"]\n",
        );
        assert_eq!(found.len(), 7, "{found:#?}");
        for (line, word) in [
            (1, "not an address with a port"),
            (2, "this machine alone"),
            (3, "not an origin"),
            (4, "unknown field `lisen`"),
            (5, "each without a space"),
            (5, "leave it out"),
        ] {
            let place = format!("partywall.toml:{line}:");
            assert!(
                found.iter().any(|mistake| mistake.starts_with(&place) && mistake.contains(word)),
                "{line} in {found:#?}"
            );
        }
    }
}
