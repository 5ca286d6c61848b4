//! Over TLS: the issuer's name must be in a certificate that somebody we trust has signed.

use std::sync::Arc;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{RootCertStore, ServerConfig};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::server::{Answer, Site};
use super::{Says, Scene, elsewhere, set};
use crate::key_source::connect::Connector;

/// A certificate for `login.example`, signed with its own key, and the key.
struct Certificate {
    certificate: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
}

/// A value in DER (X.690): its tag, its length, its content.
fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let length = u16::try_from(content.len()).expect("certificates are small").to_be_bytes();
    let length: &[u8] = match length {
        [0, short @ 0..0x80] => &[short],
        [0, _] => &[0x81, length[1]],
        _ => &[0x82, length[0], length[1]],
    };
    [&[tag], length, &content].concat()
}

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const OID: u8 = 0x06;
const ECDSA_WITH_SHA256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];
const EC_PUBLIC_KEY: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1d, 0x11];

impl Certificate {
    fn new() -> Self {
        let pkcs8 = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING)
            .and_then(|pair| pair.to_pkcs8v1())
            .expect("the system has randomness");
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, pkcs8.as_ref()).expect("just made");
        let algorithm = der(SEQUENCE, &[&der(OID, &[ECDSA_WITH_SHA256])]);
        let common_name = der(SEQUENCE, &[&der(OID, &[COMMON_NAME]), &der(0x0c, &[b"login.example"])]);
        let name = der(SEQUENCE, &[&der(SET, &[&common_name])]);
        let validity = der(SEQUENCE, &[&der(0x18, &[b"20200101000000Z"]), &der(0x18, &[b"29990101000000Z"])]);
        let key = der(
            SEQUENCE,
            &[
                &der(SEQUENCE, &[&der(OID, &[EC_PUBLIC_KEY]), &der(OID, &[P256])]),
                &der(0x03, &[&[0], pair.public_key().as_ref()]),
            ],
        );
        let names = der(0x04, &[&der(SEQUENCE, &[&der(0x82, &[b"login.example"])])]);
        let extensions = der(0xa3, &[&der(SEQUENCE, &[&der(SEQUENCE, &[&der(OID, &[SUBJECT_ALT_NAME]), &names])])]);
        let (version, serial) = (der(0xa0, &[&der(0x02, &[&[2]])]), der(0x02, &[&[1]]));
        let body = der(SEQUENCE, &[&version, &serial, &algorithm, &name, &validity, &name, &key, &extensions]);
        let signature = pair.sign(&SystemRandom::new(), &body).expect("a fresh key signs");
        let certificate = der(SEQUENCE, &[&body, &algorithm, &der(0x03, &[&[0], signature.as_ref()])]);
        let key = PrivatePkcs8KeyDer::from(pkcs8.as_ref().to_vec());
        Self { certificate: CertificateDer::from(certificate), key: key.into() }
    }

    fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).expect("a certificate");
        roots
    }

    /// Serves keys under this certificate; says at which port.
    async fn serve(&self) -> u16 {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("the defaults")
            .with_no_client_auth()
            .with_single_cert(vec![self.certificate.clone()], self.key.clone_key())
            .expect("the key is the certificate's");
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a port");
        let port = listener.local_addr().expect("it is bound").port();
        let site = Site::default();
        site.answers("/keys", Answer::Text(set(&["a"])));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                if let Ok(stream) = acceptor.accept(stream).await {
                    site.serve(stream).await;
                }
            }
        });
        port
    }
}

#[tokio::test]
async fn keys_come_over_tls_from_whom_the_certificate_names() {
    let (trusted, stranger) = (Certificate::new(), Certificate::new());
    let (trusted_port, stranger_port) = (trusted.serve().await, stranger.serve().await);
    let scene = || {
        let connector = Connector::new(Vec::new(), Says::these(&["127.0.0.1"]));
        Scene::with(connector.trusting(trusted.roots()))
    };
    let at = |host: &str, port: u16| {
        let url = format!("https://{host}:{port}/keys");
        elsewhere("https://a.example", Some(&url), &["127.0.0.0/8"])
    };
    assert!(scene().needs(&at("login.example", trusted_port), "a").await);
    let rows = [("other.example", trusted_port), ("login.example", stranger_port), ("127.0.0.1", trusted_port)];
    for (host, port) in rows {
        let why = scene().refused(&at(host, port)).await;
        assert!(why.contains("TLS with it failed: invalid peer certificate"), "{host}: {why}");
    }
}

#[tokio::test]
async fn the_systems_certificates_count_unless_told_otherwise() {
    let stranger = Certificate::new();
    let url = format!("https://login.example:{}/keys", stranger.serve().await);
    let scene = Scene::with(Connector::new(Vec::new(), Says::these(&["127.0.0.1"])));
    let why = scene.refused(&elsewhere("https://a.example", Some(&url), &["127.0.0.0/8"])).await;
    let known = why.contains("invalid peer certificate") || why.contains("no certificate authorities");
    assert!(known, "{why}");
}
