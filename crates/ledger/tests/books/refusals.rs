//! Refusals of a known tenant: booked up to a rate, the rest counted, so that nobody fills the journal by being over
//! its limits.

use std::time::Duration;

use partywall_domain::{RefusalCode, event};
use partywall_ledger::{Settlement, Weight};
use serde_json::json;

use crate::house::{House, answered, call};
use crate::log::logged;

#[test]
fn refusals_are_booked_up_to_a_rate_and_the_rest_is_counted() {
    let house = House::new();
    let limits = json!({ "calls_per_second": 1, "calls_burst": 1, "calls_in_flight_max": 1 });
    let snapshot = house.snapshot(7, &limits, &limits);
    let (acme, globex) = (house.enter(&snapshot, "acme"), house.enter(&snapshot, "globex"));
    let _held = house.ledger.reserve(&acme, call(Weight::Call)).unwrap();
    let refused = 3_000;
    logged(|| (0..refused).for_each(|_| assert!(house.ledger.reserve(&acme, call(Weight::Call)).is_err())));
    let booked = || house.entries().iter().filter(|entry| entry.refusal.is_some()).count();
    let left_out = || usize::try_from(house.ledger.left(acme.config()).refusals_left_out).unwrap();
    assert!(booked() >= 100, "the first hundred are");
    assert!(left_out() > 0, "3,000 refusals were all written down");
    assert_eq!(booked() + left_out(), refused);
    // It is acme's flood, and globex' refusals are told all the same.
    let before = booked();
    let _theirs = house.ledger.reserve(&globex, call(Weight::Call)).unwrap();
    assert!(house.ledger.reserve(&globex, call(Weight::Call)).is_err());
    assert_eq!((booked(), house.ledger.left(globex.config()).refusals_left_out), (before + 1, 0));
}

#[test]
fn whoever_is_written_down_next_says_how_many_were_not() {
    let house = House::new();
    let acme = house.acme(&json!({ "calls_in_flight_max": 1 }));
    let _held = house.ledger.reserve(&acme, call(Weight::Call)).unwrap();
    let deny = || {
        house.ledger.deny(
            &acme,
            RefusalCode::TooManyInFlight,
            || Settlement::refused(RefusalCode::TooManyInFlight, ""),
            || call(Weight::Call),
        );
    };
    let mut lines = logged(|| (0..500).for_each(|_| deny()));
    let left_out = house.ledger.left(acme.config()).refusals_left_out;
    assert!(left_out > 0);
    // One in a tenth of a second may be written down again.
    let mut told = Vec::new();
    for _ in 0..200 {
        std::thread::sleep(std::time::Duration::from_millis(20));
        lines.extend(logged(deny));
        told = lines.iter().filter(|line| line["event"] == event::DROPPED).cloned().collect();
        if !told.is_empty() {
            break;
        }
    }
    let counted: u64 = told.iter().map(|line| line["count"].parse::<u64>().unwrap()).sum();
    assert!(counted >= left_out, "{told:?}");
    assert!(told.iter().all(|line| line["what"] == "refusal" && line["tenant_id"] == acme.id().to_string()));
}

/// What nobody reads is answered when there is time: as often as the tenant may call and fifty times a second at least, and
/// never after more than a second. Whoever is refused now and then is answered at once.
#[test]
fn a_tenant_that_is_refused_without_end_waits_for_its_refusals_and_nobody_else_does() {
    let house = House::new();
    let limits = json!({ "calls_in_flight_max": 1, "calls_per_second": 200 });
    let snapshot = house.snapshot(7, &limits, &json!({ "calls_in_flight_max": 1, "calls_per_second": 1 }));
    let (acme, globex) = (house.enter(&snapshot, "acme"), house.enter(&snapshot, "globex"));
    let settlement = || Settlement::refused(RefusalCode::TooManyInFlight, "");
    let deny = |tenant| house.ledger.deny(tenant, RefusalCode::TooManyInFlight, settlement, || call(Weight::Call));
    let pauses = |tenant| logged_pauses(|| (0..2_000).map(|_| deny(tenant)).collect());
    for (tenant, per_second) in [(&acme, 200), (&globex, 50)] {
        let waits = pauses(tenant);
        assert!(waits[..100].iter().all(Duration::is_zero), "those that are written down do not wait");
        let longest = waits.iter().max().copied();
        assert_eq!(longest, Some(Duration::from_secs(1)));
        let within = waits[100..].iter().filter(|wait| **wait < Duration::from_millis(500)).count();
        // Half a second's worth, some that were written down meanwhile, and what time passed while it was counted.
        assert!((per_second / 2..=per_second).contains(&within), "{within} of {per_second} a second");
    }
}

fn logged_pauses(work: impl FnOnce() -> Vec<Duration>) -> Vec<Duration> {
    let mut pauses = Vec::new();
    logged(|| pauses = work());
    pauses
}

/// A place that is taken and never begun leaves nothing: neither a line nor a place.
#[test]
fn a_place_without_a_call_is_given_back() {
    let house = House::new();
    let acme = house.acme(&json!({ "calls_in_flight_max": 1 }));
    let claim = partywall_ledger::Claim { weight: Weight::Call, server: "notes", tool: None };
    let place = house.ledger.take(&acme, &claim).unwrap();
    assert!(house.ledger.take(&acme, &claim).is_err());
    drop(place);
    house.ledger.take(&acme, &claim).unwrap().begin(call(Weight::Call)).settle(answered());
    assert_eq!((house.entries().len(), house.ledger.left(acme.config()).in_flight), (2, 0));
}
