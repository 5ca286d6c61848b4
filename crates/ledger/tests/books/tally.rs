//! What is counted for those who watch: every end once, each tenant by itself, few of them by name.

use partywall_domain::{Outcome, RefusalCode};
use partywall_ledger::{Busiest, Call, Settlement, Sums, Weight};
use partywall_tenancy::TenantContext;
use serde_json::json;

use crate::house::{House, answered, call, ids};

impl House {
    fn calls(&self, tenant: &TenantContext, times: usize) {
        for _ in 0..times {
            self.ledger.reserve(tenant, call(Weight::Call)).unwrap().settle(answered());
        }
    }
}

/// Far more than these tests call.
fn wide() -> serde_json::Value {
    json!({ "calls_per_second": 1_000_000, "calls_burst": 1_000_000 })
}

/// The named with the calls that each has, and the calls of all others.
fn calls(busiest: &Busiest) -> (Vec<(&str, u64)>, u64) {
    let named = busiest.tenants.iter().map(|(name, sums)| (name.as_str(), sums.calls()));
    (named.collect(), busiest.other.calls())
}

#[test]
fn every_end_is_counted_once_and_for_its_tenant() {
    let house = House::new();
    let acme = house.acme(&json!({ "calls_in_flight_max": 2 }));
    let take = |weight| house.ledger.reserve(&acme, Call { bytes_in: 7, ..call(weight) });
    take(Weight::Call).unwrap().settle(answered());
    let broke = Settlement { outcome: Outcome::UpstreamError, ..answered() };
    take(Weight::Message).unwrap().settle(broke);
    take(Weight::Call).unwrap().settle(Settlement::refused(RefusalCode::UpstreamTimeout, ""));
    drop(take(Weight::Call).unwrap());
    let held = [take(Weight::Call).unwrap(), take(Weight::Call).unwrap(), take(Weight::Stream).unwrap()];
    assert!(take(Weight::Call).is_err(), "a third one in flight is refused");
    house.ledger.deny(
        &acme,
        RefusalCode::ParseError,
        || Settlement::refused(RefusalCode::ParseError, ""),
        || call(Weight::Free),
    );

    let expected = Sums {
        answered: 1,
        upstream_error: 1,
        refused: 3,
        abandoned: 1,
        bytes_in: 5 * 7,
        bytes_out: 2 * 42,
        in_flight: 2,
        streams_open: 1,
        ..Sums::default()
    };
    let (name, sums) = house.ledger.busiest(5).tenants.remove(0);
    assert_eq!(name.as_str(), "acme");
    assert_eq!(Sums { own_us: 0, queue_us: 0, upstream_us: 0, ..sums }, expected);
    let refused = house.ledger.node_sums().refusals.into_iter().filter(|(_, count)| *count > 0);
    let codes: Vec<_> = refused.collect();
    let one = [RefusalCode::ParseError, RefusalCode::TooManyInFlight, RefusalCode::UpstreamTimeout];
    assert_eq!(codes, one.map(|code| (code, 1)));
    drop(held);
    let sums = house.ledger.busiest(5).tenants.remove(0).1;
    assert_eq!((sums.abandoned, sums.in_flight, sums.streams_open), (4, 0, 0));
}

#[test]
fn time_is_ours_or_the_upstreams() {
    let house = House::new();
    let acme = house.acme(&wide());
    let wait = std::time::Duration::from_millis(20);
    let mut went = house.ledger.reserve(&acme, call(Weight::Call)).unwrap();
    went.goes_upstream();
    std::thread::sleep(wait);
    went.came_back();
    went.settle(answered());
    let here = house.ledger.reserve(&acme, call(Weight::Call)).unwrap();
    std::thread::sleep(wait);
    here.settle(answered());
    let mut stream = house.ledger.reserve(&acme, call(Weight::Stream)).unwrap();
    stream.goes_upstream();
    std::thread::sleep(wait);
    stream.settle(answered());

    let node = house.ledger.node_sums();
    let count = |timing: &partywall_ledger::Timing| timing.counts.iter().sum::<u64>();
    assert_eq!((count(&node.own), count(&node.queue), count(&node.upstream)), (2, 2, 1), "a stream has no length");
    assert!(node.own.sum_us >= 20_000 && node.upstream.sum_us >= 20_000, "{node:?}");
    let sums = house.ledger.busiest(5).tenants.remove(0).1;
    assert_eq!((sums.own_us, sums.upstream_us), (node.own.sum_us, node.upstream.sum_us));
}

