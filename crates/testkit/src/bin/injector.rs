//! The injector as a process of its own: `TOKEN=... injector --upstream ADDR [--listen ADDR]`.
//!
//! Its first line on stdout says where it listens, so that a test can ask for port 0.

use std::{env, io::Write};

use anyhow::Context;
use partywall_testkit::{args, injector};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let token = env::var("TOKEN").context("`TOKEN` is not set")?;
    let upstream = args::value("--upstream").context("`--upstream ADDR` is missing")?.parse()?;
    let listener = TcpListener::bind(args::value("--listen").as_deref().unwrap_or("127.0.0.1:0")).await?;
    writeln!(std::io::stdout(), "listening on http://{}", listener.local_addr()?)?;
    Ok(injector::serve(listener, upstream, token).await?)
}
