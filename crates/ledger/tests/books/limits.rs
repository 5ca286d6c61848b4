//! Limits: each tenant has its own, they hold at once when changed, and what was taken is given back.

use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use partywall_domain::RefusalCode;
use partywall_ledger::{Left, Reservation, Throttled, Weight};
use partywall_tenancy::TenantContext;
use serde_json::{Value, json};

use crate::house::{House, answered, call};

impl House {
    fn take(&self, tenant: &TenantContext, weight: Weight) -> Result<Reservation, Throttled> {
        self.ledger.reserve(tenant, call(weight))
    }

    fn left(&self, tenant: &TenantContext) -> Left {
        self.ledger.left(tenant.config())
    }
}

/// So slow that no call comes back while a test runs.
fn slow(burst: u32) -> Value {
    json!({ "calls_per_second": 1, "calls_burst": burst, "calls_in_flight_max": 1000, "streams_open_max": 1000 })
}

fn code(taken: Result<Reservation, Throttled>) -> Option<RefusalCode> {
    taken.err().map(|throttled| throttled.code)
}

#[test]
fn a_burst_then_nothing_until_the_rate_lets_one_in() {
    let house = House::new();
    let acme = house.acme(&slow(5));
    for left in (0..5).rev() {
        house.take(&acme, Weight::Call).unwrap().settle(answered());
        assert_eq!(house.left(&acme).calls, left);
    }
    for weight in [Weight::Call, Weight::Message, Weight::Stream] {
        let throttled = house.take(&acme, weight).err().unwrap();
        assert_eq!(throttled.code, RefusalCode::RateLimited);
        assert!((1..=1000).contains(&throttled.retry_after_ms), "{throttled:?}");
    }
    assert!(house.take(&acme, Weight::Free).is_ok(), "finding out what a server is costs nothing");
    let Left { in_flight, streams_open, .. } = house.left(&acme);
    assert_eq!((in_flight, streams_open), (0, 0), "who is refused by the rate holds no place");
}

#[test]
fn a_refused_place_costs_nothing_of_the_rate() {
    let house = House::new();
    let limits = json!({ "calls_per_second": 1, "calls_burst": 5, "calls_in_flight_max": 1, "streams_open_max": 1 });
    let acme = house.acme(&limits);
    let _held = (house.take(&acme, Weight::Call).unwrap(), house.take(&acme, Weight::Stream).unwrap());
    for _ in 0..20 {
        let throttled = house.take(&acme, Weight::Call).err().unwrap();
        assert_eq!((throttled.code, throttled.retry_after_ms), (RefusalCode::TooManyInFlight, 1000));
        assert_eq!(code(house.take(&acme, Weight::Stream)), Some(RefusalCode::TooManyStreams));
    }
    let left = house.left(&acme);
    assert_eq!((left.calls, left.in_flight, left.streams_open), (3, 1, 1));
}

#[test]
fn one_tenants_limits_are_not_anothers() {
    let house = House::new();
    let limits = json!({ "calls_per_second": 1, "calls_burst": 3, "calls_in_flight_max": 2, "streams_open_max": 1 });
    let snapshot = house.snapshot(7, &limits, &limits);
    let (acme, globex) = (house.enter(&snapshot, "acme"), house.enter(&snapshot, "globex"));
    let untouched = house.left(&globex);
    let _held: Vec<_> = [Weight::Call, Weight::Call, Weight::Stream].map(|weight| house.take(&acme, weight)).into();
    for _ in 0..100 {
        assert!(house.take(&acme, Weight::Call).is_err() && house.take(&acme, Weight::Stream).is_err());
    }
    let left = house.left(&acme);
    assert_eq!((left.calls, left.in_flight, left.streams_open), (0, 2, 1));
    assert_eq!(house.left(&globex), untouched);
    let theirs: Vec<_> = [Weight::Call, Weight::Call, Weight::Stream].map(|weight| house.take(&globex, weight)).into();
    assert!(theirs.iter().all(Result::is_ok));
    assert_eq!(code(house.take(&globex, Weight::Call)), Some(RefusalCode::TooManyInFlight));
}

/// A tenant's users share its limits: another subject or token is no second allowance.
#[test]
fn one_tenant_is_one_however_it_enters() {
    let house = House::new();
    let snapshot = house.snapshot(7, &slow(4), &json!({}));
    let taken: Vec<_> = (0..6).map(|_| house.take(&house.enter(&snapshot, "acme"), Weight::Message).is_ok()).collect();
    assert_eq!(taken, [true, true, true, true, false, false]);
}

