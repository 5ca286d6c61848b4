//! Classes of requests: what each counts against, and that none uses up another's share.

use std::time::{Duration, SystemTime};

use partywall_domain::RefusalCode;
use partywall_ledger::{Left, Quota, Rate, Reservation, SESSION_LIFETIME, Throttled, Weight};
use partywall_tenancy::TenantContext;
use serde_json::{Value, json};

use crate::house::{House, answered, call};

const ALL: [Weight; 7] =
    [Weight::Free, Weight::Handshake, Weight::Opening, Weight::List, Weight::Message, Weight::Call, Weight::Stream];

/// One at a time of everything, and so slow that nothing comes back while a test runs.
fn narrow() -> Value {
    json!({
        "calls_per_second": 1, "calls_burst": 10, "calls_in_flight_max": 1, "streams_open_max": 1,
        "lists_per_second": 1, "lists_burst": 20, "handshakes_per_second": 1, "handshakes_burst": 30,
        "sessions_open_max": 1,
    })
}

fn take(house: &House, tenant: &TenantContext, weight: Weight) -> Result<Reservation, Throttled> {
    house.ledger.reserve(tenant, call(weight))
}

#[test]
fn what_each_weight_counts_against() {
    let left = |calls, lists, handshakes, in_flight, sessions_open, streams_open| Left {
        calls,
        lists,
        handshakes,
        in_flight,
        sessions_open,
        streams_open,
        bodies_bytes: 0,
        refusals_left_out: 0,
    };
    // What is left once one of it is held, and which of all weights still get in beside it.
    let rows = [
        (Weight::Free, left(10, 20, 30, 0, 0, 0), [true, true, true, true, true, true, true]),
        (Weight::Handshake, left(10, 20, 29, 0, 0, 0), [true, true, true, true, true, true, true]),
        (Weight::Opening, left(10, 20, 29, 0, 1, 0), [true, true, false, true, true, true, true]),
        (Weight::List, left(10, 19, 30, 1, 0, 0), [true, true, true, false, true, false, true]),
        (Weight::Message, left(9, 20, 30, 0, 0, 0), [true, true, true, true, true, true, true]),
        (Weight::Call, left(9, 20, 30, 1, 0, 0), [true, true, true, false, true, false, true]),
        (Weight::Stream, left(9, 20, 30, 0, 0, 1), [true, true, true, true, true, true, false]),
    ];
    for (weight, expected, then) in rows {
        let house = House::new();
        let acme = house.acme(&narrow());
        let held = take(&house, &acme, weight).unwrap();
        assert_eq!(held.is_stream(), weight == Weight::Stream);
        assert_eq!(house.ledger.left(acme.config()), expected, "{weight:?}");
        for (other, expected) in ALL.into_iter().zip(then) {
            assert_eq!(take(&house, &acme, other).is_ok(), expected, "{other:?} beside {weight:?}");
        }
        drop(held);
        let Left { in_flight, sessions_open, streams_open, .. } = house.ledger.left(acme.config());
        assert_eq!((in_flight, sessions_open, streams_open), (0, 0, 0), "{weight:?}");
    }
}

/// Whoever has used up one class is refused in that class alone, told which it was, and by which numbers.
#[test]
fn a_class_that_is_used_up_is_no_others_loss() {
    let rows = [
        (Weight::Handshake, 30, "handshakes", [true, false, false, true, true, true, true]),
        (Weight::List, 20, "lists", [true, true, true, false, true, true, true]),
        (Weight::Call, 10, "calls", [true, true, true, true, false, false, false]),
    ];
    for (weight, burst, name, then) in rows {
        let house = House::new();
        let acme = house.acme(&narrow());
        for left in (0..burst).rev() {
            let taken = take(&house, &acme, weight).unwrap();
            let standing = taken.standing().unwrap();
            assert_eq!((standing.left, standing.policy.name), (left, name), "{weight:?}");
            taken.settle(answered());
        }
        let throttled = take(&house, &acme, weight).err().unwrap();
        assert_eq!((throttled.code, throttled.policy.name), (RefusalCode::RateLimited, name));
        assert_eq!(throttled.policy.quota, Quota::Rate(Rate { per_second: 1, burst }));
        assert_eq!(throttled.cause(), format!("over `{name}_per_second`"));
        assert!((1..=1000).contains(&throttled.retry_after_ms), "{throttled:?}");
        for (other, expected) in ALL.into_iter().zip(then) {
            assert_eq!(take(&house, &acme, other).is_ok(), expected, "{other:?} after {weight:?}");
        }
    }
}

