//! What is on disk, and when.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use partywall_domain::{Outcome, RefusalCode, RequestId};
use partywall_ledger::{Call, Entry, Ids, Ledger, Settlement, Weight};
use serde_json::json;

use crate::house::{House, answered, call, entries, ids};

#[test]
fn a_call_is_on_disk_before_it_goes_on_and_ends_once() {
    let house = House::new();
    let acme = house.acme(&json!({}));
    let since = Instant::now().checked_sub(Duration::from_millis(20)).unwrap();
    let call = Call { since, ..call(Weight::Call) };
    let Ids { request, trace, .. } = call.ids;
    let reservation = house.ledger.reserve(&acme, call).unwrap();
    let began = house.entries().remove(0);
    assert_eq!((began.kind.as_str(), began.revision), ("began", 7));
    assert_eq!((began.request_id.clone(), began.trace_id.clone()), (request.to_string(), trace.to_string()));
    assert_eq!((began.tenant_id.clone(), began.tenant.as_deref()), (Some(acme.id().to_string()), Some("acme")));
    assert_eq!((began.issuer.as_str(), began.subject.as_str(), began.client.as_str()), ("corporate", "ann", "agent"));
    assert_eq!((began.server.as_str(), began.method.as_str(), began.era.as_str()), ("notes", "tools/call", "modern"));
    assert_eq!(began.name.as_deref(), Some("read"));
    assert_eq!((&began.outcome, began.status, began.bytes_out, began.duration_us), (&None, None, None, None));
    assert!(began.at.ends_with('Z') && began.at.starts_with("20"), "{}", began.at);
    reservation.settle(answered());
    let entries = house.entries();
    assert_eq!(entries.len(), 2);
    let ended = &entries[1];
    assert!((20_000..10_000_000).contains(&ended.duration_us.unwrap()), "{ended:?}");
    let expected = Entry {
        kind: "ended".to_owned(),
        at: ended.at.clone(),
        outcome: Some("answered".to_owned()),
        status: Some(200),
        bytes_out: Some(42),
        duration_us: ended.duration_us,
        ..began
    };
    assert_eq!(*ended, expected);
}

/// How a call may end, and what the end says: outcome, refusal, cause, status.
#[test]
fn every_end_is_booked() {
    type End = (&'static str, Option<&'static str>, Option<&'static str>, u16);
    let settled = |outcome, cause: &str, status| Settlement { outcome, cause: cause.to_owned(), status, bytes_out: 0 };
    let timeout = RefusalCode::UpstreamTimeout;
    let rows: [(Option<Settlement>, End); 5] = [
        (Some(answered()), ("answered", None, None, 200)),
        (Some(settled(Outcome::UpstreamError, "", 500)), ("upstream_error", None, None, 500)),
        (Some(Settlement::refused(timeout, "60 s")), ("refused", Some("upstream_timeout"), Some("60 s"), 504)),
        (Some(settled(Outcome::Abandoned, "", 200)), ("abandoned", None, None, 200)),
        (None, ("abandoned", None, None, 0)),
    ];
    for (settlement, (outcome, refusal, cause, status)) in rows {
        let house = House::new();
        let acme = house.acme(&json!({}));
        let reservation = house.ledger.reserve(&acme, call(Weight::Call)).unwrap();
        match settlement {
            Some(settlement) => reservation.settle(settlement),
            None => drop(reservation),
        }
        let entries = house.entries();
        assert_eq!(entries.iter().map(|entry| entry.kind.as_str()).collect::<Vec<_>>(), ["began", "ended"]);
        let ended = &entries[1];
        assert_eq!(ended.outcome.as_deref(), Some(outcome));
        assert_eq!((ended.refusal.as_deref(), ended.cause.as_deref()), (refusal, cause), "{outcome}");
        assert_eq!(ended.status, Some(status), "{outcome}");
        assert_eq!(house.ledger.left(acme.config()).in_flight, 0, "{outcome}");
    }
}

#[test]
fn a_panic_ends_its_call() {
    let house = House::new();
    let acme = house.acme(&json!({}));
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let _reservation = house.ledger.reserve(&acme, call(Weight::Call)).unwrap();
        std::panic::resume_unwind(Box::new(()));
    }));
    assert!(panicked.is_err());
    assert_eq!(house.entries()[1].outcome.as_deref(), Some("abandoned"));
    assert_eq!(house.ledger.left(acme.config()).in_flight, 0);
}

