//! `[server.NAME.command]`: how an instance of a server is started, and what it may have.

use std::path::{Path, PathBuf};
use std::time::Duration;

use partywall_domain::{
    Asks, Command, Egress, InstanceLimits, InstancePer, Life, Root, SecretName, Setting, Transport, no_box_path,
    no_mount_point,
};
use serde_json::Value;

use crate::table::{Mistakes, Table};

/// Most seconds of what takes or waits for time: a day.
const SECONDS_MAX: u64 = 86_400;
/// Most bytes of memory, of a file, of `/tmp`: 1 TiB.
const BYTES_MAX: u64 = 1 << 40;

/// Reads the table of a command.
pub(crate) fn read(instance_per: InstancePer, mut table: Table<'_>) -> Option<Command> {
    table.required("run", "[\"/usr/bin/python3\", \"-m\", \"mcp_server_git\"]");
    let run = table.texts("run");
    let command = Command {
        instance_per,
        program: PathBuf::new(),
        arguments: Vec::new(),
        environment: environment(&mut table),
        files: files(&mut table),
        roots: roots(&mut table),
        directory: path(&mut table, "directory", no_box_path).unwrap_or_else(|| PathBuf::from("/tmp")),
        volume: path(&mut table, "volume", no_mount_point),
        egress: egress(&mut table),
        transport: transport(&mut table),
        limits: table.table("limits").map_or_else(InstanceLimits::default, limits),
        life: table.table("life").map_or_else(Life::default, life),
        asks: asks(&mut table),
    };
    if command.volume.is_some() && instance_per != InstancePer::Tenant {
        let why = "a volume is one tenant's and never shared; it needs `instance_per = \"tenant\"`";
        table.mistake("volume", why);
    }
    if command.life.min_warm && instance_per != InstancePer::Tenant {
        let why = "nobody knows whose it will be before they call; it needs `instance_per = \"tenant\"`";
        table.mistake("life.min_warm", why);
    }
    if instance_per == InstancePer::All && command.secrets().next().is_some() {
        let why = "a secret is one tenant's, and this instance serves all; use `instance_per = \"tenant\"` or narrower";
        table.mistake("env", why);
    }
    if command.transport == Transport::Unix {
        check_listening(&table, &command);
    }
    let (program, arguments) = program(&table, run?)?;
    table.finish();
    Some(Command { program, arguments, ..command })
}

/// A server that listens is an upstream like any other over HTTP: its sessions are its own, and so are its questions.
fn check_listening(table: &Table<'_>, command: &Command) {
    if command.instance_per == InstancePer::Session {
        let why = "`instance_per = \"session\"` is for a server on `stdio`: one that listens has sessions of its own; use \
                   `instance_per = \"subject\"`";
        table.mistake("transport", why);
    }
    if command.asks != Asks::default() {
        table.mistake("asks", "is for a server on `stdio`; one that listens asks over HTTP, whatever stands here");
    }
}

fn program(table: &Table<'_>, run: Vec<String>) -> Option<(PathBuf, Vec<String>)> {
    let mut words = run.into_iter();
    let Some(program) = words.next().map(PathBuf::from) else {
        table.mistake("run", "the program and its arguments are expected here, for example `[\"/usr/bin/server\"]`");
        return None;
    };
    if let Some(why) = no_box_path(&program) {
        table.mistake("run", why);
    }
    let arguments: Vec<_> = words.collect();
    if arguments.iter().any(|argument| argument.contains('\0')) {
        table.mistake("run", "an argument cannot have a zero byte in it");
    }
    Some((program, arguments))
}

