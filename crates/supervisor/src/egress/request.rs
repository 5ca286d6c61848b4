//! Where a box wants to go: the first line of its `CONNECT`.

use std::net::IpAddr;

use super::Egress;

/// Longest head, in bytes. 8 KiB: what proxies usually take.
pub(crate) const HEAD_BYTES_MAX: usize = 8192;

/// A host and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    /// Lower case; an IPv6 address without its brackets.
    pub(super) host: String,
    pub(super) port: u16,
}

impl Target {
    /// Whether this rule names it.
    pub(super) fn is(&self, rule: &Egress) -> bool {
        self.port == rule.port && self.host == plain(&rule.host)
    }

    pub(super) fn is_address(&self) -> bool {
        self.host.parse::<IpAddr>().is_ok()
    }
}

/// One spelling for one host: lower case, no brackets, no dot at the end; an address as it is usually written.
fn plain(host: &str) -> String {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    match bare.parse::<IpAddr>() {
        Ok(address) => address.to_string(),
        Err(_) => bare.strip_suffix('.').unwrap_or(bare).to_ascii_lowercase(),
    }
}

/// The target of a `CONNECT`; `None` for anything else.
pub(super) fn target(head: &[u8]) -> Option<Target> {
    let line = std::str::from_utf8(head).ok()?.split("\r\n").next()?;
    let mut words = line.split(' ');
    let (method, authority, version) = (words.next()?, words.next()?, words.next()?);
    if method != "CONNECT" || !version.starts_with("HTTP/1.") || words.next().is_some() {
        return None;
    }
    let (host, port) = authority.rsplit_once(':')?;
    // `2130706433` and `0x7f.1` are addresses to some resolvers; a name of digits alone is none.
    let numeric = host.rsplit('.').next().is_some_and(|last| last.starts_with(|first: char| first.is_ascii_digit()));
    let host = plain(host);
    let odd = host.is_empty() || (numeric && host.parse::<IpAddr>().is_err());
    (!odd).then_some(Target { host, port: port.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str) -> Option<(String, u16)> {
        target(format!("{line}\r\nHost: elsewhere\r\n\r\n").as_bytes()).map(|target| (target.host, target.port))
    }

    #[test]
    fn only_a_connect_to_a_name_or_an_address_is_one() {
        let rows = [
            ("CONNECT api.example.com:443 HTTP/1.1", Some(("api.example.com", 443))),
            ("CONNECT API.Example.COM.:443 HTTP/1.1", Some(("api.example.com", 443))),
            ("CONNECT 192.0.2.1:8080 HTTP/1.0", Some(("192.0.2.1", 8080))),
            ("CONNECT [2001:DB8::1]:443 HTTP/1.1", Some(("2001:db8::1", 443))),
            ("CONNECT 2130706433:80 HTTP/1.1", None),
            ("CONNECT 0x7f.1:80 HTTP/1.1", None),
            ("CONNECT 127.1:80 HTTP/1.1", None),
            ("CONNECT api.example.com HTTP/1.1", None),
            ("CONNECT :443 HTTP/1.1", None),
            ("CONNECT a:99999 HTTP/1.1", None),
            ("CONNECT a:1 b HTTP/1.1", None),
            ("GET http://api.example.com/ HTTP/1.1", None),
            ("connect api.example.com:443 HTTP/1.1", None),
        ];
        for (line, expected) in rows {
            assert_eq!(of(line), expected.map(|(host, port)| (host.to_owned(), port)), "{line}");
        }
    }
}
