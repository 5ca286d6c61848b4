//! The server document: an MCP server offered to tenants.

use std::sync::Arc;

use http::Uri;
use partywall_domain::{Auth, Command, InstancePer, Placement, SecretName, ServerLimits, ServerName, Sharing};

use crate::auth::auth;
use crate::command;
use crate::table::Table;

/// The argument that names a tenant in most servers that were built for several and served to one.
const TENANT_ARGUMENT: &str = "tenant_id";
/// Most names of arguments that a server may list. Default 8: each argument of a call is held against all of them.
const TENANT_ARGUMENTS_MAX: usize = 8;
/// Longest of them, in bytes.
const ARGUMENT_BYTES_MAX: usize = 64;

/// An MCP server of the catalog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// Its name, and the last segment of its URL at the gateway.
    pub name: ServerName,
    /// Where tenants that share it reach it; none if it is only ever a tenant's own.
    pub url: Option<Arc<str>>,
    /// Why it may serve several tenants; none: it may not.
    pub sharing: Option<Sharing>,
    /// Whether it may be reached over plain HTTP beyond this host: the operator accepts by name that the hop is open.
    pub plain_http: bool,
    /// What it asks for beside the assertion.
    pub auth: Auth,
    /// Arguments of its tools that name a tenant: a call in which one names another than its token does is refused.
    pub tenant_arguments: Vec<String>,
    /// What one exchange may use.
    pub limits: ServerLimits,
    /// How an instance of it is started; none: it is only reached where it runs already.
    pub command: Option<Arc<Command>>,
}

impl Server {
    /// Reads `[server.NAME]`.
    pub fn read(name: ServerName, mut table: Table<'_>) -> Self {
        let plain_http = table.flag("plain_http").unwrap_or(false);
        let url = table.text("url").and_then(|text| match upstream_url(text, plain_http) {
            Ok(url) => Some(url),
            Err(why) => {
                table.mistake("url", why);
                None
            }
        });
        let sharing = sharing(&mut table);
        let auth = auth(&mut table);
        let tenant_arguments = tenant_arguments(&mut table);
        let limits = table.table("limits").map_or_else(ServerLimits::default, limits);
        let instance_per = instance_per(&mut table, sharing);
        let command = table.table("command").and_then(|table| command::read(instance_per.unwrap_or_default(), table));
        if instance_per == Some(InstancePer::All) && command.as_ref().is_some_and(|command| command.asks.any()) {
            let why = "where a server asks clients, calls take turns, and one tenant would wait for another's people; \
                       use `\"tenant\"` or narrower, or leave out `asks`";
            table.mistake("instance_per", why);
        }
        if instance_per.is_some() && table.value("command").is_none() {
            table.mistake("instance_per", "there are instances only where `command` says how one is started");
        }
        table.finish();
        Self { name, url, sharing, plain_http, auth, tenant_arguments, limits, command: command.map(Arc::new) }
    }

    /// The secrets that a tenant must have before it may be granted this server, placed there: what runs already is
    /// shown a header, and what the gateway starts is given variables and files.
    pub fn secrets(&self, placement: &Placement) -> impl Iterator<Item = &SecretName> {
        let (in_header, in_box) = match placement {
            Placement::Shared | Placement::Remote(_) => (self.auth.secret(), None),
            Placement::Dedicated(_) => (None, self.command.as_ref()),
        };
        in_header.into_iter().chain(in_box.into_iter().flat_map(|command| command.secrets()))
    }
}

