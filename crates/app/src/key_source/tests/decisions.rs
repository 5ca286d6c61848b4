//! When to ask and what counts: tables of times, without a server.

use std::time::{Duration, Instant};

use partywall_identity::KeySet;

use super::set;
use crate::key_source::memory::{BACK_OFF_MAX, FLOOR, FRESH, KEPT, Memory, REFRESH_AFTER};

/// The last moment at which `time` has not come.
fn before(time: Duration) -> Duration {
    time.saturating_sub(Duration::from_millis(1))
}

fn keys(kids: &[&str]) -> KeySet {
    KeySet::published(set(kids).as_bytes()).expect("a set")
}

/// What somebody else's night looks like: each row is a time since the start, and what happens then.
enum Happens {
    /// A fetch begins and brings this key.
    Fetched(&'static str),
    /// A fetch begins and fails.
    Failed,
    /// A fetch begins and says that there are no keys.
    Withdrawn,
    /// Do these keys count?
    Known(bool),
    /// Is a call without this key worth a fetch?
    Wants(Option<&'static str>, bool),
    /// Is it time to ask again beside the calls?
    Due(bool),
    /// A call waited for a fetch and this key was not in it.
    Missed(&'static str),
}

use Happens::{Due, Failed, Fetched, Known, Missed, Wants, Withdrawn};

fn play(what: &str, rows: &[(Duration, Happens)]) {
    let (mut memory, start) = (Memory::default(), Instant::now());
    for (number, (after, happens)) in rows.iter().enumerate() {
        let now = start + *after;
        let row = format!("{what}, row {number}, after {after:?}");
        match *happens {
            Fetched(kid) => {
                memory.begin(now);
                let mut digest = [0; 32];
                digest[..kid.len()].copy_from_slice(kid.as_bytes());
                memory.learn(keys(&[kid]), digest, now);
            }
            Failed => {
                memory.begin(now);
                memory.fail("away".to_owned(), now);
            }
            Withdrawn => {
                memory.begin(now);
                memory.withdraw("none left".to_owned(), now);
            }
            Known(expected) => assert_eq!(memory.keys(now).is_some(), expected, "{row}: known"),
            Wants(kid, expected) => assert_eq!(memory.wants(kid, now), expected, "{row}: wants {kid:?}"),
            Due(expected) => assert_eq!(memory.is_due(now), expected, "{row}: due"),
            Missed(kid) => memory.note_absent(Some(kid), now),
        }
    }
}

#[test]
fn keys_count_while_they_are_fresh_and_are_renewed_before_they_are_not() {
    play(
        "an ordinary day",
        &[
            (Duration::ZERO, Known(false)),
            (Duration::ZERO, Wants(Some("a"), true)),
            (Duration::ZERO, Wants(None, true)),
            (Duration::ZERO, Due(false)),
            (Duration::ZERO, Fetched("a")),
            (Duration::ZERO, Known(true)),
            (before(REFRESH_AFTER), Due(false)),
            (REFRESH_AFTER, Due(true)),
            (REFRESH_AFTER, Wants(Some("a"), false)),
            (before(FRESH), Known(true)),
            // Nobody used them for a while: they are old, and the next call waits for new ones.
            (FRESH, Known(false)),
            (FRESH, Wants(Some("a"), true)),
            (FRESH, Fetched("a")),
            (FRESH + REFRESH_AFTER, Known(true)),
        ],
    );
}

#[test]
fn a_new_key_is_asked_for_once_a_floor_and_a_missing_one_is_remembered() {
    let second = Duration::from_secs(1);
    play(
        "a rotation",
        &[
            (Duration::ZERO, Fetched("a")),
            (Duration::ZERO, Wants(Some("a"), false)),
            (before(FLOOR), Wants(Some("b"), false)),
            (FLOOR, Wants(Some("b"), true)),
            (FLOOR, Fetched("a")),
            (FLOOR, Missed("b")),
            (2 * FLOOR, Wants(Some("b"), false)),
            (2 * FLOOR, Wants(Some("c"), true)),
            // A token without `kid` asks too, if it found no single key.
            (2 * FLOOR, Wants(None, true)),
            (FLOOR + 30 * second, Wants(Some("b"), true)),
            // What is there is never missing, whoever says so.
            (FLOOR + 30 * second, Missed("a")),
            (FLOOR + 30 * second, Known(true)),
        ],
    );
}

#[test]
fn an_issuer_that_is_away_keeps_its_last_good_keys_for_a_day() {
    let hour = Duration::from_hours(1);
    play(
        "a bad night",
        &[
            (Duration::ZERO, Fetched("a")),
            (REFRESH_AFTER, Failed),
            (FRESH, Known(true)),
            // Calls come all the time, so it is asked all the time.
            (before(FRESH + REFRESH_AFTER), Known(true)),
            (before(FRESH + REFRESH_AFTER), Due(true)),
            // Then a quiet hour: whether it is still away nobody knows, so the next call asks.
            (2 * hour, Known(false)),
            (2 * hour, Wants(Some("a"), true)),
            (2 * hour, Failed),
            (2 * hour, Known(true)),
            (2 * hour, Wants(Some("b"), false)),
            (before(KEPT), Failed),
            (before(KEPT), Known(true)),
            (KEPT, Known(false)),
            (KEPT + hour, Failed),
            (KEPT + hour, Known(false)),
            (KEPT + 2 * hour, Fetched("b")),
            (KEPT + 2 * hour, Known(true)),
        ],
    );
}

#[test]
fn an_issuer_that_says_it_has_no_keys_has_none() {
    play(
        "an emergency at the issuer",
        &[
            (Duration::ZERO, Fetched("a")),
            (REFRESH_AFTER, Withdrawn),
            (REFRESH_AFTER, Known(false)),
            (REFRESH_AFTER + FLOOR, Wants(Some("a"), true)),
        ],
    );
}

#[test]
fn failures_back_off_to_a_bound_and_one_success_ends_it() {
    let second = Duration::from_secs(1);
    let (mut memory, start) = (Memory::default(), Instant::now());
    let mut now = start;
    for wait in [5, 10, 20, 40, 60, 60, 60] {
        memory.begin(now);
        memory.fail("away".to_owned(), now);
        assert!(!memory.wants(None, now + before(wait * second)), "earlier than after {wait} s");
        assert!(memory.wants(None, now + wait * second), "not after {wait} s");
        now += wait * second;
    }
    assert!(FLOOR <= BACK_OFF_MAX);
    assert_eq!(memory.problem(), Some("away"));
    memory.begin(now);
    memory.learn(keys(&["a"]), [1; 32], now);
    assert_eq!(memory.problem(), None);
    assert!(memory.wants(Some("b"), now + FLOOR));
}

#[test]
fn a_set_that_did_not_change_stays_the_same_one() {
    let (mut memory, now) = (Memory::default(), Instant::now());
    assert!(memory.learn(keys(&["a"]), [1; 32], now));
    let first = memory.keys(now).cloned().expect("just learnt");
    assert!(!memory.learn(keys(&["a"]), [1; 32], now + FRESH));
    assert!(memory.keys(now + FRESH).is_some_and(|again| std::sync::Arc::ptr_eq(&first, again)));
    assert!(memory.learn(keys(&["b"]), [2; 32], now + FRESH));
    assert!(memory.keys(now + FRESH).is_some_and(|again| again.has("b") && !again.has("a")));
}

#[test]
fn a_discovered_place_is_asked_for_again_after_an_hour_and_after_a_failure() {
    let (mut memory, now) = (Memory::default(), Instant::now());
    let hour = Duration::from_hours(1);
    memory.discover("https://a.example/keys".to_owned(), now);
    // Using it does not make it younger.
    memory.discover("https://a.example/keys".to_owned(), now + hour / 2);
    assert_eq!(memory.discovered(now + before(hour)), Some("https://a.example/keys"));
    assert_eq!(memory.discovered(now + hour), None);
    memory.discover("https://a.example/keys".to_owned(), now + hour);
    memory.fail("moved".to_owned(), now + hour);
    assert_eq!(memory.discovered(now + hour), None);
}
