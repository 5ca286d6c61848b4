//! Dynamic client registration (RFC 7591): any program on this machine may become a client, and none gets a secret.

use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::Deserialize;
use serde_json::json;

use super::desk::Desk;
use super::exchange::refused;
use super::grants::Refused;
use super::redirect;

/// Callbacks of one client. Default 8: known clients register up to four.
const REDIRECTS_MAX: usize = 8;
/// Longest name of a client, in characters. Default 100: it stands in one line of the page.
const NAME_CHARS_MAX: usize = 100;

/// A registered client.
#[derive(Clone)]
pub(super) struct Client {
    pub(super) name: String,
    pub(super) redirects: Vec<String>,
}

/// What a client says of itself; of the rest of RFC 7591, nothing would change what it gets.
#[derive(Deserialize)]
struct Said {
    redirect_uris: Vec<String>,
    client_name: Option<String>,
}

pub(super) async fn register(State(desk): State<Arc<Desk>>, body: Bytes) -> Response {
    let client = match read(&body) {
        Ok(client) => client,
        Err(why) => return refused(why),
    };
    let Ok(id) = crate::keys::random() else { return StatusCode::INTERNAL_SERVER_ERROR.into_response() };
    desk.memory().clients.put(id.clone(), client.clone(), Instant::now());
    let registered = json!({
        "client_id": id,
        "client_id_issued_at": SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs(),
        "client_name": client.name,
        "redirect_uris": client.redirects,
        "application_type": "native",
        "token_endpoint_auth_method": "none",
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
    });
    (StatusCode::CREATED, [("cache-control", "no-store")], Json(registered)).into_response()
}

/// Keeps the callbacks that lead to this machine: clients register several and say which they use when they ask.
fn read(body: &[u8]) -> Result<Client, Refused> {
    let said: Said = serde_json::from_slice(body)
        .map_err(|_| Refused("invalid_client_metadata", "an object with `redirect_uris` is expected"))?;
    let redirects: Vec<_> = said.redirect_uris.into_iter().filter(|uri| redirect::is_allowed(uri)).collect();
    if !(1..=REDIRECTS_MAX).contains(&redirects.len()) {
        return Err(Refused("invalid_redirect_uri", "between one and eight callbacks on this machine are expected"));
    }
    let name = said.client_name.unwrap_or_default();
    let name: String = name.trim().chars().filter(|c| !c.is_control()).take(NAME_CHARS_MAX).collect();
    Ok(Client { name: if name.is_empty() { "A client without a name".to_owned() } else { name }, redirects })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callbacks_elsewhere_are_left_out_and_one_here_is_needed() {
        let read = |redirects: &[&str]| read(json!({ "redirect_uris": redirects }).to_string().as_bytes());
        // As VS Code and Cursor register.
        let code = read(&["https://vscode.dev/redirect", "http://127.0.0.1/", "http://127.0.0.1:33418/"]);
        assert_eq!(code.ok().unwrap().redirects, ["http://127.0.0.1/", "http://127.0.0.1:33418/"]);
        let cursor = ["cursor://anysphere.cursor-mcp/oauth/callback", "http://localhost:8787/callback"];
        assert_eq!(read(&[&cursor[..], &["https://www.cursor.com/a"]].concat()).ok().unwrap().redirects, cursor);
        let many = ["http://localhost/"; REDIRECTS_MAX + 1];
        for bad in [&["https://evil.example/"][..], &[], &many] {
            assert_eq!(read(bad).err().map(|why| why.0), Some("invalid_redirect_uri"), "{bad:?}");
        }
    }

    #[test]
    fn a_name_is_kept_short_and_plain() {
        let named = |name: &str| {
            read(json!({"redirect_uris": ["http://localhost/"], "client_name": name}).to_string().as_bytes())
        };
        assert_eq!(named(" a\u{7}b ").ok().unwrap().name, "ab");
        assert_eq!(named(&"x".repeat(1_000)).ok().unwrap().name.len(), NAME_CHARS_MAX);
        assert_eq!(named("").ok().unwrap().name, "A client without a name");
        assert_eq!(super::read(b"[]").err().map(|why| why.0), Some("invalid_client_metadata"));
    }
}
