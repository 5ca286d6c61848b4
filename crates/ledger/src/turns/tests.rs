//! Turns: who waits, who is next, who is refused, and that no place is lost.

use std::sync::Arc;
use std::time::Duration;

use partywall_domain::{RefusalCode, ServerLimits, TenantId};
use proptest::prelude::*;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::{Queued, Turn, Turns};
use crate::policy::Throttled;

fn limits(calls_in_flight_max: u32, queue_length_max: u32) -> ServerLimits {
    ServerLimits { calls_in_flight_max, queue_length_max, queue_timeout_ms: 60_000, ..ServerLimits::default() }
}

fn upstream() -> Arc<str> {
    "http://127.0.0.1:1/mcp".into()
}

async fn take(turns: &Turns, tenant: TenantId, limits: &ServerLimits) -> Result<Turn, Throttled> {
    turns.take(&upstream(), tenant, limits, &mut Queued::Not).await
}

/// One that waits in a task of its own, and does so before this returns.
async fn wait(turns: &Arc<Turns>, tenant: TenantId, limits: ServerLimits) -> JoinHandle<Result<Turn, Throttled>> {
    let turns = Arc::clone(turns);
    let task = tokio::spawn(async move { take(&turns, tenant, &limits).await });
    tokio::task::yield_now().await;
    task
}

fn waiting(turns: &Turns) -> usize {
    let gate = turns.gate(&upstream());
    let state = gate.lock();
    state.tenants.values().map(|share| share.queue.len()).sum()
}

fn is_empty(turns: &Turns) -> bool {
    let gate = turns.gate(&upstream());
    let state = gate.lock();
    state.in_flight == 0 && state.tenants.is_empty() && state.waiting.is_empty()
}

#[tokio::test]
async fn the_quiet_one_is_next_however_many_wait() {
    let turns = Arc::new(Turns::default());
    let (loud, quiet) = (TenantId::random(), TenantId::random());
    let mut held = Vec::new();
    for _ in 0..4 {
        held.push(take(&turns, loud, &limits(4, 100)).await.unwrap());
    }
    let mut noise = Vec::new();
    for _ in 0..50 {
        noise.push(wait(&turns, loud, limits(4, 100)).await);
    }
    let called = wait(&turns, quiet, limits(4, 100)).await;
    assert_eq!(waiting(&turns), 51);
    drop(held.pop());
    let turn =
        timeout(Duration::from_mins(1), called).await.expect("the next place is the quiet one's").unwrap().unwrap();
    assert_eq!(waiting(&turns), 50);
    drop((turn, held));
    for waited in noise {
        drop(waited.await.unwrap().unwrap());
    }
    assert!(is_empty(&turns), "no place is lost");
}

#[tokio::test]
async fn whoever_has_the_places_is_told_what_the_others_waited() {
    let turns = Arc::new(Turns::default());
    let (loud, quiet) = (TenantId::random(), TenantId::random());
    let held = take(&turns, loud, &limits(1, 9)).await.unwrap();
    let own = wait(&turns, loud, limits(1, 9)).await;
    let theirs = wait(&turns, quiet, limits(1, 9)).await;
    let since = std::time::Instant::now();
    tokio::time::sleep(Duration::from_millis(5)).await;
    let waited_us = since.elapsed().as_micros();
    let caused_us = held.end();
    assert!(u128::from(caused_us) >= waited_us, "{caused_us} of {waited_us}");
    // Its own call waits on, behind the other's, which is none of its doing.
    let turn = theirs.await.unwrap().unwrap();
    tokio::time::sleep(Duration::from_millis(5)).await;
    assert!(turn.end() >= 5_000, "the quiet one has the place that the other waits for");
    assert_eq!(own.await.unwrap().unwrap().end(), 0);
    assert!(is_empty(&turns));
}

#[tokio::test]
async fn equals_take_turns() {
    let turns = Arc::new(Turns::default());
    let tenants: Vec<_> = (0..3).map(|_| TenantId::random()).collect();
    let holder = take(&turns, TenantId::random(), &limits(1, 9)).await.unwrap();
    let order = Arc::new(std::sync::Mutex::new(Vec::new()));
    let mut tasks = Vec::new();
    for (index, tenant) in tenants.iter().enumerate() {
        for _ in 0..3 {
            let (turns, tenant, order) = (Arc::clone(&turns), *tenant, Arc::clone(&order));
            tasks.push(tokio::spawn(async move {
                let turn = take(&turns, tenant, &limits(1, 9)).await.unwrap();
                order.lock().unwrap().push(index);
                drop(turn);
            }));
            tokio::task::yield_now().await;
        }
    }
    drop(holder);
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(*order.lock().unwrap(), [0, 1, 2, 0, 1, 2, 0, 1, 2]);
    assert!(is_empty(&turns));
}

