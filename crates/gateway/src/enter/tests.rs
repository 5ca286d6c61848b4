//! No more tokens are verified at a time than there are places, and a place is given back however it ends.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use arc_swap::ArcSwap;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use http::Request;
use partywall_documents::{Document, Kind};
use partywall_domain::{RefusalCode, Revision};
use partywall_identity::{IssuerSettings, KeySet, KeySource};
use partywall_ledger::Ledger;
use partywall_secrets::{SecretKey, SecretKeys};
use partywall_tenancy::{SealKey, SealKeys, compile};
use partywall_testkit::token::Issuer;
use rustls::RootCertStore;
use serde_json::json;
use tempfile::TempDir;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use crate::endpoint::Endpoint;
use crate::exchange::Exchange;
use crate::{AddressLimits, Gateway, Parts, PublicUrl, SaidBook, Signer};

const PATH: &str = "/mcp/notes";
const PLACES: usize = 3;

/// An issuer that is away: whoever needs its keys waits until it is let go.
struct Away(Semaphore);

impl KeySource for Away {
    fn known(&self, _: &IssuerSettings) -> Option<Arc<KeySet>> {
        None
    }

    fn problem(&self, _: &IssuerSettings) -> Option<String> {
        Some("it is away".to_owned())
    }

    fn fetch<'a>(&'a self, _: &'a IssuerSettings, _: Option<&'a str>) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
        Box::pin(async { drop(self.0.acquire().await) })
    }
}

/// A gateway with a few places; one issuer's keys are given, the other's are fetched.
struct Stage {
    gateway: Arc<Gateway>,
    away: Arc<Away>,
    given: Issuer,
    fetched: Issuer,
    _books: TempDir,
}

impl Stage {
    fn set() -> Self {
        let [given, fetched] = ["given", "fetched"].map(|name| Issuer::new(&format!("https://login.{name}.example")));
        let tenant = |issuer: &str| json!({"plan": "bare", "identities": [{"issuer": issuer}]});
        let document = |kind, name: &str, body| {
            let id = |digit| format!("6f0c9e9e-3c6d-4f5a-9a55-0d2b7c1e0a0{digit}").parse().unwrap();
            let tenant_id = (kind == Kind::Tenant).then(|| id(name.len()));
            Document::new(kind, name, tenant_id, body)
        };
        let documents = [
            document(Kind::Issuer, "given", json!({"url": given.url(), "jwks": given.jwks()})),
            document(Kind::Issuer, "fetched", json!({"url": fetched.url()})),
            document(Kind::Plan, "bare", json!({})),
            document(Kind::Tenant, "acme", tenant("given")),
            document(Kind::Tenant, "globex", tenant("fetched")),
        ];
        let books = TempDir::new().unwrap();
        let away = Arc::new(Away(Semaphore::new(0)));
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let public_url = PublicUrl::new("https://mcp.example.com", "127.0.0.1:7400".parse().unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let mut gateway = Gateway::new(Parts {
            addresses: AddressLimits::default(),
            snapshot: Arc::new(ArcSwap::from_pointee(compile(Revision(1), &documents).unwrap())),
            ledger: Ledger::open(books.path()).unwrap().0,
            seal: SealKeys::new(SealKey::new([0; 4], &[7; 32]).unwrap(), Vec::new()),
            secrets: Arc::new(SecretKeys::new(SecretKey::new(1, &[7; 32]).unwrap(), Vec::new())),
            signer: Signer::new(public_url.as_str(), pair.to_pkcs8v1().unwrap().as_ref()).unwrap(),
            said: SaidBook::default(),
            public_url,
            keys: Arc::clone(&away) as _,
            upstream_tls: tls.with_root_certificates(RootCertStore::empty()).with_no_client_auth(),
            tier: None,
        });
        gateway.verifications = Semaphore::new(PLACES);
        Self { gateway: Arc::new(gateway), away, given, fetched, _books: books }
    }

    /// Comes with a token; the refusal, or nothing.
    fn come(&self, token: &str) -> JoinHandle<Option<RefusalCode>> {
        let request = Request::post(PATH).header("authorization", format!("Bearer {token}")).body(()).unwrap();
        let exchange = Exchange::new(request.into_parts().0, "192.0.2.1".parse().unwrap(), &self.gateway.ledger);
        let endpoint = Endpoint { path: PATH.to_owned(), connect: None, server: "notes".to_owned() };
        let gateway = Arc::clone(&self.gateway);
        tokio::spawn(async move { gateway.enter(&exchange, &endpoint).await.err().map(|refusal| refusal.code) })
    }

    /// Waits until so many places are left.
    async fn left(&self, places: usize) {
        while self.gateway.verifications.available_permits() != places {
            tokio::task::yield_now().await;
        }
    }
}

/// A new token of an issuer.
fn token_of(issuer: &Issuer) -> String {
    issuer.token(issuer.claims(&format!("https://mcp.example.com{PATH}")))
}

#[tokio::test]
async fn so_many_tokens_are_verified_at_a_time_and_no_more() {
    let stage = Stage::set();
    let seen = token_of(&stage.given);
    assert_eq!(stage.come(&seen).await.unwrap(), None);
    let mut waiting: Vec<_> = (0..PLACES).map(|_| stage.come(&token_of(&stage.fetched))).collect();
    stage.left(0).await;
    // The next is refused, whoever it is; but for those who were here a moment ago.
    for issuer in [&stage.fetched, &stage.given] {
        assert_eq!(stage.come(&token_of(issuer)).await.unwrap(), Some(RefusalCode::TooManyVerifications));
    }
    assert_eq!(stage.come(&seen).await.unwrap(), None);
    // A caller that goes away leaves its place.
    waiting.pop().unwrap().abort();
    stage.left(1).await;
    assert_eq!(stage.come(&token_of(&stage.given)).await.unwrap(), None);
    // And so does one that is answered.
    stage.away.0.add_permits(PLACES);
    for waited in waiting {
        assert_eq!(waited.await.unwrap(), Some(RefusalCode::InvalidToken));
    }
    stage.left(PLACES).await;
}
