//! What a call was told and its client has not taken yet. Bounded: a client that does not read loses its call, and the
//! others of the instance do not wait for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use partywall_mcp::stdio::Reply;
use tokio::sync::mpsc;

/// Messages that wait for one client. Default 256: a burst of progress.
const MESSAGES_MAX: usize = 256;
/// Bytes that wait for one client, where there is more than one message. Default 1 MiB.
const BYTES_MAX: usize = 1 << 20;

/// The end that the pump has.
pub(super) struct Sender {
    replies: mpsc::Sender<Reply>,
    waiting: Arc<AtomicUsize>,
}

/// The end that the client's answer has.
pub(super) struct Receiver {
    replies: mpsc::Receiver<Reply>,
    waiting: Arc<AtomicUsize>,
}

pub(super) fn mailbox() -> (Sender, Receiver) {
    let (give, take) = mpsc::channel(MESSAGES_MAX);
    let waiting = Arc::new(AtomicUsize::new(0));
    (Sender { replies: give, waiting: Arc::clone(&waiting) }, Receiver { replies: take, waiting })
}

impl Sender {
    /// Whether it was taken; a client that is gone or does not read takes nothing more.
    pub(super) fn send(&self, reply: Reply) -> bool {
        let length = length(&reply);
        let before = self.waiting.fetch_add(length, Ordering::Relaxed);
        (before == 0 || before + length <= BYTES_MAX) && self.replies.try_send(reply).is_ok()
    }

    pub(super) fn is_closed(&self) -> bool {
        self.replies.is_closed()
    }

    /// Whether something was not read.
    pub(super) fn is_unread(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0
    }
}

impl Receiver {
    pub(super) fn poll(&mut self, cx: &mut std::task::Context<'_>) -> std::task::Poll<Option<Reply>> {
        self.replies.poll_recv(cx).map(|reply| {
            reply.inspect(|reply| {
                self.waiting.fetch_sub(length(reply), Ordering::Relaxed);
            })
        })
    }
}

fn length(reply: &Reply) -> usize {
    match reply {
        Reply::More(text) | Reply::Answer(text) => text.len(),
        Reply::InputRequired { questions, .. } => questions.len(),
        Reply::Failed(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_that_does_not_read_is_found_out_by_messages_and_by_bytes() {
        let (sender, _receiver) = mailbox();
        assert!((0..MESSAGES_MAX).all(|_| sender.send(Reply::More("{}".to_owned()))));
        assert!(!sender.send(Reply::More("{}".to_owned())));
        let (sender, _receiver) = mailbox();
        assert!(sender.send(Reply::Answer("x".repeat(2 * BYTES_MAX))), "one message is always taken");
        assert!(!sender.send(Reply::More("{}".to_owned())));
    }
}
