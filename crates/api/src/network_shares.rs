//! Shares of a resource that clients hold for long, for example connections, by network.
//!
//! No network takes more than its share.

use std::{
    collections::{HashMap, hash_map::Entry},
    net::IpAddr,
    sync::Arc,
};

use parking_lot::{Mutex, MutexGuard};

use crate::limits::prefix;

/// The share of one network is the whole divided by this number.
const PARTS: usize = 4;

/// The units that are taken, by network: /24 of IPv4, /48 of IPv6.
pub(crate) struct NetworkShares {
    /// Most units of one network.
    max_per_network: usize,
    taken: Mutex<HashMap<IpAddr, usize>>,
}

impl NetworkShares {
    /// Makes shares of this number of units.
    pub(crate) fn of(units: usize) -> Arc<Self> {
        Arc::new(Self { max_per_network: units.div_ceil(PARTS), taken: Mutex::default() })
    }

    /// Returns the most units of one network.
    pub(crate) fn max_per_network(&self) -> usize {
        self.max_per_network
    }

    /// Takes a unit for an address, unless its network has its share. Dropping it returns the unit.
    pub(crate) fn take(self: &Arc<Self>, address: IpAddr) -> Option<NetworkShare> {
        self.take_many(address, 1)
    }

    /// Takes units for an address, unless its network would have more than its share.
    ///
    /// Dropping them returns the units.
    pub(crate) fn take_many(self: &Arc<Self>, address: IpAddr, units: usize) -> Option<NetworkShare> {
        let network = prefix(address);
        let mut taken = self.taken();
        let before = taken.get(&network).copied().unwrap_or_default();
        if before.saturating_add(units) > self.max_per_network {
            return None;
        }
        taken.insert(network, before + units);
        Some(NetworkShare { shares: Arc::clone(self), network, units })
    }

    fn taken(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.taken.lock()
    }
}

/// Units that a network has taken.
pub(crate) struct NetworkShare {
    shares: Arc<NetworkShares>,
    network: IpAddr,
    units: usize,
}

impl Drop for NetworkShare {
    fn drop(&mut self) {
        let mut taken = self.shares.taken();
        if let Entry::Occupied(mut taken) = taken.entry(self.network) {
            *taken.get_mut() -= self.units;
            if *taken.get() == 0 {
                taken.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_has_a_quarter_and_gives_it_back() {
        let shares = NetworkShares::of(8);
        let take = |address: &str| shares.take(address.parse().unwrap());
        let first = take("192.0.2.1");
        let second = take("192.0.2.200");
        assert!(first.is_some() && second.is_some() && take("192.0.2.3").is_none());
        assert!(take("198.51.100.1").is_some(), "another network");
        drop(first);
        assert!(take("192.0.2.3").is_some());
        drop(second);
        assert!(shares.taken().is_empty(), "a network without units has no entry");
    }
}
