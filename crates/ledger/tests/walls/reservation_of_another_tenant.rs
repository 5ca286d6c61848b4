//! A call is booked to who called.

use partywall_ledger::Reservation;
use partywall_tenancy::TenantContext;

fn swap(reservation: &mut Reservation, other: TenantContext) {
    reservation.0.tenant = other;
}

fn main() {}
