//! The names by which we are known: the URL that clients use, and the `Host` and `Origin` that may stand in requests.

use std::net::{IpAddr, SocketAddr};

use http::header::{HOST, ORIGIN};
use http::{HeaderMap, Uri};
use ipnet::IpNet;
use partywall_identity::Resource;

/// Where resource metadata stands (RFC 9728, section 3.1); the resource's own path follows.
pub(crate) const METADATA: &str = "/.well-known/oauth-protected-resource";

/// What the paths of customers' own URLs begin with.
const CONNECT: &str = "/c/";

/// The URL by which clients know the gateway: metadata, challenges and audiences are built from it, never from what
/// a request's `Host` says.
#[derive(Clone, Debug)]
pub struct PublicUrl {
    base: String,
    hosts: Vec<String>,
    origins: Vec<String>,
    proxies: Vec<IpNet>,
    scope: String,
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
        Ok(Self { base: base.to_owned(), hosts, origins: Vec::new(), proxies: Vec::new(), scope: String::new() })
    }

    /// With more names: hosts by which proxies and health checks may call us, origins whose pages may (as
    /// `https://app.example.com`), and the networks of proxies whose word on where a request came from counts.
    #[must_use]
    pub fn allowing(mut self, hosts: &[String], origins: Vec<String>, proxies: Vec<IpNet>) -> Self {
        self.hosts.extend(hosts.iter().map(|host| host.to_ascii_lowercase()));
        self.origins = origins;
        self.proxies = proxies;
        self
    }

    /// With the scopes that every client is told to ask for, before anybody knows who it is or what it will do.
    #[must_use]
    pub fn asking_for(mut self, scopes: &[String]) -> Self {
        self.scope = scopes.join(" ");
        self
    }

    /// The scopes that every client is told to ask for.
    pub(crate) fn scopes(&self) -> impl Iterator<Item = &str> {
        self.scope.split_ascii_whitespace()
    }

    /// What a challenge at `path` says of scopes. On customers' own URLs it is nothing: the customer's issuer may not
    /// know these, and a challenge that named its own would tell which of these URLs are somebody's.
    pub(crate) fn scope_at(&self, path: &str) -> Option<&str> {
        (!path.starts_with(CONNECT)).then_some(&self.scope)
    }

    /// Where a request came from: the peer, or what the trusted proxies in front of us say. Each adds the address it saw
    /// at the end of `X-Forwarded-For`, so the last one that is no proxy of ours is as far as anybody's word reaches.
    pub(crate) fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let trusted = |address: &IpAddr| self.is_proxy(*address);
        if !trusted(&peer) {
            return peer;
        }
        let lines = headers.get_all("x-forwarded-for").iter().filter_map(|line| line.to_str().ok());
        let seen: Vec<IpAddr> =
            lines.flat_map(|line| line.split(',')).map_while(|one| one.trim().parse().ok()).collect();
        seen.iter().rev().find(|address| !trusted(address)).copied().unwrap_or(peer)
    }

    /// Whether this is the address of a proxy whose word counts.
    pub(crate) fn is_proxy(&self, address: IpAddr) -> bool {
        self.proxies.iter().any(|network| network.contains(&address))
    }

    /// The URL, without a trailing slash.
    pub fn as_str(&self) -> &str {
        &self.base
    }

    /// The resource at `path`, one server's endpoint; a token for all servers there (`/mcp`) opens it too.
    pub fn resource(&self, path: &str) -> Resource {
        let all = path.rsplit_once('/').map(|(all, _)| format!("{}{all}", self.base));
        Resource::new(&format!("{}{path}", self.base), all.as_deref())
    }

    /// Where a server's resource metadata stands.
    pub(crate) fn metadata_of(&self, path: &str) -> String {
        format!("{}{METADATA}{path}", self.base)
    }

    fn is_ours(&self, authority: &str) -> bool {
        self.hosts.iter().any(|host| host.eq_ignore_ascii_case(authority))
    }

    /// Refuses names that are not ours: a page that rebinds its own name to our address gets no further.
    ///
    /// A target that names a host itself, as requests to proxies do, counts for more than `Host` (RFC 9112, section
    /// 3.2.2), so both must be ours.
    pub(crate) fn check(&self, target: &Uri, headers: &HeaderMap) -> Result<(), &'static str> {
        if target.authority().is_some_and(|host| !self.is_ours(host.as_str())) {
            return Err("the request's target is not one of ours");
        }
        let single = |name| {
            let mut values = headers.get_all(name).iter();
            values.next().filter(|_| values.next().is_none()).and_then(|value| value.to_str().ok())
        };
        if !single(HOST).is_some_and(|host| self.is_ours(host)) {
            return Err("the Host header is not one of ours");
        }
        let origin = single(ORIGIN).unwrap_or_default();
        let named = origin.split_once("://");
        let ours = named.is_some_and(|(scheme, host)| matches!(scheme, "http" | "https") && self.is_ours(host))
            || self.origins.iter().any(|allowed| allowed == origin);
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
        url.check(&Uri::from_static("/mcp/notes"), &headers).is_ok()
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
    fn a_client_is_where_the_last_trusted_proxy_saw_it() {
        let url = PublicUrl::new("https://mcp.example.com", "127.0.0.1:7400".parse().unwrap()).unwrap();
        let url = url.allowing(&[], Vec::new(), vec!["10.0.0.0/8".parse().unwrap()]);
        for (peer, forwarded, client) in [
            ("192.0.2.1", "198.51.100.7", "192.0.2.1"),
            ("10.0.0.1", "198.51.100.7", "198.51.100.7"),
            ("10.0.0.1", "203.0.113.9, 198.51.100.7", "198.51.100.7"),
            ("10.0.0.1", "198.51.100.7, 10.0.0.2", "198.51.100.7"),
            ("10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.1"),
            ("10.0.0.1", "rubbish", "10.0.0.1"),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert("x-forwarded-for", forwarded.parse().unwrap());
            assert_eq!(
                url.client(peer.parse().unwrap(), &headers),
                client.parse::<IpAddr>().unwrap(),
                "{peer} {forwarded}"
            );
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
