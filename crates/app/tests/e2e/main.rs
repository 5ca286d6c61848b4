//! End to end: the real binary, real servers behind it, real HTTP in front. One test binary, one module a subject.

#![allow(clippy::unwrap_used, reason = "a helper that cannot go on fails the test that called it")]
#![allow(
    clippy::format_push_string,
    clippy::items_after_statements,
    clippy::needless_for_each,
    clippy::type_complexity,
    clippy::unnecessary_debug_formatting,
    reason = "a scene reads top-down, and a table of rows is its own type"
)]

mod caller;
mod checked_in;
mod corporate;
mod http;
mod instances;
mod legacy;
mod node;
mod process;
mod scripted;
mod told;
mod world;

mod answers;
mod browser_rules;
mod clients;
mod compatibility;
mod connect;
mod demo;
mod ends;
mod fidelity;
mod hostile;
mod issuers;
mod kept_open;
mod life;
mod limits;
mod live;
mod matrix;
mod noisy;
mod oidc;
mod oracles;
mod scopes;
mod secrets;
mod sessions;
mod sharing;
mod sign_in;
mod smoke;
mod soak;
mod stdio_servers;
mod streams;
mod tls;
mod turns;
mod walls;
mod watch;
