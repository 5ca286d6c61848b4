//! The test servers keep the promises that other tests rely on: exact bytes both ways, and a disconnect that is seen.

use std::{future::Future, net::SocketAddr, time::Duration};

use axum::body::{Body, Bytes};
use http_body_util::BodyExt;
use hyper::{Request, Response, body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use partywall_testkit::{
    fixture::{self, Eras, Fate, Options, Received},
    injector,
};
use tokio::net::{TcpListener, TcpStream};

#[tokio::test]
async fn what_came_in_is_kept_byte_for_byte() {
    let (at, received) = fixture(Eras::Both).await;
    let odd = r#"{"id" : 12345678901234567890123, "jsonrpc":"2.0","method":"tools/call" ,"n":1e2}"#;
    send(at, Request::post("/mcp").header("x-odd", "Yes"), odd).await;
    let kept = received.all();
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0].body, odd);
    assert_eq!(kept[0].header("X-Odd"), Some("Yes"));
    assert_eq!(kept[0].path, "/mcp");
}

#[tokio::test]
async fn verbatim_bytes_come_back_as_they_were_put() {
    let (at, _) = fixture(Eras::Both).await;
    let answer = "{ \"jsonrpc\":\"2.0\", \"id\":1,\"result\":{\"z\":1e2,\"a\":0.10} }\n";
    send(at, Request::post("/verbatim?status=203").header("content-type", "application/x-odd"), answer).await;
    let call = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"verbatim"}}"#;
    let (response, body) = send(at, Request::post("/mcp"), call).await;
    assert_eq!((response.status().as_u16(), body), (203, Bytes::from_static(answer.as_bytes())));
    assert_eq!(response.headers()["content-type"], "application/x-odd");
}

#[tokio::test]
async fn a_legacy_fixture_refuses_the_modern_era_as_old_servers_do() {
    let (at, _) = fixture(Eras::Legacy).await;
    let (response, body) = send(at, modern("server/discover"), "{}").await;
    assert_eq!(response.status(), 400);
    assert!(body.starts_with(br#"{"error":{"code":-32000"#), "{body:?}");
}

#[tokio::test]
async fn the_injector_adds_the_token_and_keeps_the_host() {
    let (at, received) = fixture(Eras::Both).await;
    let at = injector(at).await;
    let request = Request::post("/mcp?x=1").header("host", "example.test").header("authorization", "Bearer other");
    let (response, _) = send(at, request, "{}").await;
    assert_eq!(response.status(), 403, "the server behind it judges the host");
    let kept = received.all();
    assert_eq!(kept[0].header("host"), Some("example.test"));
    assert_eq!(kept[0].header("authorization"), Some("Bearer secret"));
    assert_eq!(kept[0].headers.iter().filter(|(name, _)| name == "authorization").count(), 1);
    assert_eq!(kept[0].path, "/mcp?x=1");
}

#[tokio::test]
async fn a_client_that_leaves_is_seen_through_the_injector() {
    let (at, received) = fixture(Eras::Both).await;
    let at = injector(at).await;
    let call = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"sleep","arguments":{"ms":60000},
        "_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}"#;
    let leaving = tokio::spawn(send(at, modern("tools/call").header("mcp-name", "sleep"), call));
    eventually(|| !received.all().is_empty()).await;
    assert!(!leaving.is_finished(), "the tool sleeps on");
    leaving.abort();
    eventually(|| received.all().iter().any(|request| request.fate() == Fate::Abandoned)).await;
}

#[tokio::test]
async fn an_answer_read_to_its_end_is_complete() {
    let (at, received) = fixture(Eras::Both).await;
    let list = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{
        "_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}"#;
    let (response, body) = send(at, modern("tools/list"), list).await;
    assert_eq!(response.status(), 200, "{body:?}");
    eventually(|| received.all()[0].fate() == Fate::Complete).await;
}

async fn fixture(eras: Eras) -> (SocketAddr, Received) {
    let options = Options { eras, ..Options::default() };
    let received = options.received.clone();
    (spawn(|listener| fixture::serve(listener, options)).await, received)
}

async fn injector(upstream: SocketAddr) -> SocketAddr {
    spawn(|listener| injector::serve(listener, upstream, "secret".to_owned())).await
}

async fn spawn<F>(serve: impl FnOnce(TcpListener) -> F) -> SocketAddr
where
    F: Future<Output = std::io::Result<()>> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let at = listener.local_addr().expect("it is bound");
    tokio::spawn(serve(listener));
    at
}

fn modern(method: &str) -> hyper::http::request::Builder {
    let request = Request::post("/mcp").header("mcp-protocol-version", "2026-07-28").header("mcp-method", method);
    request.header("content-type", "application/json").header("accept", "application/json, text/event-stream")
}

/// Sends one request over a connection of its own and reads the whole answer; dropped early, it hangs up.
async fn send(at: SocketAddr, request: hyper::http::request::Builder, body: &'static str) -> (Response<()>, Bytes) {
    let stream = TcpStream::connect(at).await.expect("the server listens");
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.expect("a connection");
    let connection = tokio::spawn(connection);
    let mut request = request.body(Body::from(body)).expect("a request");
    if !request.headers().contains_key("host") {
        request.headers_mut().insert("host", at.to_string().parse().expect("an address is a host"));
    }
    let response: Response<Incoming> = sender.send_request(request).await.expect("an answer");
    let (head, body) = response.into_parts();
    let body = body.collect().await.expect("a whole answer").to_bytes();
    connection.abort();
    (Response::from_parts(head, ()), body)
}

async fn eventually(mut holds: impl FnMut() -> bool) {
    for _ in 0..6_000 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it did not come to hold within a minute");
}
