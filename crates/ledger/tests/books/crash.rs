//! A process that stops at any moment, and the next one that opens the same books.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::Path;

use partywall_ledger::{Call, Ledger, Weight};
use partywall_tenancy::TenantContext;
use serde_json::json;
use tempfile::TempDir;

use crate::house::{House, answered, call, entries};

const FIRST: &str = "journal-00000001.jsonl";
const SECOND: &str = "journal-00000002.jsonl";

/// The folder as a crash at this moment would leave it.
fn crashed(house: &House) -> TempDir {
    let copy = TempDir::new().unwrap();
    for file in fs::read_dir(house.folder()).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), copy.path().join(file.file_name())).unwrap();
    }
    copy
}

fn append(folder: &Path, file: &str, bytes: &[u8]) {
    OpenOptions::new().append(true).create(true).open(folder.join(file)).unwrap().write_all(bytes).unwrap();
}

#[test]
fn calls_that_a_crash_cut_off_are_closed_once() {
    let house = House::new();
    let acme = house.acme(&json!({}));
    let reserve = |weight| house.ledger.reserve(&acme, call(weight)).unwrap();
    reserve(Weight::Call).settle(answered());
    let open = [reserve(Weight::Call), reserve(Weight::Stream), reserve(Weight::Message), reserve(Weight::Free)];
    drop(reserve(Weight::Call));
    let folder = crashed(&house);
    let (ledger, closed) = Ledger::open(folder.path()).unwrap();
    assert_eq!(closed, open.len());
    for reservation in open {
        let found = ledger.find(reservation.call().ids.request).unwrap();
        assert_eq!(found.iter().map(|entry| entry.kind.as_str()).collect::<Vec<_>>(), ["began", "ended"]);
        let (began, ended) = (&found[0], &found[1]);
        assert_eq!(ended.outcome.as_deref(), Some("abandoned"));
        assert_eq!(ended.cause.as_deref(), Some("the gateway stopped before the call ended"));
        assert_eq!((&ended.tenant_id, &ended.subject, &ended.name), (&began.tenant_id, &began.subject, &began.name));
        assert!(ended.at >= began.at);
    }
    assert_eq!(entries(folder.path()).len(), 2 * 6);
    assert_eq!(ledger.left(acme.config()).in_flight, 0, "a call of the process that stopped holds no place");
    drop(ledger);
    assert_eq!(Ledger::open(folder.path()).unwrap().1, 0, "the second time there is nothing to close");
}

/// A crash at every byte of the journal: it opens, what was whole is there, and every call that began has one end.
#[test]
fn a_journal_cut_at_any_byte_opens_and_balances() {
    let house = House::new();
    let acme = house.acme(&json!({ "calls_per_second": 1_000_000, "calls_burst": 1_000_000 }));
    // Letters of two, three and four bytes, so that a cut may fall inside one.
    let call = || Call { name: Some("é€𝖆\n\"".to_owned()), ..call(Weight::Call) };
    house.ledger.reserve(&acme, call()).unwrap().settle(answered());
    let _open = house.ledger.reserve(&acme, call()).unwrap();
    let whole = fs::read(house.folder().join(FIRST)).unwrap();
    let copy = TempDir::new().unwrap();
    for length in 0..=whole.len() {
        fs::write(copy.path().join(FIRST), &whole[..length]).unwrap();
        let before = entries(copy.path());
        let (ledger, closed) = Ledger::open(copy.path()).unwrap();
        let began = before.iter().filter(|entry| entry.kind == "began").count();
        assert_eq!(closed, began - (before.len() - began), "cut at byte {length}");
        // It goes on where it was, on a line of its own.
        one_more(&ledger, &acme);
        let after = entries(copy.path());
        assert_eq!(after.len(), before.len() + closed + 2, "cut at byte {length}");
        assert_eq!(after[..before.len()], before, "cut at byte {length}");
        let last = after.last().unwrap().request_id.parse().unwrap();
        assert_eq!(ledger.find(last).unwrap().len(), 2, "cut at byte {length}");
        drop(ledger);
        assert_eq!(Ledger::open(copy.path()).unwrap().1, 0, "cut at byte {length}");
    }
}

fn one_more(ledger: &Ledger, tenant: &TenantContext) {
    ledger.reserve(tenant, call(Weight::Call)).unwrap().settle(answered());
}

#[test]
fn what_is_no_entry_is_passed_over() {
    let house = House::new();
    let acme = house.acme(&json!({}));
    let first = house.ledger.reserve(&acme, call(Weight::Call)).unwrap();
    let request = first.call().ids.request;
    for nonsense in [
        &b"\n\n"[..],
        b"null\n",
        b"[]\n",
        b"{\"kind\":1}\n",
        b"\xff\xfe\n",
        b"{\"kind\":\"began\"\n",
        &[0; 4096],
        b"\n",
    ] {
        append(house.folder(), FIRST, nonsense);
    }
    first.settle(answered());
    let folder = crashed(&house);
    for file in ["journal-.jsonl", "journal-1.txt", "other-00000009.jsonl", "journal-00000001.jsonl.gz"] {
        fs::write(folder.path().join(file), "not a journal").unwrap();
    }
    let (ledger, closed) = Ledger::open(folder.path()).unwrap();
    assert_eq!(closed, 0);
    assert_eq!(ledger.find(request).unwrap().len(), 2);
}

/// A call may begin in one segment and end, or not, in the next.
#[test]
fn a_full_segment_is_followed_by_another() {
    let house = House::new();
    let acme = house.acme(&json!({}));
    let across = house.ledger.reserve(&acme, call(Weight::Call)).unwrap();
    let open = house.ledger.reserve(&acme, call(Weight::Call)).unwrap();
    let folder = crashed(&house);
    OpenOptions::new().write(true).open(folder.path().join(FIRST)).unwrap().set_len((64 << 20) + 1).unwrap();
    let (ledger, closed) = Ledger::open(folder.path()).unwrap();
    assert_eq!(closed, 2);
    one_more(&ledger, &acme);
    assert!(folder.path().join(SECOND).exists());
    for reservation in [&across, &open] {
        assert_eq!(ledger.find(reservation.call().ids.request).unwrap().len(), 2);
    }
    assert_eq!(Ledger::open(folder.path()).unwrap().1, 0, "what ended in the second segment has ended");
}

#[test]
fn a_disk_that_takes_nothing_stops_no_call_and_the_loss_is_counted() {
    let house = House::new();
    let acme = house.acme(&json!({}));
    let folder = crashed(&house);
    OpenOptions::new().write(true).open(folder.path().join(FIRST)).unwrap().set_len((64 << 20) + 1).unwrap();
    let (ledger, _) = Ledger::open(folder.path()).unwrap();
    // Where the next segment should be, no file can be.
    fs::create_dir(folder.path().join(SECOND)).unwrap();
    assert_eq!(ledger.entries_lost(), 0);
    one_more(&ledger, &acme);
    assert_eq!(ledger.entries_lost(), 2);
    fs::remove_dir(folder.path().join(SECOND)).unwrap();
    one_more(&ledger, &acme);
    assert_eq!(ledger.entries_lost(), 2);
    assert_eq!(entries(folder.path()).len(), 2);
}
