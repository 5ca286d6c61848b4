//! An operator is not the process: wrapped keys are not an operator's to read.

use partywall_identity::{Job, Operator};
use partywall_store::Store;

fn keys(store: &Store, operator: &Operator) {
    store.system(operator, Job::Prepare);
}

fn main() {}