#[test]
fn few_are_named_and_the_rest_is_summed_up() {
    let house = House::new();
    let snapshot = house.snapshot(7, &wide(), &wide());
    let (acme, globex) = (house.enter(&snapshot, "acme"), house.enter(&snapshot, "globex"));
    assert_eq!(calls(&house.ledger.busiest(1)), (vec![], 0), "who never called is not named");
    house.calls(&acme, 10);
    house.calls(&globex, 4);
    assert_eq!(calls(&house.ledger.busiest(1)), (vec![("acme", 10)], 4));
    // A little busier is not enough to take a name from somebody.
    house.calls(&globex, 8);
    assert_eq!(calls(&house.ledger.busiest(1)), (vec![("acme", 10)], 12));
    // What it counted among the others stays there, and what the other counted by name goes there.
    house.calls(&globex, 90);
    let then = house.ledger.busiest(1);
    assert_eq!(calls(&then), (vec![("globex", 0)], 102));
    house.calls(&acme, 3);
    house.calls(&globex, 5);
    let now = house.ledger.busiest(1);
    assert_eq!(calls(&now), (vec![("globex", 5)], 105));
    assert_eq!(now.active, 2);
}

/// Whatever the order in which tenants get busy: all that was counted is shown, once, and no sum of the others shrinks.
#[test]
fn the_others_never_shrink_and_nothing_is_shown_twice() {
    let house = House::new();
    let snapshot = house.snapshot(7, &wide(), &wide());
    let tenants = [house.enter(&snapshot, "acme"), house.enter(&snapshot, "globex")];
    let (mut other, mut total) = (0, 0_u64);
    let mut shown_by_name = 0_u64;
    let mut last: Option<(String, u64)> = None;
    for round in 0..40_usize {
        let times = (round * 7919) % 31;
        house.calls(&tenants[round % 3 % 2], times);
        total += times as u64;
        let looked = house.ledger.busiest(1);
        let (named, others) = calls(&looked);
        assert!(others >= other, "round {round}: {others} after {other}");
        other = others;
        for (name, count) in named {
            let before = last.replace((name.to_owned(), count)).filter(|(who, _)| who == name);
            shown_by_name += count - before.map_or(0, |(_, count)| count);
        }
        // A tenant that took the name counted its newest calls among the others.
        assert!(
            shown_by_name + others >= total && others <= total,
            "round {round}: {shown_by_name} + {others}, {total}"
        );
    }
}

#[test]
fn strangers_are_counted_also_where_they_are_left_out() {
    let house = House::new();
    let code = RefusalCode::NoToken;
    for _ in 0..500 {
        let stranger =
            partywall_ledger::Stranger { ids: ids(), code, cause: "no token", target: "POST /mcp/notes", tenant: None };
        house.ledger.stranger(&stranger);
    }
    let node = house.ledger.node_sums();
    assert_eq!(node.strangers_booked + node.strangers_left_out, 500);
    assert_eq!(node.strangers_booked, house.entries().len() as u64);
    assert!(node.strangers_left_out > 0);
    assert!(node.refusals.contains(&(code, 500)));
    assert_eq!(house.ledger.busiest(5).tenants.len(), 0, "a stranger is no tenant");
}

#[test]
fn who_holds_a_place_is_named_before_its_first_call_has_ended() {
    let house = House::new();
    let acme = house.acme(&wide());
    let held = house.ledger.reserve(&acme, call(Weight::Call)).unwrap();
    let (name, sums) = house.ledger.busiest(1).tenants.remove(0);
    assert_eq!((name.as_str(), sums.calls(), sums.in_flight), ("acme", 0, 1));
    drop(held);
}
