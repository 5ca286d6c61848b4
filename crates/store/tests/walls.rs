//! What must not compile: a query by nobody, or by somebody who may not ask it.
//!
//! A case that begins to compile is a hole. A snapshot that changes only in words, with a new compiler, is taken over
//! with `TRYBUILD=overwrite`; read it first.

#[test]
fn nobody_asks_the_store_without_authority() {
    trybuild::TestCases::new().compile_fail("tests/walls/*.rs");
}
