//! What must not compile: each case tries to cheat the books, and the compiler's answer is its snapshot.
//!
//! A case that begins to compile is a hole. A snapshot that changes only in words, with a new compiler, is taken over
//! with `TRYBUILD=overwrite`; read it first.

#[test]
fn no_way_to_cheat_the_books_compiles() {
    trybuild::TestCases::new().compile_fail("tests/walls/*.rs");
}
