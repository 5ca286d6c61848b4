//! The admin listener of a gateway, as far as measuring needs it: one request a connection, by hand.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

/// An admin listener, and the token that it takes.
pub(super) struct Admin {
    address: String,
    token: String,
}

impl Admin {
    /// That of the gateway that runs on this data folder, if it is the process `pid`.
    pub(super) fn of(data: &Path, pid: u32) -> Result<Option<Self>> {
        let Ok(running) = std::fs::read(data.join("running.json")) else { return Ok(None) };
        let running: Value = serde_json::from_slice(&running).unwrap_or_default();
        if running["pid"].as_u64() != Some(pid.into()) {
            return Ok(None);
        }
        let url = running["admin"].as_str().context("`running.json` names no admin listener")?;
        let address = url.trim_start_matches("http://").to_owned();
        let token = std::fs::read_to_string(data.join("operator.token"))?.trim().to_owned();
        Ok(Some(Self { address, token }))
    }

    /// Whether it serves.
    pub(super) fn answers(&self) -> bool {
        self.ask("GET", "/api/v1/issuers", "").is_ok()
    }

    /// Applies a text of documents in JSON; gives the answer.
    pub(super) fn apply(&self, text: &str) -> Result<Value> {
        let body = json!({ "files": [{ "name": "tenants.json", "text": text }] }).to_string();
        let answer = self.ask("POST", "/api/v1/apply", &body)?;
        let (_, body) = answer.split_once("\r\n\r\n").context("the answer has no body")?;
        Ok(serde_json::from_str(body)?)
    }

    fn ask(&self, method: &str, path: &str, body: &str) -> Result<String> {
        let mut stream = TcpStream::connect(&self.address)?;
        stream.set_nodelay(true)?;
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\n\
             content-length: {}\r\nconnection: close\r\n\r\n",
            self.address,
            self.token,
            body.len()
        );
        stream.write_all(format!("{head}{body}").as_bytes())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        ensure!(answer.starts_with("HTTP/1.1 200 "), "{}", answer.chars().take(2_000).collect::<String>());
        Ok(answer)
    }
}
