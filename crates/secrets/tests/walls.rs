//! What must not compile: each case tries one way to a tenant's secret that is not through its context.
//!
//! A snapshot that changes only in words, with a new compiler, is taken over with `TRYBUILD=overwrite`; read it first.

#[test]
fn no_way_around_the_context_compiles() {
    trybuild::TestCases::new().compile_fail("tests/walls/*.rs");
}
