//! The fixture server as a process of its own: `fixture [--listen ADDR | --unix PATH | --stdio] [--eras both|legacy|modern] [--json]`.
//!
//! Its first line on stdout says where it listens, so that a test can ask for port 0. With `--stdio` it speaks MCP over
//! stdin and stdout instead.

use std::io::Write;

use anyhow::bail;
use partywall_testkit::{
    args,
    fixture::{self, Eras, Options},
};
use tokio::net::{TcpListener, UnixListener};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let eras = match args::value("--eras").as_deref() {
        None | Some("both") => Eras::Both,
        Some("legacy") => Eras::Legacy,
        Some("modern") => Eras::Modern,
        Some(other) => bail!("`--eras {other}` is none of both, legacy, modern"),
    };
    if args::flag("--stdio") {
        return Ok(fixture::serve_stdio(eras).await?);
    }
    let options = Options { eras, json: args::flag("--json"), ..Options::default() };
    if let Some(path) = args::value("--unix") {
        return Ok(fixture::serve(UnixListener::bind(path)?, options).await?);
    }
    let listener = TcpListener::bind(args::value("--listen").as_deref().unwrap_or("127.0.0.1:0")).await?;
    writeln!(std::io::stdout(), "listening on http://{}/mcp", listener.local_addr()?)?;
    Ok(fixture::serve(listener, options).await?)
}
