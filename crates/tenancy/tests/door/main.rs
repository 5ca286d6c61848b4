//! The door, entered as everybody enters it: documents are compiled, a token is signed, verified and brought along.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod enter;
mod grants;
mod house;
mod instances;
mod mistakes;
mod model;
mod owned;
