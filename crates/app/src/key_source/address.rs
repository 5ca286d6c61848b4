//! Which addresses may be asked: public ones, those that the issuer's document names, and never our own listeners.
//!
//! A fetch is a request that others make us send: a customer's issuer names a host, and whoever holds that name's zone
//! says which address it is. Were every address good, they could have us talk to what stands beside us.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use ipnet::IpNet;

/// What is not public in IPv4 (IANA's special-purpose registry).
const SPECIAL_V4: [(&str, &str); 14] = [
    ("0.0.0.0/8", "an address of this machine"),
    ("127.0.0.0/8", "a loopback address"),
    ("169.254.0.0/16", "a link-local address"),
    ("10.0.0.0/8", "a private address"),
    ("172.16.0.0/12", "a private address"),
    ("192.168.0.0/16", "a private address"),
    ("100.64.0.0/10", "an address shared behind a carrier"),
    ("192.0.0.0/24", "an address of a protocol"),
    ("192.0.2.0/24", "an address for examples"),
    ("198.51.100.0/24", "an address for examples"),
    ("203.0.113.0/24", "an address for examples"),
    ("198.18.0.0/15", "an address for measurements"),
    ("224.0.0.0/4", "a multicast address"),
    ("240.0.0.0/4", "a reserved address"),
];
/// What is not public in IPv6, said by name; what is left must still be global unicast.
const SPECIAL_V6: [(&str, &str); 9] = [
    ("::/128", "an address of this machine"),
    ("::1/128", "a loopback address"),
    ("fe80::/10", "a link-local address"),
    ("fc00::/7", "a private address"),
    ("ff00::/8", "a multicast address"),
    // These stand for IPv4 addresses, through relays that nobody should need.
    ("2002::/16", "a 6to4 address"),
    ("2001::/32", "a Teredo address"),
    ("2001:db8::/32", "an address for examples"),
    ("3fff::/20", "an address for examples"),
];
/// All of IPv6 that is handed out for public use.
const GLOBAL_V6: &str = "2000::/3";

/// Whether `address` may be asked over TLS or without, for an issuer whose document names these networks.
pub(super) fn check(address: SocketAddr, tls: bool, networks: &[IpNet]) -> Result<(), String> {
    let ip = plain(address.ip());
    if networks.iter().any(|network| network.contains(&ip)) {
        return Ok(());
    }
    let hint = format!("name its network in `private_networks`, for example `{}`", IpNet::from(ip));
    match special(ip) {
        Some(what) => Err(format!("{ip} is {what}; if the issuer is there, {hint}")),
        None if !tls => Err(format!("keys of {ip} would come over plain HTTP; use `https`, or {hint}")),
        None => Ok(()),
    }
}

/// Whether `peer` is one of our own listeners; `local` is our end of the connection to it, once there is one. A
/// listener on all addresses is also reached at those of this machine, which a connection to itself shows: both its
/// ends are one address.
pub(super) fn is_own(listeners: &[SocketAddr], peer: SocketAddr, local: Option<SocketAddr>) -> bool {
    let ip = plain(peer.ip());
    let here = is_here(ip) || local.is_some_and(|local| plain(local.ip()) == ip);
    listeners.iter().any(|listener| {
        let listens = plain(listener.ip());
        listener.port() == peer.port()
            && (listens == ip || listens.is_unspecified() && here || ip.is_unspecified() && is_here(listens))
    })
}

fn is_here(ip: IpAddr) -> bool {
    ip.is_loopback() || ip.is_unspecified()
}

/// The address that is really asked: the IPv4 address within an IPv6 one, where one is (RFC 4291, section 2.5.5.2;
/// RFC 6052, section 2.1).
fn plain(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(v6) if v6.segments()[..6] == [0x64, 0xff9b, 0, 0, 0, 0] => {
            let [.., a, b, c, d] = v6.octets();
            IpAddr::V4(Ipv4Addr::new(a, b, c, d))
        }
        other => other,
    }
}

/// Why an address is not public.
fn special(ip: IpAddr) -> Option<&'static str> {
    let within = |rows: &[(&str, &'static str)]| {
        let holds = |network: &str| network.parse::<IpNet>().is_ok_and(|network| network.contains(&ip));
        rows.iter().find(|(network, _)| holds(network)).map(|(_, what)| *what)
    };
    match ip {
        IpAddr::V4(_) => within(&SPECIAL_V4),
        IpAddr::V6(v6) => within(&SPECIAL_V6).or_else(|| (!is_global(v6)).then_some("not a public address")),
    }
}

