//! What must not compile from outside the data plane: to reach a step of the call by itself, to answer in the
//! gateway's name, or to say to an upstream who is calling.
//!
//! Inside, the order holds by privacy and by types: `Admitted` and `Authorized` have a private field each, so only
//! `admit` and `authorize` make one, and each step takes the evidence of the step before. `Routed` is taken apart by the
//! last step, so its fields are the crate's: that nothing but `route` makes one is for a reader to see. There is no case
//! for the inside here: a case is a crate of its own and sees what every other crate sees. To show it the steps would
//! open the very door that is to stay shut.
//!
//! A case that begins to compile is a hole. A snapshot that changes only in words, with a new compiler, is taken over
//! with `TRYBUILD=overwrite`; read it first.

#[test]
fn no_step_of_a_call_is_reached_from_outside() {
    trybuild::TestCases::new().compile_fail("tests/walls/*.rs");
}
