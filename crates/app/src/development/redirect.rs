//! Where a client is called back with its code: on this machine, and nowhere else.

use form_urlencoded::Serializer;

/// How this machine is called in a redirect (RFC 8252, sections 7.3 and 8.3).
const LOOPBACK: [&str; 3] = ["127.0.0.1", "[::1]", "localhost"];
/// Callbacks of desktop clients that the system hands to the program: Cursor's. Each is compared whole, since a scheme
/// alone would let any link of that program in.
const OF_PROGRAMS: [&str; 1] = ["cursor://anysphere.cursor-mcp/oauth/callback"];
/// Longest callback, in bytes. Default 1 KiB: those of known clients have less than a hundred.
const BYTES_MAX: usize = 1 << 10;

/// A callback on this machine, whose port the client chooses anew each time.
#[derive(PartialEq, Eq)]
struct Loopback<'a> {
    host: &'a str,
    /// Path and query.
    rest: &'a str,
}

/// Whether clients may register this callback.
pub(super) fn is_allowed(uri: &str) -> bool {
    let plain = uri.len() <= BYTES_MAX && uri.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#');
    plain && (OF_PROGRAMS.contains(&uri) || loopback(uri).is_some())
}

/// Whether the callback asked for is the one registered: byte for byte but for the port of a loopback one (RFC 8252,
/// section 7.3).
pub(super) fn is_registered(asked: &str, registered: &str) -> bool {
    let same = || loopback(asked).is_some_and(|asked| Some(asked) == loopback(registered));
    is_allowed(asked) && (asked == registered || same())
}

/// The callback with parameters added to its query.
pub(super) fn with(uri: &str, parameters: &[(&str, &str)]) -> String {
    let separator = if uri.contains('?') { '&' } else { '?' };
    let query = Serializer::new(String::new()).extend_pairs(parameters).finish();
    format!("{uri}{separator}{query}")
}

/// The callback as a source in a content security policy: browsers hold `form-action` against redirects too.
pub(super) fn source(uri: &str) -> &str {
    let Some((scheme, after)) = uri.split_once("://") else { return "'none'" };
    let end = after.find(['/', '?']).unwrap_or(after.len());
    // The policy's grammar has no brackets, so for an IPv6 address the scheme has to do; so for a program's own scheme.
    if scheme == "http" && !after.starts_with('[') { &uri[..scheme.len() + 3 + end] } else { &uri[..=scheme.len()] }
}

fn loopback(uri: &str) -> Option<Loopback<'_>> {
    let after = uri.strip_prefix("http://")?;
    let (authority, rest) = after.split_at(after.find(['/', '?']).unwrap_or(after.len()));
    let host = *LOOPBACK.iter().find(|host| authority.strip_prefix(**host).is_some_and(is_port))?;
    Some(Loopback { host, rest })
}

/// Nothing, or a colon and a number.
fn is_port(text: &str) -> bool {
    let number = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok();
    text.is_empty() || text.strip_prefix(':').is_some_and(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_called_back() {
        for good in [
            "http://127.0.0.1:33418/",
            "http://localhost/callback?a=b",
            "http://[::1]:8080/callback",
            "http://127.0.0.1",
            OF_PROGRAMS[0],
        ] {
            assert!(is_allowed(good), "{good}");
        }
        for bad in [
            "",
            "https://127.0.0.1/",
            "http://127.0.0.1.evil.example/",
            "http://127.0.0.1:80@evil.example/",
            "http://127.0.0.1@evil.example/",
            "http://127.0.0.1\\@evil.example/",
            "http://localhost:99999/",
            "http://localhost:+80/",
            "http://localhost:/",
            "http://evil.example/?http://localhost/",
            "http://localhost/#fragment",
            "http://localhost/ space",
            "http://localhost/\r\nset-cookie:a",
            "HTTP://localhost/",
            "https://vscode.dev/redirect",
            "javascript://localhost/%0aalert(1)",
            "cursor://anysphere.cursor-mcp/oauth/callback2",
        ] {
            assert!(!is_allowed(bad), "{bad}");
        }
        assert!(!is_allowed(&format!("http://localhost/{}", "a".repeat(BYTES_MAX))));
    }

    #[test]
    fn the_port_is_free_and_the_rest_is_not() {
        let registered = "http://127.0.0.1:1234/callback";
        for same in [registered, "http://127.0.0.1/callback", "http://127.0.0.1:80/callback"] {
            assert!(is_registered(same, registered), "{same}");
        }
        for other in ["http://localhost:1234/callback", "http://127.0.0.1:1234/", "http://127.0.0.1:1234/callback?a=b"]
        {
            assert!(!is_registered(other, registered), "{other}");
        }
        assert!(!is_registered("https://evil.example/", "https://evil.example/"), "registered or not");
    }

    #[test]
    fn parameters_are_added_and_sources_are_told() {
        assert_eq!(with("http://localhost/a", &[("code", "a b&c")]), "http://localhost/a?code=a+b%26c");
        assert_eq!(with("http://localhost/a?x=1", &[("code", "1")]), "http://localhost/a?x=1&code=1");
        assert_eq!(source("http://127.0.0.1:33418/a"), "http://127.0.0.1:33418");
        assert_eq!(source("http://localhost?a"), "http://localhost");
        assert_eq!((source("http://[::1]:8/a"), source(OF_PROGRAMS[0])), ("http:", "cursor:"));
    }
}
