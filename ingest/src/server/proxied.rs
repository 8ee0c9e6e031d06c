//! Whether a request came through a proxy: then its sender may be anyone, although the connection is from this machine.

use actix_web::dev::RequestHead;
use actix_web::http::header::{HOST, HeaderMap};
use actix_web::http::{Version, uri::Authority};
use std::net::IpAddr;

/// Headers that only proxies add.
const FORWARDING: [&str; 9] = [
    "forwarded",
    "via",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-forwarded-server",
    "x-real-ip",
    "cf-connecting-ip",
    "true-client-ip",
];

/// Whether a request shows that a proxy forwarded it: by a header; by a host that is not this machine, which the proxy
/// passed on; or by HTTP/1.0 with a host, which nginx speaks unless configured otherwise, and clients do not.
pub(super) fn is_forwarded(head: &RequestHead) -> bool {
    let headers = head.headers();
    let has_host = headers.contains_key(HOST);
    FORWARDING.iter().any(|name| headers.contains_key(*name))
        || (head.version == Version::HTTP_10 && has_host)
        || (has_host && !names_this_machine(headers))
        || head
            .uri
            .authority()
            .is_some_and(|authority| !is_local(authority.host()))
}

fn names_this_machine(headers: &HeaderMap) -> bool {
    let hosts = headers.get_all(HOST);
    let host =
        |host: &actix_web::http::header::HeaderValue| host.to_str().ok()?.parse::<Authority>().ok();
    hosts
        .into_iter()
        .all(|value| host(value).is_some_and(|authority| is_local(authority.host())))
}

fn is_local(host: &str) -> bool {
    let address = host
        .trim_start_matches('[')
        .trim_end_matches(']')
        .parse::<IpAddr>();
    host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn what_proxies_forward_is_known_by_what_they_add_or_pass_on() {
        let direct = [
            "localhost",
            "localhost:8080",
            "127.0.0.1:8080",
            "[::1]:8080",
        ];
        for host in direct {
            let request = TestRequest::get()
                .insert_header((HOST, host))
                .to_http_request();
            assert!(!is_forwarded(request.head()), "{host}");
        }
        assert!(!is_forwarded(TestRequest::get().to_http_request().head()));

        for name in FORWARDING {
            let request = TestRequest::get().insert_header((name, "127.0.0.1"));
            assert!(is_forwarded(request.to_http_request().head()), "{name}");
        }
        for host in [
            "calls.example.com",
            "bridge:8080",
            "192.0.2.1",
            "localhost.example.com",
        ] {
            let request = TestRequest::get().insert_header((HOST, host));
            assert!(is_forwarded(request.to_http_request().head()), "{host}");
        }
        let nginx = TestRequest::get()
            .version(Version::HTTP_10)
            .insert_header((HOST, "127.0.0.1:8080"));
        assert!(is_forwarded(nginx.to_http_request().head()));
    }
}
