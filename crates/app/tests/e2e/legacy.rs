//! A session of the handshake versions, as a client holds it.

use http::Method;
use serde_json::{Value, json};

use crate::http::{Ask, LEGACY};

#[derive(Clone)]
pub(crate) struct Session {
    pub(crate) url: String,
    pub(crate) token: String,
    /// The id that the gateway gave.
    pub(crate) id: String,
}

impl Session {
    /// Opens one, as a client that can be asked for anything.
    pub(crate) async fn open(url: &str, token: &str) -> Self {
        let capabilities = json!({"elicitation": {}, "sampling": {}, "roots": {}});
        let params = json!({"protocolVersion": LEGACY, "capabilities": capabilities, "clientInfo": {"name": "e2e", "version": "1"}});
        let hello = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params});
        let answer = Ask::post(url, token, &hello).send().await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let session = Self { url: url.to_owned(), token: token.to_owned(), id: answer.session() };
        let ready = session.post(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"})).send().await;
        assert_eq!((ready.status.as_u16(), ready.body.len()), (202, 0), "{ready:?}");
        session
    }

    /// Any message.
    pub(crate) fn post(&self, message: &Value) -> Ask {
        let ask = Ask::post(&self.url, &self.token, message);
        ask.header("mcp-session-id", &self.id).header("mcp-protocol-version", LEGACY)
    }

    /// A call of a tool.
    pub(crate) fn call(&self, id: u64, tool: &str, arguments: &Value) -> Ask {
        let params = json!({"name": tool, "arguments": arguments});
        self.post(&json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params}))
    }

    /// The stream of what the server says by itself; after an event, what came since.
    pub(crate) fn listen(&self, after: Option<&str>) -> Ask {
        let ask = self.bodyless(Method::GET).header("accept", "text/event-stream");
        after.into_iter().fold(ask, |ask, event| ask.header("last-event-id", event))
    }

    /// The end of it.
    pub(crate) fn delete(&self) -> Ask {
        self.bodyless(Method::DELETE)
    }

    fn bodyless(&self, method: Method) -> Ask {
        Ask::new(method, &self.url)
            .header("authorization", &format!("Bearer {}", self.token))
            .header("mcp-session-id", &self.id)
            .header("mcp-protocol-version", LEGACY)
    }

    /// The same with another id.
    pub(crate) fn with_id(&self, id: &str) -> Self {
        Self { id: id.to_owned(), ..self.clone() }
    }

    /// The same with another token.
    pub(crate) fn with_token(&self, token: &str) -> Self {
        Self { token: token.to_owned(), ..self.clone() }
    }
}
