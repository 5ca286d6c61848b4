//! The slot by scenes, and by any sequence of events.

mod kept;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn life() -> Life {
    Life {
        start_timeout: 5 * SECOND,
        freeze_after: Some(10 * SECOND),
        stop_after: 20 * SECOND,
        drain_deadline: 4 * SECOND,
        stop_grace: 2 * SECOND,
        min_warm: false,
    }
}

/// A slot and its clock.
struct Scene {
    slot: Slot,
    now: Instant,
}

impl Scene {
    fn new(life: Life) -> Self {
        Self { slot: Slot::new(life, false), now: Instant::now() }
    }

    fn on(&mut self, event: Event) -> Vec<Action> {
        self.slot.handle(event, self.now)
    }

    fn call(&mut self, waiter: Waiter) -> Vec<Action> {
        self.on(Event::Call { waiter, deadline: self.now + 3 * SECOND })
    }

    fn after(&mut self, time: Duration) -> Vec<Action> {
        self.now += time;
        self.on(Event::Tick)
    }

    fn warm(life: Life) -> Self {
        let mut scene = Self::new(life);
        scene.call(1);
        scene.on(Event::Launching(1));
        scene.on(Event::Ready(1));
        scene.on(Event::Returned { generation: 1, count: 1 });
        scene
    }
}

fn grant(waiter: Waiter, generation: Generation) -> Action {
    Action::Grant { waiter, generation }
}

#[test]
fn a_hundred_first_calls_start_one_instance() {
    let mut scene = Scene::new(life());
    assert_eq!(scene.call(1), [Action::Start(1)]);
    for waiter in 2..=100 {
        assert_eq!(scene.call(waiter), []);
    }
    scene.on(Event::Launching(1));
    assert_eq!(scene.on(Event::Ready(1)), (1..=100).map(|waiter| grant(waiter, 1)).collect::<Vec<_>>());
    assert_eq!(scene.slot.phase(), Phase::Warm { leases: 100, frozen: false });
    assert_eq!(scene.call(101), [grant(101, 1)]);
}

#[test]
fn held_calls_are_bounded_in_number_and_time() {
    let mut scene = Scene::new(life());
    for waiter in 0..HELD_MAX as u64 {
        scene.call(waiter);
    }
    assert_eq!(scene.call(999), [Action::Refuse { waiter: 999, why: Why::TooMany }]);
    let refused = scene.after(3 * SECOND);
    assert_eq!(refused.len(), HELD_MAX);
    assert!(refused.iter().all(|action| matches!(action, Action::Refuse { why: Why::TimedOut, .. })));
}

#[test]
fn an_idle_instance_is_frozen_then_stopped_then_killed() {
    let mut scene = Scene::warm(life());
    assert_eq!(scene.after(9 * SECOND), []);
    assert_eq!(scene.after(SECOND), [Action::Freeze(1)]);
    assert_eq!(scene.after(10 * SECOND), [Action::Thaw(1), Action::Stop(1)]);
    assert_eq!(scene.slot.phase(), Phase::Draining);
    assert_eq!(scene.after(2 * SECOND), [Action::Kill(1)]);
    assert_eq!(scene.on(Event::Died(1)), []);
    assert!(scene.slot.is_over());
}

#[test]
fn a_call_wakes_what_is_frozen() {
    let mut scene = Scene::warm(life());
    scene.after(10 * SECOND);
    assert_eq!(scene.call(2), [Action::Thaw(1), grant(2, 1)]);
    assert_eq!(scene.after(100 * SECOND), [], "an instance in use sleeps never");
    scene.on(Event::Returned { generation: 1, count: 1 });
    assert_eq!(scene.after(10 * SECOND), [Action::Freeze(1)]);
}

#[test]
fn pauses_double_until_the_breaker_opens_and_one_try_is_made_when_it_closes() {
    let mut scene = Scene::new(life());
    scene.on(Event::Keep(true));
    let mut pauses = Vec::new();
    for generation in 1..=BREAKER_FAILURES {
        let failed = scene.now;
        scene.on(Event::Failed(generation.into()));
        let wake = scene.slot.next_wake().unwrap();
        scene.now = wake;
        pauses.push((wake - failed).as_millis());
        if generation < BREAKER_FAILURES {
            assert_eq!(scene.on(Event::Tick), [Action::Start(u64::from(generation) + 1)]);
        }
    }
    assert_eq!(pauses, [200, 400, 800, 1600, 30_000]);
    let until = scene.now;
    scene.now -= SECOND;
    assert_eq!(scene.call(7), [Action::Refuse { waiter: 7, why: Why::Broken { until } }]);
    scene.now = until;
    assert_eq!(scene.call(8), [Action::Start(6)]);
    assert_eq!(scene.on(Event::Ready(6)), [grant(8, 6)]);
}

