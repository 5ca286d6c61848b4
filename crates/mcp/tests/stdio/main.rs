//! The channel of one instance as its clients and its server see it: scenes of who sends what, and what comes of it.

#![allow(clippy::unwrap_used, reason = "a helper that cannot go on fails the test that called it")]

mod asking;
mod bridging;
mod fidelity;
mod handshake;
mod interleaved;
mod listening;
mod routing;
mod scene;
