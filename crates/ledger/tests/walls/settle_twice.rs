//! A call ends once.

use partywall_ledger::{Reservation, Settlement};

fn end(reservation: Reservation, first: Settlement, second: Settlement) {
    reservation.settle(first);
    reservation.settle(second);
}

fn main() {}
