//! The handle to an instance's channel.

use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use partywall_mcp::stdio::{Client, Described, Dropped, Options, Reply, Turned};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{mpsc, oneshot, watch};

use super::commands::{Command, Taken};
use super::lists::{Changes, Lists};
use super::mailbox::{Receiver, mailbox};
use super::pump::Pump;

/// Requests that wait for the task. Default 256: it takes one in microseconds.
const COMMANDS_MAX: usize = 256;

/// How an instance is spoken to.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Of the channel.
    pub options: Options,
    /// Bytes of one line that the server writes. Default 4 MiB: as much as a list that is read whole.
    pub line_bytes_max: usize,
    /// Whether all tenants use the instance: what one's call makes it say must not hold up the answers of others.
    pub is_everybodys: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self { options: Options::default(), line_bytes_max: 4 << 20, is_everybodys: false }
    }
}

/// How an instance is.
#[derive(Clone, Debug, Default)]
pub(super) struct Health {
    pub(super) described: Option<Arc<Described>>,
    pub(super) broken: Option<&'static str>,
    pub(super) worn: bool,
}

/// What an instance said in vain, counted since its start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unheard {
    /// What nobody could be told.
    pub dropped: Dropped,
    /// Times it had to wait until more of it was read, since it said more than the gateway reads in that time.
    pub rests: u64,
}

/// A handle to one instance's channel. The channel ends when the last handle is gone.
pub struct Connection<O> {
    commands: mpsc::Sender<Command<O>>,
    health: watch::Receiver<Health>,
    unheard: watch::Receiver<Unheard>,
    changes: Changes,
}

impl<O> Clone for Connection<O> {
    fn clone(&self) -> Self {
        Self {
            commands: self.commands.clone(),
            health: self.health.clone(),
            unheard: self.unheard.clone(),
            changes: Arc::clone(&self.changes),
        }
    }
}

impl<O: Clone + Eq + Send + Sync + 'static> Connection<O> {
    /// Begins to speak over these streams: `input` is what the server reads, `output` what it writes. `changes` counts how
    /// often it said that its lists are others.
    pub fn open(
        input: impl AsyncWrite + Send + Unpin + 'static,
        output: impl AsyncRead + Send + Unpin + 'static,
        settings: Settings,
        changes: Changes,
    ) -> Self {
        let (commands, taken) = mpsc::channel(COMMANDS_MAX);
        let (told, health) = watch::channel(Health::default());
        let (counted, unheard) = watch::channel(Unheard::default());
        tokio::spawn(Pump::new(settings, told, counted, Arc::clone(&changes)).run(input, output, taken));
        Self { commands, health, unheard, changes }
    }

    /// What the server said of itself, once the handshake is done.
    ///
    /// # Errors
    /// Where it cannot be spoken to; the text says why.
    pub async fn ready(&self) -> Result<Arc<Described>, String> {
        let mut health = self.health.clone();
        let is_settled = |health: &Health| health.described.is_some() || health.broken.is_some();
        let settled = health.wait_for(is_settled).await.map_err(|_| "the server ended".to_owned())?;
        match (settled.broken, &settled.described) {
            (None, Some(described)) => Ok(Arc::clone(described)),
            (why, _) => Err(why.unwrap_or("the server ended").to_owned()),
        }
    }

    /// Whether the instance is gone.
    pub fn is_gone(&self) -> bool {
        self.commands.is_closed()
    }

    /// Whether another instance is to take its place, since nobody knows any more whom its questions are for.
    pub fn is_worn(&self) -> bool {
        self.health.borrow().worn
    }

    /// How its lists are now.
    pub(crate) fn lists(&self) -> Lists {
        Lists::now(&self.changes)
    }

    /// What the server says in vain. Whoever follows it does not hold the channel open.
    pub fn unheard(&self) -> watch::Receiver<Unheard> {
        self.unheard.clone()
    }

    /// A request. `client` is what a legacy client said when its session began; `None` for a modern one.
    ///
    /// # Errors
    /// Where it cannot be taken.
    pub async fn request(&self, owner: O, client: Option<Client>, body: Bytes) -> Result<Call<O>, Turned> {
        self.begin(|replies, taken| Command::Request { owner, client, body, resume: None, replies, taken }).await
    }

    /// A modern client comes back to its call.
    ///
    /// # Errors
    /// Where no such call of this owner waits.
    pub async fn resume(&self, owner: O, call: u64, body: Bytes) -> Result<Call<O>, Turned> {
        self.begin(|replies, taken| Command::Request { owner, client: None, body, resume: Some(call), replies, taken })
            .await
    }

    /// A legacy client opens its stream.
    ///
    /// # Errors
    /// Where it cannot be taken.
    pub async fn stream(&self, owner: O, client: Client) -> Result<Call<O>, Turned> {
        self.begin(|replies, taken| Command::Stream { owner, client, replies, taken }).await
    }

    /// A legacy client's notification.
    pub async fn notify(&self, owner: O, body: Bytes) {
        let _ = self.commands.send(Command::Notify { owner, body }).await;
    }

    /// A legacy client answers a question.
    ///
    /// # Errors
    /// Where no such question was put to this owner.
    pub async fn respond(&self, owner: O, body: Bytes) -> Result<(), Turned> {
        let (taken, answer) = oneshot::channel();
        let command = Command::Respond { owner, body, taken };
        self.commands.send(command).await.map_err(|_| Turned::Gone)?;
        answer.await.unwrap_or(Err(Turned::Gone))
    }

    /// A legacy client's session is over.
    pub async fn forget(&self, owner: O) {
        let _ = self.commands.send(Command::Forget { owner }).await;
    }

    async fn begin(
        &self,
        command: impl FnOnce(super::mailbox::Sender, oneshot::Sender<Result<Taken, Turned>>) -> Command<O>,
    ) -> Result<Call<O>, Turned> {
        let (sender, replies) = mailbox();
        let (taken, answer) = oneshot::channel();
        self.commands.send(command(sender, taken)).await.map_err(|_| Turned::Gone)?;
        let taken = answer.await.unwrap_or(Err(Turned::Gone))?;
        Ok(Call { taken: Some(taken), replies, is_over: false, commands: self.commands.downgrade() })
    }
}

/// A call under way. Dropping it says that its client left.
pub struct Call<O> {
    taken: Option<Taken>,
    replies: Receiver,
    /// Whether the last reply was read.
    is_over: bool,
    commands: mpsc::WeakSender<Command<O>>,
}

impl<O> Call<O> {
    /// The call's number, by which its client comes back to it.
    pub fn number(&self) -> u64 {
        self.taken.as_ref().map_or(0, |taken| taken.call)
    }

    /// The next reply; `None` after the last, and where the client read too slowly.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Reply>> {
        if self.is_over {
            return Poll::Ready(None);
        }
        let reply = self.replies.poll(cx);
        // A question is the last that is said: its client comes back with another request.
        self.is_over = matches!(reply, Poll::Ready(Some(Reply::InputRequired { .. })));
        reply
    }

    /// The next reply.
    pub async fn next(&mut self) -> Option<Reply> {
        std::future::poll_fn(|cx| self.poll_next(cx)).await
    }
}

impl<O> Drop for Call<O> {
    fn drop(&mut self) {
        if let (Some(taken), Some(commands)) = (self.taken.take(), self.commands.upgrade()) {
            // Where the queue is full, the task finds the mailbox closed at its next look.
            let _ = commands.try_send(Command::Left(taken));
        }
    }
}
