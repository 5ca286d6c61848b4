//! A slot with its instances and the calls that wait, behind one lock.
//!
//! The lock is held while an instance is frozen, thawed or asked to end, so that these happen in the order in which the
//! slot decided them. It is not held while a call is answered: a caller that is gone drops its lease at once.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use partywall_domain::Revision;
use partywall_tenancy::InstanceKey;
use tokio::sync::{Notify, oneshot};

use super::lease::{Lease, Lender, StartError};
use super::{Connect, House, InstanceInfo, InstanceRecord, State, now, start};
use crate::driver::{BoxFuture, Control, Usage};
use crate::launch::{Change, Launch};
use crate::output::Last;
use crate::slot::{Action, Event, Generation, Phase, Slot, Waiter, Why};

pub(super) struct Cell<C: Connect> {
    pub(super) house: Arc<House<C>>,
    key: InstanceKey,
    inside: Mutex<Inside<C>>,
    /// The newest revision that said what to run.
    seen: AtomicU64,
    clock: Notify,
}

struct Inside<C: Connect> {
    slot: Slot,
    launch: Arc<Launch>,
    waiting: HashMap<Waiter, oneshot::Sender<Granted<C>>>,
    waiters: Waiter,
    instances: BTreeMap<Generation, Instance<C>>,
    /// What went wrong last, for those who are refused for it.
    trouble: Option<String>,
    /// Set when the slot was forgotten: nothing may begin here.
    closed: bool,
}

/// One instance, from the wish that it start to its end.
pub(super) struct Instance<C: Connect> {
    pub(super) info: InstanceInfo,
    pub(super) control: Option<Arc<dyn Control>>,
    pub(super) connection: Option<C::Connection>,
    /// Wakes the start that has nothing to end yet.
    pub(super) cancelled: Arc<Notify>,
    pub(super) last: Last,
    leases: u32,
}

type Granted<C> = Result<Lease<<C as Connect>::Connection>, StartError>;
type Answer<C> = (oneshot::Sender<Granted<C>>, Granted<C>);

impl<C: Connect> Lender for Cell<C> {
    fn take_back(self: Arc<Self>, generation: Generation) {
        self.apply(Event::Returned { generation, count: 1 });
    }

    fn retire(self: Arc<Self>, generation: Generation) {
        self.apply(Event::Stop(generation));
    }
}

impl<C: Connect> Cell<C> {
    pub(super) fn new(house: Arc<House<C>>, key: InstanceKey, launch: Launch) -> Arc<Self> {
        let slot = Slot::new(launch.life, launch.volume.is_some());
        let seen = AtomicU64::new(launch.revision.0);
        let (waiting, instances, launch) = (HashMap::new(), BTreeMap::new(), Arc::new(launch));
        let inside = Inside { slot, launch, waiting, waiters: 0, instances, trouble: None, closed: false };
        Arc::new(Self { house, key, inside: Mutex::new(inside), seen, clock: Notify::new() })
    }

    pub(super) fn key(&self) -> &InstanceKey {
        &self.key
    }

