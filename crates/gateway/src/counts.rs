//! The steps of a call, each as a function of its own, so that their instructions can be counted.
//!
//! As a test it shows that the steps go through. `cargo xtask counts` runs it under valgrind, which counts what happens
//! within the functions of `counted`, and compares with what is checked in. Everything that goes in is fixed.

use std::net::{IpAddr, Ipv4Addr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::SystemTime;

use arc_swap::ArcSwap;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use bytes::Bytes;
use partywall_documents::{Document, Kind};
use partywall_domain::{Outcome, Revision};
use partywall_identity::{IssuerSettings, KeySet, KeySource, Resource, verify};
use partywall_ledger::{Ledger, Settlement};
use partywall_secrets::{SecretKey, SecretKeys};
use partywall_tenancy::{SealKey, SealKeys, Snapshot, compile};
use partywall_testkit::token::Issuer;
use serde_json::json;
use tempfile::TempDir;

use crate::exchange::Exchange;
use crate::pool::tests::tls;
use crate::{AddressLimits, Gateway, Parts, PublicUrl, SaidBook, Signer};

/// Calls that are made. Default 200: what a first call alone does vanishes in their mean.
const CALLS: u32 = 200;
const PUBLIC: &str = "https://mcp.example.com";
const BODY: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"text":"hello"},"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"agent","version":"1.0"},"io.modelcontextprotocol/clientCapabilities":{}}}}"#;

/// What is counted. A name here is a name in the file of counts.
mod counted {
    use bytes::Bytes;
    use partywall_identity::{Principal, Resource};
    use partywall_ledger::{Reservation, Settlement};
    use partywall_tenancy::{Snapshot, TenantContext};

    use crate::Gateway;
    use crate::admit::{Admitted, admit};
    use crate::authorize::{Authorized, authorize};
    use crate::exchange::Exchange;
    use crate::request::Request;
    use crate::route::{Routed, route};

    #[inline(never)]
    pub(super) fn verify(gateway: &Gateway, snapshot: &Snapshot, exchange: &Exchange) -> (Option<Principal>, Resource) {
        let resource = gateway.public_url.resource(exchange.parts.uri.path());
        let bearer = exchange.bearer().unwrap_or_default();
        (gateway.verified.get(snapshot, &*gateway.keys, bearer, &resource), resource)
    }

    #[inline(never)]
    pub(super) fn enter(snapshot: &Snapshot, principal: Principal) -> TenantContext {
        snapshot.enter(principal).expect("the tenant is there")
    }

    #[inline(never)]
    pub(super) fn peek<'a>(exchange: &'a Exchange, body: &'a Bytes) -> Request<'a> {
        Request::parse(exchange, "echo", body).map_err(|refusal| refusal.cause).expect("the body is a message")
    }

    #[inline(never)]
    pub(super) fn admit_call(gateway: &Gateway, tenant: &TenantContext, request: &Request<'_>) -> Admitted {
        admit(&gateway.ledger, tenant, request).map_err(|refused| refused.into_refusal().cause).expect("there is room")
    }

    #[inline(never)]
    pub(super) fn authorize_call(admitted: Admitted, request: &Request<'_>) -> Authorized {
        authorize(admitted, request).map_err(|refused| refused.into_refusal().cause).expect("the tool is granted")
    }

    #[inline(never)]
    pub(super) fn route_call(gateway: &Gateway, authorized: Authorized, request: &Request<'_>) -> Routed {
        route(gateway, authorized, request).map_err(|refused| refused.into_refusal().cause).expect("there is a way")
    }

    #[inline(never)]
    pub(super) fn settle(reservation: Reservation, settlement: Settlement) {
        reservation.settle(settlement);
    }
}