/// An upstream's URL in its one spelling, if the hop to it is one that an assertion may travel: TLS, this host, or
/// accepted by name.
pub(crate) fn upstream_url(text: &str, plain_http: bool) -> Result<Arc<str>, String> {
    let uri: Uri = text.parse().map_err(|error| format!("`{text}` is not a URL: {error}"))?;
    let host = uri.host().unwrap_or_default().to_ascii_lowercase();
    let loopback = matches!(host.as_str(), "localhost" | "[::1]")
        || host.parse::<std::net::Ipv4Addr>().is_ok_and(|ip| ip.is_loopback());
    if uri.authority().is_some_and(|authority| authority.as_str().contains('@'))
        || uri.query().is_some()
        || text.contains('#')
    {
        return Err("a URL without user, query and fragment is expected".to_owned());
    }
    if uri.authority().is_some_and(|authority| authority.as_str().len() > host.len() && uri.port_u16().is_none()) {
        return Err(format!("`{text}` has a port that is none"));
    }
    let usual = if uri.scheme_str() == Some("https") { 443 } else { 80 };
    let port = uri.port_u16().filter(|port| *port != usual).map(|port| format!(":{port}")).unwrap_or_default();
    match uri.scheme_str() {
        Some("http") if loopback || plain_http => Ok(format!("http://{host}{port}{}", uri.path()).into()),
        Some("http") => Err(format!(
            "`{host}` is not this host, and plain HTTP shows everyone on the way what tenants say; use `https`, or \
             accept the open hop by name with `plain_http = true`"
        )),
        Some("https") => Ok(format!("https://{host}{port}{}", uri.path()).into()),
        _ => Err(format!("`{text}` is not an `https` or `http` URL")),
    }
}

fn sharing(table: &mut Table<'_>) -> Option<Sharing> {
    match table.text("sharing")? {
        "assertion" => Some(Sharing::Assertion),
        "stateless" => Some(Sharing::Stateless),
        other => {
            table.mistake("sharing", format!("`{other}` is not a reason to share; known: `assertion`, `stateless`"));
            None
        }
    }
}

fn instance_per(table: &mut Table<'_>, sharing: Option<Sharing>) -> Option<InstancePer> {
    let word = table.text("instance_per")?;
    let known = InstancePer::ALL.into_iter().find(|one| one.as_str() == word);
    match known {
        None => {
            let known = InstancePer::ALL.map(|one| format!("`{}`", one.as_str())).join(", ");
            table.mistake("instance_per", format!("`{word}` is nobody an instance stands for; known: {known}"));
        }
        Some(InstancePer::All) if sharing != Some(Sharing::Stateless) => {
            let why = "one instance for all tenants needs `sharing = \"stateless\"`: that the server keeps nothing \
                       between calls";
            table.mistake("instance_per", why);
        }
        Some(_) => {}
    }
    known
}

fn tenant_arguments(table: &mut Table<'_>) -> Vec<String> {
    let Some(names) = table.texts("tenant_arguments") else { return vec![TENANT_ARGUMENT.to_owned()] };
    let fits = |name: &String| {
        (1..=ARGUMENT_BYTES_MAX).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_graphic())
    };
    if names.len() > TENANT_ARGUMENTS_MAX || !names.iter().all(fits) {
        let message = format!(
            "a list of at most {TENANT_ARGUMENTS_MAX} names of 1 to {ARGUMENT_BYTES_MAX} plain characters is expected \
             here; for example `[\"tenant_id\"]`, or `[]` if the server means something else by the word"
        );
        table.mistake("tenant_arguments", message);
    }
    names
}

fn limits(mut table: Table<'_>) -> ServerLimits {
    let standard = ServerLimits::default();
    let limits = ServerLimits {
        request_bytes_max: table.number("request_bytes_max", 1024, 1 << 30).unwrap_or(standard.request_bytes_max),
        filtered_bytes_max: table.number("filtered_bytes_max", 1024, 1 << 30).unwrap_or(standard.filtered_bytes_max),
        reply_bytes_max: table.number("reply_bytes_max", 1024, 1 << 40).unwrap_or(standard.reply_bytes_max),
        calls_in_flight_max: count(&mut table, "calls_in_flight_max").unwrap_or(standard.calls_in_flight_max),
        queue_length_max: count(&mut table, "queue_length_max").unwrap_or(standard.queue_length_max),
        queue_timeout_ms: table.number("queue_timeout_ms", 1, 3_600_000).unwrap_or(standard.queue_timeout_ms),
        answer_timeout_ms: table.number("answer_timeout_ms", 1, 3_600_000).unwrap_or(standard.answer_timeout_ms),
        discover_ttl_s: table.number("discover_ttl_s", 1, 86_400).unwrap_or(standard.discover_ttl_s),
    };
    table.finish();
    limits
}

fn count(table: &mut Table<'_>, field: &'static str) -> Option<u32> {
    table.number(field, 1, 1_000_000).and_then(|number| u32::try_from(number).ok())
}