#[test]
fn calls_that_wait_are_held_over_a_pause_and_refused_when_the_breaker_opens() {
    let mut scene = Scene::new(life());
    scene.call(1);
    assert_eq!(scene.on(Event::Failed(1)), []);
    assert_eq!(scene.after(BACKOFF_FIRST), [Action::Start(2)]);
    for generation in 2..BREAKER_FAILURES {
        scene.on(Event::Failed(generation.into()));
        scene.now = scene.slot.next_wake().unwrap().min(scene.now + SECOND);
        scene.call(u64::from(generation) + 10);
        scene.after(2 * SECOND);
    }
    let refused = scene.on(Event::Failed(BREAKER_FAILURES.into()));
    assert!(matches!(refused[..], [Action::Refuse { why: Why::Broken { .. }, .. }]), "{refused:?}");
}

#[test]
fn a_start_that_cannot_succeed_is_not_tried_again() {
    let mut scene = Scene::new(life());
    scene.call(1);
    assert_eq!(scene.on(Event::Refused(1)), [Action::Refuse { waiter: 1, why: Why::Refused }]);
    assert_eq!(scene.slot.failures(), 0);
    assert_eq!(scene.slot.next_wake(), None);
}

#[test]
fn one_that_does_not_answer_in_time_is_killed_and_counts_as_failed() {
    let mut scene = Scene::new(Life { start_timeout: SECOND, ..life() });
    scene.call(1);
    assert_eq!(scene.after(2 * SECOND), [], "it waits for a place: its time has not begun");
    scene.on(Event::Launching(1));
    let actions = scene.after(SECOND);
    assert_eq!(actions, [Action::Refuse { waiter: 1, why: Why::TimedOut }, Action::Kill(1)]);
    assert_eq!(scene.slot.failures(), 1);
    assert_eq!(scene.on(Event::Ready(1)), [], "too late");
}

#[test]
fn a_long_life_is_no_failure_upon_failures() {
    for (lived, failures) in [(SECOND, 2), (STABLE, 1)] {
        let mut scene = Scene::new(life());
        scene.call(1);
        scene.on(Event::Failed(1));
        scene.after(BACKOFF_FIRST);
        scene.on(Event::Launching(2));
        scene.on(Event::Ready(2));
        scene.after(lived);
        scene.on(Event::Died(2));
        assert_eq!(scene.slot.failures(), failures, "{lived:?}");
    }
}

#[test]
fn a_changed_launch_replaces_the_instance_and_calls_in_flight_keep_theirs() {
    let mut scene = Scene::warm(life());
    scene.call(2);
    assert_eq!(scene.on(Event::Relaunch { life: life(), exclusive: false }), []);
    assert_eq!(scene.call(3), [Action::Start(2)]);
    scene.on(Event::Launching(2));
    assert_eq!(scene.on(Event::Ready(2)), [grant(3, 2)]);
    assert_eq!(scene.on(Event::Returned { generation: 1, count: 1 }), [Action::Stop(1)]);
}

#[test]
fn calls_in_flight_get_their_time_and_no_more() {
    let mut scene = Scene::warm(life());
    scene.call(2);
    scene.on(Event::Stop(1));
    assert_eq!(scene.after(3 * SECOND), []);
    assert_eq!(scene.after(SECOND), [Action::Stop(1)]);
    assert_eq!(scene.after(2 * SECOND), [Action::Kill(1)]);
}

/// Two calls may find the same instance worn, one of them when another serves already.
#[test]
fn who_stops_an_instance_does_not_stop_the_next() {
    let mut scene = Scene::warm(life());
    scene.call(2);
    scene.on(Event::Stop(1));
    assert_eq!(scene.call(3), [Action::Start(2)]);
    assert_eq!(scene.on(Event::Stop(1)), []);
    scene.on(Event::Launching(2));
    assert_eq!(scene.on(Event::Ready(2)), [Action::Grant { waiter: 3, generation: 2 }]);
    assert_eq!(scene.on(Event::Stop(1)), []);
    assert_eq!(scene.slot.serving(), Some(2));
}

#[test]
fn with_a_volume_the_next_waits_for_the_last_ones_end() {
    let mut scene = Scene::warm(life());
    assert_eq!(scene.on(Event::Relaunch { life: life(), exclusive: true }), [Action::Stop(1)]);
    assert_eq!(scene.call(2), []);
    assert_eq!(scene.on(Event::Died(1)), [Action::Start(2)]);
}

