//! After its end a call is nobody's.

use partywall_ledger::{Reservation, Settlement};

fn end(reservation: Reservation, settlement: Settlement) -> String {
    let tenant = reservation.tenant();
    reservation.settle(settlement);
    tenant.name().to_string()
}

fn main() {}
