//! Places that many want and each keeps for long, such as connections: no network takes more than its share.

use std::{
    collections::{HashMap, hash_map::Entry},
    net::IpAddr,
    sync::Arc,
};

use parking_lot::{Mutex, MutexGuard};

use crate::limits::prefix;

/// One network has at most one of so many parts.
const PARTS: usize = 4;

/// Who has places, by network: /24 of IPv4, /48 of IPv6.
pub(crate) struct NetworkShares {
    /// Places of one network.
    most: usize,
    taken: Mutex<HashMap<IpAddr, usize>>,
}

impl NetworkShares {
    /// Of so many places.
    pub(crate) fn of(places: usize) -> Arc<Self> {
        Arc::new(Self { most: places.div_ceil(PARTS), taken: Mutex::default() })
    }

    /// Places of one network.
    pub(crate) fn most(&self) -> usize {
        self.most
    }

    /// A place for an address, unless its network has its share. Dropping it gives it back.
    pub(crate) fn take(self: &Arc<Self>, address: IpAddr) -> Option<NetworkShare> {
        self.take_many(address, 1)
    }

    /// So many places for an address, unless its network would have more than its share. Dropping it gives them back.
    pub(crate) fn take_many(self: &Arc<Self>, address: IpAddr, places: usize) -> Option<NetworkShare> {
        let network = prefix(address);
        let mut taken = self.taken();
        let before = taken.get(&network).copied().unwrap_or_default();
        if before.saturating_add(places) > self.most {
            return None;
        }
        taken.insert(network, before + places);
        Some(NetworkShare { shares: Arc::clone(self), network, places })
    }

    fn taken(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.taken.lock()
    }
}

/// Places that a network has.
pub(crate) struct NetworkShare {
    shares: Arc<NetworkShares>,
    network: IpAddr,
    places: usize,
}

impl Drop for NetworkShare {
    fn drop(&mut self) {
        let mut taken = self.shares.taken();
        if let Entry::Occupied(mut taken) = taken.entry(self.network) {
            *taken.get_mut() -= self.places;
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
        assert!(shares.taken().is_empty(), "nothing is kept of those who left");
    }
}
