//! The permits that limit how many ballots of a contest wait at the same time.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use acclaim_contest::ContestId;
use arc_swap::ArcSwap;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::directory::Contest;

/// A permit for one waiting ballot. Dropping it frees it for the next ballot.
pub type Permit = OwnedSemaphorePermit;

/// The permits for a contest's waiting ballots.
///
/// Each contest has its own, so that a contest that records nothing takes none from another
/// contest. The total is bounded by the connections, because each voter waits on one.
pub struct CapacityPermits {
    for_voters: Arc<Semaphore>,
    /// Voters and gateways have separate permits.
    for_gateways: Arc<Semaphore>,
}

impl CapacityPermits {
    /// Whether a voter's permit is free now.
    pub fn has_voter_permit(&self) -> bool {
        self.for_voters.available_permits() > 0
    }

    /// Returns the number of free permits, of voters and gateways together.
    fn free(&self) -> usize {
        self.for_voters.available_permits() + self.for_gateways.available_permits()
    }

    /// Returns a voter's permit, if one is free.
    pub fn try_acquire_for_voter(&self) -> Option<Permit> {
        Arc::clone(&self.for_voters).try_acquire_owned().ok()
    }

    /// Waits for a gateway's permit.
    pub async fn acquire_for_gateway(&self) -> Option<Permit> {
        Arc::clone(&self.for_gateways).acquire_owned().await.ok()
    }
}

/// The permits of every contest.
pub(super) struct ContestPermits {
    /// The permits of each contest in which ballots were cast, until the contest is deleted.
    known: ArcSwap<HashMap<ContestId, Arc<CapacityPermits>>>,
    /// Number of permits for voters, and of permits for gateways, of each contest.
    max_ballots: usize,
}

impl ContestPermits {
    /// Returns `max_ballots` permits for voters, and as many for gateways, of each contest.
    pub(super) fn new(max_ballots: usize) -> Self {
        Self { known: ArcSwap::default(), max_ballots: max_ballots.min(Semaphore::MAX_PERMITS) }
    }

    /// Returns the number of permits of each contest, of voters and gateways together.
    pub(super) fn capacity(&self) -> usize {
        self.max_ballots.saturating_mul(2)
    }

    /// Returns a contest's permits.
    pub(super) fn of(&self, contest: &ContestId) -> Arc<CapacityPermits> {
        if let Some(permits) = self.known.load().get(contest) {
            return Arc::clone(permits);
        }
        let semaphore = || Arc::new(Semaphore::new(self.max_ballots));
        let new = Arc::new(CapacityPermits { for_voters: semaphore(), for_gateways: semaphore() });
        // Two requests may get here at the same time. Both use the permits that were stored first.
        let mut permits = Arc::clone(&new);
        self.known.rcu(|known| {
            let mut known = HashMap::clone(known);
            permits = Arc::clone(known.entry(contest.clone()).or_insert_with(|| Arc::clone(&new)));
            known
        });
        permits
    }

    /// Whether ballots of the contest wait.
    pub(super) fn is_any_used(&self, contest: &ContestId) -> bool {
        self.known.load().get(contest).is_some_and(|permits| permits.free() < self.capacity())
    }

    /// Removes the permits of deleted contests.
    pub(super) fn remove_deleted(&self, contests: &[Arc<Contest>]) {
        let ids: HashSet<&ContestId> = contests.iter().map(|contest| contest.id()).collect();
        if self.known.load().keys().all(|id| ids.contains(id)) {
            return;
        }
        self.known.rcu(|known| {
            let kept = known.iter().filter(|(id, _)| ids.contains(id));
            kept.map(|(id, permits)| (id.clone(), Arc::clone(permits))).collect::<HashMap<_, _>>()
        });
    }
}