/// `NAME = "value"`, or `NAME = { secret = "name" }`.
fn environment(table: &mut Table<'_>) -> Vec<(String, Setting)> {
    let Some(inner) = table.table("env") else { return Vec::new() };
    let mistakes = inner.mistakes();
    let setting = |(name, path, value): (&str, String, &Value)| {
        if !fits(name) || value.as_str().is_some_and(|value| value.contains('\0')) {
            mistakes.add(path, format!("`{name}` cannot stand in an environment"));
            return None;
        }
        let setting = match value.as_str() {
            Some(text) => Setting::Plain(text.to_owned()),
            None => Setting::FromSecret(secret(path, value, mistakes)?),
        };
        Some((name.to_owned(), setting))
    };
    inner.entries().filter_map(setting).collect()
}

/// `token = { secret = "name" }`: a file under `/run/secrets`.
fn files(table: &mut Table<'_>) -> Vec<(String, SecretName)> {
    let Some(inner) = table.table("files") else { return Vec::new() };
    let mistakes = inner.mistakes();
    let file = |(name, path, value): (&str, String, &Value)| {
        if name.is_empty() || name.starts_with('.') || name.contains(['/', '\0']) {
            mistakes.add(path, format!("`{name}` is no name for a file under `/run/secrets`"));
            return None;
        }
        Some((name.to_owned(), secret(path, value, mistakes)?))
    };
    inner.entries().filter_map(file).collect()
}

/// `{ secret = "name" }`.
fn secret(path: String, value: &Value, mistakes: &Mistakes) -> Option<SecretName> {
    let mut table = Table::new(path, value, mistakes)?;
    table.required("secret", "notes-key");
    let name = table.parse("secret");
    table.finish();
    name
}

fn fits(name: &str) -> bool {
    !name.is_empty() && !name.contains(['=', '\0'])
}

/// `"/usr"`, or `{ host = "/srv/tools", at = "/opt/tools" }`.
fn roots(table: &mut Table<'_>) -> Vec<Root> {
    let mistakes = table.mistakes();
    let items = table.list("roots").unwrap_or_default();
    let root = |(path, item): (String, &Value)| {
        let root = if let Some(same) = item.as_str() {
            Root::same(same)
        } else {
            let mut inner = Table::new(path.clone(), item, mistakes)?;
            inner.required("host", "/srv/tools");
            let (host, at) = (inner.text("host"), inner.text("at"));
            inner.finish();
            Root { host: host?.into(), at: at.or(host)?.into() }
        };
        let why = no_mount_point(&root.at).or_else(|| no_box_path(&root.host));
        if let Some(why) = why {
            mistakes.add(path, why);
        }
        Some(root)
    };
    items.into_iter().filter_map(root).collect()
}

fn path(table: &mut Table<'_>, field: &'static str, wrong: impl Fn(&Path) -> Option<String>) -> Option<PathBuf> {
    let path = PathBuf::from(table.text(field)?);
    if let Some(why) = wrong(&path) {
        table.mistake(field, why);
    }
    Some(path)
}

/// `{ host = "api.example.com", port = 443 }`; `private = true` where the name may lead into a private network.
fn egress(table: &mut Table<'_>) -> Vec<Egress> {
    let mistakes = table.mistakes();
    let items = table.list("egress").unwrap_or_default();
    let way_out = |(path, item): (String, &Value)| {
        let mut inner = Table::new(path, item, mistakes)?;
        inner.required("host", "api.example.com");
        let host = inner.text("host").map(str::to_owned);
        if host.as_deref().is_some_and(|host| host.is_empty() || host.contains(['/', ':', '*', ' '])) {
            inner.mistake("host", "a host name or an address is expected here, whole, without scheme, port or pattern");
        }
        let port = inner.number("port", 1, 65_535).unwrap_or(443);
        let private = inner.flag("private").unwrap_or(false);
        inner.finish();
        Some(Egress { host: host?, port: u16::try_from(port).ok()?, private })
    };
    items.into_iter().filter_map(way_out).collect()
}

fn transport(table: &mut Table<'_>) -> Transport {
    match table.text("transport") {
        None | Some("stdio") => Transport::Stdio,
        Some("unix") => Transport::Unix,
        Some(other) => {
            table.mistake("transport", format!("`{other}` is not a transport; known: `stdio`, `unix`"));
            Transport::Stdio
        }
    }
}

