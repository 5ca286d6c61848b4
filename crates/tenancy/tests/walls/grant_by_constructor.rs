//! What is granted was compiled from documents.

use partywall_documents::{Server, ServerPatch};
use partywall_domain::Placement;
use partywall_tenancy::Grant;

fn forge(server: Server, patch: ServerPatch) -> Grant {
    Grant::new(server.into(), (Placement::Shared, None), None, patch)
}

fn main() {}
