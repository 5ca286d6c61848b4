//! A place is one place.

use partywall_ledger::Reservation;

fn second(reservation: &Reservation) -> Reservation {
    reservation.clone()
}

fn main() {}