#[test]
fn an_end_of_the_gateway_refuses_who_waits_and_starts_nothing() {
    let mut scene = Scene::new(life());
    scene.on(Event::Keep(true));
    scene.call(1);
    let refused = Action::Refuse { waiter: 1, why: Why::Closing };
    assert_eq!(scene.on(Event::Close), [Action::Kill(1), refused]);
    assert_eq!(scene.call(2), [Action::Refuse { waiter: 2, why: Why::Closing }]);
    assert_eq!(scene.on(Event::Died(1)), []);
    assert!(scene.slot.is_over());
}

/// A step of the world around a slot; numbers are taken modulo what there is.
#[derive(Clone, Debug)]
enum Step {
    Call,
    Abandon(usize),
    Return(usize),
    Launch(usize),
    Ready(usize),
    Fail(usize),
    Refuse(usize),
    Die(usize),
    Relaunch { exclusive: bool },
    Keep(bool),
    Yield,
    Stop(usize),
    Wait(u64),
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        5 => Just(Step::Call),
        1 => any::<usize>().prop_map(Step::Abandon),
        4 => any::<usize>().prop_map(Step::Return),
        5 => any::<usize>().prop_map(Step::Launch),
        5 => any::<usize>().prop_map(Step::Ready),
        2 => any::<usize>().prop_map(Step::Fail),
        1 => any::<usize>().prop_map(Step::Refuse),
        2 => any::<usize>().prop_map(Step::Die),
        1 => any::<bool>().prop_map(|exclusive| Step::Relaunch { exclusive }),
        1 => any::<bool>().prop_map(Step::Keep),
        1 => Just(Step::Yield),
        1 => any::<usize>().prop_map(Step::Stop),
        4 => (0_u64..40_000).prop_map(Step::Wait),
    ]
}

/// What the owner of a slot would see, and what it holds the slot to.
struct World {
    slot: Slot,
    now: Instant,
    waiting: BTreeSet<Waiter>,
    waiters: Waiter,
    /// Alive, with the calls that have each, and whether it was told to end.
    alive: BTreeMap<Generation, Alive>,
    exclusive: bool,
}

#[expect(clippy::struct_excessive_bools, reason = "a naive model says each fact by itself")]
#[derive(Default)]
struct Alive {
    ready: bool,
    leases: u32,
    frozen: bool,
    leaving: bool,
    killed: bool,
}

impl World {
    fn new() -> Self {
        let (waiting, alive) = (BTreeSet::new(), BTreeMap::new());
        let slot = Slot::new(life(), false);
        Self { slot, now: Instant::now(), waiting, waiters: 0, alive, exclusive: false }
    }

    fn pick(&self, number: usize) -> Option<Generation> {
        let all: Vec<_> = self.alive.keys().copied().collect();
        (!all.is_empty()).then(|| all[number % all.len()])
    }

    fn event(&mut self, event: Event) {
        for action in self.slot.handle(event, self.now) {
            self.perform(action);
        }
        let granted = self.slot.serving().map(|one| self.alive[&one].leases);
        if let Phase::Warm { leases, frozen } = self.slot.phase() {
            assert_eq!(granted, Some(leases), "the slot knows who has its instance");
            assert_eq!(self.alive[&self.slot.serving().unwrap()].frozen, frozen);
        }
    }

