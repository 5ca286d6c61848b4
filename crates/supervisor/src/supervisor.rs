//! The supervisor: slots by key, and the hands that do what a slot decides.
//!
//! A call takes a [`Lease`] and has the instance until it drops it. What is built on an instance's streams is the
//! caller's: a [`Connect`] makes it, and says by making it that the instance answers.

mod cell;
mod lease;
mod places;
mod start;

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use partywall_domain::Revision;
use partywall_tenancy::InstanceKey;
use tokio::runtime::Handle;

use crate::driver::{BoxFuture, Driver, End, Io, Usage};
use crate::floor::Enforced;
use crate::launch::Launch;
use crate::output::Line;
use crate::slot::Event;
use cell::Cell;
pub use lease::{Lease, StartError};
use places::Places;

/// Slots at once: those with an instance, and those that failed lately. 10,000: far beyond what one host runs.
const SLOTS_MAX: usize = 10_000;
/// Between two looks whether all has ended, at the end of the gateway.
const LOOK: Duration = Duration::from_millis(10);

/// Makes of an instance's streams what calls use.
pub trait Connect: Send + Sync + 'static {
    /// What calls use.
    type Connection: Clone + Send + Sync + 'static;
    /// Speaks with the instance until it answers. What fails is one line for the operator.
    fn connect(&self, instance: &InstanceInfo, io: Io) -> BoxFuture<'static, Result<Self::Connection, String>>;
}

/// Is told what becomes of instances. It must not block.
pub trait Watch: Send + Sync + 'static {
    /// A line from an instance's stderr.
    fn said(&self, instance: &InstanceInfo, line: Line);
    /// An instance answered, so long after it was wanted.
    fn ready(&self, instance: &InstanceInfo, took: Duration);
    /// An instance ended, having lived so long.
    fn ended(&self, instance: &InstanceInfo, end: &End, lived: Duration);
}

/// Which instance.
#[derive(Clone, Debug)]
pub struct InstanceInfo {
    /// Its id: random, and never used again.
    pub id: String,
    /// Whose it is, and of which server.
    pub key: InstanceKey,
    /// When its start began.
    pub since: SystemTime,
    /// What is enforced for it.
    pub enforced: Arc<Enforced>,
}

/// An instance as operators see it.
#[derive(Clone, Debug)]
pub struct InstanceRecord {
    /// Which.
    pub info: InstanceInfo,
    /// What it does.
    pub state: State,
    /// Calls that have it.
    pub leases: u32,
    /// What it used so far.
    pub usage: Usage,
    /// What it said last, a line each.
    pub said: Vec<String>,
}

/// What an instance does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It does not answer yet.
    Starting,
    /// It serves.
    Warm,
    /// It would serve, and its clock stands still.
    Frozen,
    /// It serves no new call and ends.
    Draining,
}

impl State {
    /// The word for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Warm => "warm",
            Self::Frozen => "frozen",
            Self::Draining => "draining",
        }
    }
}

/// What holds for all slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Instances at once. Default 64: with the default limit on memory, what a host of 32 GiB has.
    pub awake_max: usize,
    /// For which a call is held while its instance starts. Default 30 s: most clients give up after 60.
    pub hold_timeout: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self { awake_max: 64, hold_timeout: Duration::from_secs(30) }
    }
}

/// Starts, watches and stops instances.
pub struct Supervisor<C: Connect> {
    house: Arc<House<C>>,
}

struct House<C: Connect> {
    driver: Arc<dyn Driver>,
    connect: C,
    watch: Arc<dyn Watch>,
    settings: Settings,
    enforced: Arc<Enforced>,
    slots: Mutex<HashMap<InstanceKey, Arc<Cell<C>>>>,
    places: Places,
    closing: AtomicBool,
    /// Leases come back on any thread, and what follows from that runs here.
    runtime: Handle,
}

impl<C: Connect> Clone for Supervisor<C> {
    fn clone(&self) -> Self {
        Self { house: Arc::clone(&self.house) }
    }
}

impl<C: Connect> fmt::Debug for Supervisor<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Supervisor").field("settings", &self.house.settings).finish_non_exhaustive()
    }
}

impl<C: Connect> Supervisor<C> {
    /// A supervisor without instances. It lives on the runtime that this is called on.
    pub fn new(driver: Arc<dyn Driver>, connect: C, watch: Arc<dyn Watch>, settings: Settings) -> Self {
        let enforced = Arc::new(driver.enforced().clone());
        let places = Places::new(settings.awake_max);
        let (slots, closing) = (Mutex::default(), AtomicBool::new(false));
        Self {
            house: Arc::new(House {
                driver,
                connect,
                watch,
                settings,
                enforced,
                slots,
                places,
                closing,
                runtime: Handle::current(),
            }),
        }
    }

    /// What this host enforces for its instances.
    pub fn enforced(&self) -> &Enforced {
        &self.house.enforced
    }

