//! The address of a client behind proxies: from `X-Forwarded-For`, or `Forwarded` (RFC 7239).
//!
//! Each proxy adds the address of its own client at the end of the header. So the header is read
//! from its end, and only as far as trusted proxies wrote it. Everything further left was sent by a
//! client and can be anything. An address that cannot be read ends the reading: the nearest hop
//! that was readable then counts.

use std::net::IpAddr;

use axum::http::{HeaderMap, HeaderName, header};
use ipnet::IpNet;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The header in which trusted proxies name their clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ForwardedHeader {
    /// `X-Forwarded-For`: addresses, separated by commas.
    XForwardedFor,
    /// `Forwarded` (RFC 7239).
    Forwarded,
}

/// The trusted proxies, and the header that they write.
#[derive(Debug, Clone, Default)]
pub(crate) struct Proxies {
    trusted: Vec<IpNet>,
    /// The only header that is read.
    ///
    /// `None`: `X-Forwarded-For` if a request has it, else `Forwarded`.
    header: Option<ForwardedHeader>,
}

impl Proxies {
    pub(crate) fn new(trusted: Vec<IpNet>, header: Option<ForwardedHeader>) -> Self {
        Self { trusted, header }
    }

    /// Whether an address belongs to a trusted proxy.
    pub(crate) fn is_trusted(&self, address: IpAddr) -> bool {
        self.trusted.iter().any(|network| network.contains(&address))
    }

    /// Returns the client of a request that `peer` sent: the nearest hop that is not a trusted
    /// proxy.
    ///
    /// If all hops are trusted proxies, the client is the most distant one.
    pub(crate) fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let peer = peer.to_canonical();
        if !self.is_trusted(peer) {
            return peer;
        }
        match self.header.unwrap_or_else(|| header_of(headers)) {
            ForwardedHeader::XForwardedFor => {
                self.follow(peer, elements(headers, X_FORWARDED_FOR, last_comma).map(read_node))
            }
            ForwardedHeader::Forwarded => {
                self.follow(peer, elements(headers, header::FORWARDED, last_unquoted_comma).map(read_element))
            }
        }
    }

    /// Goes from hop to hop as long as they are trusted proxies.
    fn follow(&self, peer: IpAddr, hops: impl Iterator<Item = Option<IpAddr>>) -> IpAddr {
        let mut nearest = peer;
        for hop in hops {
            let Some(address) = hop else { break };
            nearest = address;
            if !self.is_trusted(nearest) {
                break;
            }
        }
        nearest
    }
}

/// Chooses the header to read when none is configured.
///
/// A client can send either header. A proxy that writes `X-Forwarded-For` always writes it, so a
/// client behind that proxy gains nothing by sending `Forwarded`.
fn header_of(headers: &HeaderMap) -> ForwardedHeader {
    match headers.contains_key(X_FORWARDED_FOR) || !headers.contains_key(header::FORWARDED) {
        true => ForwardedHeader::XForwardedFor,
        false => ForwardedHeader::Forwarded,
    }
}

/// Returns the elements of a list from its end. Several fields of a request are one list.
///
/// `find_separator` finds the comma before the last element.
fn elements(
    headers: &HeaderMap,
    name: HeaderName,
    find_separator: fn(&[u8]) -> Option<usize>,
) -> impl Iterator<Item = &[u8]> {
    let fields = headers.get_all(name).iter().rev();
    fields.flat_map(move |field| {
        let mut rest = Some(field.as_bytes());
        std::iter::from_fn(move || {
            let list = rest?;
            let (before, element) = match find_separator(list) {
                Some(comma) => (list.get(..comma), list.get(comma + 1..)),
                None => (None, Some(list)),
            };
            rest = before;
            Some(element.unwrap_or_default())
        })
    })
}

fn last_comma(list: &[u8]) -> Option<usize> {
    list.iter().rposition(|byte| *byte == b',')
}

/// Finds the last comma outside quoted text.
///
/// The text is read from its end: an open quotation mark that a client sent then hides nothing that
/// a proxy wrote.
fn last_unquoted_comma(list: &[u8]) -> Option<usize> {
    last_unquoted(list, b',')
}

