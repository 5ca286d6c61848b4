//! A place belongs to who entered; an id is a name that anyone can type.

use partywall_domain::TenantId;
use partywall_ledger::{Call, Ledger};

fn begin(ledger: &Ledger, id: TenantId, call: Call) -> bool {
    ledger.reserve(&id, call).is_ok()
}

fn main() {}
