//! Rate limits: by pass, and by network prefix with an allowlist.
//!
//! The limits are held in the process. Sweeps bound their memory.

use std::{
    hash::Hash,
    net::{IpAddr, Ipv6Addr, SocketAddr},
    num::NonZeroU32,
    sync::Arc,
    time::Duration,
};

use acclaim_contest::VoterTag;
use arc_swap::ArcSwap;
use axum::http::HeaderMap;
use governor::{
    DefaultKeyedRateLimiter, Quota, RateLimiter,
    clock::{Clock as _, DefaultClock},
};
use ipnet::IpNet;

use crate::{
    client_address::{ForwardedHeader, Proxies},
    problem::{self, Problem},
};

/// Most keys that a limiter holds after a sweep. At about 100 bytes each, tens of megabytes.
const MAX_KEYS: usize = 500_000;
/// Time between two sweeps. The requests of this time bound the growth in between.
const SWEEP_INTERVAL: Duration = Duration::from_secs(1);

/// The limits that an installation can set.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Requests per second of one pass.
    pub per_pass: NonZeroU32,
    /// Requests per second of one network prefix: /24 of IPv4, /48 of IPv6.
    pub per_prefix: NonZeroU32,
    /// Networks without a limit by prefix, for example offices, carriers and test machines.
    pub allow: Vec<IpNet>,
    /// Proxies whose headers name their clients.
    pub trusted_proxies: Vec<IpNet>,
    /// The header in which the proxies name their clients.
    ///
    /// `None`: `X-Forwarded-For` if a request has it, else `Forwarded`.
    pub forwarded_header: Option<ForwardedHeader>,
}

impl Default for Limits {
    fn default() -> Self {
        let per_pass = NonZeroU32::MIN.saturating_add(19);
        let per_prefix = NonZeroU32::MIN.saturating_add(1_999);
        let (allow, trusted_proxies) = (Vec::new(), Vec::new());
        Self { per_pass, per_prefix, allow, trusted_proxies, forwarded_header: None }
    }
}

/// See the [module](self).
pub(crate) struct Limiter {
    passes: KeyedLimiter<VoterTag>,
    prefixes: KeyedLimiter<IpAddr>,
    proxies: Proxies,
    limits: Limits,
}

impl Limiter {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            passes: KeyedLimiter::new(limits.per_pass),
            prefixes: KeyedLimiter::new(limits.per_prefix),
            proxies: Proxies::new(limits.trusted_proxies.clone(), limits.forwarded_header),
            limits: limits.clone(),
        }
    }

    /// Counts a request with a pass that was checked.
    pub(crate) fn check_pass(&self, voter: VoterTag) -> Result<(), Problem> {
        self.passes.check(&voter).map_err(|wait| too_many("pass", self.limits.per_pass, wait))
    }

    /// Counts a request from an address. `None` is an address without a limit.
    pub(crate) fn check_network(&self, address: Option<IpAddr>) -> Result<(), Problem> {
        let Some(address) = address else { return Ok(()) };
        self.prefixes
            .check(&prefix(address))
            .map_err(|wait| too_many("network", self.limits.per_prefix, wait))
    }

    /// Whether a request comes from a trusted proxy.
    pub(crate) fn is_proxy(&self, peer: SocketAddr) -> bool {
        self.proxies.is_trusted(peer.ip().to_canonical())
    }

    /// Returns the address of a client, or `None` if its network has no limit.
    pub(crate) fn limited(&self, peer: SocketAddr, headers: &HeaderMap) -> Option<IpAddr> {
        let address = self.proxies.client(peer.ip(), headers);
        (!self.limits.allow.iter().any(|network| network.contains(&address))).then_some(address)
    }

    /// Removes keys without recent requests, at intervals. Never returns.
    pub(crate) async fn sweep(self: Arc<Self>) {
        loop {
            tokio::time::sleep(SWEEP_INTERVAL).await;
            self.passes.sweep();
            self.prefixes.sweep();
        }
    }
}

