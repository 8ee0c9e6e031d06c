//! The address that a request comes from. It separates the sources of failures, and never authenticates a sender.

use std::net::{IpAddr, SocketAddr};

use actix_web::HttpRequest;
use ipnet::IpNet;

const FORWARDED_FOR: &str = "x-forwarded-for";

/// The client's address: the peer, or the address that the nearest trusted proxy reports; `None` when the peer is
/// unknown.
#[must_use]
pub fn client_address(request: &HttpRequest, trusted: &[IpNet]) -> Option<IpAddr> {
    let peer = request.peer_addr()?.ip();
    let lines = request.headers().get_all(FORWARDED_FOR);
    // No proxy writes a line that is not text.
    let lines: Vec<&str> = lines
        .map(|line| line.to_str().unwrap_or_default())
        .collect();
    Some(behind(peer, &lines, trusted))
}

/// Each proxy appends the address of its client, so the list is read from its end, for as long as the writer of an entry
/// is trusted. A client can forge everything left of that.
fn behind(peer: IpAddr, lines: &[&str], trusted: &[IpNet]) -> IpAddr {
    let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.contains(&address));
    let entries = lines.iter().rev().flat_map(|line| line.rsplit(','));
    let mut source = peer.to_canonical();
    for entry in entries {
        match address(entry) {
            Some(address) if is_trusted(source) => source = address,
            _ => break,
        }
    }
    source
}

/// An address, with or without port and brackets.
fn address(entry: &str) -> Option<IpAddr> {
    let entry = entry.trim();
    let bare = entry
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(entry);
    let address = bare.parse().ok();
    address
        .or_else(|| Some(entry.parse::<SocketAddr>().ok()?.ip()))
        .map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The client of a request that the proxy 10.0.0.1 forwards with these lines.
    fn behind_proxy(lines: &[&str]) -> String {
        let trusted = ["10.0.0.0/8".parse().unwrap(), "fd00::/64".parse().unwrap()];
        behind("10.0.0.1".parse().unwrap(), lines, &trusted).to_string()
    }

    #[test]
    fn without_a_trusted_proxy_the_header_counts_nothing() {
        let peer: IpAddr = "203.0.113.9".parse().unwrap();
        let others = ["10.0.0.0/8".parse().unwrap()];

        assert_eq!(behind(peer, &["198.51.100.7"], &[]), peer);
        assert_eq!(behind(peer, &["198.51.100.7"], &others), peer);
    }

    #[test]
    fn the_last_address_that_is_no_trusted_proxy_is_the_source() {
        for (lines, expected) in [
            (&[][..], "10.0.0.1"),
            (&["203.0.113.9"], "203.0.113.9"),
            (&["203.0.113.9, 10.0.0.2"], "203.0.113.9"),
            (&["203.0.113.9", "10.0.0.3,10.0.0.2"], "203.0.113.9"),
            (&["10.9.9.9, 10.0.0.2"], "10.9.9.9"),
        ] {
            assert_eq!(behind_proxy(lines), expected, "{lines:?}");
        }
    }

    #[test]
    fn what_a_sender_wrote_himself_is_not_believed() {
        for lines in [
            &["198.51.100.7, 203.0.113.9"][..],
            &["198.51.100.7", "203.0.113.9"],
            &["10.0.0.2, 203.0.113.9, 10.0.0.2"],
            &["<script>, 203.0.113.9"],
        ] {
            assert_eq!(behind_proxy(lines), "203.0.113.9", "{lines:?}");
        }
    }

    #[test]
    fn an_address_may_have_a_port_and_brackets() {
        for (line, expected) in [
            ("203.0.113.9:4711", "203.0.113.9"),
            ("2001:db8::9", "2001:db8::9"),
            ("[2001:db8::9]", "2001:db8::9"),
            ("[2001:db8::9]:4711 ,[fd00::1]:80", "2001:db8::9"),
            ("::ffff:203.0.113.9", "203.0.113.9"),
        ] {
            assert_eq!(behind_proxy(&[line]), expected, "{line}");
        }
    }

    #[test]
    fn at_what_is_no_address_the_proxy_that_wrote_it_is_the_source() {
        for line in [
            "",
            "unknown",
            "203.0.113.9, ",
            "_hidden",
            "203.0.113",
            "[::1",
        ] {
            assert_eq!(behind_proxy(&[line]), "10.0.0.1", "{line}");
        }
        assert_eq!(behind_proxy(&["unknown, 10.0.0.2"]), "10.0.0.2");
    }

    #[test]
    fn a_listener_on_all_addresses_sees_ipv4_peers_as_ipv6() {
        let peer = "::ffff:10.0.0.1".parse().unwrap();
        let trusted = ["10.0.0.1/32".parse().unwrap()];

        let source = behind(peer, &["203.0.113.9"], &trusted);

        assert_eq!(source.to_string(), "203.0.113.9");
    }
}
