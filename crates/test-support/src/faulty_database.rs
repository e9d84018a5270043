//! A database with planned faults.

use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use acclaim_ballot_log::TileId;
use acclaim_contest::{BallotId, ContestId, Instant, SubjectRules, VoterTag, definition::Definition};
use acclaim_store::{
    Commands, ContestRecord, Contests, Database, Keys, Leases, Ledger, PassRevocations, RequestId,
    command::{CommandFilter, CommandOutcome, QueueOutcome, QueuedCommand},
    contests::{PassCountOutcome, PassCountRequest},
    error::Result,
    hub::Rejection,
    keys::{KeyRevocationOutcome, KeyRevocationRequest, StaffKey},
    lease::RenewedLease,
    ledger::{Append, Head, RecordedBallot, StoredBallot, Turnout},
    pass_revocations::{PassRevocation, PassRevocationOutcome, RevokedCounts, RevokedVoter},
};
use async_trait::async_trait;
use bytes::Bytes;

use crate::faults::{FaultPlan, Step};

/// A database with planned faults.
pub struct FaultyDatabase {
    inner: Arc<dyn Database>,
    faults: Arc<FaultPlan>,
    entries_read: AtomicUsize,
}

impl FaultyDatabase {
    /// Wraps a working database.
    #[must_use]
    pub fn new(inner: Arc<dyn Database>, faults: Arc<FaultPlan>) -> Self {
        Self { inner, faults, entries_read: AtomicUsize::new(0) }
    }

