//! `notes`: the notes server as a program.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use notes::Settings;
use partywall_domain::assertion;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

/// An MCP server that tenants share: notes, in a database file per tenant. It serves calls that come through a
/// Partywall gateway, and refuses all others.
#[derive(Parser)]
#[command(version)]
struct Options {
    /// Address to listen on; the server is at /mcp
    #[arg(long, default_value = "127.0.0.1:7411")]
    listen: SocketAddr,
    /// The gateway's public URL, exactly as its own settings have it
    #[arg(long, default_value = "http://127.0.0.1:7400", value_name = "URL")]
    gateway: String,
    /// Where the gateway's key set is fetched, on loopback [default: its well-known place under --gateway]
    #[arg(long, value_name = "URL")]
    jwks: Option<String>,
    /// Directory for the tenants' files; made for this user alone if it is not there
    #[arg(long, default_value = "./notes-data", value_name = "DIR")]
    data: PathBuf,
    /// This server's name in the gateway's catalog
    #[arg(long, default_value = "notes", value_name = "NAME")]
    audience: String,
}

#[tokio::main]
async fn main() -> ExitCode {
    // Refusals stand in the kit's debug lines: whoever sets this up will want to know why a call was refused.
    let filter = EnvFilter::new("warn,partywall_kit=debug");
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    match run(Options::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("notes: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: Options) -> anyhow::Result<()> {
    let listener = TcpListener::bind(options.listen)
        .await
        .with_context(|| format!("cannot listen on `{}`; choose another address with --listen", options.listen))?;
    eprintln!("notes: http://{}{} for gateway {}", listener.local_addr()?, notes::PATH, options.gateway);
    let stop = stop_on_signal()?;
    Ok(notes::serve(listener, settings(options, stop)).await?)
}

fn settings(options: Options, stop: CancellationToken) -> Settings {
    let well_known = format!("{}{}", options.gateway.trim_end_matches('/'), assertion::JWKS_PATH);
    Settings {
        issuer: options.gateway,
        audience: options.audience,
        jwks: options.jwks.unwrap_or(well_known),
        data: options.data,
        stop,
    }
}

/// Cancelled by the first SIGTERM or SIGINT.
fn stop_on_signal() -> std::io::Result<CancellationToken> {
    let stop = CancellationToken::new();
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let stopping = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        stopping.cancel();
    });
    Ok(stop)
}