fn asks(table: &mut Table<'_>) -> Asks {
    let mut asks = Asks::default();
    for word in table.texts("asks").unwrap_or_default() {
        match word.as_str() {
            "sampling" => asks.sampling = true,
            "elicitation" => asks.elicitation = true,
            "roots" => asks.roots = true,
            other => {
                let known = "`sampling`, `elicitation`, `roots`";
                table.mistake("asks", format!("`{other}` is nothing that a server asks of clients; known: {known}"));
            }
        }
    }
    asks
}

fn limits(mut table: Table<'_>) -> InstanceLimits {
    let standard = InstanceLimits::default();
    let mut small = |field, min, max| table.number(field, min, max).and_then(|number| u32::try_from(number).ok());
    let cpu_millis = small("cpu_millis", 10, 1_000_000).unwrap_or(standard.cpu_millis);
    let processes_max = small("processes_max", 1, 100_000).unwrap_or(standard.processes_max);
    let files_max = small("files_max", 16, 1_000_000).unwrap_or(standard.files_max);
    let limits = InstanceLimits {
        memory_bytes: table.number("memory_bytes", 8 << 20, BYTES_MAX).unwrap_or(standard.memory_bytes),
        cpu_millis,
        processes_max,
        files_max,
        file_bytes_max: table.number("file_bytes_max", 0, BYTES_MAX).unwrap_or(standard.file_bytes_max),
        tmp_bytes: table.number("tmp_bytes", 1 << 16, BYTES_MAX).unwrap_or(standard.tmp_bytes),
    };
    table.finish();
    limits
}

