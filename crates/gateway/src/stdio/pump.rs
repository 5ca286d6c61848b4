//! The task that runs one instance's channel: lines in, lines out, replies into mailboxes.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use partywall_mcp::stdio::{Action, Channel, Lines, Reply, Turned};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::{mpsc, watch};
use tokio::time::{MissedTickBehavior, interval, sleep_until};

use super::commands::{Command, Taken};
use super::connection::{Health, Settings, Unheard};
use super::lists::Changes;
use super::mailbox::Sender;
use super::unbidden::Unbidden;

/// Lines that the server has not read yet, beyond which no request is taken. Default 64.
const UNREAD_MAX: usize = 64;
/// Lines beyond which the server is taken for one that does not read: the answers to its own requests among them.
/// Default 4,096.
const UNREAD_AT_ALL_MAX: usize = 4_096;
/// Bytes that are read at once. Default 64 KiB: what a pipe holds.
const READ_BYTES: usize = 64 << 10;
/// How often time is looked at. Default 1 s: the shortest limit is 3 s.
const TICK: Duration = Duration::from_secs(1);

pub(super) struct Pump<O> {
    channel: Channel<O>,
    lines: Lines,
    unbidden: Unbidden,
    health: watch::Sender<Health>,
    unheard: watch::Sender<Unheard>,
    mailboxes: HashMap<u64, Visit>,
    /// Counts the requests that took up a call, so that one that left is not taken for the next.
    visits: u64,
    outbox: VecDeque<String>,
    over: bool,
    changes: Changes,
}

/// A client's stay with its call: from the request that took the call up until it read how that request ended.
struct Visit {
    number: u64,
    replies: Sender,
    /// Whether all was said: the client was asked something, and has to read it to come back.
    is_asked: bool,
}

