//! `X-Forwarded-For` and `Forwarded`: the value that the proxy appends decides, for any client
//! input.

#![no_main]

use std::net::IpAddr;

use acclaim_api::fuzz::client_address;
use libfuzzer_sys::fuzz_target;

const PEER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));

fuzz_target!(|sent: &[u8]| {
    let trusted = "10.0.0.0/8".parse().unwrap();
    let fields: Vec<&[u8]> = sent.split(|byte| *byte == b'\n').collect();
    for (header, added) in [
        ("x-forwarded-for", &b"[2001:db8::9]:4711, 10.0.0.2"[..]),
        ("forwarded", b"for=\"[2001:db8::9]:4711\";proto=https, for=10.0.0.2"),
    ] {
        let _any_address = client_address(trusted, PEER, header, &fields);
        let behind = [&fields[..], &[added]].concat();
        let joined = [sent, b", ", added].concat();
        let expected: IpAddr = "2001:db8::9".parse().unwrap();
        assert_eq!(client_address(trusted, PEER, header, &behind), expected);
        // Bytes that are not valid in a header never arrive.
        if joined.iter().all(|byte| *byte == b'\t' || (*byte >= b' ' && *byte != 0x7f)) {
            assert_eq!(client_address(trusted, PEER, header, &[&joined]), expected);
        }
    }
});