#[test]
fn a_session_counts_once_it_is_open_and_until_it_is_ended() {
    let house = House::new();
    let acme = house.acme(&json!({ "sessions_open_max": 2 }));
    let open = || {
        let mut taken = take(&house, &acme, Weight::Opening).unwrap();
        taken.session_opened();
        taken.settle(answered());
    };
    // An upstream that opens none costs none.
    take(&house, &acme, Weight::Opening).unwrap().settle(answered());
    drop(take(&house, &acme, Weight::Opening).unwrap());
    assert_eq!(house.ledger.left(acme.config()).sessions_open, 0);
    open();
    open();
    let throttled = take(&house, &acme, Weight::Opening).err().unwrap();
    assert_eq!((throttled.code, throttled.policy.name), (RefusalCode::TooManySessions, "sessions"));
    assert!(take(&house, &acme, Weight::Handshake).is_ok(), "the sessions there are go on");
    let before = house.ledger.left(acme.config()).handshakes;
    for _ in 0..10 {
        assert!(take(&house, &acme, Weight::Opening).is_err());
    }
    assert!(house.ledger.left(acme.config()).handshakes >= before, "what is refused costs nothing of the rate");
    // One that is long over, or of tomorrow, ends none of those.
    for other in [SystemTime::now() - 2 * SESSION_LIFETIME, SystemTime::now() + 2 * SESSION_LIFETIME] {
        house.ledger.session_ended(&acme, other);
    }
    assert_eq!(house.ledger.left(acme.config()).sessions_open, 2);
    let opened = SystemTime::now();
    house.ledger.session_ended(&acme, opened);
    if house.ledger.left(acme.config()).sessions_open == 2 {
        // The hour struck since they were opened.
        house.ledger.session_ended(&acme, opened - Duration::from_mins(1));
    }
    assert_eq!(house.ledger.left(acme.config()).sessions_open, 1);
    open();
}

#[test]
fn bodies_are_bounded_in_bytes() {
    let house = House::new();
    let snapshot = house.snapshot(7, &json!({ "bodies_bytes_max": 65536 }), &json!({ "bodies_bytes_max": 65536 }));
    let (acme, globex) = (house.enter(&snapshot, "acme"), house.enter(&snapshot, "globex"));
    let held = |tenant: &TenantContext| house.ledger.left(tenant.config()).bodies_bytes;
    let short: Vec<_> = (0..16).map(|_| house.ledger.hold_body(&acme, 1).unwrap()).collect();
    assert_eq!(held(&acme), 65536, "the shortest costs 4 KiB");
    let throttled = house.ledger.hold_body(&acme, 0).err().unwrap();
    assert_eq!((throttled.code, throttled.policy.quota), (RefusalCode::TooManyBodies, Quota::Bytes(65536)));
    let theirs = house.ledger.hold_body(&globex, 60_000).unwrap();
    assert!(house.ledger.hold_body(&globex, 6_000).is_err());
    drop((short, theirs));
    assert_eq!((held(&acme), held(&globex)), (0, 0));
    // A server may take longer bodies than a tenant may hold: one at a time then.
    let long = house.ledger.hold_body(&acme, 1 << 40).unwrap();
    assert!(house.ledger.hold_body(&acme, 1).is_err());
    drop(long);
    assert!(house.ledger.hold_body(&acme, 1).is_ok());
}

#[test]
fn a_user_may_less_than_the_tenant_and_its_colleagues_have_the_rest() {
    let house = House::new();
    let limits =
        json!({ "calls_per_second": 5, "calls_burst": 100, "calls_in_flight_max": 100, "subject_calls_per_second": 1 });
    let snapshot = house.snapshot(7, &limits, &json!({}));
    let [ann, bob] = ["ann", "bob"].map(|subject| house.enter_as(&snapshot, "acme", subject));
    let got_in = |tenant: &TenantContext| (0..50).filter(|_| take(&house, tenant, Weight::Call).is_ok()).count();
    assert_eq!(got_in(&ann), 2, "two seconds' worth");
    let throttled = take(&house, &ann, Weight::Call).err().unwrap();
    assert_eq!((throttled.code, throttled.policy.name), (RefusalCode::RateLimited, "subject"));
    assert_eq!(got_in(&bob), 2);
    assert!(house.ledger.left(ann.config()).calls >= 96, "what a user is refused costs the tenant nothing");
    assert!(take(&house, &ann, Weight::List).is_ok(), "it is calls that count");
    // Users that are made up push each other out, and the tenant's own limit holds whoever they say they are.
    let many = (0..2_000).map(|user| house.enter_as(&snapshot, "acme", &format!("user{user}")));
    let let_in = many.filter(|tenant| take(&house, tenant, Weight::Call).is_ok()).count();
    assert!(let_in < 2_000, "{let_in}");
    // Where a user may as much as the tenant, nobody is looked at.
    let globex = house.enter(&snapshot, "globex");
    assert_eq!(got_in(&globex), 50);
}
