//! The guard in front of a service that must not be reached.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::Frame;
use partywall_kit::{Caller, Guard};
use tower::{Layer, Service, ServiceExt, service_fn};

use crate::support::{ACME, GLOBEX, Signer, bearer, headers};

/// Says who called, with which headers, and opens a session.
async fn upstream<B>(request: Request<B>) -> Result<Response<Full<Bytes>>, Infallible> {
    let caller = request.extensions().get::<Caller>().unwrap();
    let seen = format!("{} {:?}", caller.subject(), request.headers());
    Ok(Response::builder().header("mcp-session-id", "s-1").body(Full::new(seen.into())).unwrap())
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

async fn ask(guard: &Guard, headers: HeaderMap) -> Answer {
    let mut request = Request::new(Empty::<Bytes>::new());
    *request.headers_mut() = headers;
    let response = guard.layer(service_fn(upstream)).oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Answer { status: parts.status, headers: parts.headers, body: String::from_utf8(body.to_vec()).unwrap() }
}

#[tokio::test]
async fn a_caller_reaches_the_service_and_the_assertion_does_not() {
    let signer = Signer::new();
    let guard = Guard::new(signer.verifier());
    let token = signer.assertion(ACME, "ann");
    let plain = ask(&guard, bearer(&token)).await;
    assert_eq!((plain.status, plain.body.as_str()), (StatusCode::OK, "ann {}"));
    let both = ask(&guard, headers(&[("partywall-assertion", &token), ("authorization", "Bearer theirs")])).await;
    assert_eq!(both.body, r#"ann {"authorization": "Bearer theirs"}"#);
}

#[tokio::test]
async fn strangers_get_one_answer() {
    let (signer, forger) = (Signer::new(), Signer::new());
    let guard = Guard::new(signer.verifier());
    let none = ask(&guard, HeaderMap::new()).await;
    assert_eq!(none.status, StatusCode::UNAUTHORIZED);
    assert_eq!(none.headers["www-authenticate"], r#"Bearer error="invalid_token""#);
    for token in [forger.assertion(ACME, "ann"), signer.assertion("acme", "ann"), "x".into()] {
        let other = ask(&guard, bearer(&token)).await;
        assert_eq!((other.status, other.headers, other.body), (none.status, none.headers.clone(), none.body.clone()));
    }
}

/// A body that fails the test when it is asked for.
struct Untouchable;

impl http_body::Body for Untouchable {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        panic!("a stranger's body was read");
    }
}

#[tokio::test]
async fn a_strangers_body_is_not_read() {
    let guard = Guard::new(Signer::new().verifier());
    let mut service = guard.layer(service_fn(|request: Request<Untouchable>| async {
        request.into_body().collect().await.unwrap();
        upstream(Request::new(())).await
    }));
    let response = service.ready().await.unwrap().call(Request::new(Untouchable)).await.unwrap();
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_session_opens_for_its_caller_alone() {
    let signer = Signer::new();
    let guard = Guard::new(signer.verifier());
    let with = |tenant: &str, subject: &str, session: &str| {
        let token = format!("Bearer {}", signer.assertion(tenant, subject));
        headers(&[("authorization", &token), ("mcp-session-id", session)])
    };
    let opened = ask(&guard, bearer(&signer.assertion(ACME, "ann"))).await;
    let session = opened.headers["mcp-session-id"].to_str().unwrap().to_owned();
    assert_ne!(session, "s-1");
    assert_eq!(ask(&guard, with(ACME, "ann", &session)).await.body, r#"ann {"mcp-session-id": "s-1"}"#);

    let nobodys = |subject: &str| format!(r#"{subject} {{"mcp-session-id": "unknown"}}"#);
    assert_eq!(ask(&guard, with(GLOBEX, "ann", &session)).await.body, nobodys("ann"));
    assert_eq!(ask(&guard, with(ACME, "bob", &session)).await.body, nobodys("bob"));
    for forged in ["s-1", "s-1.", ".", "", &session.replace("s-1", "s-2"), &format!("{session}A")] {
        assert_eq!(ask(&guard, with(ACME, "ann", forged)).await.body, nobodys("ann"), "{forged}");
    }
    let mut twice = with(ACME, "ann", &session);
    twice.append("mcp-session-id", session.parse().unwrap());
    assert_eq!(ask(&guard, twice).await.body, nobodys("ann"));
}
