//! Which connection a request goes down: what one exchange left, only a whole and well-formed one hands on.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http_body_util::BodyExt;
use partywall_domain::TenantId;

use super::{Body, Pools, Url};

const WELL: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// TLS that trusts nobody: the upstreams of these tests speak plain HTTP.
pub(crate) fn tls() -> rustls::ClientConfig {
    rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth()
}

/// An upstream that answers every request with these bytes and counts its connections. After `per_connection` answers
/// it closes.
struct Upstream {
    url: Url,
    connections: Arc<AtomicUsize>,
}

impl Upstream {
    fn start(answer: &'static str, per_connection: usize) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let url = format!("http://{}/mcp?x=1", listener.local_addr().unwrap()).into();
        let connections = Arc::<AtomicUsize>::default();
        let counted = Arc::clone(&connections);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                counted.fetch_add(1, Ordering::SeqCst);
                std::thread::spawn(move || converse(stream.unwrap(), answer, per_connection));
            }
        });
        Self { url, connections }
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

fn converse(mut stream: TcpStream, answer: &str, times: usize) {
    for _ in 0..times {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            if stream.read(&mut byte).unwrap_or(0) == 0 {
                return;
            }
            head.push(byte[0]);
        }
        let head = String::from_utf8(head).unwrap();
        assert!(head.starts_with("POST /mcp?x=1 HTTP/1.1\r\n") && head.contains("host: 127.0.0.1:"), "{head}");
        stream.write_all(answer.as_bytes()).unwrap();
    }
}

async fn ask(pools: &Pools, tenant: TenantId, upstream: &Upstream) -> Result<String, String> {
    let request = http::Request::post("/").body(Body::default()).unwrap();
    let answer = pools.request(tenant, &upstream.url, request).await.map_err(|error| error.to_string())?;
    let body = answer.into_body().collect().await.map_err(|error| error.to_string())?.to_bytes();
    Ok(String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn a_tenants_own_next_request_goes_down_its_connection_and_nobody_elses_does() {
    let (pools, upstream) = (Pools::new(tls()), Upstream::start(WELL, usize::MAX));
    let (acme, globex) = (TenantId::random(), TenantId::random());
    for (tenant, connections) in [(acme, 1), (acme, 1), (globex, 2), (acme, 2), (globex, 2)] {
        assert_eq!(ask(&pools, tenant, &upstream).await.as_deref(), Ok("ok"));
        assert_eq!(upstream.connections(), connections);
    }
}

#[tokio::test]
async fn a_connection_that_the_upstream_closed_is_replaced() {
    let (pools, upstream) = (Pools::new(tls()), Upstream::start(WELL, 1));
    let acme = TenantId::random();
    for connections in 1..=5 {
        assert_eq!(ask(&pools, acme, &upstream).await.as_deref(), Ok("ok"));
        assert_eq!(upstream.connections(), connections);
        // Its end must have reached us: until then nobody could know.
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
}

#[tokio::test]
async fn what_did_not_end_well_is_not_used_again() {
    for (what, answer, per_connection) in [
        ("closed by its own word", "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok", usize::MAX),
        (
            "over-long",
            "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil",
            usize::MAX,
        ),
        ("without a length", "HTTP/1.0 200 OK\r\n\r\nok", 1),
        ("not HTTP", "ok\r\n\r\n", usize::MAX),
        ("a broken chunk", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nok\r\n", usize::MAX),
    ] {
        let (pools, upstream) = (Pools::new(tls()), Upstream::start(answer, per_connection));
        let acme = TenantId::random();
        for connections in 1..=3 {
            let answer = ask(&pools, acme, &upstream).await;
            assert!(answer.as_deref().map_or(true, |text| text == "ok"), "{what}: {answer:?}");
            assert_eq!(upstream.connections(), connections, "{what}");
        }
    }
}

#[tokio::test]
async fn an_answer_that_nobody_read_to_its_end_takes_its_connection_along() {
    let (pools, upstream) =
        (Pools::new(tls()), Upstream::start("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nok", usize::MAX));
    let acme = TenantId::random();
    for connections in 1..=3 {
        let request = http::Request::post("/").body(Body::default()).unwrap();
        let mut answer = pools.request(acme, &upstream.url, request).await.unwrap();
        let first = answer.frame().await.unwrap().unwrap().into_data().unwrap();
        assert_eq!(first, "ok");
        drop(answer);
        assert_eq!(upstream.connections(), connections);
    }
}

#[tokio::test]
async fn where_nobody_listens_nothing_is_answered() {
    let address = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap();
    let upstream = Upstream { url: format!("http://{address}/mcp").into(), connections: Arc::default() };
    assert_eq!(ask(&Pools::new(tls()), TenantId::random(), &upstream).await.unwrap_err(), "no connection");
}
