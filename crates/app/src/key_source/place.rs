//! Where to ask: a URL that an operator wrote, or that a trusted issuer's metadata names. Never one from a token.

use http::Uri;
use http::uri::Authority;

/// Longest URL, in bytes. Default 2,048: what every server takes.
const URL_BYTES_MAX: usize = 2_048;
/// Longest text of somebody else's that stands in a message, in bytes. Default 200: enough to recognise it.
const SHOWN_BYTES_MAX: usize = 200;

/// A URL that may be asked, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) tls: bool,
    /// Without the brackets of an IPv6 address.
    pub(super) host: String,
    pub(super) port: u16,
    /// As it stands in the URL.
    pub(super) authority: Authority,
    /// Path and query.
    pub(super) path: String,
}

impl Place {
    pub(super) fn new(url: &str) -> Result<Self, String> {
        if url.len() > URL_BYTES_MAX {
            return Err(format!("a URL of more than {URL_BYTES_MAX} bytes"));
        }
        let told = |what: &str| format!("`{}` {what}", shown(url));
        let uri: Uri = url.parse().map_err(|_| told("is not a URL"))?;
        let tls = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(told("is not an `https` URL")),
        };
        let authority = uri.authority().ok_or_else(|| told("has no host"))?.clone();
        if authority.as_str().contains('@') || url.contains('#') {
            return Err(told("has a user or a fragment; keys have neither"));
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        if host.is_empty() {
            return Err(told("has no host"));
        }
        // Read here, as `http` takes a port that is none for no port.
        let port = match &authority.as_str()[authority.host().len()..] {
            "" => Some(if tls { 443 } else { 80 }),
            port => port.strip_prefix(':').and_then(|port| port.parse().ok()).filter(|port| *port > 0),
        };
        let port = port.ok_or_else(|| told("has a port that is none"))?;
        let path = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        Ok(Self { tls, host, port, authority, path })
    }
}

/// Somebody else's text, fit to stand in a message: printable, and cut.
pub(super) fn shown(text: &str) -> String {
    let mut end = text.len().min(SHOWN_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let cut = if end < text.len() { "…" } else { "" };
    format!("{}{cut}", text[..end].escape_debug())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_taken_apart() {
        let rows = [
            ("https://a.example", (true, "a.example", 443, "/")),
            ("https://a.example:8443/keys?v=1", (true, "a.example", 8443, "/keys?v=1")),
            ("http://10.0.0.1/keys", (false, "10.0.0.1", 80, "/keys")),
            ("https://[::1]:9000/keys", (true, "::1", 9000, "/keys")),
        ];
        for (url, expected) in rows {
            let place = Place::new(url).expect(url);
            assert_eq!((place.tls, &*place.host, place.port, &*place.path), expected, "{url}");
        }
    }

    #[test]
    fn what_is_no_place_for_keys_is_told() {
        let rows = [
            "",
            "/keys",
            "a.example",
            "ftp://a.example/keys",
            "file:///etc/passwd",
            "https://",
            "https:///keys",
            "https://user@a.example/keys",
            "https://user:word@a.example/keys",
            "https://a.example/keys#one",
            "https://a.example:99999/keys",
            "https://a.example:/keys",
            "https://a.example:0/keys",
            "https://[::1]9000/keys",
            "https://a.example/\r\nHost: b.example",
            "gopher://a.example",
        ];
        for url in rows {
            assert!(Place::new(url).is_err(), "{url:?} is taken as {:?}", Place::new(url));
        }
        assert!(Place::new(&format!("https://a.example/{}", "a".repeat(3_000))).is_err());
    }

    #[test]
    fn the_text_of_others_is_cut_and_printable() {
        assert_eq!(shown("a\nb\u{1b}[31m"), "a\\nb\\u{1b}[31m");
        assert_eq!(shown(&"ä".repeat(300)), format!("{}…", "ä".repeat(100)));
    }
}
