//! The rules of this repository as tests, and the check that reads every log line the tests emitted.
//!
//! A rule is a plain function from what it reads to a list of complaints, with one test that runs it over the checkout
//! and one that shows it can fail. It reads files and asks `cargo metadata`; it builds nothing, mends nothing and
//! knows no crate by more than its name. To add a rule, add a file under `rules/`.

pub mod logs;

#[cfg(test)]
mod rules;

#[cfg(test)]
mod checkout;
#[cfg(test)]
mod mentions;
