//! The server that the demo's customers share.

use anyhow::Context;
use partywall_domain::assertion::JWKS_PATH;
use tokio::net::TcpListener;

use super::{Stage, documents};

/// Starts notes on a port that the system chooses and returns its URL. It stops with the demo.
pub(super) async fn start(stage: &Stage) -> anyhow::Result<String> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.context("no port for the notes server")?;
    let url = format!("http://{}{}", listener.local_addr()?, ::notes::PATH);
    let serving = ::notes::serve(
        listener,
        ::notes::Settings {
            issuer: stage.public.clone(),
            audience: documents::NOTES.to_owned(),
            jwks: format!("{}{JWKS_PATH}", stage.public),
            data: stage.data.path().join("notes"),
            stop: stage.stop.clone(),
        },
    );
    let stop = stage.stop.clone();
    tokio::spawn(async move {
        if let Err(error) = serving.await {
            eprintln!("error: the notes server failed: {error}");
            stop.cancel();
        }
    });
    Ok(url)
}
