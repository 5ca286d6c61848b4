//! The steps of a call are the gateway's own.

use partywall_gateway::admit::admit;
use partywall_gateway::authorize::authorize;
use partywall_gateway::route::route;
use partywall_gateway::upstream::call;

fn main() {}