#[test]
fn what_never_got_a_place_is_booked_all_the_same() {
    let house = House::new();
    let acme = house.acme(&json!({ "calls_in_flight_max": 1 }));
    let denied = call(Weight::Call);
    let request = denied.ids.request;
    house.ledger.deny(
        &acme,
        RefusalCode::UnknownTool,
        || Settlement::refused(RefusalCode::UnknownTool, "tool `drop` is not granted"),
        || denied,
    );
    let entries = house.ledger.find(request).unwrap();
    assert_eq!(entries.len(), 1);
    assert_eq!((entries[0].kind.as_str(), entries[0].outcome.as_deref()), ("ended", Some("refused")));
    assert_eq!(entries[0].refusal.as_deref(), Some("unknown_tool"));
    assert_eq!(entries[0].cause.as_deref(), Some("tool `drop` is not granted"));
    let _held = house.ledger.reserve(&acme, call(Weight::Call)).unwrap();
    let throttled = call(Weight::Call);
    let request = throttled.ids.request;
    assert!(house.ledger.reserve(&acme, throttled).is_err());
    let entries = house.ledger.find(request).unwrap();
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0].refusal.as_deref(), Some("too_many_in_flight"));
    assert_eq!(house.ledger.left(acme.config()).in_flight, 1, "a refusal frees nobody's place");
}

#[test]
fn a_request_is_found_by_its_id_alone() {
    let house = House::new();
    let acme = house.acme(&json!({}));
    let (one, other) = (call(Weight::Call), Call { name: None, ..call(Weight::Call) });
    let wanted = one.ids.request;
    // Another call that speaks of the first one, as an attacker who saw its id might.
    let mention = Call { name: Some(format!("\",\"request_id\":\"{wanted}")), ..call(Weight::Call) };
    for call in [one, other, mention] {
        house.ledger.reserve(&acme, call).unwrap().settle(answered());
    }
    let found = house.ledger.find(wanted).unwrap();
    assert_eq!(found.iter().map(|entry| entry.kind.as_str()).collect::<Vec<_>>(), ["began", "ended"]);
    assert!(found.iter().all(|entry| entry.request_id == wanted.to_string() && entry.name.as_deref() == Some("read")));
    assert_eq!(house.ledger.find(ids().request).unwrap(), []);
    let spelled = format!("{{{wanted}}}").parse::<RequestId>().ok();
    assert!(spelled.is_none_or(|id| id == wanted));
    assert_eq!(house.entries().len(), 6);
}

#[test]
fn what_a_caller_wrote_stays_in_its_field() {
    let house = House::new();
    let acme = house.acme(&json!({}));
    let names = ["a\nb", "\"}\n{\"kind\":\"ended\"", "\u{0}\u{1b}[31m", "\u{2028}", "\\", "\u{1f600}", ""];
    for name in names {
        let call = Call { name: Some(name.to_owned()), server: name.to_owned(), ..call(Weight::Call) };
        house.ledger.reserve(&acme, call).unwrap().settle(answered());
    }
    let entries = house.entries();
    assert_eq!(entries.len(), 2 * names.len());
    for (pair, name) in entries.chunks(2).zip(names) {
        assert!(pair.iter().all(|entry| entry.name.as_deref() == Some(name) && entry.server == name), "{name:?}");
    }
}

#[test]
fn nobody_else_on_the_host_reads_the_journal() {
    let house = House::new();
    let nested = house.folder().join("a/b");
    let (ledger, _) = Ledger::open(&nested).unwrap();
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&nested), 0o700);
    assert_eq!(mode(&nested.join("journal-00000001.jsonl")), 0o600);
    assert_eq!((ledger.entries_lost(), entries(&nested).len()), (0, 0));
}

#[test]
fn a_journal_that_cannot_be_opened_is_told_with_its_path() {
    let house = House::new();
    let file = house.folder().join("file");
    fs::write(&file, "").unwrap();
    let why = Ledger::open(&file).err().unwrap();
    let path = file.display();
    let told = format!("the journal at `{path}` cannot be opened; check that the folder can be written");
    assert_eq!(why.to_string(), told);
    assert!(std::error::Error::source(&why).is_some());
}