    fn perform(&mut self, action: Action) {
        match action {
            Action::Start(generation) => {
                assert!(self.alive.values().all(|one| one.leaving), "two at once that serve");
                assert!(!self.exclusive || self.alive.is_empty(), "two at once on one volume");
                assert!(self.alive.insert(generation, Alive::default()).is_none());
            }
            Action::Grant { waiter, generation } => {
                assert!(self.waiting.remove(&waiter), "answered twice");
                let one = self.alive.get_mut(&generation).expect("a grant of what is dead");
                assert!(one.ready && !one.leaving && !one.frozen);
                one.leases += 1;
            }
            Action::Refuse { waiter, .. } => assert!(self.waiting.remove(&waiter), "answered twice"),
            Action::Freeze(generation) => {
                let one = self.alive.get_mut(&generation).unwrap();
                assert!(one.leases == 0 && !one.frozen && !one.leaving);
                one.frozen = true;
            }
            Action::Thaw(generation) => self.alive.get_mut(&generation).unwrap().frozen = false,
            Action::Stop(generation) => {
                let one = self.alive.get_mut(&generation).unwrap();
                assert!(!one.frozen, "what is frozen cannot end by itself");
                one.leaving = true;
            }
            Action::Kill(generation) => {
                let one = self.alive.get_mut(&generation).unwrap();
                (one.leaving, one.killed) = (true, true);
            }
        }
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Call => {
                self.waiters += 1;
                self.waiting.insert(self.waiters);
                self.event(Event::Call { waiter: self.waiters, deadline: self.now + 3 * SECOND });
            }
            Step::Abandon(number) => {
                let all: Vec<_> = self.waiting.iter().copied().collect();
                if let Some(waiter) = (!all.is_empty()).then(|| all[number % all.len()]) {
                    self.waiting.remove(&waiter);
                    self.event(Event::Abandoned(waiter));
                }
            }
            Step::Return(number) => {
                if let Some(one) = self.pick(*number)
                    && self.alive[&one].leases > 0
                {
                    self.alive.get_mut(&one).unwrap().leases -= 1;
                    self.event(Event::Returned { generation: one, count: 1 });
                }
            }
            Step::Launch(number) => self.send_one(*number, Event::Launching),
            Step::Ready(number) => {
                if let Some(one) = self.pick(*number) {
                    self.alive.get_mut(&one).unwrap().ready = true;
                    self.event(Event::Ready(one));
                }
            }
            Step::Fail(number) => self.end_one(*number, Event::Failed, false),
            Step::Refuse(number) => self.end_one(*number, Event::Refused, false),
            Step::Die(number) => self.end_one(*number, Event::Died, true),
            Step::Keep(kept) => self.event(Event::Keep(*kept)),
            Step::Relaunch { exclusive } => {
                // Those that run stay until they end; from now on no two may.
                self.exclusive = *exclusive;
                if let Some(one) = self.slot.serving() {
                    self.alive.get_mut(&one).unwrap().leaving = true;
                }
                self.event(Event::Relaunch { life: life(), exclusive: *exclusive });
            }
            Step::Yield => {
                let idle = self.slot.idle_since().is_some();
                let serving = self.slot.serving();
                if let Some(one) = serving.filter(|_| idle) {
                    self.alive.get_mut(&one).unwrap().leaving = true;
                }
                self.event(Event::Yield);
            }
            Step::Stop(number) => {
                let Some(one) = self.pick(*number) else { return };
                if self.slot.serving() == Some(one) {
                    self.alive.get_mut(&one).unwrap().leaving = true;
                }
                self.event(Event::Stop(one));
            }
            Step::Wait(milliseconds) => self.wait(Duration::from_millis(*milliseconds)),
        }
    }

    fn send_one(&mut self, number: usize, event: impl Fn(Generation) -> Event) {
        if let Some(one) = self.pick(number) {
            self.event(event(one));
        }
    }

    /// A start that failed is dead, and so is what died.
    fn end_one(&mut self, number: usize, event: impl Fn(Generation) -> Event, died: bool) {
        let Some(one) = self.pick(number) else { return };
        if !died && self.alive[&one].ready {
            return;
        }
        self.alive.remove(&one);
        self.event(event(one));
        if !died {
            self.event(Event::Died(one));
        }
    }

    /// Time goes by, with a tick wherever the slot asks for one.
    fn wait(&mut self, time: Duration) {
        let until = self.now + time;
        for _ in 0..1000 {
            let Some(wake) = self.slot.next_wake().filter(|wake| *wake <= until) else { break };
            self.now = self.now.max(wake);
            self.event(Event::Tick);
            assert!(self.slot.next_wake().is_none_or(|next| next > self.now), "it wants to be woken for nothing");
        }
        self.now = until;
        self.event(Event::Tick);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]
    #[test]
    fn whatever_happens_each_call_is_answered_once_and_nothing_is_left_running(steps in proptest::collection::vec(any_step(), 1..80)) {
        let mut world = World::new();
        for step in &steps {
            world.step(step);
        }
        world.wait(4 * SECOND);
        let holding = world.waiting.len();
        let starting = world.slot.phase() == Phase::Starting || world.slot.phase() == Phase::Cold || world.slot.phase() == Phase::Draining;
        prop_assert!(holding == 0 || starting);
        for one in world.alive.values_mut() {
            one.leaving = true;
        }
        world.event(Event::Close);
        world.wait(100 * SECOND);
        prop_assert!(world.waiting.is_empty(), "{:?}", world.waiting);
        prop_assert!(world.alive.values().all(|one| one.killed), "what does not end by itself is ended");
        let left: Vec<_> = world.alive.keys().copied().collect();
        for one in left {
            world.alive.remove(&one);
            world.event(Event::Died(one));
        }
        prop_assert!(world.slot.is_over());
    }
}
