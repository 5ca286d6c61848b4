//! What the server said of itself, and the answers that clients of either era get from it.
//!
//! The handshake is the gateway's, once per instance; what it brought is nobody's secret and the same for all clients, so
//! `initialize` and `server/discover` are answered out of it, also while no instance runs.

use serde_json::value::RawValue;

use super::splice::{member, quoted, text_of};
use crate::edits::Edits;
use crate::object::Members;
use crate::rewrite::rewrite_result;
use crate::version::{Era, LEGACY_VERSIONS, MODERN_VERSIONS};

/// What a server said in answer to `initialize` or `server/discover`.
#[derive(Clone, Debug)]
pub struct Described {
    era: Era,
    version: String,
    result: Box<RawValue>,
}

impl Described {
    /// The result of `initialize`; `None` where it names no version that we speak.
    pub fn initialized(result: &RawValue) -> Option<Self> {
        let version = text_of(member(Some(result), "protocolVersion"))?;
        let known = LEGACY_VERSIONS.contains(&version.as_str());
        known.then(|| Self { era: Era::Legacy, version, result: result.to_owned() })
    }

    /// The result of `server/discover`; `None` where it names no version that we speak.
    pub fn discovered(result: &RawValue) -> Option<Self> {
        let versions: Vec<String> = serde_json::from_str(member(Some(result), "supportedVersions")?.get()).ok()?;
        let version = MODERN_VERSIONS.into_iter().find(|known| versions.iter().any(|version| version == known))?;
        Some(Self { era: Era::Modern, version: version.to_owned(), result: result.to_owned() })
    }

    /// The era that the server is spoken to in.
    pub fn era(&self) -> Era {
        self.era
    }

    /// The result of `initialize` for a client that asked for this version. `logs` says whether log lines can be told to
    /// their reader: a level belongs to the process, so only where the process has one reader.
    pub fn initialize_result(&self, asked: Option<&str>, logs: bool) -> String {
        let version = self.version_for(asked);
        let capabilities = self.capabilities(logs && self.era == Era::Legacy);
        let info = self.server_info();
        let instructions = self.instructions();
        format!(
            "{{\"protocolVersion\":\"{version}\",\"capabilities\":{capabilities},\"serverInfo\":{info}{instructions}}}"
        )
    }

    /// The result of `server/discover`. Clients of both eras are served, so both are named.
    pub fn discover_result(&self) -> String {
        if self.era == Era::Modern
            && let Some(result) = self.with_all_versions()
        {
            return result;
        }
        let (versions, capabilities) = (all_versions(), self.capabilities(false));
        let (info, instructions) = (self.server_info(), self.instructions());
        format!(
            "{{\"resultType\":\"complete\",\"supportedVersions\":{versions},\"capabilities\":{capabilities}{instructions},\"ttlMs\":0,\"cacheScope\":\"private\",\"_meta\":{{\"io.modelcontextprotocol/serverInfo\":{info}}}}}"
        )
    }

    /// Whether the server offers a part of a capability.
    pub(super) fn offers(&self, capability: &str, part: &str) -> bool {
        let offered = member(member(Some(&self.result), "capabilities"), capability);
        member(offered, part).is_some_and(|flag| flag.get() == "true")
    }

    /// The newest version that both speak: a client's own, but none newer than the server's.
    fn version_for(&self, asked: Option<&str>) -> &str {
        let oldest_first = |version: &str| LEGACY_VERSIONS.iter().rev().position(|known| *known == version);
        let server = oldest_first(&self.version).unwrap_or(LEGACY_VERSIONS.len() - 1);
        let client = asked.and_then(oldest_first).unwrap_or(server);
        LEGACY_VERSIONS[LEGACY_VERSIONS.len() - 1 - server.min(client)]
    }

    fn with_all_versions(&self) -> Option<String> {
        let mut edits = Edits::of(self.result.get());
        edits.replace(member(Some(&self.result), "supportedVersions")?, all_versions());
        let result = RawValue::from_string(edits.apply()?).ok()?;
        Some(rewrite_result(&result, &|_| true).ok()?.unwrap_or_else(|| result.get().to_owned()))
    }

    /// The server's capabilities, without what cannot be mapped: a handle that nobody binds (tasks), what only modern
    /// messages can carry, and log lines that have no reader.
    fn capabilities(&self, logs: bool) -> String {
        let Some(offered) = member(Some(&self.result), "capabilities").filter(|raw| raw.get().starts_with('{')) else {
            return "{}".to_owned();
        };
        let stays = |name: &str| match name {
            "tasks" | "extensions" => false,
            "logging" => logs,
            _ => true,
        };
        let mut edits = Edits::of(offered.get());
        let members = Members::of_value(offered).unwrap_or_default();
        let entries: Vec<_> = members.0.iter().map(|(name, raw)| (*raw, stays(name))).collect();
        // The raw value that the entries borrow is itself the text here.
        edits.thin(offered, &entries);
        edits.apply().unwrap_or_else(|| offered.get().to_owned())
    }