    /// The instance of a key, started if it does not run, replaced if it runs something else. What to run is asked for
    /// only where this revision is news.
    ///
    /// Many at once start one instance. A call is held while that takes, no longer than the settings say.
    pub async fn lease(
        &self,
        key: &InstanceKey,
        revision: Revision,
        launch: impl Fn() -> Result<Launch, StartError>,
    ) -> Result<Lease<C::Connection>, StartError> {
        loop {
            let cell = self.house.cell(key, &launch)?;
            if cell.has_not_seen(revision) {
                cell.relaunch(&launch()?);
            }
            // A slot that has just been forgotten is no slot; there is a new one then.
            if let Some(answer) = cell.call() {
                return answer.await;
            }
        }
    }

    /// What calls of a key use now, where an instance serves: for what is not worth a start.
    pub fn current(&self, key: &InstanceKey) -> Option<C::Connection> {
        let cell = self.house.slots().get(key).cloned();
        cell?.connection()
    }

    /// Keeps an instance of a key from now on, whether anybody calls or not: it starts now, and again when it has ended.
    /// Waits until it serves.
    ///
    /// # Errors
    /// Why it does not serve. It is tried again all the same, unless the start was refused.
    pub async fn keep(&self, key: &InstanceKey, launch: &Launch) -> Result<(), StartError> {
        loop {
            let cell = self.house.cell(key, || Ok(launch.clone()))?;
            cell.relaunch(launch);
            cell.apply(Event::Keep(true));
            if let Some(answer) = cell.call() {
                return answer.await.map(drop);
            }
        }
    }

    /// Keeps no instance of a key any more: one that runs may become idle.
    pub fn let_go(&self, key: &InstanceKey) {
        let cell = self.house.slots().get(key).cloned();
        cell.inspect(|cell| cell.apply(Event::Keep(false)));
    }

    /// How many may be kept: all but a quarter of the places, and at least one is left to those that are called. What is
    /// kept makes no place for others.
    pub fn kept_max(&self) -> usize {
        let all = self.house.settings.awake_max;
        all - (all / 4).max(1).min(all)
    }

    /// All instances, those on their way out included.
    pub fn list(&self) -> Vec<InstanceRecord> {
        let mut all: Vec<_> = self.house.cells().iter().flat_map(|cell| cell.records()).collect();
        all.sort_by(|a, b| a.info.since.cmp(&b.info.since).then_with(|| a.info.id.cmp(&b.info.id)));
        all
    }

    /// Stops an instance when its calls are done; whether there is one of this id. The next call starts another.
    pub fn stop(&self, id: &str) -> bool {
        let mut cells = self.house.cells().into_iter();
        let found = cells.find_map(|cell| Some((cell.generation_of(id)?, cell)));
        found.inspect(|(generation, cell)| cell.apply(Event::Stop(*generation))).is_some()
    }

    /// Stops the instance of a key when its calls are done.
    pub fn stop_of(&self, key: &InstanceKey) {
        let cell = self.house.slots().get(key).cloned();
        if let Some((generation, cell)) = cell.and_then(|cell| Some((cell.current()?, cell))) {
            cell.apply(Event::Stop(generation));
        }
    }

    /// Ends all instances. Calls in flight get their time, but none longer than this.
    pub async fn shutdown(&self, deadline: Duration) {
        self.house.closing.store(true, Ordering::SeqCst);
        let until = tokio::time::Instant::now() + deadline;
        self.house.cells().iter().for_each(|cell| cell.apply(Event::Close));
        while !self.house.cells().is_empty() {
            if tokio::time::Instant::now() >= until {
                self.house.cells().iter().for_each(|cell| cell.kill_all());
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}

impl<C: Connect> House<C> {
    fn slots(&self) -> MutexGuard<'_, HashMap<InstanceKey, Arc<Cell<C>>>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn cells(&self) -> Vec<Arc<Cell<C>>> {
        self.slots().values().cloned().collect()
    }

    fn cell(
        self: &Arc<Self>,
        key: &InstanceKey,
        launch: impl FnOnce() -> Result<Launch, StartError>,
    ) -> Result<Arc<Cell<C>>, StartError> {
        let mut slots = self.slots();
        // Under the lock, so that the end of the gateway finds every slot.
        if self.closing.load(Ordering::SeqCst) {
            return Err(StartError::Closing);
        }
        if let Some(cell) = slots.get(key) {
            return Ok(Arc::clone(cell));
        }
        if slots.len() >= SLOTS_MAX {
            return Err(StartError::TooMany);
        }
        let cell = Cell::new(Arc::clone(self), key.clone(), launch()?);
        slots.insert(key.clone(), Arc::clone(&cell));
        self.runtime.spawn(Arc::clone(&cell).watch_the_clock());
        Ok(cell)
    }

    /// Lets go of a slot in which nothing is going on; whether it did.
    fn forget(&self, cell: &Cell<C>) -> bool {
        let mut slots = self.slots();
        let over = cell.close_if_over();
        if over {
            slots.remove(cell.key());
        }
        over
    }

    /// Asks the instance that has been idle longest to make place for another.
    fn make_place(&self) {
        let cells = self.cells();
        let idle = cells.iter().filter_map(|cell| Some((cell.idle_since()?, cell)));
        if let Some((_, cell)) = idle.min_by_key(|(since, _)| *since) {
            cell.apply(Event::Yield);
        }
    }
}

/// The time, by the clock that tests can stop.
fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}
