//! What tests stand on: servers and clients that behave as real ones do, started in the test's own process.
//!
//! A development dependency only: nothing here ships, and nothing here is a way around the front door. A test that needs a
//! tenant gets one with a signed token, as a customer does.

pub mod token;

#[cfg(feature = "fixture")]
pub mod echo;
#[cfg(feature = "fixture")]
pub mod fixture;
#[cfg(feature = "fixture")]
pub mod hostile;
#[cfg(feature = "fixture")]
pub mod injector;
#[cfg(feature = "fixture")]
pub mod scripted;
#[cfg(feature = "fixture")]
pub mod soak;

pub mod args;
