//! Where an issuer says that its keys are: its metadata (RFC 8414; OpenID Connect Discovery 1.0).

use http::Uri;
use serde::Deserialize;

use super::place::shown;

/// The places of an issuer's metadata, in the order in which they are asked.
pub(super) fn places(issuer: &str) -> Result<Vec<String>, String> {
    let uri: Uri = issuer.parse().map_err(|error| format!("`{issuer}` is not a URL: {error}"))?;
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return Err(format!("`{issuer}` is not a URL with a host"));
    };
    if uri.query().is_some() || issuer.contains('#') {
        return Err(format!("`{issuer}` has a query or a fragment, and no metadata then; give `jwks_url`"));
    }
    let (origin, path) = (format!("{scheme}://{authority}"), uri.path().trim_end_matches('/'));
    let mut places = vec![
        format!("{origin}/.well-known/oauth-authorization-server{path}"),
        format!("{origin}/.well-known/openid-configuration{path}"),
    ];
    if !path.is_empty() {
        places.push(format!("{origin}{path}/.well-known/openid-configuration"));
    }
    Ok(places)
}

#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    jwks_uri: String,
}

/// Where the metadata says that the keys are. It must be that of this issuer, to the byte: who answers for one issuer
/// does not speak for another.
pub(super) fn jwks_uri(metadata: &[u8], issuer: &str) -> Result<String, String> {
    let metadata: Metadata = serde_json::from_slice(metadata)
        .map_err(|error| format!("is not an issuer's metadata: {}", shown(&error.to_string())))?;
    if metadata.issuer == issuer {
        Ok(metadata.jwks_uri)
    } else {
        let other = shown(&metadata.issuer);
        Err(format!("is the metadata of `{other}`, which is not to the byte what the document has as `url`"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_is_asked_for_where_the_standards_put_it() {
        let rows: [(&str, &[&str]); 5] = [
            (
                "https://login.example.com",
                &[
                    "https://login.example.com/.well-known/oauth-authorization-server",
                    "https://login.example.com/.well-known/openid-configuration",
                ],
            ),
            (
                "https://login.example.com/",
                &[
                    "https://login.example.com/.well-known/oauth-authorization-server",
                    "https://login.example.com/.well-known/openid-configuration",
                ],
            ),
            (
                "https://login.example.com:8443/realms/one",
                &[
                    "https://login.example.com:8443/.well-known/oauth-authorization-server/realms/one",
                    "https://login.example.com:8443/.well-known/openid-configuration/realms/one",
                    "https://login.example.com:8443/realms/one/.well-known/openid-configuration",
                ],
            ),
            (
                "https://login.example.com/one/",
                &[
                    "https://login.example.com/.well-known/oauth-authorization-server/one",
                    "https://login.example.com/.well-known/openid-configuration/one",
                    "https://login.example.com/one/.well-known/openid-configuration",
                ],
            ),
            (
                "http://[::1]:9000",
                &[
                    "http://[::1]:9000/.well-known/oauth-authorization-server",
                    "http://[::1]:9000/.well-known/openid-configuration",
                ],
            ),
        ];
        for (issuer, expected) in rows {
            assert_eq!(places(issuer).expect(issuer), expected, "{issuer}");
        }
        for issuer in ["https://a.example/?tenant=1", "https://a.example/#one", "a.example", "/one", "urn:issuer", ""] {
            assert!(places(issuer).is_err(), "{issuer}");
        }
    }

    #[test]
    fn metadata_speaks_for_its_own_issuer_alone() {
        let of = |issuer: &str| format!(r#"{{ "issuer": "{issuer}", "jwks_uri": "https://a.example/keys" }}"#);
        let ours = "https://a.example/one";
        assert_eq!(jwks_uri(of(ours).as_bytes(), ours), Ok("https://a.example/keys".to_owned()));
        let others =
            ["https://a.example/one/", "https://A.example/one", "https://a.example", "http://a.example/one", ""];
        for other in others {
            let why = jwks_uri(of(other).as_bytes(), ours).expect_err(other);
            assert!(why.starts_with(&format!("is the metadata of `{other}`")), "{why}");
        }
        let no_metadata = ["{}", "[]", "<html>", r#"{ "issuer": "https://a.example/one" }"#, r#"{ "issuer": 1 }"#];
        for text in no_metadata {
            assert!(jwks_uri(text.as_bytes(), ours).is_err(), "{text}");
        }
        let twice = r#"{ "issuer": "https://a.example/one", "jwks_uri": "x", "jwks_uri": "y" }"#;
        assert!(jwks_uri(twice.as_bytes(), ours).is_err());
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig { failure_persistence: None, ..Default::default() })]

        /// Any bytes, and good metadata with some of them changed: what is taken names our issuer and one place for keys.
        #[test]
        fn whatever_metadata_says_it_speaks_for_its_issuer(
            changes in proptest::collection::vec((0_usize..80, 0_u8..), 0..4),
            noise in proptest::collection::vec(0_u8.., 0..40),
        ) {
            let ours = "https://a.example/one";
            let mut metadata = br#"{"issuer":"https://a.example/one","jwks_uri":"https://a.example/keys"}"#.to_vec();
            for (at, byte) in changes {
                let at = at % metadata.len();
                metadata[at] = byte;
            }
            let _ = jwks_uri(&noise, ours);
            if let Ok(uri) = jwks_uri(&metadata, ours) {
                let read: serde_json::Value = serde_json::from_slice(&metadata).expect("what is taken is JSON");
                proptest::prop_assert_eq!(read["issuer"].as_str(), Some(ours));
                proptest::prop_assert_eq!(read["jwks_uri"].as_str(), Some(&*uri));
            }
        }
    }
}
