//! The echo server as a process of its own: `echo [--listen ADDR]`.
//!
//! Its first line on stdout says where it listens, so that a measurement can ask for port 0.

use std::io::Write;

use partywall_testkit::{args, echo};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let listener = TcpListener::bind(args::value("--listen").as_deref().unwrap_or("127.0.0.1:0")).await?;
    writeln!(std::io::stdout(), "listening on http://{}/mcp", listener.local_addr()?)?;
    Ok(echo::serve(listener).await?)
}
