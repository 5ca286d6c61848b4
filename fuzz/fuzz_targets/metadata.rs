#![no_main]
#![allow(dead_code)]

#[path = "../checks/metadata.rs"]
mod check;
#[path = "../../crates/app/src/key_source/discovery.rs"]
mod discovery;
#[path = "../../crates/app/src/key_source/place.rs"]
mod place;

libfuzzer_sys::fuzz_target!(|data: &[u8]| check::check(data));
