//! What a step leaves behind, nobody else makes.

use partywall_gateway::admit::Admitted;
use partywall_gateway::authorize::Authorized;
use partywall_gateway::route::Routed;

fn main() {}
