//! The names by which we are known: the URL that clients use, and the `Host` and `Origin` that may stand in requests.

use std::net::SocketAddr;

use http::header::{HOST, ORIGIN};
use http::{HeaderMap, Uri};
use partywall_identity::Resource;

/// Where resource metadata stands (RFC 9728, section 3.1); the resource's own path follows.
pub(crate) const METADATA: &str = "/.well-known/oauth-protected-resource";
/// Where the MCP endpoints stand.
pub(crate) const MCP: &str = "/mcp";

/// The URL by which clients know the gateway: metadata, challenges and audiences are built from it, never from what
/// a request's `Host` says.
#[derive(Clone, Debug)]
pub struct PublicUrl {
    base: String,
    hosts: Vec<String>,
}

impl PublicUrl {
    /// From the setting, for a listener at `listening` (`127.0.0.1:7400`). The error says what is wrong.
    pub fn new(base: &str, listening: SocketAddr) -> Result<Self, String> {
        let uri: Uri = base.parse().map_err(|error| format!("`{base}` is not a URL: {error}"))?;
        let plain = matches!(uri.scheme_str(), Some("http" | "https")) && uri.query().is_none();
        let authority = uri.authority().filter(|_| plain && uri.path() == "/" && !base.ends_with('/'));
        let Some(authority) = authority else {
            return Err(format!(
                "`{base}` is not an origin; write scheme and host alone, as in `https://mcp.example.com`"
            ));
        };
        let mut hosts = vec![authority.as_str().to_ascii_lowercase(), listening.to_string()];
        if listening.ip().is_loopback() {
            hosts.extend(["localhost", "127.0.0.1", "[::1]"].map(|host| format!("{host}:{}", listening.port())));
        }
        Ok(Self { base: base.to_owned(), hosts })
    }

    /// The URL, without a trailing slash.
    pub fn as_str(&self) -> &str {
        &self.base
    }

    /// The resource that is one server's endpoint; a token for all of `/mcp` opens it too.
    pub fn resource(&self, server: &str) -> Resource {
        Resource::new(&format!("{}{MCP}/{server}", self.base), Some(&format!("{}{MCP}", self.base)))
    }

    /// Where a server's resource metadata stands.
    pub(crate) fn metadata_of(&self, path: &str) -> String {
        format!("{}{METADATA}{path}", self.base)
    }

    fn is_ours(&self, authority: &str) -> bool {
        self.hosts.iter().any(|host| host.eq_ignore_ascii_case(authority))
    }

    /// Refuses names that are not ours: a page that rebinds its own name to our address gets no further.
    pub(crate) fn check(&self, headers: &HeaderMap) -> Result<(), &'static str> {
        let single = |name| {
            let mut values = headers.get_all(name).iter();
            values.next().filter(|_| values.next().is_none()).and_then(|value| value.to_str().ok())
        };
        if !single(HOST).is_some_and(|host| self.is_ours(host)) {
            return Err("the Host header is not one of ours");
        }
        let origin = single(ORIGIN).and_then(|origin| origin.split_once("://"));
        let ours = origin.is_some_and(|(scheme, host)| matches!(scheme, "http" | "https") && self.is_ours(host));
        if headers.contains_key(ORIGIN) && !ours { Err("the Origin header is not one of ours") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(host: &str, origin: Option<&str>) -> bool {
        let url = PublicUrl::new("https://mcp.example.com", "127.0.0.1:7400".parse().unwrap()).unwrap();
        let mut headers = HeaderMap::new();
        headers.insert(HOST, host.parse().unwrap());
        headers.extend(origin.map(|origin| (ORIGIN, origin.parse().unwrap())));
        url.check(&headers).is_ok()
    }

    #[test]
    fn only_our_names_are_answered() {
        for host in ["mcp.example.com", "MCP.example.com", "127.0.0.1:7400", "localhost:7400", "[::1]:7400"] {
            assert!(check(host, None) && check(host, Some("https://mcp.example.com")), "{host}");
        }
        for host in ["", "evil.example", "mcp.example.com.evil.example", "localhost", "localhost:80", "127.0.0.1:7401"]
        {
            assert!(!check(host, None), "{host}");
        }
        for origin in
            ["null", "https://evil.example", "mcp.example.com", "file://mcp.example.com", "https://mcp.example.com:444"]
        {
            assert!(!check("mcp.example.com", Some(origin)), "{origin}");
        }
    }

    #[test]
    fn a_public_url_is_an_origin() {
        for bad in
            ["", "mcp.example.com", "https://mcp.example.com/", "https://h/x", "ftp://h", "https://h?x", "https://"]
        {
            assert!(PublicUrl::new(bad, "127.0.0.1:1".parse().unwrap()).is_err(), "{bad}");
        }
    }
}