    fn inside(&self) -> MutexGuard<'_, Inside<C>> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks for the instance; `None` if this slot was forgotten meanwhile.
    pub(super) fn call(self: &Arc<Self>) -> Option<BoxFuture<'static, Granted<C>>> {
        let (answer, answered) = oneshot::channel();
        let waiter = {
            let mut inside = self.inside();
            if inside.closed {
                return None;
            }
            inside.waiters += 1;
            let waiter = inside.waiters;
            inside.waiting.insert(waiter, answer);
            waiter
        };
        self.apply(Event::Call { waiter, deadline: now() + self.house.settings.hold_timeout });
        let given_up = GivenUp { cell: Arc::clone(self), waiter };
        Some(Box::pin(async move {
            let answer = answered.await.unwrap_or(Err(StartError::Closing));
            drop(given_up);
            answer
        }))
    }

    /// Whether nobody has said yet what to run under this revision.
    pub(super) fn has_not_seen(&self, revision: Revision) -> bool {
        self.seen.load(Ordering::Relaxed) < revision.0
    }

    /// What calls use now.
    pub(super) fn connection(&self) -> Option<C::Connection> {
        let inside = self.inside();
        inside.instances.get(&inside.slot.serving()?)?.connection.clone()
    }

    /// Takes a launch that says something else than the one that stands, and not less recently.
    pub(super) fn relaunch(self: &Arc<Self>, launch: &Launch) {
        self.seen.fetch_max(launch.revision.0, Ordering::Relaxed);
        let event = {
            let mut inside = self.inside();
            let standing = std::mem::replace(&mut inside.launch, Arc::new(launch.clone()));
            match launch.in_place_of(&standing) {
                Some(Change::Run) => Event::Relaunch { life: launch.life, exclusive: launch.volume.is_some() },
                Some(Change::Life) => Event::Live(launch.life),
                None => {
                    inside.launch = standing;
                    return;
                }
            }
        };
        self.apply(event);
    }

    /// Lets the slot decide, and does what it says.
    pub(super) fn apply(self: &Arc<Self>, event: Event) {
        let mut answers = Vec::new();
        {
            let mut inside = self.inside();
            // Nobody would hear of what begins in a slot that was forgotten.
            if inside.closed {
                return;
            }
            for action in inside.slot.handle(event, now()) {
                self.perform(&mut inside, action, &mut answers);
            }
            if let Event::Abandoned(waiter) = event {
                inside.waiting.remove(&waiter);
            }
            if let Event::Returned { generation, count } = event
                && let Some(instance) = inside.instances.get_mut(&generation)
            {
                instance.leases = instance.leases.saturating_sub(count);
            }
        }
        for (answer, result) in answers {
            // Whoever is gone drops what it was given, and by that gives it back.
            let _ = answer.send(result);
        }
        if matches!(event, Event::Returned { .. }) {
            self.house.places.became_idle();
        }
        self.clock.notify_one();
    }

    fn perform(self: &Arc<Self>, inside: &mut Inside<C>, action: Action, answers: &mut Vec<Answer<C>>) {
        match action {
            Action::Start(generation) => self.start(inside, generation),
            Action::Grant { waiter, generation } => {
                let Some(answer) = inside.waiting.remove(&waiter) else { return };
                answers.push((answer, self.grant(inside, generation)));
            }
            Action::Refuse { waiter, why } => {
                let Some(answer) = inside.waiting.remove(&waiter) else { return };
                answers.push((answer, Err(inside.refusal(why))));
            }
            Action::Freeze(generation) => inside.freeze(generation, true),
            Action::Thaw(generation) => inside.freeze(generation, false),
            Action::Stop(generation) => {
                inside.let_go(generation);
                inside.control(generation, Control::terminate);
            }
            Action::Kill(generation) => {
                inside.let_go(generation);
                inside.control(generation, Control::kill);
            }
        }
    }

    fn start(self: &Arc<Self>, inside: &mut Inside<C>, generation: Generation) {
        let id = uuid::Uuid::new_v4().simple().to_string()[..16].to_owned();
        let since = std::time::SystemTime::now();
        let info = InstanceInfo { id, key: self.key.clone(), since, enforced: Arc::clone(&self.house.enforced) };
        let cancelled = Arc::new(Notify::new());
        let instance = Instance {
            info: info.clone(),
            control: None,
            connection: None,
            cancelled: Arc::clone(&cancelled),
            last: Last::default(),
            leases: 0,
        };
        inside.instances.insert(generation, instance);
        self.house.runtime.spawn(start::run(Arc::clone(self), generation, info, Arc::clone(&inside.launch), cancelled));
    }

    fn grant(self: &Arc<Self>, inside: &mut Inside<C>, generation: Generation) -> Granted<C> {
        let instance = inside.instances.get_mut(&generation);
        let granted = instance.and_then(|instance| {
            let connection = instance.connection.clone()?;
            let control = Arc::clone(instance.control.as_ref()?);
            instance.leases += 1;
            Some((connection, control, instance.info.clone()))
        });
        // The slot grants only what said it was ready, and that has its connection by then.
        let (connection, control, info) = granted.ok_or(StartError::TooMany)?;
        let lender: Arc<dyn Lender> = Arc::<Self>::clone(self);
        Ok(Lease { connection, info, control, lender, generation })
    }

    /// Looks at one instance.
    pub(super) fn with<T>(&self, generation: Generation, look: impl FnOnce(&mut Instance<C>) -> T) -> Option<T> {
        self.inside().instances.get_mut(&generation).map(look)
    }

    /// Whether this start is still wanted.
    pub(super) fn is_starting(&self, generation: Generation) -> bool {
        self.inside().slot.starting_now() == Some(generation)
    }

    /// An instance is gone, or was never there; the event tells the slot.
    pub(super) fn gone(self: &Arc<Self>, generation: Generation, trouble: Option<String>, event: Event) {
        {
            let mut inside = self.inside();
            inside.instances.remove(&generation);
            if trouble.is_some() {
                inside.trouble = trouble;
            }
        }
        self.apply(event);
    }

    pub(super) fn idle_since(&self) -> Option<Instant> {
        self.inside().slot.idle_since()
    }

    /// The instance of this id, if it is here.
    pub(super) fn generation_of(&self, id: &str) -> Option<Generation> {
        let inside = self.inside();
        let found = inside.instances.iter().find(|(_, instance)| instance.info.id == id);
        found.map(|(generation, _)| *generation)
    }

    /// The instance that serves or will.
    pub(super) fn current(&self) -> Option<Generation> {
        let inside = self.inside();
        inside.slot.serving().or_else(|| inside.slot.starting_now())
    }

    pub(super) fn kill_all(&self) {
        let inside = self.inside();
        for instance in inside.instances.values() {
            instance.cancelled.notify_one();
            if let Some(control) = &instance.control {
                control.kill();
            }
        }
    }

    pub(super) fn records(&self) -> Vec<InstanceRecord> {
        let seen: Vec<_> = {
            let inside = self.inside();
            let seen = inside.instances.iter().map(|(generation, instance)| {
                let state = state_of(&inside.slot, *generation);
                let leases = instance.leases;
                (instance.info.clone(), state, leases, instance.control.clone(), instance.last.lines())
            });
            seen.collect()
        };
        // Reading what was used takes a few files; nobody waits for that.
        let record = |(info, state, leases, control, said): (_, _, _, Option<Arc<dyn Control>>, _)| {
            let usage = control.map_or_else(Usage::default, |control| control.usage());
            InstanceRecord { info, state, leases, usage, said }
        };
        seen.into_iter().map(record).collect()
    }

    /// Closes the slot for good if nothing would be lost by it.
    pub(super) fn close_if_over(&self) -> bool {
        let mut inside = self.inside();
        inside.closed = inside.slot.is_over() && inside.instances.is_empty() && inside.waiting.is_empty();
        inside.closed
    }

    /// Wakes the slot when it asks for it, until there is nothing more to wake.
    pub(super) async fn watch_the_clock(self: Arc<Self>) {
        loop {
            if self.house.forget(&self) {
                return;
            }
            let wake = self.inside().slot.next_wake();
            let sleep = async {
                match wake {
                    Some(wake) => tokio::time::sleep_until(wake.into()).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = sleep => self.apply(Event::Tick),
                () = self.clock.notified() => {}
            }
        }
    }
}

