//! A snapshot is compiled, whole, from documents, and stays as it is.

use partywall_domain::Revision;
use partywall_tenancy::Snapshot;

fn forge(snapshot: &mut Snapshot) {
    snapshot.revision = Revision(u64::MAX);
    snapshot.doors.clear();
}

fn main() {}