#[test]
fn a_changed_limit_holds_from_the_next_call_on() {
    let house = House::new();
    let at = |in_flight: u32, streams: u32| {
        house.acme(&json!({ "calls_in_flight_max": in_flight, "streams_open_max": streams, "calls_burst": 1000 }))
    };
    let (wide, narrow) = (at(4, 4), at(2, 1));
    let mut calls: Vec<_> = (0..4).map(|_| house.take(&wide, Weight::Call).unwrap()).collect();
    let streams: Vec<_> = (0..2).map(|_| house.take(&wide, Weight::Stream).unwrap()).collect();
    // Lowered below what is in use: nothing is cut off, and nothing new gets in until enough has ended.
    assert_eq!(code(house.take(&narrow, Weight::Call)), Some(RefusalCode::TooManyInFlight));
    assert_eq!(code(house.take(&narrow, Weight::Stream)), Some(RefusalCode::TooManyStreams));
    for expected in [false, false, true] {
        drop(calls.pop());
        assert_eq!(house.take(&narrow, Weight::Call).is_ok(), expected, "{} in flight", calls.len());
    }
    drop(streams);
    assert!(house.take(&narrow, Weight::Stream).is_ok());
    // Raised: there is room at once.
    let _held: Vec<_> = (0..3).map(|_| house.take(&wide, Weight::Call).unwrap()).collect();
    assert_eq!(house.left(&wide).in_flight, 4);
}

#[test]
fn a_lowered_rate_counts_what_was_used_before() {
    let house = House::new();
    let (wide, narrow) = (house.acme(&slow(50)), house.acme(&slow(2)));
    for _ in 0..30 {
        house.take(&wide, Weight::Message).unwrap().settle(answered());
    }
    assert_eq!(house.left(&narrow).calls, 0);
    let throttled = house.take(&narrow, Weight::Message).err().unwrap();
    assert_eq!(throttled.code, RefusalCode::RateLimited);
    assert!(throttled.retry_after_ms <= 1000, "it waits for the new rate, not for all it used: {throttled:?}");
}

#[test]
fn many_threads_take_no_more_than_there_is() {
    let house = House::new();
    let limits = json!({ "calls_per_second": 1, "calls_burst": 200, "calls_in_flight_max": 3, "streams_open_max": 1 });
    let acme = house.acme(&limits);
    let (held, most, taken) = (AtomicU32::new(0), AtomicU32::new(0), AtomicU32::new(0));
    let work = || {
        for _ in 0..100 {
            let Ok(reservation) = house.take(&acme, Weight::Call) else { continue };
            let now = held.fetch_add(1, Ordering::SeqCst) + 1;
            most.fetch_max(now, Ordering::SeqCst);
            taken.fetch_add(1, Ordering::SeqCst);
            thread::yield_now();
            held.fetch_sub(1, Ordering::SeqCst);
            reservation.settle(answered());
        }
    };
    thread::scope(|scope| (0..8).for_each(|_| drop(scope.spawn(work))));
    let (most, taken) = (most.into_inner(), taken.into_inner());
    assert!((1..=3).contains(&most), "{most} at once");
    // One a second may come back while this runs.
    assert!((1..=230).contains(&taken), "{taken} in all");
    assert_eq!((house.left(&acme).in_flight, house.ledger.entries_lost()), (0, 0));
    let entries = house.entries();
    let count = |kind: &str| u32::try_from(entries.iter().filter(|entry| entry.kind == kind).count()).unwrap();
    // Refusals are booked up to a rate; what was left out is counted.
    let left_out = u32::try_from(house.left(&acme).refusals_left_out).unwrap();
    assert_eq!((count("began"), count("ended") + left_out), (taken, 800), "every line is whole");
}

#[test]
fn a_tenant_that_is_gone_leaves_no_meter_and_its_last_call_ends_in_order() {
    let house = House::new();
    let acme = house.acme(&slow(5));
    let held = house.take(&acme, Weight::Call).unwrap();
    let used = || (house.left(&acme).calls, house.left(&acme).in_flight);
    assert_eq!(used(), (4, 1));
    house.ledger.forget([acme.id()].into_iter());
    assert_eq!(used(), (5, 0), "what was counted is forgotten");
    held.settle(answered());
    assert_eq!(used(), (5, 0), "the call gave back to the meter that it had taken from");
}