impl<C: Connect> Inside<C> {
    /// Does something to an instance that runs; one that does not run yet is told not to.
    fn control(&self, generation: Generation, act: impl FnOnce(&(dyn Control + 'static))) {
        let Some(instance) = self.instances.get(&generation) else { return };
        match &instance.control {
            Some(control) => act(control.as_ref()),
            None => instance.cancelled.notify_one(),
        }
    }

    fn freeze(&self, generation: Generation, frozen: bool) {
        self.control(generation, |control| {
            // Where the host cannot, it runs on: it only costs the CPU that it takes.
            control.freeze(frozen);
        });
    }

    /// No new call gets it. A server on stdio ends by itself when the last one lets go of its streams.
    fn let_go(&mut self, generation: Generation) {
        if let Some(instance) = self.instances.get_mut(&generation) {
            instance.connection = None;
        }
    }

    fn refusal(&self, why: Why) -> StartError {
        match why {
            Why::TimedOut => StartError::TimedOut(self.trouble.clone()),
            Why::TooMany => StartError::TooMany,
            Why::Broken { until } => {
                StartError::Broken { why: self.trouble.clone(), retry_in: until.saturating_duration_since(now()) }
            }
            Why::Refused => StartError::Refused(self.trouble.clone().unwrap_or_default()),
            Why::Closing => StartError::Closing,
        }
    }
}

fn state_of(slot: &Slot, generation: Generation) -> State {
    match slot.phase() {
        Phase::Starting if slot.starting_now() == Some(generation) => State::Starting,
        Phase::Warm { frozen: false, .. } if slot.serving() == Some(generation) => State::Warm,
        Phase::Warm { frozen: true, .. } if slot.serving() == Some(generation) => State::Frozen,
        _ => State::Draining,
    }
}

/// A call that waits, and is waited for no more when it is dropped.
struct GivenUp<C: Connect> {
    cell: Arc<Cell<C>>,
    waiter: Waiter,
}

impl<C: Connect> Drop for GivenUp<C> {
    fn drop(&mut self) {
        self.cell.apply(Event::Abandoned(self.waiter));
    }
}
