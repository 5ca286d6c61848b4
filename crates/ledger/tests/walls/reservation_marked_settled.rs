//! A call that did not settle is booked as abandoned.

use partywall_ledger::Reservation;

fn forget(reservation: &mut Reservation) {
    reservation.0.settled = true;
}

fn main() {}