    fn server_info(&self) -> String {
        let info = match self.era {
            Era::Legacy => member(Some(&self.result), "serverInfo"),
            Era::Modern => super::splice::meta_of(Some(&self.result), "io.modelcontextprotocol/serverInfo"),
        };
        info.map_or_else(|| r#"{"name":"server","version":"0"}"#.to_owned(), ToString::to_string)
    }

    fn instructions(&self) -> String {
        let told = member(Some(&self.result), "instructions").filter(|raw| raw.get().starts_with('"'));
        told.map(|text| format!(",\"instructions\":{text}")).unwrap_or_default()
    }
}

fn all_versions() -> String {
    let all: Vec<_> = MODERN_VERSIONS.iter().chain(&LEGACY_VERSIONS).map(|version| quoted(version)).collect();
    format!("[{}]", all.join(","))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn raw(value: &Value) -> Box<RawValue> {
        RawValue::from_string(value.to_string()).unwrap()
    }

    fn legacy(version: &str) -> Described {
        let result = json!({
            "protocolVersion": version, "serverInfo": {"name": "s", "version": "1", "x": 1}, "instructions": "do",
            "capabilities": {"logging": {}, "tools": {"listChanged": true}, "tasks": {}, "x": 1},
        });
        Described::initialized(&raw(&result)).unwrap()
    }

    fn modern() -> Described {
        let result = json!({
            "resultType": "complete", "supportedVersions": ["2026-07-28"], "ttlMs": 9, "cacheScope": "public",
            "capabilities": {"prompts": {}, "extensions": {"io.modelcontextprotocol/tasks": {}, "a/b": {}}},
            "_meta": {"io.modelcontextprotocol/serverInfo": {"name": "m", "version": "2"}}, "future": 1,
        });
        Described::discovered(&raw(&result)).unwrap()
    }

    fn read(text: &str) -> Value {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn a_version_is_the_clients_but_none_newer_than_the_servers() {
        for (server, asked, expected) in [
            ("2025-11-25", Some("2025-06-18"), "2025-06-18"),
            ("2025-03-26", Some("2025-11-25"), "2025-03-26"),
            ("2025-11-25", Some("1999-01-01"), "2025-11-25"),
            ("2024-11-05", None, "2024-11-05"),
        ] {
            let result = read(&legacy(server).initialize_result(asked, false));
            assert_eq!(result["protocolVersion"], expected, "{server} {asked:?}");
        }
        assert_eq!(read(&modern().initialize_result(None, false))["protocolVersion"], "2025-11-25");
    }

    #[test]
    fn what_cannot_be_mapped_is_declared_absent() {
        let kept = json!({"tools": {"listChanged": true}, "x": 1});
        let legacy = legacy("2025-11-25");
        assert_eq!(read(&legacy.discover_result())["capabilities"], kept);
        assert_eq!(read(&legacy.initialize_result(None, false))["capabilities"], kept);
        assert_eq!(read(&legacy.initialize_result(None, true))["capabilities"]["logging"], json!({}));
        assert_eq!(read(&modern().initialize_result(None, true))["capabilities"], json!({"prompts": {}}));
        let discovered = read(&modern().discover_result());
        assert_eq!(discovered["capabilities"], json!({"prompts": {}, "extensions": {"a/b": {}}}));
    }

    #[test]
    fn a_server_of_either_era_is_described_to_clients_of_both() {
        let versions = json!(["2026-07-28", "2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"]);
        let result = read(&legacy("2025-11-25").discover_result());
        assert_eq!((&result["supportedVersions"], &result["instructions"]), (&versions, &json!("do")));
        assert_eq!(result["_meta"]["io.modelcontextprotocol/serverInfo"]["x"], 1);
        assert_eq!((&result["resultType"], &result["ttlMs"]), (&json!("complete"), &json!(0)));
        let result = read(&modern().discover_result());
        assert_eq!((&result["supportedVersions"], &result["future"]), (&versions, &json!(1)));
        assert_eq!((&result["ttlMs"], &result["cacheScope"]), (&json!(9), &json!("private")));
        assert_eq!(read(&modern().initialize_result(None, false))["serverInfo"]["name"], "m");
    }

    #[test]
    fn a_version_that_nobody_speaks_describes_nothing() {
        assert!(Described::initialized(&raw(&json!({"protocolVersion": "2023-01-01"}))).is_none());
        assert!(Described::initialized(&raw(&json!({"capabilities": {}}))).is_none());
        assert!(Described::discovered(&raw(&json!({"supportedVersions": ["2025-11-25"]}))).is_none());
    }
}
