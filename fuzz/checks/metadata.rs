//! Whatever an issuer publishes: its metadata speaks for that issuer or not at all, and a set of keys is one that an
//! operator could have read.
//!
//! The readers are those of the binary, which is no library: whoever includes this file has them beside it.

use partywall_identity::KeySet;
use serde_json::Value;

use super::discovery::{jwks_uri, places};
use super::place::Place;

/// Whose metadata is asked for.
const ISSUER: &str = "https://login.example.com/one";

/// Reads it as metadata, as a set of keys, and as a URL.
pub(crate) fn check(data: &[u8]) {
    metadata(data);
    keys(data);
    if let Ok(text) = str::from_utf8(data) {
        url(text);
        for place in places(text).unwrap_or_default() {
            let scheme = text.split_once("://").expect("a URL has a scheme").0.to_ascii_lowercase();
            assert!(place.to_ascii_lowercase().starts_with(&scheme), "{place}");
            url(&place);
        }
    }
}

fn metadata(data: &[u8]) {
    let Ok(found) = jwks_uri(data, ISSUER) else { return };
    url(&found);
    // Numbers and names beyond what this reader has are no error of the metadata's.
    let Ok(value) = serde_json::from_slice::<Value>(data) else { return };
    assert_eq!(value["issuer"], ISSUER);
    assert_eq!(value["jwks_uri"], *found);
}

/// What is asked for at a URL is all within it, and stands in one line of a request each.
fn url(text: &str) {
    let Ok(place) = Place::new(text) else { return };
    let Place { tls, host, port, authority, path } = &place;
    assert!(text.to_ascii_lowercase().starts_with(if *tls { "https://" } else { "http://" }), "{text}");
    assert!(!host.is_empty() && *port > 0 && !authority.as_str().contains('@'), "{place:?}");
    assert!(text.contains(authority.as_str()) && authority.as_str().contains(&**host), "{place:?}");
    let line = |part: &str| part.bytes().all(|byte| byte > b' ' && byte != 0x7f);
    assert!(path.starts_with(['/', '?']) && line(path) && line(authority.as_str()), "{place:?}");
}

fn keys(data: &[u8]) {
    let published = KeySet::published(data);
    let Ok(set) = &published else {
        let given = str::from_utf8(data).is_ok_and(|text| KeySet::given(text).is_ok());
        return assert!(!given, "an operator may give what no issuer may publish");
    };
    let Ok(value) = serde_json::from_slice::<Value>(data) else { return };
    let keys = value["keys"].as_array().expect("a list of keys");
    assert!((1..=32).contains(&keys.len()));
    // A secret is not for publishing, and what is none of ours must not be taken for a key.
    let public = |key: &&Value| matches!(key["kty"].as_str(), Some("RSA" | "EC" | "OKP"));
    assert!(keys.iter().any(|key| public(&key)), "no public key is in {value}");
    assert!(!set.has("a name that no key has"));
}
