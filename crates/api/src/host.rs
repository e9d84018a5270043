//! Checks the `Host` header (RFC 9112, section 3.2). It must be present exactly once and name a
//! host.
//!
//! A proxy in front of the server may read a malformed `Host` differently than the server does. So
//! the server refuses it.

use axum::http::{HeaderMap, Version, header};

use crate::problem::{self, Problem};

/// Checks the `Host` of a request.
///
/// # Errors
/// `INVALID_PARAMETER` if the header is missing from an HTTP/1.1 request, is present twice, or does
/// not name a host.
pub(crate) fn check_host(version: Version, headers: &HeaderMap) -> Result<(), Problem> {
    let mut hosts = headers.get_all(header::HOST).iter();
    let is_valid = match (hosts.next(), hosts.next()) {
        (Some(host), None) => is_host(host.as_bytes()),
        // HTTP/1.0 clients, for example health checks of load balancers, may omit the header.
        (None, _) => version < Version::HTTP_11,
        (Some(_), Some(_)) => false,
    };
    if is_valid {
        return Ok(());
    }
    let detail = "the header `Host` must be present once and name a host, for example `vote.example.org` or `[2001:db8::1]:8080`";
    Err(Problem::new(&problem::INVALID_PARAMETER, detail))
}

/// Whether `host` is a host name, an IPv4 address or an IPv6 address in brackets.
///
/// A port may follow.
fn is_host(host: &[u8]) -> bool {
    let (end, is_allowed): (_, fn(&u8) -> bool) = match host.strip_prefix(b"[") {
        Some(inside) => {
            let Some(end) = inside.iter().position(|byte| *byte == b']') else { return false };
            (end + 2, |byte| byte.is_ascii_hexdigit() || b":.[]".contains(byte))
        }
        None => {
            let end = host.iter().position(|byte| *byte == b':').unwrap_or(host.len());
            (end, |byte| byte.is_ascii_alphanumeric() || b"-._~%".contains(byte))
        }
    };
    let Some((name, port)) = host.split_at_checked(end) else { return false };
    let is_port = |port: &[u8]| port.len() <= 5 && port.iter().all(u8::is_ascii_digit);
    !name.is_empty()
        && name.iter().all(is_allowed)
        && (port.is_empty() || port.strip_prefix(b":").is_some_and(is_port))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn check(version: Version, hosts: &[&[u8]]) -> bool {
        let headers =
            hosts.iter().map(|host| (header::HOST, HeaderValue::from_bytes(host).unwrap())).collect();
        check_host(version, &headers).is_ok()
    }

    #[test]
    fn accepts_one_valid_host() {
        for host in [
            "vote.example.org",
            "vote.example.org:8080",
            "a_b-c~d",
            "xn--bcher-kva.example",
            "192.0.2.1:80",
            "[::1]",
            "[2001:db8::1]:8080",
            "a:",
        ] {
            assert!(check(Version::HTTP_11, &[host.as_bytes()]), "{host}");
        }
        assert!(check(Version::HTTP_10, &[]));
    }

    #[test]
    fn refuses_missing_repeated_and_malformed_host() {
        assert!(!check(Version::HTTP_11, &[]));
        assert!(!check(Version::HTTP_11, &[b"a", b"a"]) && !check(Version::HTTP_10, &[b"a", b"b"]));
        for host in [
            &b""[..],
            b" ",
            b":80",
            b"a b",
            b"a,b",
            b"a/b",
            b"user@a",
            b"a:b",
            b"a:80:80",
            b"a:123456",
            b"[::1",
            b"[]x",
            b"[::1]80",
            b"::1",
            b"http://a",
            b"a\"",
            b"a<b",
            b"b\xc3\xbccher",
            b"\xff",
            b"a?b",
            b"a#b",
            b"[g]",
        ] {
            assert!(!check(Version::HTTP_11, &[host]), "{}", host.escape_ascii());
        }
    }
}
