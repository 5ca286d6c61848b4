//! A cursor is no session, though both are sealed for the same principal.

use partywall_tenancy::{Owned, Portable};

struct Session;
struct Cursor;

impl Portable for Session {
    const KIND: &'static str = "session";

    fn to_bytes(&self) -> Vec<u8> {
        Vec::new()
    }

    fn from_bytes(_: &[u8]) -> Option<Self> {
        Some(Self)
    }
}

fn resume(_: &Owned<Session>) {}

fn confuse(cursor: &Owned<Cursor>) {
    resume(cursor);
}

fn main() {}
