//! What is in the journal was booked.

use partywall_ledger::{Entry, Ledger};

fn write(ledger: &Ledger, entry: &Entry) {
    ledger.0.journal.append(entry);
}

fn main() {}
