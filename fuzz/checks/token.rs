//! Whatever stands in the header: nothing but the one token that was signed is accepted.

use std::sync::OnceLock;
use std::time::{Duration, UNIX_EPOCH};

use partywall_domain::{Profile, Shape};
use partywall_identity::{Issuer, IssuerSettings, KeyOrigin, Resource, verify};

/// The second at which every token is looked at.
const NOW: u64 = 1_800_000_000;
/// The token that was signed, by a key that nobody has any more.
const SIGNED: &str = include_str!("../corpus/token/signed");
/// The public key it was signed with. Ed25519: a signature has one form only.
const JWKS: &str = include_str!("token-jwks.json");

/// Reads a token.
pub(crate) fn check(data: &[u8]) {
    let Ok(token) = str::from_utf8(data) else { return };
    let find = |url: &str| (url == issuer().settings().url).then(issuer);
    let resource = Resource::new("https://mcp.example.com/mcp/notes", Some("https://mcp.example.com/mcp"));
    let accepted = verify(find, |_| None, token, &resource, UNIX_EPOCH + Duration::from_secs(NOW));
    match accepted {
        Ok(principal) => {
            assert_eq!(token, SIGNED, "a token was accepted that nobody signed");
            assert_eq!((principal.subject(), principal.tenant_claim()), ("ann", Some("acme")));
        }
        Err(why) => assert_ne!(token, SIGNED, "{why}"),
    }
}

fn issuer() -> &'static Issuer {
    static ISSUER: OnceLock<Issuer> = OnceLock::new();
    ISSUER.get_or_init(|| {
        let settings = IssuerSettings {
            name: "corporate".parse().expect("a name"),
            url: "https://login.example.com".to_owned(),
            shape: Shape::of(Profile::Rfc9068),
            audiences: Vec::new(),
            clients: Vec::new(),
            algorithms: Vec::new(),
            tenant_claim: Some("tenant".to_owned()),
            keys: KeyOrigin::Given(JWKS.to_owned()),
            listed: false,
            development: false,
        };
        Issuer::new(settings).expect("an issuer")
    })
}
