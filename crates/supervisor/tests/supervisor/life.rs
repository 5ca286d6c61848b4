//! The life of instances, as calls see it.

use std::collections::BTreeSet;
use std::time::Duration;

use partywall_domain::Revision;
use partywall_supervisor::LINE_BYTES_MAX;
use partywall_supervisor::driver::Cause;
use partywall_supervisor::floor::{Floor, Guarantee, Isolation};
use partywall_supervisor::launch::{Launch, Life, Secret};
use partywall_supervisor::slot::BREAKER_FAILURES;
use partywall_supervisor::supervisor::{Settings, StartError, State};

use crate::world::{PATIENCE, World, echo, lease_of, shell};

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_simultaneous_first_calls_start_one_instance() {
    let world = World::new(Settings::default()).await;
    let (key, launch) = (world.key(0), echo("one"));
    let calls: Vec<_> = (0..100)
        .map(|number| {
            let (supervisor, key, launch) = (world.supervisor.clone(), key.clone(), launch.clone());
            tokio::spawn(async move {
                let lease = lease_of(&supervisor, &key, &launch).await.unwrap();
                let answer = lease.connection().say(&number.to_string()).await.unwrap();
                (lease.info().id.clone(), answer == format!("one {number}"))
            })
        })
        .collect();
    let mut instances = BTreeSet::new();
    for call in calls {
        let (instance, right) = call.await.unwrap();
        assert!(right);
        instances.insert(instance);
    }
    assert_eq!(instances.len(), 1);
    assert_eq!(world.seen.ready.lock().unwrap().len(), 1);
    let list = world.until("given back", |list| list.iter().all(|one| one.leases == 0)).await;
    assert_eq!(list[0].state, State::Warm);
}

#[tokio::test]
async fn each_tenant_has_an_instance_of_its_own() {
    let world = World::new(Settings::default()).await;
    let a = lease_of(&world.supervisor, &world.key(0), &echo("x")).await.unwrap();
    let b = lease_of(&world.supervisor, &world.key(1), &echo("x")).await.unwrap();
    let again = lease_of(&world.supervisor, &world.key(0), &echo("x")).await.unwrap();
    assert_ne!(a.info().id, b.info().id);
    assert_eq!(a.info().id, again.info().id);
    assert_eq!(world.supervisor.list().len(), 2);
    let kept = world.supervisor.list()[0].info.enforced.guarantees.contains_key(&Guarantee::Seccomp);
    assert!(kept, "the record says what is enforced");
}

#[tokio::test]
async fn an_idle_instance_sleeps_stops_and_is_started_again() {
    let world = World::new(Settings::default()).await;
    let mut launch = echo("x");
    let (freeze, stop) = (Duration::from_millis(300), Duration::from_millis(1500));
    launch.life = Life { freeze_after: Some(freeze), stop_after: stop, ..launch.life };
    let lease = lease_of(&world.supervisor, &world.key(0), &launch).await.unwrap();
    let first = lease.info().id.clone();
    drop(lease);
    world.until("frozen", |list| list.iter().any(|one| one.state == State::Frozen)).await;
    let lease = lease_of(&world.supervisor, &world.key(0), &launch).await.unwrap();
    assert_eq!(lease.info().id, first);
    assert_eq!(lease.connection().say("awake").await.unwrap(), "x awake");
    drop(lease);
    world.until("stopped", <[_]>::is_empty).await;
    assert_ne!(lease_of(&world.supervisor, &world.key(0), &launch).await.unwrap().info().id, first);
}

#[tokio::test]
async fn what_keeps_dying_is_refused_with_its_last_words() {
    let world = World::new(Settings::default()).await;
    let launch = shell("echo no licence >&2; exit 3");
    let refused = lease_of(&world.supervisor, &world.key(0), &launch).await.unwrap_err();
    let StartError::Broken { .. } = &refused else { panic!("{refused:?}") };
    let told = refused.to_string();
    assert!(told.contains("exited with code 3; it said last: no licence") && told.contains("tried again in"), "{told}");
    assert_eq!(world.seen.ends.lock().unwrap().len(), BREAKER_FAILURES as usize);
    assert!(world.seen.lines.lock().unwrap().iter().all(|line| line == "no licence"));
    let fixed = Launch { revision: Revision(1), ..echo("x") };
    let lease = lease_of(&world.supervisor, &world.key(0), &fixed).await;
    assert!(lease.is_ok(), "what was changed is tried at once: {lease:?}");
}