fn is_global(v6: Ipv6Addr) -> bool {
    GLOBAL_V6.parse::<IpNet>().is_ok_and(|global| global.contains(&IpAddr::V6(v6)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn networks(texts: &[&str]) -> Vec<IpNet> {
        texts.iter().map(|text| text.parse().expect(text)).collect()
    }

    fn may(ip: &str, tls: bool, named: &[&str]) -> Result<(), String> {
        check(SocketAddr::new(ip.parse().expect(ip), 443), tls, &networks(named))
    }

    #[test]
    fn every_network_of_the_tables_can_be_read() {
        for (network, _) in SPECIAL_V4.iter().chain(&SPECIAL_V6) {
            assert!(network.parse::<IpNet>().is_ok_and(|read| read == read.trunc()), "{network}");
        }
    }

    #[test]
    fn what_is_not_public_is_refused() {
        let rows = [
            "0.0.0.0",
            "0.1.2.3",
            "127.0.0.1",
            "127.255.255.254",
            "169.254.169.254",
            "10.0.0.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "100.64.0.1",
            "100.127.255.255",
            "100.100.100.200",
            "192.0.0.170",
            "192.0.2.1",
            "198.18.0.1",
            "224.0.0.1",
            "239.255.255.255",
            "255.255.255.255",
            "::",
            "::1",
            "fe80::1",
            "febf::1",
            "fc00::1",
            "fd00:ec2::254",
            "ff02::1",
            "fec0::1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "::ffff:10.0.0.1",
            "::ffff:0.0.0.0",
            "::127.0.0.1",
            "64:ff9b::10.0.0.1",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::1",
            "2002:7f00:1::",
            "2001:0:1::1",
            "2001:db8::1",
            "100::1",
            "5f00::1",
        ];
        for ip in rows {
            assert!(may(ip, true, &[]).is_err(), "{ip} is let through");
        }
    }

    #[test]
    fn what_is_public_is_asked_over_tls_alone() {
        let rows = [
            "8.8.8.8",
            "172.15.0.1",
            "172.32.0.1",
            "100.128.0.1",
            "2606:4700::1",
            "::ffff:8.8.8.8",
            "64:ff9b::808:808",
        ];
        for ip in rows {
            assert_eq!(may(ip, true, &[]), Ok(()), "{ip}");
            assert!(may(ip, false, &["10.0.0.0/8"]).is_err(), "{ip} over plain HTTP");
        }
    }

    #[test]
    fn a_network_that_the_document_names_opens_itself_alone() {
        let named = ["10.1.0.0/16", "fd00::/8"];
        for ip in ["10.1.2.3", "fd12::1", "::ffff:10.1.2.3", "64:ff9b::10.1.2.3"] {
            assert_eq!((may(ip, true, &named), may(ip, false, &named)), (Ok(()), Ok(())), "{ip}");
        }
        for ip in ["10.2.0.1", "127.0.0.1", "169.254.169.254", "fc00::1", "::ffff:10.2.0.1"] {
            assert!(may(ip, true, &named).is_err(), "{ip}");
        }
        assert_eq!(
            may("10.2.0.1", true, &named).expect_err("another network"),
            "10.2.0.1 is a private address; if the issuer is there, name its network in `private_networks`, \
             for example `10.2.0.1/32`"
        );
    }

    #[test]
    fn our_own_listeners_are_known_by_every_name() {
        let at = |text: &str| text.parse::<SocketAddr>().expect(text);
        let rows = [
            ("127.0.0.1:7400", "127.0.0.1:7400", None, true),
            ("127.0.0.1:7400", "[::ffff:127.0.0.1]:7400", None, true),
            ("127.0.0.1:7400", "0.0.0.0:7400", None, true),
            ("127.0.0.1:7400", "127.0.0.1:7402", None, false),
            ("127.0.0.1:7400", "10.0.0.5:7400", Some("10.0.0.5:50000"), false),
            ("0.0.0.0:7400", "127.0.0.1:7400", None, true),
            ("0.0.0.0:7400", "127.9.9.9:7400", None, true),
            ("[::]:7400", "[::1]:7400", None, true),
            ("[::]:7400", "127.0.0.1:7400", None, true),
            ("0.0.0.0:7400", "10.0.0.5:7400", Some("10.0.0.5:50000"), true),
            ("0.0.0.0:7400", "10.0.0.6:7400", Some("10.0.0.5:50000"), false),
            ("0.0.0.0:7400", "10.0.0.5:7402", Some("10.0.0.5:50000"), false),
            ("10.0.0.5:7401", "10.0.0.5:7401", None, true),
            ("10.0.0.5:7401", "127.0.0.1:7401", None, false),
        ];
        for (listener, peer, local, expected) in rows {
            assert_eq!(is_own(&[at(listener)], at(peer), local.map(at)), expected, "{peer} at {listener}");
        }
        assert!(!is_own(&[], at("127.0.0.1:7400"), None));
    }
}
