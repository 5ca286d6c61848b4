//! Refusals before a tenant is known: anybody can cause them, so they are booked up to a rate, and the rest is counted.

use std::thread;
use std::time::{Duration, Instant};

use partywall_domain::{RefusalCode, event};
use partywall_ledger::{Stranger, Weight};
use serde_json::json;

use crate::house::{House, answered, call, ids};
use crate::log::logged;

fn stranger<'a>() -> Stranger<'a> {
    let target = "POST /mcp/notes";
    Stranger { ids: ids(), code: RefusalCode::InvalidToken, cause: "the token has expired", target, tenant: None }
}

#[test]
fn a_stranger_is_booked_and_logged() {
    let house = House::new();
    let acme = house.acme(&json!({})).id();
    let rows =
        [(stranger(), None), (Stranger { code: RefusalCode::Suspended, tenant: Some(acme), ..stranger() }, Some(acme))];
    for (stranger, tenant) in rows {
        let lines = logged(|| house.ledger.stranger(&stranger));
        let entry = house.ledger.find(stranger.ids.request).unwrap().remove(0);
        assert_eq!((entry.kind.as_str(), entry.outcome.as_deref()), ("stranger", Some("refused")));
        assert_eq!(entry.refusal.as_deref(), Some(stranger.code.as_str()));
        assert_eq!((entry.cause.as_deref(), entry.method.as_str()), (Some(stranger.cause), stranger.target));
        assert_eq!(entry.status, Some(stranger.code.status()));
        assert_eq!(entry.tenant_id, tenant.map(|id| id.to_string()));
        assert_eq!(lines.len(), 1);
        let line = &lines[0];
        assert_eq!(line["event"], event::STRANGER);
        assert_eq!(line["request_id"], stranger.ids.request.to_string());
        assert_eq!(line.get("tenant_id").cloned(), tenant.map(|id| id.to_string()));
    }
}

#[test]
fn strangers_are_booked_up_to_a_rate_and_the_rest_is_counted() {
    let house = House::new();
    let sent = 5000;
    let since = Instant::now();
    let lines = logged(|| (0..sent).for_each(|_| house.ledger.stranger(&stranger())));
    let booked = house.entries().len();
    let most = 100 + usize::try_from(since.elapsed().as_millis() / 10).unwrap() + 1;
    assert!((100..=most).contains(&booked), "{booked} booked, {most} may be");
    // A place in a moment: whoever gets it says how many were left out before.
    thread::sleep(Duration::from_millis(50));
    let lines = [lines, logged(|| house.ledger.stranger(&stranger()))].concat();
    let booked = house.entries().len();
    let dropped = lines.iter().filter(|line| line["event"] == event::DROPPED);
    let counted: usize = dropped
        .inspect(|line| assert_eq!(line["what"], event::STRANGER))
        .map(|line| line["count"].parse::<usize>().unwrap())
        .sum();
    assert_eq!(booked + counted, sent + 1, "what is left out is counted");
    assert_eq!(lines.iter().filter(|line| line["event"] == event::STRANGER).count(), booked);
}

/// Strangers and tenants do not share a limit: a flood at the door slows nobody inside.
#[test]
fn a_flood_of_strangers_leaves_tenants_alone() {
    let house = House::new();
    let acme = house.acme(&json!({}));
    let before = house.ledger.left(acme.config());
    (0..1000).for_each(|_| house.ledger.stranger(&Stranger { tenant: Some(acme.id()), ..stranger() }));
    assert_eq!(house.ledger.left(acme.config()), before);
    let call = call(Weight::Call);
    let request = call.ids.request;
    house.ledger.reserve(&acme, call).unwrap().settle(answered());
    assert_eq!(house.ledger.find(request).unwrap().len(), 2, "and what they do is booked in full");
}

#[test]
fn every_call_leaves_one_line_that_says_whose_it_was() {
    let house = House::new();
    let acme = house.acme(&json!({ "calls_in_flight_max": 1 }));
    let (kept, refused) = (call(Weight::Call), call(Weight::Call));
    let lines = logged(|| {
        let reservation = house.ledger.reserve(&acme, kept).unwrap();
        assert!(house.ledger.reserve(&acme, refused).is_err());
        drop(reservation);
    });
    let told: Vec<_> =
        lines.iter().map(|line| (line["outcome"].as_str(), line.get("refusal").map(String::as_str))).collect();
    assert_eq!(told, [("refused", Some("too_many_in_flight")), ("abandoned", None)]);
    for line in lines {
        assert_eq!(line["event"], event::CALL);
        assert_eq!((line["tenant_id"].clone(), line["tenant"].as_str()), (acme.id().to_string(), "acme"));
        assert_eq!(
            (line["subject"].as_str(), line["server"].as_str(), line["revision"].as_str()),
            ("ann", "notes", "7")
        );
    }
}