#[tokio::test]
async fn one_that_never_answers_is_ended_and_the_caller_told() {
    let world = World::new(Settings { hold_timeout: Duration::from_millis(700), ..Settings::default() }).await;
    let mut launch = shell("sleep 600");
    launch.life.start_timeout = Duration::from_millis(300);
    let refused = lease_of(&world.supervisor, &world.key(0), &launch).await.unwrap_err();
    assert!(matches!(refused, StartError::TimedOut(_)), "{refused:?}");
    assert!(world.seen.ends.lock().unwrap().iter().all(|end| end.cause == Cause::Signal(9)));
}

#[tokio::test]
async fn what_cannot_be_had_here_is_refused_by_name() {
    let world = World::new(Settings::default()).await;
    let mut launch = echo("x");
    launch.require = Floor { isolation: Some(Isolation::Microvm), ..Floor::default() };
    let refused = lease_of(&world.supervisor, &world.key(0), &launch).await.unwrap_err().to_string();
    assert!(refused.contains("tier `process` does not hold `isolation:microvm`"), "{refused}");
    world.until("nothing runs", <[_]>::is_empty).await;
}

#[tokio::test]
async fn a_changed_launch_replaces_and_an_older_one_does_not_come_back() {
    let world = World::new(Settings::default()).await;
    let key = world.key(0);
    let old = Launch { revision: Revision(1), ..echo("old") };
    let rotated = vec![("KEY".to_owned(), Secret::new("new"))];
    let new = Launch { revision: Revision(2), environment: rotated, ..echo("new") };
    let before = lease_of(&world.supervisor, &key, &old).await.unwrap();
    let after = lease_of(&world.supervisor, &key, &new).await.unwrap();
    assert_eq!(after.connection().say("a").await.unwrap(), "new a");
    assert_eq!(before.connection().say("b").await.unwrap(), "old b", "calls in flight keep theirs");
    let late = lease_of(&world.supervisor, &key, &old).await.unwrap();
    assert_eq!(late.info().id, after.info().id);
    drop(before);
    world.until("the old one is gone", |list| list.len() == 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn more_tenants_than_places_are_served_in_turn() {
    let world = World::new(Settings { awake_max: 3, ..Settings::default() }).await;
    for round in 0..3 {
        let calls: Vec<_> = (0..9)
            .map(|tenant| {
                let (supervisor, key) = (world.supervisor.clone(), world.key(tenant));
                tokio::spawn(async move {
                    let lease = lease_of(&supervisor, &key, &echo(&format!("t{tenant}"))).await?;
                    let awake = supervisor.list().iter().filter(|one| one.usage.cpu_us.is_some()).count();
                    Ok::<_, StartError>((lease.connection().say("hello").await, awake))
                })
            })
            .collect();
        for (tenant, call) in calls.into_iter().enumerate() {
            let (answer, awake) = tokio::time::timeout(PATIENCE, call).await.unwrap().unwrap().unwrap();
            assert_eq!(answer.unwrap(), format!("t{tenant} hello"), "round {round}");
            assert!(awake <= 3, "{awake} awake");
        }
    }
}

#[tokio::test]
async fn an_operator_stops_one_and_the_next_call_starts_another() {
    let world = World::new(Settings::default()).await;
    let first = lease_of(&world.supervisor, &world.key(0), &echo("x")).await.unwrap().info().id.clone();
    assert!(!world.supervisor.stop("unknown"));
    assert!(world.supervisor.stop(&first));
    let second = lease_of(&world.supervisor, &world.key(0), &echo("x")).await.unwrap().info().id.clone();
    assert_ne!(first, second);
    world.until("the first is gone", |list| list.iter().all(|one| one.info.id == second)).await;
}

#[tokio::test]
async fn one_kept_warm_starts_without_a_call_and_comes_back() {
    let world = World::new(Settings::default()).await;
    world.supervisor.keep(&world.key(0), &echo("x")).await.unwrap();
    let warm =
        |list: &[partywall_supervisor::supervisor::InstanceRecord]| list.iter().any(|one| one.state == State::Warm);
    let first = world.until("warm", warm).await[0].info.id.clone();
    assert!(world.supervisor.stop(&first));
    world.until("another", |list| warm(list) && list.iter().all(|one| one.info.id != first)).await;
    let mut launch = echo("x");
    launch.life.stop_after = Duration::from_millis(100);
    world.supervisor.keep(&world.key(0), &launch).await.unwrap();
    tokio::time::sleep(2 * launch.life.stop_after).await;
    assert!(warm(&world.supervisor.list()), "it is not idle while it is kept");
    world.supervisor.let_go(&world.key(0));
    world.until("idle like any other", <[_]>::is_empty).await;
}

#[tokio::test]
async fn what_is_kept_leaves_a_place_to_those_that_call() {
    for (awake_max, kept_max) in [(1, 0), (2, 1), (4, 3), (8, 6), (64, 48)] {
        let world = World::new(Settings { awake_max, ..Settings::default() }).await;
        assert_eq!(world.supervisor.kept_max(), kept_max, "of {awake_max}");
    }
    let world = World::new(Settings { awake_max: 2, ..Settings::default() }).await;
    world.supervisor.keep(&world.key(0), &echo("x")).await.unwrap();
    let kept = world.supervisor.list()[0].info.id.clone();
    for round in 0..2 {
        for tenant in 1..4 {
            let lease = lease_of(&world.supervisor, &world.key(tenant), &echo("x")).await;
            drop(lease.unwrap_or_else(|why| panic!("round {round}, tenant {tenant}: {why}")));
        }
    }
    assert!(world.supervisor.list().iter().any(|one| one.info.id == kept), "and it stays");
}

#[tokio::test]
async fn a_line_without_end_costs_its_server_the_rest_of_it() {
    let world = World::new(Settings::default()).await;
    let script =
        "head -c 8388608 /dev/zero | tr '\\0' x >&2; echo >&2; echo last >&2; while read line; do echo $line; done";
    let _lease = lease_of(&world.supervisor, &world.key(0), &shell(script)).await.unwrap();
    world.until("told", |list| list[0].said.last().is_some_and(|line| line == "last")).await;
    let lines = world.seen.lines.lock().unwrap();
    assert_eq!(lines.iter().map(String::len).collect::<Vec<_>>(), [LINE_BYTES_MAX, 4]);
}

#[tokio::test]
async fn a_caller_that_is_gone_holds_nothing() {
    let world = World::new(Settings::default()).await;
    let (key, launch) = (world.key(0), echo("x"));
    let given_up = tokio::time::timeout(Duration::from_millis(1), lease_of(&world.supervisor, &key, &launch)).await;
    drop(given_up);
    let lease = lease_of(&world.supervisor, &key, &launch).await.unwrap();
    assert_eq!(world.supervisor.list()[0].leases, 1);
    drop(lease);
    assert_eq!(world.supervisor.list()[0].leases, 0);
}

#[tokio::test]
async fn the_end_of_the_gateway_is_the_end_of_all() {
    let world = World::new(Settings::default()).await;
    let deaf = shell("trap '' TERM; while read line; do echo $line; done; while :; do sleep 1; done");
    let held = lease_of(&world.supervisor, &world.key(0), &deaf).await.unwrap();
    let _other = lease_of(&world.supervisor, &world.key(1), &echo("x")).await.unwrap();
    let ended = world.supervisor.shutdown(Duration::from_millis(500));
    tokio::time::timeout(PATIENCE, ended).await.expect("it waits for a deaf server");
    assert_eq!(world.supervisor.list().len(), 0);
    assert!(held.connection().say("still there?").await.is_err());
    let refused = lease_of(&world.supervisor, &world.key(0), &echo("x")).await.unwrap_err();
    assert_eq!(refused, StartError::Closing);
}
