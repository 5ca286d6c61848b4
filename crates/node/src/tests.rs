//! The follower over a real store.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use partywall_documents::{Document, Kind};
use partywall_domain::Revision;
use partywall_identity::{Operator, OperatorKey, SystemAuthority};
use partywall_store::{Change, Store};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::Follower;

/// Longer than any of it takes, so that a test that hangs fails.
const PATIENCE: Duration = Duration::from_secs(10);
/// Long enough for what must not happen to have happened.
const A_WHILE: Duration = Duration::from_millis(100);

#[tokio::test]
async fn a_change_holds_without_waiting_for_the_poll() {
    let (_dir, store) = store();
    let follower = follow(&store, &CancellationToken::new()).await;
    put(&store, 0, "server", "files", json!({}));
    let enforced = follower.enforcement().reached(Revision(1), Duration::from_secs(1)).await;
    assert_eq!(enforced.unwrap().revision, Revision(1));
    assert_eq!(follower.snapshot().load().servers().count(), 1);
}

#[tokio::test]
async fn what_stands_at_start_holds_at_once() {
    let (_dir, store) = store();
    put(&store, 0, "server", "files", json!({}));
    let follower = follow(&store, &CancellationToken::new()).await;
    assert_eq!(follower.enforcement().now().revision, Revision(1));
    assert_eq!(follower.snapshot().load().revision(), Revision(1));
}

#[tokio::test]
async fn what_another_process_wrote_holds_after_the_poll() {
    let (dir, store) = store();
    let follower = follow(&store, &CancellationToken::new()).await;
    let other = Store::open(dir.path().join("partywall.db")).unwrap();
    put(&other, 0, "server", "files", json!({}));
    assert!(follower.enforcement().reached(Revision(1), PATIENCE).await.is_some());
}

#[tokio::test]
async fn what_cannot_be_taken_leaves_the_old_one_standing() {
    let (_dir, store) = store();
    put(&store, 0, "server", "files", json!({}));
    let follower = follow(&store, &CancellationToken::new()).await;
    put(&store, 1, "server", "files", json!({ "sharing": "because" }));
    assert_eq!(follower.enforcement().reached(Revision(2), A_WHILE).await, None);
    assert_eq!(follower.snapshot().load().revision(), Revision(1));

    put(&store, 2, "server", "files", json!({}));
    assert!(follower.enforcement().reached(Revision(3), PATIENCE).await.is_some());
}

#[tokio::test]
async fn it_ends_when_it_is_dropped_or_stopped() {
    let (_dir, store) = store();
    let stop = CancellationToken::new();
    let (dropped, stopped) = (follow(&store, &stop).await, follow(&store, &stop).await);
    let dropped = { dropped }.enforcement();
    assert!(!stop.is_cancelled());
    stop.cancel();
    for enforcement in [dropped, stopped.enforcement()] {
        // The sender goes with the task, and then there is nothing to wait for.
        tokio::time::timeout(PATIENCE, enforcement.reached(Revision(9), PATIENCE * 2)).await.unwrap();
    }
}

fn store() -> (TempDir, Store) {
    let dir = TempDir::new().unwrap();
    let store = Store::open(dir.path().join("partywall.db")).unwrap();
    (dir, store)
}

async fn follow(store: &Store, stop: &CancellationToken) -> Follower {
    static AUTHORITY: OnceLock<Arc<SystemAuthority>> = OnceLock::new();
    let authority = AUTHORITY.get_or_init(|| Arc::new(SystemAuthority::take().unwrap()));
    Follower::start(store.clone(), Arc::clone(authority), stop).await.unwrap()
}

fn put(store: &Store, base: u64, kind: &str, name: &str, body: Value) {
    let kind = Kind::of(kind).unwrap();
    let change = Change::Put(Document::new(kind, name, None, body));
    store.platform(&operator()).apply(Revision(base), &[change], None).unwrap();
}

fn operator() -> Operator {
    let token = "0123456789abcdef0123456789abcdef0123456789abcdef";
    OperatorKey::new("ann", token).unwrap().verify(token).unwrap()
}