fn last_unquoted(text: &[u8], separator: u8) -> Option<usize> {
    let mut quoted = false;
    for (at, byte) in text.iter().enumerate().rev() {
        let escapes =
            || text.get(..at).map_or(0, |before| before.iter().rev().take_while(|b| **b == b'\\').count());
        match byte {
            // Within quoted text, a quotation mark after a backslash belongs to the text.
            b'"' if quoted && escapes() % 2 == 1 => {}
            b'"' => quoted = !quoted,
            byte if *byte == separator && !quoted => return Some(at),
            _ => {}
        }
    }
    None
}

/// Reads the address in an element of `Forwarded`: `for="[2001:db8::1]:4711";proto=https`.
fn read_element(element: &[u8]) -> Option<IpAddr> {
    let mut address = None;
    let mut rest = Some(element);
    while let Some(list) = rest {
        let (before, pair) = match last_unquoted(list, b';') {
            Some(end) => (list.get(..end), list.get(end + 1..)?),
            None => (None, list),
        };
        rest = before;
        let equals = pair.iter().position(|byte| *byte == b'=');
        let Some((name, value)) = equals.and_then(|at| pair.split_at_checked(at)) else { continue };
        if name.trim_ascii().eq_ignore_ascii_case(b"for") {
            // `for` appears twice: it is unknown which one counts.
            if address.is_some() {
                return None;
            }
            address = Some(read_node(value.get(1..)?)?);
        }
    }
    address
}

/// Reads an address as proxies write it.
///
/// It can have a port, a zone, brackets, and quotation marks around all of it.
fn read_node(node: &[u8]) -> Option<IpAddr> {
    let node = str::from_utf8(node.trim_ascii()).ok()?;
    let node = match node.strip_prefix('"') {
        Some(rest) => rest.strip_suffix('"')?,
        None => node,
    };
    if let Some(rest) = node.strip_prefix('[') {
        let (address, port) = rest.split_once(']')?;
        return (port.is_empty() || port.strip_prefix(':').is_some_and(is_port))
            .then(|| read_address(address))?;
    }
    read_address(node).or_else(|| {
        let (address, port) = node.rsplit_once(':')?;
        // Without brackets, the end of an IPv6 address and a port look the same.
        (is_port(port) && !address.contains(':')).then(|| read_address(address))?
    })
}

/// Whether this is a port: a number, or an obfuscated name that begins with `_` (RFC 7239).
fn is_port(port: &str) -> bool {
    let is_number = port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok();
    is_number || (port.starts_with('_') && port.len() > 1)
}