fn too_many(limit: &str, rate: NonZeroU32, wait: Duration) -> Problem {
    Problem::new(&problem::TOO_MANY_REQUESTS, format!("more than {rate} requests a second of one {limit}"))
        .with("limit", limit)
        .retry_after(wait.as_secs() + 1)
}

/// Returns the network prefix of an address.
pub(crate) fn prefix(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            IpAddr::from([a, b, c, 0])
        }
        IpAddr::V6(v6) => {
            let [a, b, c, ..] = v6.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0))
        }
    }
}

/// A limiter that can be emptied.
struct KeyedLimiter<K: Hash + Eq + Clone> {
    quota: Quota,
    limiter: ArcSwap<DefaultKeyedRateLimiter<K>>,
    clock: DefaultClock,
}

impl<K: Hash + Eq + Clone> KeyedLimiter<K> {
    fn new(per_second: NonZeroU32) -> Self {
        let quota = Quota::per_second(per_second);
        Self {
            quota,
            limiter: ArcSwap::from_pointee(RateLimiter::keyed(quota)),
            clock: DefaultClock::default(),
        }
    }

    /// Counts a request. The error is the time to wait.
    fn check(&self, key: &K) -> Result<(), Duration> {
        self.limiter
            .load()
            .check_key(key)
            .map(|_| ())
            .map_err(|not_until| not_until.wait_time_from(self.clock.now()))
    }

    fn sweep(&self) {
        let limiter = self.limiter.load();
        limiter.retain_recent();
        limiter.shrink_to_fit();
        if limiter.len() > MAX_KEYS {
            // A new limiter grants every key one more burst, and bounds the memory.
            self.limiter.store(Arc::new(RateLimiter::keyed(self.quota)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limiter(allow: &[&str], proxies: &[&str]) -> Limiter {
        let networks = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
        let three = NonZeroU32::new(3).unwrap();
        Limiter::new(&Limits {
            per_pass: three,
            per_prefix: three,
            allow: networks(allow),
            trusted_proxies: networks(proxies),
            forwarded_header: None,
        })
    }

    fn forwarded(value: &str) -> HeaderMap {
        HeaderMap::from_iter([("x-forwarded-for".parse().unwrap(), value.parse().unwrap())])
    }

    #[test]
    fn a_prefix_shares_a_limit_and_the_allowlist_has_none() {
        let limiter = limiter(&["127.0.0.0/8"], &[]);
        let peer = |text: &str| SocketAddr::new(text.parse().unwrap(), 1);
        let check = |text| limiter.check_network(limiter.limited(peer(text), &HeaderMap::new()));
        for _ in 0..3 {
            assert!(check("192.0.2.1").is_ok());
        }
        let refused = check("192.0.2.77").unwrap_err();
        assert_eq!(refused.kind(), &problem::TOO_MANY_REQUESTS);
        assert!(check("192.0.3.1").is_ok());
        for _ in 0..100 {
            assert!(check("127.0.0.1").is_ok());
        }
    }

    #[test]
    fn a_limit_is_that_of_the_client_behind_a_proxy() {
        let limiter = limiter(&["10.0.0.0/8"], &["10.0.0.0/8"]);
        let peer = SocketAddr::from(([10, 0, 0, 1], 1));
        let check = |client: &str| limiter.check_network(limiter.limited(peer, &forwarded(client)));
        for _ in 0..3 {
            assert!(check("192.0.2.1:4711").is_ok());
        }
        assert!(check("[::ffff:192.0.2.77]:80").is_err(), "the same network, written in another way");
        assert!(check("garbage, 192.0.2.1").is_err());
        assert!(check("192.0.3.1").is_ok());
    }

    #[test]
    fn limits_requests_of_a_pass() {
        let limiter = limiter(&[], &[]);
        let voter = VoterTag([1; 16]);
        assert_eq!((0..10).filter(|_| limiter.check_pass(voter).is_ok()).count(), 3);
        assert!(limiter.check_pass(VoterTag([2; 16])).is_ok());
    }
}
