//! Addresses: each has a rate before anybody says who they are, and no choice of address within a network is a way
//! around it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use partywall_domain::RefusalCode;
use partywall_ledger::{Ledger, Quota, Rate, Throttled};

use crate::house::House;

/// So slow that nothing comes back while a test runs.
const SLOW: Rate = Rate { per_second: 1, burst: 5 };

fn let_in(ledger: &Ledger, addresses: impl Iterator<Item = IpAddr>) -> usize {
    addresses.filter(|address| ledger.ask(*address, SLOW).is_ok()).count()
}

#[test]
fn an_address_has_a_burst_and_no_other_address_pays_for_it() {
    let house = House::new();
    let one: IpAddr = "192.0.2.1".parse().unwrap();
    assert_eq!(let_in(&house.ledger, std::iter::repeat_n(one, 50)), 5);
    let Throttled { code, policy, retry_after_ms } = house.ledger.ask(one, SLOW).err().unwrap();
    assert_eq!((code, policy.name, policy.quota), (RefusalCode::TooManyRequests, "address", Quota::Rate(SLOW)));
    assert!((1..=1000).contains(&retry_after_ms));
    assert_eq!(let_in(&house.ledger, (2..=200).map(|last| Ipv4Addr::new(192, 0, 2, last).into())), 199);
}

#[test]
fn a_network_of_addresses_is_one() {
    let house = House::new();
    let within =
        |network: u128| (0..50_u128).map(move |host| Ipv6Addr::from_bits((network << 64) | (host * 7_919)).into());
    assert_eq!(
        let_in(&house.ledger, within(0x2001_0db8_0001_0002)),
        5,
        "whoever has a /64 has no more than one address"
    );
    assert_eq!(let_in(&house.ledger, within(0x2001_0db8_0001_0003)), 5);
    // An IPv4 address counts once, however it is written.
    let both = ["192.0.2.9", "::ffff:192.0.2.9"].map(|address| address.parse::<IpAddr>().unwrap());
    assert_eq!(let_in(&house.ledger, both.into_iter().cycle().take(50)), 5);
}

#[test]
fn failures_are_counted_by_network_too() {
    let house = House::new();
    let of = |host: u128| IpAddr::from(Ipv6Addr::from_bits((0x2001_0db8_0001_0002 << 64) | host));
    for host in 0..100 {
        assert!(house.ledger.may_try(of(host)).is_ok(), "{host} failed before");
        house.ledger.failed(of(host));
    }
    // Twenty a second come back, so it is tried until it shows.
    let refused = (100..5_000).find(|host| {
        let refused = house.ledger.may_try(of(*host)).is_err();
        house.ledger.failed(of(*host));
        refused
    });
    assert!(refused.is_some(), "5,000 failures from one network were let in");
    assert!(house.ledger.may_try("2001:db8:9::1".parse().unwrap()).is_ok());
}

/// Addresses beyond those remembered push each other out, and not the ones who call.
#[test]
fn more_addresses_than_are_remembered_take_no_memory() {
    let house = House::new();
    let many = (0..100_000_u32).map(|bits| IpAddr::from(Ipv4Addr::from_bits(bits)));
    assert_eq!(let_in(&house.ledger, many), 100_000);
    assert!(house.ledger.addresses_known() <= 10_000, "{} are remembered", house.ledger.addresses_known());
}