fn read_address(address: &str) -> Option<IpAddr> {
    let address = match address.split_once('%') {
        // A zone names an interface of the proxy and is not part of the network address.
        Some((address, zone)) if !zone.is_empty() && address.contains(':') => address,
        Some(_) => return None,
        None => address,
    };
    address.parse::<IpAddr>().ok().map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use proptest::{collection::vec, prelude::*};

    use super::*;

    const PROXY: &str = "10.0.0.1";

    fn proxies(header: Option<ForwardedHeader>) -> Proxies {
        Proxies::new(vec!["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()], header)
    }

    fn headers(fields: &[(&'static str, &[u8])]) -> HeaderMap {
        let field = |(name, value): &(&'static str, &[u8])| {
            (HeaderName::from_static(name), HeaderValue::from_bytes(value).unwrap())
        };
        fields.iter().map(field).collect()
    }

    fn client(fields: &[(&'static str, &[u8])]) -> String {
        proxies(None).client(PROXY.parse().unwrap(), &headers(fields)).to_string()
    }

    #[test]
    fn believes_trusted_proxies_only() {
        let forged = headers(&[("x-forwarded-for", b"192.0.2.9"), ("forwarded", b"for=192.0.2.9")]);
        for peer in ["198.51.100.1", "2001:db8::1", "::ffff:198.51.100.1"] {
            let peer: IpAddr = peer.parse().unwrap();
            assert_eq!(proxies(None).client(peer, &forged), peer.to_canonical());
        }
        let mapped = "::ffff:10.0.0.1".parse().unwrap();
        assert_eq!(proxies(None).client(mapped, &forged).to_string(), "192.0.2.9");
    }

    #[test]
    fn reads_x_forwarded_for_in_all_its_forms() {
        for (value, expected) in [
            (&b"203.0.113.5, 192.0.2.9, 10.0.0.2"[..], "192.0.2.9"),
            (b"192.0.2.9", "192.0.2.9"),
            (b"192.0.2.9:4711", "192.0.2.9"),
            (b" \t192.0.2.9:4711\t,\t10.0.0.2:80 ", "192.0.2.9"),
            (b"2001:db8::9", "2001:db8::9"),
            (b"[2001:db8::9]", "2001:db8::9"),
            (b"[2001:db8::9]:4711", "2001:db8::9"),
            (b"\"[2001:db8::9]:4711\"", "2001:db8::9"),
            (b"fe80::9%eth0", "fe80::9"),
            (b"[fe80::9%25eth0]:80, fd00::2", "fe80::9"),
            (b"::ffff:192.0.2.9", "192.0.2.9"),
            (b"[::ffff:192.0.2.9]:1", "192.0.2.9"),
            // Anything that a client sent before its own address is ignored.
            (b"\xff\xfe, 192.0.2.9", "192.0.2.9"),
            (b"caf\xc3\xa9, 192.0.2.9", "192.0.2.9"),
            (b"\"10.0.0.9, 192.0.2.9", "192.0.2.9"),
            (b", 192.0.2.9", "192.0.2.9"),
            // All hops are trusted: the most distant one counts.
            (b"10.0.0.3, 10.0.0.2", "10.0.0.3"),
        ] {
            assert_eq!(client(&[("x-forwarded-for", value)]), expected, "{}", value.escape_ascii());
        }
    }

    #[test]
    fn falls_back_to_nearest_readable_hop() {
        for (value, expected) in [
            (&b"garbage"[..], PROXY),
            (b"", PROXY),
            (b"192.0.2.9,", PROXY),
            (b"192.0.2.9, garbage, 10.0.0.2", "10.0.0.2"),
            (b"192.0.2.9, \xff, 10.0.0.2", "10.0.0.2"),
            (b"192.0.2.9, unknown", PROXY),
            (b"192.0.2.9, unix:", PROXY),
            (b"192.0.2.9:", PROXY),
            (b"192.0.2.9:65536", PROXY),
            (b"192.0.2.9:+80", PROXY),
            (b"192.0.2.9:80:80", PROXY),
            (b"192.0.2.9%eth0", PROXY),
            (b"fe80::9%", PROXY),
            (b"[2001:db8::9", PROXY),
            (b"[2001:db8::9]80", PROXY),
            (b"[2001:db8::9]:", PROXY),
            (b"\"192.0.2.9", PROXY),
            (b"192.0.2.09", PROXY),
            (b"3221225993", PROXY),
        ] {
            assert_eq!(client(&[("x-forwarded-for", value)]), expected, "{}", value.escape_ascii());
        }
    }

    #[test]
    fn several_fields_are_one_list() {
        let name = "x-forwarded-for";
        assert_eq!(
            client(&[(name, b"203.0.113.5"), (name, b"192.0.2.9, 10.0.0.2"), (name, b"10.0.0.3")]),
            "192.0.2.9"
        );
        assert_eq!(client(&[(name, b"203.0.113.5"), (name, b"\xff")]), PROXY);
        assert_eq!(client(&[(name, b"192.0.2.9"), (name, b"")]), PROXY);
        let name = "forwarded";
        assert_eq!(
            client(&[(name, b"for=203.0.113.5"), (name, b"for=192.0.2.9"), (name, b"for=10.0.0.3")]),
            "192.0.2.9"
        );
    }

    #[test]
    fn reads_forwarded_in_all_its_forms() {
        for (value, expected) in [
            (&b"for=192.0.2.9"[..], "192.0.2.9"),
            (b"For=\"192.0.2.9:4711\"", "192.0.2.9"),
            (b"for=\"[2001:db8::9]:4711\";proto=https;by=203.0.113.43", "2001:db8::9"),
            (b"by=_proxy; FOR=\"[2001:db8::9]:_x\" ;host=\"a;b,c\"", "2001:db8::9"),
            (b"for=203.0.113.5, for=192.0.2.9;proto=http, for=10.0.0.2", "192.0.2.9"),
            (b"for=192.0.2.9;host=\"evil\\\", for=203.0.113.5;x=\\\"\"", "192.0.2.9"),
            // Text that a client sent cannot hide text that the proxy wrote.
            (b"for=\"203.0.113.5, for=192.0.2.9", "192.0.2.9"),
            (b"\xff\xff\", for=192.0.2.9", "192.0.2.9"),
            (b"for=192.0.2.9, for=unknown", PROXY),
            (b"for=192.0.2.9, for=_hidden, for=10.0.0.2", "10.0.0.2"),
            (b"for=192.0.2.9, proto=https", PROXY),
            (b"for=192.0.2.9;for=192.0.2.8", PROXY),
            (b"for", PROXY),
            (b"for=", PROXY),
            (b"", PROXY),
        ] {
            assert_eq!(client(&[("forwarded", value)]), expected, "{}", value.escape_ascii());
        }
    }

    #[test]
    fn prefers_configured_header_then_x_forwarded_for() {
        let both = headers(&[("forwarded", b"for=203.0.113.5"), ("x-forwarded-for", b"192.0.2.9")]);
        let peer = PROXY.parse().unwrap();
        let client = |header| proxies(header).client(peer, &both).to_string();
        assert_eq!(client(None), "192.0.2.9");
        assert_eq!(client(Some(ForwardedHeader::XForwardedFor)), "192.0.2.9");
        assert_eq!(client(Some(ForwardedHeader::Forwarded)), "203.0.113.5");
        let forged = headers(&[("forwarded", b"for=203.0.113.5")]);
        assert_eq!(proxies(Some(ForwardedHeader::XForwardedFor)).client(peer, &forged), peer);
        // An unreadable header is not an absent one: the other header must not replace it.
        let unreadable = headers(&[("forwarded", b"for=203.0.113.5"), ("x-forwarded-for", b"\xff")]);
        assert_eq!(proxies(None).client(peer, &unreadable), peer);
    }

    /// Writes an address as proxies do.
    fn format_address(address: IpAddr, port: Option<u16>) -> String {
        match (address, port) {
            (address, None) => address.to_string(),
            (IpAddr::V4(address), Some(port)) => format!("{address}:{port}"),
            (IpAddr::V6(address), Some(port)) => format!("[{address}]:{port}"),
        }
    }

    fn any_address() -> impl Strategy<Value = IpAddr> {
        prop_oneof![any::<[u8; 4]>().prop_map(IpAddr::from), any::<[u8; 16]>().prop_map(IpAddr::from)]
    }

    /// Bytes that a header can hold.
    fn any_value() -> impl Strategy<Value = Vec<u8>> {
        vec(
            prop_oneof![Just(b'\t'), 0x20..0x7f_u8, 0x80..=0xff_u8, Just(b','), Just(b'"'), Just(b'\\')],
            0..60,
        )
    }

    proptest! {
        #[test]
        fn ignores_forged_addresses(
            sent in any_value(),
            address in any_address(),
            port in any::<Option<u16>>(),
            separate in any::<bool>(),
            hops in 0..3_usize,
        ) {
            let address = address.to_canonical();
            prop_assume!(!proxies(None).is_trusted(address));
            for (name, start, quote) in [("x-forwarded-for", "", ""), ("forwarded", "for=", "\"")] {
                let mut own = format!("{start}{quote}{}{quote}", format_address(address, port));
                for hop in 0..hops {
                    own.push_str(&format!(",{start}10.1.1.{hop}"));
                }
                let client = if separate {
                    client(&[(name, &sent), (name, own.as_bytes())])
                } else {
                    client(&[(name, &[&sent, &b", "[..], own.as_bytes()].concat())])
                };
                prop_assert_eq!(client, address.to_string());
            }
        }

        #[test]
        fn reads_any_header_without_panic(first in any_value(), second in any_value()) {
            for name in ["x-forwarded-for", "forwarded"] {
                client(&[(name, &first), (name, &second)]);
            }
        }
    }
}