fn life(mut table: Table<'_>) -> Life {
    let standard = Life::default();
    let mut seconds = |field, min| table.number(field, min, SECONDS_MAX).map(Duration::from_secs);
    let life = Life {
        start_timeout: seconds("start_timeout_s", 1).unwrap_or(standard.start_timeout),
        // 0: never.
        freeze_after: seconds("freeze_after_s", 0)
            .map_or(standard.freeze_after, |after| Some(after).filter(|after| !after.is_zero())),
        stop_after: seconds("stop_after_s", 1).unwrap_or(standard.stop_after),
        drain_deadline: seconds("drain_timeout_s", 0).unwrap_or(standard.drain_deadline),
        stop_grace: seconds("stop_grace_s", 0).unwrap_or(standard.stop_grace),
        min_warm: table.number("min_warm", 0, 1) == Some(1),
    };
    table.finish();
    life
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::table::Mistake;

    fn reading(value: &Value) -> (Option<Command>, Vec<Mistake>) {
        let mistakes = Mistakes::default();
        let table = Table::new("server.git.command", value, &mistakes).unwrap();
        (read(InstancePer::Tenant, table), mistakes.into_vec())
    }

    #[test]
    fn a_command_is_what_its_table_says() {
        let (listening, mistakes) = reading(&json!({ "run": ["/a"], "transport": "unix" }));
        assert_eq!((listening.unwrap().transport, mistakes), (Transport::Unix, Vec::new()));
        let (command, mistakes) = reading(&json!({
            "run": ["/opt/git/server", "--verbose"],
            "roots": ["/usr", { "host": "/srv/git", "at": "/opt/git" }],
            "env": { "HOME": "/tmp", "KEY": { "secret": "api-key" } },
            "files": { "token": { "secret": "git-token" } },
            "volume": "/data",
            "egress": [{ "host": "api.example.com" }, { "host": "10.0.0.7", "port": 8080, "private": true }],
            "asks": ["elicitation"],
            "limits": { "memory_bytes": 134_217_728, "processes_max": 16 },
            "life": { "freeze_after_s": 0, "stop_after_s": 60, "min_warm": 1 },
        }));
        assert_eq!(mistakes, []);
        let command = command.unwrap();
        assert_eq!((command.program.to_str(), &*command.arguments[0]), (Some("/opt/git/server"), "--verbose"));
        assert_eq!(command.roots[1], Root { host: "/srv/git".into(), at: "/opt/git".into() });
        assert_eq!(command.egress[0], Egress { host: "api.example.com".to_owned(), port: 443, private: false });
        assert_eq!(command.environment[0], ("HOME".to_owned(), Setting::Plain("/tmp".to_owned())));
        let secrets: Vec<_> = command.secrets().map(SecretName::as_str).collect();
        assert_eq!(secrets, ["api-key", "git-token"]);
        assert_eq!((command.limits.memory_bytes, command.limits.processes_max), (128 << 20, 16));
        assert_eq!((command.life.freeze_after, command.life.stop_after), (None, Duration::from_mins(1)));
        assert!(command.life.min_warm && command.asks.elicitation && !command.asks.sampling);
        assert_eq!(command.limits.cpu_millis, InstanceLimits::default().cpu_millis);
    }

    #[test]
    fn what_is_kept_warm_is_known_before_anybody_calls() {
        let rows = [
            (InstancePer::All, false),
            (InstancePer::Tenant, true),
            (InstancePer::Subject, false),
            (InstancePer::Session, false),
        ];
        for (per, good) in rows {
            let (mistakes, value) = (Mistakes::default(), json!({ "run": ["/a"], "life": { "min_warm": 1 } }));
            read(per, Table::new("server.git.command", &value, &mistakes).unwrap());
            let at: Vec<_> = mistakes.into_vec().into_iter().map(|mistake| mistake.path).collect();
            let expected = if good { vec![] } else { vec!["server.git.command.life.min_warm".to_owned()] };
            assert_eq!(at, expected, "{per:?}");
        }
    }

    #[test]
    fn every_mistake_of_a_command_is_told_at_its_place() {
        let rows = [
            (json!({}), "run", "`run` is missing"),
            (json!({ "run": [] }), "run", "the program and its arguments"),
            (json!({ "run": ["python3"] }), "run", "no path in the box"),
            (json!({ "run": ["/a"], "roots": ["/proc"] }), "roots.0", "the box's own"),
            (json!({ "run": ["/a"], "roots": [{ "at": "/x" }] }), "roots.0.host", "is missing"),
            (json!({ "run": ["/a"], "volume": "/run/x" }), "volume", "the box's own"),
            (json!({ "run": ["/a"], "env": { "A=B": "x" } }), "env.A=B", "cannot stand in an environment"),
            (json!({ "run": ["/a"], "env": { "A": 1 } }), "env.A", "a table is expected"),
            (json!({ "run": ["/a"], "env": { "A": { "secret": "No" } } }), "env.A.secret", "is not a name"),
            (json!({ "run": ["/a"], "files": { "../x": { "secret": "x" } } }), "files.../x", "no name for a file"),
            (json!({ "run": ["/a"], "egress": [{ "host": "*.example.com" }] }), "egress.0.host", "without scheme"),
            (json!({ "run": ["/a"], "transport": "tcp" }), "transport", "known: `stdio`"),
            (json!({ "run": ["/a"], "transport": "unix", "asks": ["roots"] }), "asks", "for a server on `stdio`"),
            (json!({ "run": ["/a"], "asks": ["money"] }), "asks", "nothing that a server asks"),
            (json!({ "run": ["/a"], "limits": { "memory_bytes": 1 } }), "limits.memory_bytes", "whole number"),
            (json!({ "run": ["/a"], "life": { "min_warm": 2 } }), "life.min_warm", "from 0 to 1"),
            (json!({ "run": ["/a"], "shell": true }), "shell", "unknown field"),
        ];
        for (value, at, told) in rows {
            let (_, mistakes) = reading(&value);
            let path = format!("server.git.command.{at}");
            assert!(mistakes.iter().any(|one| one.path == path && one.message.contains(told)), "{value}: {mistakes:?}");
        }
    }
}
