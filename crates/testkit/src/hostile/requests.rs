//! Requests as a client writes them on the wire, well formed but for what a row of the table changes.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::rude::connect;
use super::upstream::{GOOD, WELL};
use super::wrong::Wrong;

/// Whom a client troubles.
#[derive(Clone, Debug)]
pub struct Target {
    /// Where the gateway listens.
    pub address: SocketAddr,
    /// The `Host` by which it is known.
    pub host: String,
    /// A token that it takes, for a tenant that is granted the servers of a hostile upstream.
    pub token: String,
}

/// Bytes after which a client has enough of an answer, and leaves.
const ENOUGH_BYTES: usize = 1 << 20;
/// How long a client listens to an answer, and leaves.
const ENOUGH: Duration = Duration::from_secs(5);
/// A server whose answer never ends.
const ENDLESS: &str = "never-ends";

impl Target {
    /// A head with these headers, each with its line end.
    pub(super) fn head(&self, line: &str, headers: &str) -> String {
        format!("{line} HTTP/1.1\r\nhost: {}\r\n{headers}\r\n", self.host)
    }

    /// The head of a POST to the good server, with a token.
    pub(super) fn post(&self, headers: &str) -> String {
        self.post_to(GOOD, headers)
    }

    fn post_to(&self, server: &str, headers: &str) -> String {
        let standard = "content-type: application/json\r\naccept: application/json, text/event-stream\r\n";
        self.head(
            &format!("POST /mcp/{server}"),
            &format!("authorization: Bearer {}\r\n{standard}{headers}", self.token),
        )
    }

    /// The headers of a modern call of this tool.
    pub(super) fn routing(tool: &str) -> String {
        format!("mcp-protocol-version: 2026-07-28\r\nmcp-method: tools/call\r\nmcp-name: {tool}\r\n")
    }

    /// A call of a tool, as a message.
    pub(super) fn message(tool: &str) -> String {
        let meta = json!({"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}});
        let params = json!({"name": tool, "arguments": {}, "_meta": meta});
        json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}).to_string()
    }

    /// A whole call that is answered well.
    pub(super) fn call(&self) -> String {
        self.whole(GOOD, WELL)
    }

    /// A whole call whose answer never ends.
    pub(super) fn endless(&self) -> String {
        self.whole(ENDLESS, "any")
    }

    fn whole(&self, server: &str, tool: &str) -> String {
        let message = Self::message(tool);
        self.post_to(server, &format!("{}content-length: {}\r\n", Self::routing(tool), message.len())) + &message
    }

    /// Calls an upstream that does it wrong, or asks it for a list, and listens until the answer ends or it has enough
    /// of it.
    pub async fn meet(&self, wrong: &Wrong, list: bool) -> io::Result<()> {
        let message = Self::message("any");
        let (message, routing) = if list {
            (message.replace("tools/call", "tools/list"), Self::routing("any").replace("tools/call", "tools/list"))
        } else {
            (message, Self::routing("any"))
        };
        let headers = format!("{routing}connection: close\r\ncontent-length: {}\r\n", message.len());
        let mut stream = connect(self.address).await?;
        stream.write_all((self.post_to(wrong.server, &headers) + &message).as_bytes()).await?;
        let listening = async {
            let (mut buffer, mut heard) = (vec![0; 1 << 16], 0);
            while let Ok(read @ 1..) = stream.read(&mut buffer).await {
                heard += read;
                if heard > ENOUGH_BYTES {
                    return;
                }
            }
        };
        let _ = tokio::time::timeout(ENOUGH, listening).await;
        Ok(())
    }

    /// A call with this body under these headers about its length.
    pub(super) fn with_body(&self, framing: &str, body: &str) -> String {
        self.post(&format!("{}{framing}", Self::routing(WELL))) + body
    }

    /// A request that anybody may make, by which it shows whether the connection goes on.
    pub(super) fn metadata(&self) -> String {
        self.head("GET /.well-known/oauth-protected-resource/mcp", "")
    }
}
