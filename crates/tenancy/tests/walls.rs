//! What must not compile: each case tries one way around the door, and the compiler's answer is its snapshot.
//!
//! A case that begins to compile is a hole in the wall. A snapshot that changes only in words, with a new compiler, is
//! taken over with `TRYBUILD=overwrite`; read it first.

#[test]
fn no_way_around_the_door_compiles() {
    trybuild::TestCases::new().compile_fail("tests/walls/*.rs");
}