impl<O: Clone + Eq + Send + 'static> Pump<O> {
    pub(super) fn new(
        settings: Settings,
        health: watch::Sender<Health>,
        unheard: watch::Sender<Unheard>,
        changes: Changes,
    ) -> Self {
        let now = Instant::now();
        Self {
            channel: Channel::open(settings.options, now),
            lines: Lines::new(settings.line_bytes_max),
            unbidden: Unbidden::new(settings.is_everybodys, now),
            health,
            unheard,
            mailboxes: HashMap::new(),
            visits: 0,
            outbox: VecDeque::new(),
            over: false,
            changes,
        }
    }

    pub(super) async fn run(
        mut self,
        input: impl AsyncWrite + Send + Unpin + 'static,
        mut output: impl AsyncRead + Send + Unpin,
        mut commands: mpsc::Receiver<Command<O>>,
    ) {
        // A server that waits until somebody reads what it writes does not read; so writing must not wait in here.
        let (writer, unwritten) = mpsc::channel(1);
        let writing = tokio::spawn(write(input, unwritten));
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut piece = vec![0; READ_BYTES];
        self.perform();
        while !self.over {
            let takes = self.outbox.len() < UNREAD_MAX;
            let rests_until = self.unbidden.rests_until();
            tokio::select! {
                permit = writer.reserve(), if !self.outbox.is_empty() => match (permit, self.outbox.pop_front()) {
                    (Ok(permit), Some(line)) => permit.send(line),
                    _ => break,
                },
                read = output.read(&mut piece), if rests_until.is_none() => match read {
                    Ok(length) if length > 0 => self.arrived(&piece[..length]),
                    _ => break,
                },
                () = rest(rests_until), if rests_until.is_some() => self.arrived(&[]),
                command = commands.recv(), if takes => match command {
                    Some(command) => self.command(command),
                    None => break,
                },
                _ = tick.tick() => self.tick(),
            }
            self.perform();
        }
        self.channel.close();
        self.perform();
        // Its input closed, the server may end by itself.
        writing.abort();
    }

    fn arrived(&mut self, bytes: &[u8]) {
        self.lines.push(bytes);
        self.unbidden.go_on();
        let before = self.channel.lists_changed();
        let mut is_whole = true;
        while self.unbidden.rests_until().is_none() && is_whole {
            match self.lines.next_line() {
                Ok(Some(line)) => {
                    let now = Instant::now();
                    if !self.channel.line(line, now) {
                        self.unbidden.said(line.len(), self.mailboxes.len(), now);
                    }
                }
                Ok(None) => is_whole = false,
                Err(_) => return self.break_off("a line of the server is over its limit"),
            }
        }
        // Before the answers go out that came with it.
        self.changes.fetch_add(self.channel.lists_changed() - before, Ordering::Release);
    }

    fn command(&mut self, command: Command<O>) {
        match command {
            Command::Request { owner, client, body, resume: None, replies, taken } => {
                let call = self.channel.request(owner, client.as_ref(), &body);
                self.take(call, replies, taken);
            }
            Command::Request { owner, body, resume: Some(call), replies, taken, .. } => {
                let call = self.channel.resume(&owner, call, &body, Instant::now()).map(|()| call);
                self.take(call, replies, taken);
            }
            Command::Stream { owner, client, replies, taken } => {
                let call = self.channel.stream(owner, &client);
                self.take(call, replies, taken);
            }
            Command::Notify { owner, body } => self.channel.notify(&owner, &body, Instant::now()),
            Command::Respond { owner, body, taken } => {
                let _ = taken.send(self.channel.respond(&owner, &body));
            }
            Command::Left(Taken { call, visit }) => {
                if self.mailboxes.get(&call).is_some_and(|current| current.number == visit) {
                    self.left(call);
                }
            }
            Command::Forget { owner } => self.channel.forget(&owner),
        }
    }

    fn take(
        &mut self,
        call: Result<u64, Turned>,
        replies: Sender,
        taken: tokio::sync::oneshot::Sender<Result<Taken, Turned>>,
    ) {
        self.visits += 1;
        let visit = self.visits;
        if let Ok(call) = call {
            self.mailboxes.insert(call, Visit { number: visit, replies, is_asked: false });
        }
        if taken.send(call.map(|call| Taken { call, visit })).is_err()
            && let Ok(call) = call
        {
            // Whoever asked is gone before the call was taken.
            self.left(call);
        }
    }

    /// The client of a call has left. One that was asked something and read it will be back.
    fn left(&mut self, call: u64) {
        let Some(visit) = self.mailboxes.remove(&call) else { return };
        if !visit.is_asked || visit.replies.is_unread() {
            self.channel.left(call, Instant::now());
        }
    }

    fn tick(&mut self) {
        let closed = self.mailboxes.iter().filter(|(_, visit)| visit.replies.is_closed());
        for call in closed.map(|(call, _)| *call).collect::<Vec<_>>() {
            self.left(call);
        }
        self.channel.tick(Instant::now());
        let unheard = Unheard { dropped: self.channel.dropped(), rests: self.unbidden.rests() };
        self.unheard.send_if_modified(|told| std::mem::replace(told, unheard) != unheard);
    }

    /// Does what the channel wants done.
    fn perform(&mut self) {
        while let Some(action) = self.channel.next_action() {
            match action {
                Action::Write(line) => self.outbox.push_back(line),
                Action::Reply { call, reply } => self.reply(call, reply),
                Action::Ready(described) => self.health.send_modify(|health| health.described = Some(described)),
                Action::Broken(why) => self.break_off(why),
                Action::Worn => self.health.send_modify(|health| health.worn = true),
            }
        }
        if self.outbox.len() > UNREAD_AT_ALL_MAX {
            self.break_off("the server does not read what it is sent");
        }
    }

    fn reply(&mut self, call: u64, reply: Reply) {
        let Some(visit) = self.mailboxes.get_mut(&call) else { return };
        let is_last = matches!(reply, Reply::Answer(_) | Reply::Failed(_));
        visit.is_asked = matches!(reply, Reply::InputRequired { .. });
        let sent = visit.replies.send(reply);
        if !sent {
            self.left(call);
        } else if is_last {
            self.mailboxes.remove(&call);
        }
    }

    fn break_off(&mut self, why: &'static str) {
        self.over = true;
        self.health.send_modify(|health| health.broken = Some(why));
    }
}

/// Waits until then; the branch it stands in is off where there is no such time.
async fn rest(until: Option<Instant>) {
    if let Some(until) = until {
        sleep_until(until.into()).await;
    }
}

async fn write(mut input: impl AsyncWrite + Unpin, mut lines: mpsc::Receiver<String>) {
    while let Some(mut line) = lines.recv().await {
        line.push('\n');
        if input.write_all(line.as_bytes()).await.is_err() || input.flush().await.is_err() {
            return;
        }
    }
    let _ = input.shutdown().await;
}