    /// Number of entries read from all logs.
    #[must_use]
    pub fn entries_read(&self) -> usize {
        self.entries_read.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl Ledger for FaultyDatabase {
    async fn head(&self, contest: &ContestId) -> Result<Option<Head>> {
        self.inner.head(contest).await
    }

    async fn append(&self, contest: &ContestId, append: Append) -> Result<()> {
        self.faults.run_step(Step::Append, self.inner.append(contest, append)).await
    }

    async fn ensure_durable(&self, contest: &ContestId) -> Result<()> {
        self.faults.run_step(Step::EnsureDurable, self.inner.ensure_durable(contest)).await
    }

    async fn entries(&self, contest: &ContestId, from: u64, limit: usize) -> Result<Vec<Bytes>> {
        let entries = self.inner.entries(contest, from, limit).await?;
        self.entries_read.fetch_add(entries.len(), Ordering::SeqCst);
        Ok(entries)
    }

    async fn tile(&self, contest: &ContestId, tile: TileId) -> Result<Option<Vec<u8>>> {
        self.inner.tile(contest, tile).await
    }

    async fn ballot(&self, contest: &ContestId, ballot: BallotId) -> Result<Option<RecordedBallot>> {
        self.inner.ballot(contest, ballot).await
    }

    async fn rejection(&self, contest: &ContestId, ballot: BallotId) -> Result<Option<Rejection>> {
        self.inner.rejection(contest, ballot).await
    }

    async fn count_rejections_with_prefix(
        &self,
        contest: &ContestId,
        prefix: [u8; 4],
        limit: usize,
    ) -> Result<usize> {
        self.inner.count_rejections_with_prefix(contest, prefix, limit).await
    }

    async fn ballots(
        &self,
        contest: &ContestId,
        after: Option<BallotId>,
        limit: usize,
    ) -> Result<Vec<StoredBallot>> {
        self.inner.ballots(contest, after, limit).await
    }

    async fn turnout(&self, contest: &ContestId) -> Result<Vec<Turnout>> {
        self.inner.turnout(contest).await
    }

    async fn ballots_with_prefix(
        &self,
        contest: &ContestId,
        prefix: [u8; 4],
        before: u64,
        limit: usize,
    ) -> Result<Vec<(RecordedBallot, Bytes)>> {
        self.inner.ballots_with_prefix(contest, prefix, before, limit).await
    }
}

#[async_trait]
impl Contests for FaultyDatabase {
    async fn contests(&self) -> Result<Vec<ContestRecord>> {
        self.faults.run_step(Step::Contests, self.inner.contests()).await
    }

    async fn revision(&self, id: &ContestId) -> Result<Option<(u64, Option<Vec<u8>>)>> {
        self.faults.run_step(Step::Revision, self.inner.revision(id)).await
    }

    async fn contest(&self, id: &ContestId) -> Result<Option<ContestRecord>> {
        self.faults.run_step(Step::Contest, self.inner.contest(id)).await
    }

    async fn create_draft(&self, definition: &Definition, tag_key: &[u8]) -> Result<()> {
        self.inner.create_draft(definition, tag_key).await
    }

    async fn edit_draft(&self, definition: &Definition, revision: u64) -> Result<()> {
        self.inner.edit_draft(definition, revision).await
    }

    async fn delete_contest(&self, id: &ContestId) -> Result<()> {
        self.inner.delete_contest(id).await
    }

    async fn count_passes(
        &self,
        id: &ContestId,
        tag_key: &[u8],
        passes: PassCountRequest<'_>,
    ) -> Result<PassCountOutcome> {
        self.inner.count_passes(id, tag_key, passes).await
    }

    async fn subject_rules(&self, id: &ContestId) -> Result<Option<SubjectRules>> {
        self.inner.subject_rules(id).await
    }

    async fn passes(&self, id: &ContestId) -> Result<Vec<(String, u64)>> {
        self.inner.passes(id).await
    }
}

#[async_trait]
impl Commands for FaultyDatabase {
    async fn queue_command(&self, contest: &ContestId, command: &QueuedCommand) -> Result<QueueOutcome> {
        self.inner.queue_command(contest, command).await
    }

    async fn pending_commands(&self, contest: &ContestId, limit: usize) -> Result<Vec<QueuedCommand>> {
        self.inner.pending_commands(contest, limit).await
    }

    async fn recorded_commands(
        &self,
        contest: &ContestId,
        filter: CommandFilter<'_>,
        after: u64,
        limit: usize,
    ) -> Result<Vec<(u64, QueuedCommand, CommandOutcome)>> {
        self.inner.recorded_commands(contest, filter, after, limit).await
    }

    async fn command_outcome(
        &self,
        contest: &ContestId,
        request: &RequestId,
    ) -> Result<Option<CommandOutcome>> {
        self.inner.command_outcome(contest, request).await
    }
}

#[async_trait]
impl Keys for FaultyDatabase {
    async fn add_staff_key(&self, hash: [u8; 32], key: &StaffKey) -> Result<()> {
        self.inner.add_staff_key(hash, key).await
    }

    async fn staff_keys(&self) -> Result<Vec<StaffKey>> {
        self.inner.staff_keys().await
    }

    async fn staff_key(&self, hash: [u8; 32]) -> Result<Option<StaffKey>> {
        self.inner.staff_key(hash).await
    }

    async fn valid_key_hashes(&self, now: Instant) -> Result<HashSet<[u8; 32]>> {
        self.inner.valid_key_hashes(now).await
    }

    async fn revoke_staff_key(&self, name: &str, at: Instant) -> Result<()> {
        self.inner.revoke_staff_key(name, at).await
    }

    async fn revoke_staff_key_once(&self, request: &KeyRevocationRequest) -> Result<KeyRevocationOutcome> {
        self.inner.revoke_staff_key_once(request).await
    }

    async fn installation_values(&self) -> Result<Vec<(String, Vec<u8>)>> {
        self.inner.installation_values().await
    }

    async fn add_installation_value(&self, name: &str, value: &[u8]) -> Result<()> {
        self.inner.add_installation_value(name, value).await
    }
}

#[async_trait]
impl Leases for FaultyDatabase {
    async fn take_lease(&self, contest: &ContestId, holder: u64, lasts: Duration) -> Result<bool> {
        self.faults.run_step(Step::TakeLease, self.inner.take_lease(contest, holder, lasts)).await
    }

    async fn renew_leases(
        &self,
        contests: &[ContestId],
        holder: u64,
        lasts: Duration,
    ) -> Result<Vec<RenewedLease>> {
        self.inner.renew_leases(contests, holder, lasts).await
    }

    /// Leases expire as in a cluster, so that tests can lose them.
    fn leases_expire(&self) -> bool {
        true
    }

    async fn contests_without_lease(&self) -> Result<Vec<ContestId>> {
        self.inner.contests_without_lease().await
    }

    async fn release_lease(&self, contest: &ContestId, holder: u64) -> Result<()> {
        self.inner.release_lease(contest, holder).await
    }
}

#[async_trait]
impl PassRevocations for FaultyDatabase {
    async fn revoke_passes(
        &self,
        id: &ContestId,
        tag_key: &[u8],
        revocation: &PassRevocation,
        voters: &[VoterTag],
    ) -> Result<PassRevocationOutcome> {
        self.inner.revoke_passes(id, tag_key, revocation, voters).await
    }

    async fn revoked_voters(&self, after: u32) -> Result<Vec<RevokedVoter>> {
        self.inner.revoked_voters(after).await
    }

    async fn count_revoked(&self, id: &ContestId) -> Result<RevokedCounts> {
        self.inner.count_revoked(id).await
    }

    fn is_shared(&self) -> bool {
        self.inner.is_shared()
    }
}
