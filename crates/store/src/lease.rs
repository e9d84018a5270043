//! Leases: which process sequences a contest.
//!
//! A lease avoids wasted work. Only the compare-and-swap of the head prevents two sequencers from
//! committing both.

use std::time::Duration;

use acclaim_contest::ContestId;
use async_trait::async_trait;

use crate::error::Result;

/// A lease that was renewed together with all others of its holder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenewedLease {
    /// The contest.
    pub contest: ContestId,
    /// Whether commands of the contest are queued.
    pub commands_wait: bool,
}

/// Leases on contests. Their time is the database's clock.
#[async_trait]
pub trait Leases: Send + Sync {
    /// Takes or renews the lease for `holder`; `false` if another holder still has it.
    ///
    /// A database with only one process always returns `true`.
    async fn take_lease(&self, contest: &ContestId, holder: u64, lasts: Duration) -> Result<bool>;

    /// Renews the leases of `holder` on these contests in one statement, and returns the renewed
    /// ones.
    ///
    /// A lease that another transaction has locked is left out.
    async fn renew_leases(
        &self,
        contests: &[ContestId],
        holder: u64,
        lasts: Duration,
    ) -> Result<Vec<RenewedLease>>;

    /// Whether leases expire unless they are renewed. In a database with only one process they do
    /// not.
    fn leases_expire(&self) -> bool;

    /// Contests without a valid lease, by id: at present no process records their ballots.
    async fn contests_without_lease(&self) -> Result<Vec<ContestId>>;

    /// Releases the lease if `holder` has it, so that another process need not wait.
    async fn release_lease(&self, contest: &ContestId, holder: u64) -> Result<()>;
}
