//! What may come from one address: requests before anybody says who they are, and connections.
//!
//! Loopback is free of both. It is no address of a client: it is a proxy on this machine, whose clients all would count
//! as one where nobody has named it in `trusted_proxies`, or it is somebody who has the machine anyway.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use partywall_domain::event;
use partywall_ledger::{Ledger, Rate, Throttled, network_of};

/// What may come from one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddressLimits {
    /// Requests, sustained and at once. Default 2,000 a second and 4,000 at once: the agents of a big office behind one
    /// address, and a tenth of what a small node serves.
    pub requests: Rate,
    /// Connections at the same time. Default 1,000: a tenth of those that the listener has.
    pub connections_max: u32,
}

impl Default for AddressLimits {
    fn default() -> Self {
        Self { requests: Rate { per_second: 2_000, burst: 4_000 }, connections_max: 1_000 }
    }
}

pub(crate) struct Addresses {
    limits: AddressLimits,
    /// Bounded by the connections there are.
    connections: Arc<Mutex<Connections>>,
}

#[derive(Default)]
struct Connections {
    by_network: HashMap<IpAddr, u32>,
    refused: u64,
}

impl Addresses {
    pub(crate) fn new(limits: AddressLimits) -> Self {
        Self { limits, connections: Arc::default() }
    }

    /// Whether a request that came from there may go on.
    pub(crate) fn may_ask(&self, ledger: &Ledger, client: IpAddr) -> Result<(), Throttled> {
        if client.to_canonical().is_loopback() { Ok(()) } else { ledger.ask(client, self.limits.requests) }
    }

    /// Counts a connection from there, until what is returned is dropped; none if there are as many as may be.
    pub(crate) fn connect(&self, peer: IpAddr) -> Option<Connected> {
        let network = network_of(peer);
        let mut connections = lock(&self.connections);
        let count = connections.by_network.entry(network).or_default();
        if *count >= self.limits.connections_max {
            connections.refused += 1;
            // Whoever is refused comes again at once; each power of two is told.
            if connections.refused.is_power_of_two() {
                tracing::warn!(event = event::DROPPED, what = "connection", count = connections.refused);
            }
            return None;
        }
        *count += 1;
        Some(Connected { connections: Arc::clone(&self.connections), network })
    }
}

/// A connection that is counted.
pub(crate) struct Connected {
    connections: Arc<Mutex<Connections>>,
    network: IpAddr,
}

impl Drop for Connected {
    fn drop(&mut self) {
        let mut connections = lock(&self.connections);
        if let Some(count) = connections.by_network.get_mut(&self.network) {
            *count -= 1;
            if *count == 0 {
                connections.by_network.remove(&self.network);
            }
        }
    }
}

fn lock(connections: &Mutex<Connections>) -> MutexGuard<'_, Connections> {
    connections.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_of_one_network_are_bounded_and_forgotten() {
        let limits = AddressLimits { connections_max: 2, ..AddressLimits::default() };
        let addresses = Addresses::new(limits);
        let of = |address: &str| addresses.connect(address.parse().unwrap());
        let held = [of("192.0.2.1"), of("::ffff:192.0.2.1")].map(Option::unwrap);
        assert!(of("192.0.2.1").is_none(), "two there are, in both spellings");
        assert!(of("192.0.2.2").is_some());
        let theirs = [of("2001:db8::1"), of("2001:db8::2")].map(Option::unwrap);
        assert!(of("2001:db8::3").is_none(), "a /64 is one");
        assert!(of("2001:db8:0:1::3").is_some());
        drop((held, theirs));
        assert!(of("192.0.2.1").is_some() && of("2001:db8::3").is_some());
        assert!(lock(&addresses.connections).by_network.is_empty(), "what nobody holds takes no memory");
    }
}
