//! Which process sequences a contest. A lease avoids wasted work; that two sequencers cannot both commit is the head's
//! compare-and-swap alone.

use std::time::Duration;

use acclaim_contest::ContestId;
use async_trait::async_trait;

use crate::error::Result;

/// A lease that was prolonged with all others of its holder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenewedLease {
    /// The contest.
    pub contest: ContestId,
    /// Whether commands of the contest wait.
    pub commands_wait: bool,
}

/// Leases on contests, by the database's clock.
#[async_trait]
pub trait Leases: Send + Sync {
    /// Takes or prolongs the lease for `holder`; `false` if another holds it still. A database that only one process has always says yes.
    async fn take_lease(&self, contest: &ContestId, holder: u64, lasts: Duration) -> Result<bool>;

    /// Prolongs the leases of `holder` on these contests in one statement, and returns those that it prolonged. A lease that another transaction has locked is
    /// left out.
    async fn renew_leases(
        &self,
        contests: &[ContestId],
        holder: u64,
        lasts: Duration,
    ) -> Result<Vec<RenewedLease>>;

    /// Whether leases run out unless they are prolonged. Those of a database that only one process has do not.
    fn leases_expire(&self) -> bool;

    /// Contests that no process has a lease of, by id: nothing of them is recorded at the moment.
    async fn contests_without_lease(&self) -> Result<Vec<ContestId>>;

    /// Gives the lease back, if `holder` has it, so that another process need not wait.
    async fn release_lease(&self, contest: &ContestId, holder: u64) -> Result<()>;
}
