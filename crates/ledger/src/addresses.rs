//! Addresses: how much may come from one before anybody has said who they are, and how often a token of it may fail.
//!
//! An address is no person: an office is one, and whoever has a network has many. So an IPv6 address counts with the
//! 64 bits that say which network it is in, since the rest is its owner's to choose, and an IPv4 address that is written
//! as an IPv6 one counts as what it is. What is remembered is bounded: the address that was quiet longest is forgotten,
//! and begins anew.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use partywall_domain::RefusalCode;
use quick_cache::sync::Cache;

use crate::gcra::{Gcra, Rate, now_ns};
use crate::policy::{Policy, Quota, Throttled};

/// Failed tokens that one address may send: 100 at once, 20 a second. Below it a fleet of clients behind one address
/// whose issuer rotated a key passes; above it somebody is trying, at 50 µs of ours for each.
const FAILURES: Rate = Rate { per_second: 20, burst: 100 };
/// Addresses that are remembered, of requests and of failures. Default 10,000 each; whoever has more networks than that
/// is not stopped by an address.
const ADDRESSES_MAX: usize = 10_000;

/// What an address is counted as.
pub fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64))),
        address @ IpAddr::V4(_) => address,
    }
}

/// A rate for each address.
struct Rates(Cache<IpAddr, Arc<Gcra>>);

impl Rates {
    fn of(&self, address: IpAddr) -> Arc<Gcra> {
        let network = network_of(address);
        self.0.get(&network).unwrap_or_else(|| {
            let fresh = Arc::<Gcra>::default();
            self.0.insert(network, Arc::clone(&fresh));
            fresh
        })
    }
}

pub(crate) struct Addresses {
    requests: Rates,
    failures: Rates,
}

impl Default for Addresses {
    fn default() -> Self {
        Self { requests: Rates(Cache::new(ADDRESSES_MAX)), failures: Rates(Cache::new(ADDRESSES_MAX)) }
    }
}

impl Addresses {
    /// Counts a request from there.
    pub(crate) fn ask(&self, address: IpAddr, rate: Rate) -> Result<(), Throttled> {
        let policy = Policy { name: "address", field: "address_limits.requests_per_second", quota: Quota::Rate(rate) };
        let taken = self.requests.of(address).take(rate, now_ns());
        taken.map(drop).map_err(|wait_ns| policy.over_rate(RefusalCode::TooManyRequests, wait_ns))
    }

    /// How many addresses' requests are remembered.
    pub(crate) fn known(&self) -> usize {
        self.requests.0.len()
    }

    /// Whether another token from there may be looked at.
    pub(crate) fn may_try(&self, address: IpAddr) -> Result<(), Throttled> {
        let Some(failed) = self.failures.0.get(&network_of(address)) else { return Ok(()) };
        if failed.left(FAILURES, now_ns()) > 0 {
            return Ok(());
        }
        let policy = Policy { name: "failures", field: "failed tokens of one address", quota: Quota::Rate(FAILURES) };
        Err(policy.full(RefusalCode::TooManyFailures))
    }

    /// Counts a token from there that failed.
    pub(crate) fn failed(&self, address: IpAddr) {
        // What matters is what is left; beyond the limit nobody gets here.
        let _ = self.failures.of(address).take(FAILURES, now_ns());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_counts_as_its_network() {
        for (address, network) in [
            ("192.0.2.1", "192.0.2.1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
            ("2001:db8:1:2:ffff:ffff:ffff:ffff", "2001:db8:1:2::"),
            ("2001:db8:1:3::", "2001:db8:1:3::"),
            ("::1", "::"),
        ] {
            let expected: IpAddr = network.parse().unwrap();
            assert_eq!(network_of(address.parse().unwrap()), expected, "{address}");
        }
    }
}
