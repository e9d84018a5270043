//! The `Host` header: required once, and the name of a host (RFC 9112, section 3.2).
//!
//! A `Host` that a proxy in front may read differently than the server is refused.

use axum::http::{HeaderMap, Version, header};

use crate::problem::{self, Problem};

/// Checks the `Host` of a request.
///
/// # Errors
/// `INVALID_PARAMETER` if it is missing from HTTP/1.1, present twice, or not the name of a host.
pub(crate) fn check_host(version: Version, headers: &HeaderMap) -> Result<(), Problem> {
    let mut hosts = headers.get_all(header::HOST).iter();
    let is_valid = match (hosts.next(), hosts.next()) {
        (Some(host), None) => is_host(host.as_bytes()),
        // Older clients, for example health checks of load balancers, need not send one.
        (None, _) => version < Version::HTTP_11,
        (Some(_), Some(_)) => false,
    };
    if is_valid {
        return Ok(());
    }
    let detail = "the header `Host` must be present once and name a host, for example `vote.example.org` or `[2001:db8::1]:8080`";
    Err(Problem::new(&problem::INVALID_PARAMETER, detail))
}

/// Whether this is a name, an IPv4 address or an IPv6 address in brackets.
///
/// Each can have a port.
fn is_host(host: &[u8]) -> bool {
    let (end, is_in_host): (_, fn(&u8) -> bool) = match host.strip_prefix(b"[") {
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
        && name.iter().all(is_in_host)
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
    fn one_name_of_a_host_is_taken() {
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
