//! Who gets in, and what everybody else is told.

use std::fmt::Write as _;

use axum::body::Body;
use axum::http::{Request, StatusCode};

use super::world::{TOKEN, json, request, world};
use crate::ROUTES;

/// Every method that HTTP names, and one that it does not.
const METHODS: [&str; 9] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"];

const HINT: &str = "send the operator's token as `Authorization: Bearer TOKEN`";

#[tokio::test]
async fn only_an_operator_gets_past_the_door() {
    let mut matrix = format!("{}\n", METHODS.join(" "));
    let world = world();
    let mut paths: Vec<_> = ROUTES.iter().map(|route| example(route.path)).collect();
    paths.dedup();
    paths.extend(["/", "/api/v1/nothing", "/api/v1/tenants/acme/"].map(str::to_owned));
    for path in paths {
        for method in METHODS {
            let nobody = Request::builder().method(method).uri(&path).header("host", "127.0.0.1:7401");
            let stranger = Request::builder().method(method).uri(&path).header("host", "127.0.0.1:7401");
            let stranger = stranger.header("authorization", format!("Bearer {}", TOKEN.replace('f', "e")));
            for refused in [nobody, stranger] {
                let response = world.send(refused.body(Body::empty()).unwrap()).await;
                assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{method} {path}");
                assert_eq!(response.headers()["www-authenticate"], "Bearer");
                if method != "HEAD" {
                    assert_eq!(json(response).await["error"]["hint"], HINT);
                }
            }
            let response = world.send(request(method, &path).body(Body::empty()).unwrap()).await;
            write!(matrix, "{} ", response.status().as_u16()).unwrap();
        }
        writeln!(matrix, "{path}").unwrap();
    }
    insta::assert_snapshot!(matrix, @r"
    GET HEAD POST PUT PATCH DELETE OPTIONS TRACE BREW
    405 405 400 405 405 405 405 405 405 /api/v1/apply
    200 200 405 405 405 405 405 405 405 /api/v1/config/history
    200 200 405 405 405 405 405 405 405 /api/v1/config/diff
    405 405 400 405 405 405 405 405 405 /api/v1/config/rollback
    200 200 405 405 405 405 405 405 405 /api/v1/tenants
    404 404 405 405 405 405 405 405 405 /api/v1/tenants/acme
    404 404 405 405 405 405 405 405 405 /api/v1/tenants/acme/secrets
    405 405 405 400 405 404 405 405 405 /api/v1/tenants/acme/secrets/notes-key
    405 405 400 405 405 405 405 405 405 /api/v1/secrets/rotate
    200 200 405 405 405 405 405 405 405 /api/v1/issuers
    404 404 405 405 405 405 405 405 405 /api/v1/issuers/acme
    405 405 400 405 405 405 405 405 405 /api/v1/explain
    404 404 405 405 405 405 405 405 405 /api/v1/requests/01890a5d000070008000000000000000
    200 200 405 405 405 405 405 405 405 /api/v1/instances
    404 404 405 405 405 405 405 405 405 /api/v1/instances/01890a5d000070008000000000000000
    405 405 404 405 405 405 405 405 405 /api/v1/instances/01890a5d000070008000000000000000/stop
    400 400 405 405 405 405 405 405 405 /api/v1/instance-logs
    200 200 405 405 405 405 405 405 405 /api/v1/top
    200 200 405 405 405 405 405 405 405 /metrics
    404 404 404 404 404 404 404 404 404 /
    404 404 404 404 404 404 404 404 404 /api/v1/nothing
    404 404 404 404 404 404 404 404 404 /api/v1/tenants/acme/
    ");
}

/// A path of this template.
fn example(template: &str) -> String {
    template
        .replace("{name}", "acme")
        .replace("{secret}", "notes-key")
        .replace("{id}", "01890a5d000070008000000000000000")
}

#[tokio::test]
async fn a_token_is_taken_whole_or_not_at_all() {
    let world = world();
    let rows = [
        (format!("Bearer {TOKEN}"), 200),
        (format!("bearer {TOKEN}"), 200),
        (format!("Basic {TOKEN}"), 401),
        (TOKEN.to_owned(), 401),
        (format!("Bearer {TOKEN} {TOKEN}"), 401),
        (format!("Bearer {}", &TOKEN[1..]), 401),
        ("Bearer".to_owned(), 401),
        (String::new(), 401),
    ];
    for (header, status) in rows {
        let request = Request::get("/api/v1/tenants").header("host", "127.0.0.1:7401").header("authorization", &header);
        let response = world.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!(response.status().as_u16(), status, "{header}");
    }
    let twice = request("GET", "/api/v1/tenants").header("authorization", "Bearer x").body(Body::empty()).unwrap();
    assert_eq!(world.send(twice).await.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_page_of_another_site_does_not_reach_it() {
    let world = world();
    let own = "http://127.0.0.1:7401";
    let rows: [(&[&str], &[&str], u16); 12] = [
        (&["127.0.0.1:7401"], &[], 200),
        (&["localhost:7401"], &[], 200),
        (&["LOCALHOST:7401"], &["http://localhost:7401"], 200),
        (&["127.0.0.1:7401"], &[own], 200),
        (&["127.0.0.1:7400"], &[], 403),
        (&["127.0.0.1"], &[], 403),
        (&["evil.example:7401"], &[], 403),
        (&[], &[], 403),
        (&["127.0.0.1:7401", "127.0.0.1:7401"], &[], 403),
        (&["127.0.0.1:7401"], &["null"], 403),
        (&["127.0.0.1:7401"], &["http://localhost:7401"], 403),
        (&["127.0.0.1:7401"], &[own, own], 403),
    ];
    for (hosts, origins, status) in rows {
        let mut request = Request::get("/api/v1/tenants").header("authorization", format!("Bearer {TOKEN}"));
        request = hosts.iter().fold(request, |request, host| request.header("host", *host));
        request = origins.iter().fold(request, |request, origin| request.header("origin", *origin));
        let response = world.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!(response.status().as_u16(), status, "{hosts:?} {origins:?}");
    }
}

#[tokio::test]
async fn what_an_operator_gets_wrong_is_told_with_the_next_step() {
    let world = world();
    let rows = [
        ("GET", "/api/v1/tenants/acme", "", 404, "no tenant `acme`"),
        ("GET", "/nowhere", "", 404, "no such path"),
        ("PUT", "/api/v1/apply", "", 405, "the method is not served at this path"),
        ("GET", "/api/v1/tenants/%FF", "", 400, "the tenant's name is not text"),
        ("GET", "/api/v1/config/diff?from=1&to=2", "", 404, "there is no revision 1; the newest is 0"),
        ("POST", "/api/v1/config/rollback", r#"{"to":7}"#, 404, "there is no revision 7; the newest is 0"),
        (
            "POST",
            "/api/v1/config/rollback",
            r#"{"to":0}"#,
            400,
            "revision 0 is that of nothing; name one that `partywall config history` shows",
        ),
        (
            "GET",
            "/api/v1/config/history?limit=all",
            "",
            400,
            "the query is not what this route takes: Failed to deserialize query string: limit: invalid digit found in string",
        ),
        ("POST", "/api/v1/apply", "x", 400, "the body is not what this route takes: expected value at line 1 column 1"),
        (
            "POST",
            "/api/v1/apply",
            r#"{"files":[],"dryrun":true}"#,
            400,
            "the body is not what this route takes: unknown field `dryrun`, expected one of `files`, `dry_run`, `reason` at line 1 column 20",
        ),
    ];
    for (method, path, body, status, message) in rows {
        let response = world.send(request(method, path).body(Body::from(body)).unwrap()).await;
        assert_eq!(response.status().as_u16(), status, "{method} {path}");
        assert_eq!(response.headers().contains_key("allow"), status == 405);
        let answer = json(response).await;
        assert_eq!(answer["error"]["message"], message);
        assert!(!answer["error"]["hint"].as_str().unwrap().is_empty());
    }
    let long = request("POST", "/api/v1/apply").body(Body::from(vec![b' '; (16 << 20) + 1])).unwrap();
    assert_eq!(world.send(long).await.status(), StatusCode::PAYLOAD_TOO_LARGE);
}
