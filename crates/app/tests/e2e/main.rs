//! End to end: the real binary, real servers behind it, real HTTP in front. One test binary, one module a subject.

#![allow(clippy::unwrap_used, reason = "a helper that cannot go on fails the test that called it")]

mod checked_in;
mod corporate;
mod http;
mod legacy;
mod node;
mod process;
mod scripted;
mod told;
mod world;

mod answers;
mod browser_rules;
mod clients;
mod connect;
mod demo;
mod ends;
mod fidelity;
mod issuers;
mod life;
mod matrix;
mod oracles;
mod sessions;
mod sharing;
mod sign_in;
mod smoke;
mod streams;
mod tls;
mod walls;
