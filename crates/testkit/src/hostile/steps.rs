//! What a peer does on its connection, step by step, and the one player of all of them.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// For ever: until the other side has closed the connection.
pub(super) const FOR_EVER: u64 = u64::MAX;

/// One thing that a peer does.
#[derive(Clone, Debug)]
pub enum Step {
    /// Sends these bytes.
    Send(Vec<u8>),
    /// Sends a piece so many times, with a pause after each.
    Repeat {
        /// What is sent.
        piece: Vec<u8>,
        /// How often.
        times: u64,
        /// How long after each.
        pause: Duration,
    },
    /// Does nothing for a while.
    Pause(Duration),
    /// Sends no more, and still reads.
    EndWriting,
    /// Keeps the connection open until the other side closes it.
    Hold,
    /// Breaks the connection off.
    Reset,
}

impl Step {
    pub(super) fn send(bytes: impl Into<Vec<u8>>) -> Self {
        Self::Send(bytes.into())
    }

    /// Sends a piece for ever, as fast as the other side takes it.
    pub(super) fn flood(piece: impl Into<Vec<u8>>) -> Self {
        Self::times(piece, FOR_EVER)
    }

    /// Sends a piece so many times, as fast as the other side takes it.
    pub(super) fn times(piece: impl Into<Vec<u8>>, times: u64) -> Self {
        Self::Repeat { piece: piece.into(), times, pause: Duration::ZERO }
    }

    /// Sends a piece for ever, a few times a second.
    pub(super) fn drip(piece: impl Into<Vec<u8>>) -> Self {
        Self::Repeat { piece: piece.into(), times: FOR_EVER, pause: Duration::from_millis(200) }
    }
}

/// Sends what the steps say. Ends early, with `false`, where the other side takes no more.
pub(super) async fn write(to: &mut (impl AsyncWrite + Unpin), steps: &[Step]) -> bool {
    for step in steps {
        let sent = match step {
            Step::Send(bytes) => to.write_all(bytes).await,
            Step::Repeat { piece, times, pause } => repeat(to, piece, *times, *pause).await,
            Step::Pause(pause) => {
                tokio::time::sleep(*pause).await;
                Ok(())
            }
            Step::EndWriting => to.shutdown().await,
            Step::Hold | Step::Reset => Ok(()),
        };
        if sent.is_err() {
            return false;
        }
    }
    to.flush().await.is_ok()
}

async fn repeat(to: &mut (impl AsyncWrite + Unpin), piece: &[u8], times: u64, pause: Duration) -> std::io::Result<()> {
    for _ in 0..times {
        to.write_all(piece).await?;
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
    }
    Ok(())
}

/// Reads until the other side has closed the connection.
pub(super) async fn read_out(from: &mut (impl AsyncRead + Unpin)) {
    let mut buffer = vec![0; 1 << 16];
    while from.read(&mut buffer).await.is_ok_and(|read| read > 0) {}
}