#[tokio::test]
async fn a_queue_is_bounded_in_length_and_time_for_each_tenant() {
    let turns = Arc::new(Turns::default());
    let (acme, globex) = (TenantId::random(), TenantId::random());
    let short = ServerLimits { queue_timeout_ms: 3_000, ..limits(1, 2) };
    let held = take(&turns, acme, &short).await.unwrap();
    let waits = [wait(&turns, acme, short).await, wait(&turns, acme, short).await];
    let full = take(&turns, acme, &short).await.err().unwrap();
    assert_eq!((full.code, full.cause().as_str()), (RefusalCode::Busy, "over `queue_length_max`"));
    let theirs = wait(&turns, globex, short).await;
    for waited in waits.into_iter().chain([theirs]) {
        let late = waited.await.unwrap().err().unwrap();
        assert_eq!((late.code, late.cause().as_str()), (RefusalCode::Busy, "over `queue_timeout_ms`"));
    }
    let mut queued = Queued::Not;
    let soon = ServerLimits { queue_timeout_ms: 1, ..short };
    assert!(turns.take(&upstream(), acme, &soon, &mut queued).await.is_err());
    assert!(queued.so_far() >= Duration::from_millis(1), "a call that gave up has waited: {queued:?}");
    // Those who gave up take no place from those who come now.
    let again = [wait(&turns, acme, limits(1, 2)).await, wait(&turns, acme, limits(1, 2)).await];
    drop(held);
    for waited in again {
        drop(waited.await.unwrap().unwrap());
    }
    assert!(is_empty(&turns));
}

#[tokio::test]
async fn whoever_leaves_while_waiting_takes_no_place_along() {
    let turns = Arc::new(Turns::default());
    let (acme, globex) = (TenantId::random(), TenantId::random());
    let held = take(&turns, acme, &limits(1, 9)).await.unwrap();
    let left = [wait(&turns, acme, limits(1, 9)).await, wait(&turns, globex, limits(1, 9)).await];
    let stays = wait(&turns, globex, limits(1, 9)).await;
    for task in left {
        task.abort();
        assert!(task.await.err().unwrap().is_cancelled());
    }
    drop(held);
    drop(stays.await.unwrap().unwrap());
    assert!(is_empty(&turns));
}

#[tokio::test]
async fn a_changed_limit_holds_from_the_next_call_on() {
    let turns = Arc::new(Turns::default());
    let acme = TenantId::random();
    let mut held = vec![take(&turns, acme, &limits(1, 9)).await.unwrap()];
    let waited = wait(&turns, acme, limits(1, 9)).await;
    // Raised: who comes now brings those along who waited before.
    held.push(take(&turns, acme, &limits(3, 9)).await.unwrap());
    held.push(waited.await.unwrap().unwrap());
    // Lowered below what is there: nobody is cut off, and nobody gets in until enough have left.
    let waited = wait(&turns, acme, limits(1, 9)).await;
    for expected in [1, 1, 0] {
        drop(held.pop());
        assert_eq!(waiting(&turns), expected);
    }
    drop(waited.await.unwrap().unwrap());
    assert!(is_empty(&turns));
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Come(usize),
    Leave(usize),
    GiveUp(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => (0..5_usize).prop_map(Step::Come),
        2 => (0..64_usize).prop_map(Step::Leave),
        1 => (0..64_usize).prop_map(Step::GiveUp),
    ];
    prop::collection::vec(step, 1..120)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whoever comes, leaves and gives up in whatever order: never more than may be, nobody waits where there is room,
    /// nothing is left in the end.
    #[test]
    fn no_place_is_lost_and_none_is_made(max in 1_u32..5, steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let turns = Arc::new(Turns::default());
            let tenants: Vec<_> = (0..5).map(|_| TenantId::random()).collect();
            let (mut held, mut waits) = (Vec::new(), Vec::new());
            for step in steps {
                match step {
                    Step::Come(tenant) => waits.push(wait(&turns, tenants[tenant], limits(max, 8)).await),
                    Step::Leave(one) if !held.is_empty() => drop(held.swap_remove(one % held.len())),
                    Step::GiveUp(one) if !waits.is_empty() => waits.swap_remove(one % waits.len()).abort(),
                    _ => {}
                }
                for _ in 0..4 {
                    tokio::task::yield_now().await;
                }
                let (done, still): (Vec<_>, Vec<_>) = waits.into_iter().partition(JoinHandle::is_finished);
                waits = still;
                for one in done {
                    held.extend(one.await.unwrap().ok());
                }
                prop_assert!(held.len() <= max as usize);
                prop_assert!(waits.is_empty() || held.len() == max as usize, "{} wait, {} are in", waits.len(), held.len());
            }
            waits.iter().for_each(JoinHandle::abort);
            for one in waits {
                drop(one.await);
            }
            drop(held);
            prop_assert!(is_empty(&turns));
            Ok(())
        })?;
    }
}
