//! A gateway is served by its listener, from the token on: nobody calls it in the middle.

use partywall_gateway::Gateway;

fn main() {
    let _steps = Gateway::steps;
}
