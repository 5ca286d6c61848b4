//! Reading the journal beside the process that writes it.

use std::fs::{self, OpenOptions};
use std::io::Write as _;

use partywall_ledger::{Entry, Tail, Weight};
use serde_json::json;

use crate::house::{House, answered, call};

const FIRST: &str = "journal-00000001.jsonl";
const SECOND: &str = "journal-00000002.jsonl";

fn ended(entry: &Entry) -> bool {
    entry.kind == "ended"
}

fn requests(entries: &[Entry]) -> Vec<&str> {
    entries.iter().map(|entry| entry.request_id.as_str()).collect()
}

impl House {
    /// A call from its beginning to its end; gives its id.
    fn one(&self) -> String {
        let reservation = self.ledger.reserve(&self.acme(&json!({})), call(Weight::Call)).unwrap();
        let request = reservation.call().ids.request.to_string();
        reservation.settle(answered());
        request
    }
}

#[test]
fn the_newest_are_shown_and_then_what_comes() {
    let house = House::new();
    let (_, second, third) = (house.one(), house.one(), house.one());
    let (newest, mut tail) = Tail::newest(house.folder(), 2, ended).unwrap();
    assert_eq!(requests(&newest), [&*second, &*third]);
    assert!(tail.look().unwrap().is_empty());
    let fourth = house.one();
    assert_eq!(requests(&tail.look().unwrap()), [&*fourth, &*fourth], "its beginning and its end");
    let (none, mut tail) = Tail::newest(house.folder(), 0, ended).unwrap();
    assert!(none.is_empty() && tail.look().unwrap().is_empty(), "nothing of what was there before");
    let fifth = house.one();
    assert_eq!(requests(&tail.look().unwrap()), [&*fifth, &*fifth]);
}

#[test]
fn half_a_line_waits_for_its_other_half_and_a_new_segment_follows() {
    let house = House::new();
    let first = house.one();
    let line = fs::read_to_string(house.folder().join(FIRST)).unwrap().lines().last().unwrap().to_owned();
    let (_, mut tail) = Tail::newest(house.folder(), 9, ended).unwrap();
    let write = |file: &str, text: &str| {
        let path = house.folder().join(file);
        OpenOptions::new().append(true).create(true).open(path).unwrap().write_all(text.as_bytes()).unwrap();
    };
    let (half, rest) = line.split_at(20);
    write(FIRST, half);
    assert!(tail.look().unwrap().is_empty());
    write(FIRST, &format!("{rest}\n"));
    assert_eq!(requests(&tail.look().unwrap()), [&*first]);
    write(FIRST, "no entry\n");
    write(SECOND, &format!("{line}\n"));
    let seen: Vec<_> = (0..3).flat_map(|_| tail.look().unwrap()).collect();
    assert_eq!(requests(&seen), [&*first], "what stands in the next segment, once");
    let (newest, _) = Tail::newest(house.folder(), 3, ended).unwrap();
    assert_eq!(newest.len(), 3, "across segments");
}
