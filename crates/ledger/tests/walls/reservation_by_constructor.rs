//! A place is reserved, not made.

use partywall_ledger::Reservation;

fn main() {
    let _begin = Reservation::begin;
    let _without_place = Reservation::without_place;
}
