//! TLS on both sides: what the front listener shows and renews, and whom connections to upstreams trust.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Output};
use std::sync::Arc;

use partywall_testkit::fixture::{self, Options};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::corporate::{Corporate, write_documents};
use crate::scripted::until;
use crate::world::{PARTYWALL, log_file};

/// A private authority.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// Writes a certificate for loopback and its key as `{name}.crt` and `{name}.key`.
    fn write(&self, folder: &Path, name: &str) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        std::fs::write(folder.join(format!("{name}.key")), key.serialize_pem()).unwrap();
        std::fs::write(folder.join(format!("{name}.crt")), certificate.pem()).unwrap();
    }

    fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.0.pem().as_bytes()).unwrap()).unwrap();
        roots
    }
}

/// A running `partywall serve` with these settings beside its data.
struct Served {
    child: Child,
    folder: TempDir,
}

impl Served {
    async fn start(folder: TempDir, settings: &str) -> Self {
        let path = folder.path();
        let text = format!(
            "data = \"{0}/data\"\nlisten = \"127.0.0.1:0\"\nadmin_listen = \"127.0.0.1:0\"\nlog_file = \"{1}\"\n{settings}",
            path.display(),
            log_file().display()
        );
        std::fs::write(path.join("partywall.toml"), text).unwrap();
        let child =
            Command::new(PARTYWALL).arg("serve").arg("--config").arg(path.join("partywall.toml")).spawn().unwrap();
        let served = Self { child, folder };
        until("it serves", || served.running()).await;
        served
    }

    fn running(&self) -> Option<Value> {
        let text = std::fs::read(self.folder.path().join("data/running.json")).ok()?;
        serde_json::from_slice(&text).ok()
    }

    fn public(&self) -> String {
        self.running().unwrap()["public"].as_str().unwrap().to_owned()
    }

    fn apply(&self, documents: &Value) -> Output {
        let path = write_documents(self.folder.path(), documents);
        let data = self.folder.path().join("data");
        Command::new(PARTYWALL).arg("apply").arg("--data").arg(data).args(["-f", &path]).output().unwrap()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The fixture behind TLS; `clients` is the authority whose certificates callers must show.
async fn upstream(authority: &Authority, folder: &Path, clients: Option<&Authority>) -> String {
    authority.write(folder, "upstream");
    let plain = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let fixture = plain.local_addr().unwrap();
    tokio::spawn(fixture::serve(plain, Options::default()));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder =
        ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions().unwrap();
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(clients) => {
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(clients.roots()), provider);
            builder.with_client_cert_verifier(verifier.build().unwrap())
        }
    };
    let chain = CertificateDer::pem_file_iter(folder.join("upstream.crt")).unwrap().map(Result::unwrap).collect();
    let key = PrivateKeyDer::from_pem_file(folder.join("upstream.key")).unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(builder.with_single_cert(chain, key).unwrap()));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("https://localhost:{}/mcp", listener.local_addr().unwrap().port());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(pass(acceptor.clone(), stream, fixture));
        }
    });
    url
}

async fn pass(acceptor: TlsAcceptor, stream: TcpStream, to: SocketAddr) {
    if let Ok(mut stream) = acceptor.accept(stream).await {
        let mut plain = TcpStream::connect(to).await.unwrap();
        let _ = copy_bidirectional(&mut stream, &mut plain).await;
    }
}

fn documents(corporate: &Corporate, url: &str) -> Value {
    let all = json!({"allow": ["*"]});
    json!({
        "issuer": {"corporate": corporate.document()},
        "server": {"fixture": {"url": url, "sharing": "stateless"}},
        "plan": {"standard": {"servers": {"fixture": {"placement": "shared", "tools": all}}}},
        "tenant": {"acme": {"plan": "standard", "identities": [{"issuer": "corporate", "value": "acme"}]}},
    })
}

/// One request over TLS; gives the certificate that was shown and the answer's text.
async fn ask(public: &str, roots: RootCertStore, path: &str, head: &str, body: &str) -> (Vec<u8>, String) {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let connector = TlsConnector::from(Arc::new(config.with_root_certificates(roots).with_no_client_auth()));
    let host = public.strip_prefix("https://").unwrap();
    let stream = TcpStream::connect(host).await.unwrap();
    let mut stream = connector.connect(ServerName::try_from("localhost").unwrap(), stream).await.unwrap();
    let shown = stream.get_ref().1.peer_certificates().unwrap()[0].to_vec();
    let method = if body.is_empty() { "GET" } else { "POST" };
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: {length}\r\n{head}\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    (shown, String::from_utf8_lossy(&answer).into_owned())
}

#[tokio::test]
async fn a_renewed_certificate_is_shown_to_the_next_client() {
    let folder = TempDir::new().unwrap();
    let authority = Authority::new();
    authority.write(folder.path(), "front");
    let path = folder.path().display().to_string();
    let settings = format!("tls = {{ cert = \"{path}/front.crt\", key = \"{path}/front.key\" }}");
    let served = Served::start(folder, &settings).await;
    let public = served.public();
    assert!(public.starts_with("https://"), "{public}");
    let metadata = "/.well-known/oauth-protected-resource";
    let (before, answer) = ask(&public, authority.roots(), metadata, "", "").await;
    assert!(answer.contains(&format!("\"resource\":\"{public}/mcp\"")), "{answer}");
    authority.write(served.folder.path(), "front");
    let mut shown = before.clone();
    for _ in 0..600 {
        shown = ask(&public, authority.roots(), metadata, "", "").await.0;
        if shown != before {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    assert_ne!(shown, before, "the renewed certificate was not shown");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_is_trusted_by_its_authority_and_shown_our_certificate() {
    let folder = TempDir::new().unwrap();
    let (authority, clients) = (Authority::new(), Authority::new());
    let path = folder.path().display().to_string();
    std::fs::write(folder.path().join("ca.crt"), authority.0.pem()).unwrap();
    authority.write(folder.path(), "front");
    clients.write(folder.path(), "us");
    let url = upstream(&authority, folder.path(), Some(&clients)).await;
    let corporate = Corporate::new();
    let front = format!("tls = {{ cert = \"{path}/front.crt\", key = \"{path}/front.key\" }}\n");
    for (what, settings) in [
        ("an authority that nobody knows", String::new()),
        ("no certificate to show", format!("upstream_tls = {{ ca = \"{path}/ca.crt\" }}")),
    ] {
        let other = TempDir::new().unwrap();
        let served = Served::start(other, &settings).await;
        let refused = served.apply(&documents(&corporate, &url));
        let told = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(!refused.status.success() && told.contains("cannot be reached"), "{what}: {told}");
    }
    let both = format!(
        "{front}upstream_tls = {{ ca = \"{path}/ca.crt\", cert = \"{path}/us.crt\", key = \"{path}/us.key\" }}"
    );
    let served = Served::start(folder, &both).await;
    let applied = served.apply(&documents(&corporate, &url));
    assert!(applied.status.success(), "{}", String::from_utf8_lossy(&applied.stderr));
    let token = corporate.token(&served.public(), "acme", "ann");
    let head = format!(
        "Authorization: Bearer {token}\r\nContent-Type: application/json\r\nAccept: application/json, text/event-stream\r\n\
         MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: tools/call\r\nMcp-Name: echo\r\n"
    );
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"message":"over two walls"},"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}"#;
    let (_, answer) = ask(&served.public(), authority.roots(), "/mcp/fixture", &head, body).await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("over two walls"), "{answer}");
}