#[test]
fn the_steps_of_a_call_go_through() {
    let folder = TempDir::new().unwrap();
    let issuer = Issuer::new("https://login.example.com");
    let snapshot = Arc::new(ArcSwap::from_pointee(snapshot(&issuer)));
    let gateway = gateway(&snapshot, &folder);
    let token = issuer.token(issuer.claims(&format!("{PUBLIC}/mcp")).tenant("acme"));
    remember(&gateway, &snapshot.load(), &token);
    let body = Bytes::from_static(BODY.as_bytes());
    for _ in 0..CALLS {
        let exchange = exchange(&token, &gateway.ledger);
        let snapshot = gateway.snapshot.load_full();
        let (principal, _) = counted::verify(&gateway, &snapshot, &exchange);
        let tenant = counted::enter(&snapshot, principal.expect("the token was verified lately"));
        let request = counted::peek(&exchange, &body);
        let admitted = counted::admit_call(&gateway, &tenant, &request);
        let authorized = counted::authorize_call(admitted, &request);
        let routed = counted::route_call(&gateway, authorized, &request);
        let settlement = Settlement { outcome: Outcome::Answered, cause: String::new(), status: 200, bytes_out: 100 };
        counted::settle(routed.reservation, settlement);
    }
    let left = gateway.ledger.left(snapshot.load().tenants().next().expect("acme is there"));
    assert_eq!((left.in_flight, left.streams_open), (0, 0));
}

fn snapshot(issuer: &Issuer) -> Snapshot {
    let document = |kind, name: &str, body| {
        let id = "6f0c9e9e-3c6d-4f5a-9a55-0d2b7c1e0a01".parse().unwrap();
        Document::new(kind, name, (kind == Kind::Tenant).then_some(id), body)
    };
    let grant = json!({ "placement": "shared", "tools": { "allow": ["echo", "read_*"], "deny": ["delete_*"] } });
    let limits = json!({ "calls_per_second": 1_000_000, "calls_burst": 1_000_000 });
    let documents = [
        document(
            Kind::Issuer,
            "corporate",
            json!({ "url": issuer.url(), "jwks": issuer.jwks(), "tenant_claim": "tenant" }),
        ),
        document(Kind::Server, "echo", json!({ "url": "http://127.0.0.1:7411/mcp", "sharing": "stateless" })),
        document(Kind::Plan, "standard", json!({ "limits": limits, "servers": { "echo": grant } })),
        document(
            Kind::Tenant,
            "acme",
            json!({ "plan": "standard", "identities": [{ "issuer": "corporate", "value": "acme" }] }),
        ),
    ];
    compile(Revision(7), &documents).unwrap()
}

fn gateway(snapshot: &Arc<ArcSwap<Snapshot>>, folder: &TempDir) -> Gateway {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    Gateway::new(Parts {
        snapshot: Arc::clone(snapshot),
        addresses: AddressLimits::default(),
        ledger: Ledger::open(folder.path()).unwrap().0,
        seal: SealKeys::new(SealKey::new([0; _], &[7; 32]).unwrap(), Vec::new()),
        secrets: Arc::new(SecretKeys::new(SecretKey::new(1, &[7; 32]).unwrap(), Vec::new())),
        signer: Signer::new(PUBLIC, pair.to_pkcs8v1().unwrap().as_ref()).unwrap(),
        said: SaidBook::default(),
        public_url: PublicUrl::new(PUBLIC, "127.0.0.1:7400".parse().unwrap()).unwrap(),
        keys: Arc::new(NoneFetched),
        upstream_tls: tls(),
        tier: None,
    })
}

/// Verifies a token as a first call does, so that it is known from then on.
fn remember(gateway: &Gateway, snapshot: &Snapshot, token: &str) {
    let resource: Resource = gateway.public_url.resource("/mcp/echo");
    let principal = verify(|url| snapshot.issuer(url), |_| None, token, &resource, SystemTime::now()).unwrap();
    gateway.verified.put(token, &resource, &principal, None);
}

fn exchange(token: &str, ledger: &Ledger) -> Exchange {
    let request = http::Request::post("/mcp/echo")
        .header("host", "mcp.example.com")
        .header("authorization", format!("Bearer {token}"))
        .header("content-type", "application/json")
        .header("accept", "application/json, text/event-stream")
        .header("mcp-protocol-version", "2026-07-28")
        .header("mcp-method", "tools/call")
        .header("mcp-name", "echo");
    Exchange::new(request.body(()).unwrap().into_parts().0, IpAddr::V4(Ipv4Addr::LOCALHOST), ledger)
}

/// All keys stand in documents here.
struct NoneFetched;

impl KeySource for NoneFetched {
    fn known(&self, _: &IssuerSettings) -> Option<Arc<KeySet>> {
        None
    }

    fn problem(&self, _: &IssuerSettings) -> Option<String> {
        None
    }

    fn fetch<'a>(&'a self, _: &'a IssuerSettings, _: Option<&'a str>) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
        Box::pin(async {})
    }
}
