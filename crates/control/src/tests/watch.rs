//! What is told of the node: whether it lives to anybody on this machine, and the rest to operators.

use std::sync::atomic::Ordering;

use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use serde_json::{Value, json};

use super::world::{BASE, json, request, world};
use crate::OPEN_ROUTES;

fn bare(method: &str, path: &str) -> axum::http::request::Builder {
    Request::builder().method(method).uri(path).header("host", "127.0.0.1:7401")
}

#[tokio::test]
async fn anybody_here_is_told_whether_it_lives_and_nothing_else() {
    let world = world();
    for route in &OPEN_ROUTES {
        let response = world.send(bare("GET", route.path).body(Body::empty()).unwrap()).await;
        assert_eq!(response.status(), StatusCode::OK, "{}", route.path);
        assert_eq!(json(response).await, json!({"status": "ok"}), "{}", route.path);
        let rows = [
            (bare("POST", route.path), 401),
            (bare("OPTIONS", route.path), 401),
            (bare("GET", &format!("{}/", route.path)), 401),
            (bare("GET", route.path).header("authorization", "Bearer somebody"), 401),
            (bare("GET", route.path).header("authorization", ""), 401),
            (bare("GET", route.path).header("origin", "https://evil.example"), 403),
            (Request::get(route.path).header("host", "evil.example:7401"), 403),
            (request("POST", route.path), 405),
        ];
        for (row, (asked, status)) in rows.into_iter().enumerate() {
            let response = world.send(asked.body(Body::empty()).unwrap()).await;
            assert_eq!(response.status().as_u16(), status, "{} row {row}", route.path);
        }
    }
    // What is next to them is no door of that kind.
    for path in ["/metrics", "/api/v1/top", "/healthz/../api/v1/tenants", "/"] {
        let response = world.send(bare("GET", path).body(Body::empty()).unwrap()).await;
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{path}");
    }
}

#[tokio::test]
async fn why_it_is_not_ready_is_for_operators() {
    let world = world();
    let checks = |answer: &Value| {
        let checks = answer["checks"].as_array().unwrap().iter();
        let told = checks.map(|check| (check["name"].clone(), check["ok"].clone(), check["needed"].clone()));
        told.map(|(name, ok, needed)| json!([name, ok, needed])).collect::<Value>()
    };
    let (status, answer) = world.get("/readyz").await;
    assert_eq!((status, &answer["status"]), (StatusCode::OK, &json!("ok")));
    let fine = json!([
        ["configuration", true, true],
        ["journal", true, true],
        ["not_draining", true, true],
        ["store", true, false]
    ]);
    assert_eq!(checks(&answer), fine, "{answer}");

    // A configuration stands, and the node of this world never enforces one.
    world.applied(&[("base.toml", BASE)]).await;
    world.vitals.draining.store(true, Ordering::Relaxed);
    let (status, answer) = world.get("/readyz").await;
    assert_eq!((status, &answer["status"]), (StatusCode::SERVICE_UNAVAILABLE, &json!("not ok")));
    let why = json!([
        ["configuration", false, true],
        ["journal", true, true],
        ["not_draining", false, true],
        ["store", true, false]
    ]);
    assert_eq!(checks(&answer), why, "{answer}");
    assert_eq!(answer["checks"][0]["why"], "revision 0 is enforced and 1 stands");

    let response = world.send(bare("GET", "/readyz").body(Body::empty()).unwrap()).await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(json(response).await, json!({"status": "not ok"}), "no reason for who is no operator");
    let (status, _) = world.get("/healthz").await;
    assert_eq!(status, StatusCode::OK, "it lives all the same");
}

#[tokio::test]
async fn the_figures_are_openmetrics() {
    let world = world();
    let response = world.send(request("GET", "/metrics").body(Body::empty()).unwrap()).await;
    let media_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    assert_eq!(response.headers()["content-type"], media_type);
    let page = String::from_utf8(to_bytes(response.into_body(), 1 << 20).await.unwrap().to_vec()).unwrap();
    assert!(page.ends_with("# EOF\n"), "{page}");
    let lines: Vec<_> = page.lines().collect();
    for line in [
        "partywall_calls_total{tenant=\"other\",outcome=\"answered\"} 0",
        "partywall_calls_in_flight{tenant=\"other\"} 0.0",
        "partywall_call_time_seconds_total{tenant=\"other\",part=\"queue\"} 0.0",
        "partywall_call_duration_seconds_bucket{le=\"0.00005\",part=\"own\"} 0",
        "partywall_call_duration_seconds_bucket{le=\"+Inf\",part=\"upstream\"} 0",
        "partywall_refusals_total{code=\"rate_limited\"} 0",
        "partywall_strangers_total{booked=\"no\"} 0",
        "partywall_log_lines_dropped_total 3",
        "partywall_spans_sent_total 5",
        "partywall_spans_dropped_total 2",
        "partywall_journal_entries_lost_total 0",
        "partywall_journal_writable 1.0",
        "partywall_revision_enforced 0.0",
        "partywall_store_reachable 1.0",
        "partywall_ready 1.0",
        "process_cpu_seconds_total 1.5",
        "process_resident_memory_bytes 4096.0",
        "process_open_fds 9.0",
    ] {
        assert!(lines.contains(&line), "no line `{line}` in {page}");
    }
    let series = lines.iter().filter(|line| !line.starts_with('#')).map(|line| line.rsplit_once(' ').unwrap().0);
    let mut names: Vec<_> = series.collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count, "no series stands twice");
    assert!(count < 200, "{count} series of an empty house");
}

#[tokio::test]
async fn what_top_is_asked_wrongly_is_told() {
    let world = world();
    let (status, top) = world.get("/api/v1/top?seconds=0.02&tenants=3").await;
    assert_eq!(status, StatusCode::OK, "{top}");
    assert_eq!((&top["tenants"], &top["tenants_active"]), (&json!([]), &json!(0)));
    assert!(top["seconds"].as_f64().unwrap() >= 0.02, "{top}");
    for query in ["seconds=0", "seconds=61", "seconds=NaN", "tenants=0", "tenants=1001", "tenant=acme", "seconds=x"] {
        let (status, answer) = world.get(&format!("/api/v1/top?{query}")).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{query}: {answer}");
        assert_eq!(answer["error"]["hint"], "write for example `?seconds=1&tenants=20`");
    }
}
