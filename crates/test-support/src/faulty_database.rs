//! A database that goes wrong as planned.

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
    command::{CommandOutcome, Queued, QueuedCommand, Sought},
    contests::{Counted, PassCount},
    error::Result,
    hub::Rejection,
    keys::{KeyRevocation, Revocation, StaffKey},
    lease::ProlongedLease,
    ledger::{Append, Head, RecordedBallot, StoredBallot, Turnout},
    pass_revocations::{PassRevocation, Revoked, RevokedCounts, RevokedVoter},
};
use async_trait::async_trait;
use bytes::Bytes;

use crate::faults::{Faults, Step};

/// A database that goes wrong as planned.
pub struct FaultyDatabase {
    inner: Arc<dyn Database>,
    faults: Arc<Faults>,
    entries_read: AtomicUsize,
}

impl FaultyDatabase {
    /// Around a database that works.
    #[must_use]
    pub fn new(inner: Arc<dyn Database>, faults: Arc<Faults>) -> Self {
        Self { inner, faults, entries_read: AtomicUsize::new(0) }
    }

    /// How many entries were read of all logs.
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
        self.faults.around(Step::Append, self.inner.append(contest, append)).await
    }

    async fn settle(&self, contest: &ContestId) -> Result<()> {
        self.faults.around(Step::Settle, self.inner.settle(contest)).await
    }

    async fn entries(&self, contest: &ContestId, from: u64, most: usize) -> Result<Vec<Bytes>> {
        let entries = self.inner.entries(contest, from, most).await?;
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

    async fn rejections_with_prefix(
        &self,
        contest: &ContestId,
        prefix: [u8; 4],
        most: usize,
    ) -> Result<usize> {
        self.inner.rejections_with_prefix(contest, prefix, most).await
    }

    async fn ballots(
        &self,
        contest: &ContestId,
        after: Option<BallotId>,
        most: usize,
    ) -> Result<Vec<StoredBallot>> {
        self.inner.ballots(contest, after, most).await
    }

    async fn turnout(&self, contest: &ContestId) -> Result<Vec<Turnout>> {
        self.inner.turnout(contest).await
    }

    async fn ballots_with_prefix(
        &self,
        contest: &ContestId,
        prefix: [u8; 4],
        before: u64,
        most: usize,
    ) -> Result<Vec<(RecordedBallot, Bytes)>> {
        self.inner.ballots_with_prefix(contest, prefix, before, most).await
    }
}

#[async_trait]
impl Contests for FaultyDatabase {
    async fn contests(&self) -> Result<Vec<ContestRecord>> {
        self.faults.around(Step::Contests, self.inner.contests()).await
    }

    async fn revision(&self, id: &ContestId) -> Result<Option<(u64, Option<Vec<u8>>)>> {
        self.faults.around(Step::Revision, self.inner.revision(id)).await
    }

    async fn contest(&self, id: &ContestId) -> Result<Option<ContestRecord>> {
        self.faults.around(Step::Contest, self.inner.contest(id)).await
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

    async fn count_passes(&self, id: &ContestId, tag_key: &[u8], passes: PassCount<'_>) -> Result<Counted> {
        self.inner.count_passes(id, tag_key, passes).await
    }

    async fn subjects(&self, id: &ContestId) -> Result<Option<SubjectRules>> {
        self.inner.subjects(id).await
    }

    async fn passes(&self, id: &ContestId) -> Result<Vec<(String, u64)>> {
        self.inner.passes(id).await
    }
}

#[async_trait]
impl Commands for FaultyDatabase {
    async fn queue_command(&self, contest: &ContestId, command: &QueuedCommand) -> Result<Queued> {
        self.inner.queue_command(contest, command).await
    }

    async fn pending_commands(&self, contest: &ContestId, most: usize) -> Result<Vec<QueuedCommand>> {
        self.inner.pending_commands(contest, most).await
    }

    async fn recorded_commands(
        &self,
        contest: &ContestId,
        sought: Sought<'_>,
        after: u64,
        most: usize,
    ) -> Result<Vec<(u64, QueuedCommand, CommandOutcome)>> {
        self.inner.recorded_commands(contest, sought, after, most).await
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

    async fn revoke_staff_key_once(&self, request: &KeyRevocation) -> Result<Revocation> {
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
        self.faults.around(Step::TakeLease, self.inner.take_lease(contest, holder, lasts)).await
    }

    async fn prolong_leases(
        &self,
        contests: &[ContestId],
        holder: u64,
        lasts: Duration,
    ) -> Result<Vec<ProlongedLease>> {
        self.inner.prolong_leases(contests, holder, lasts).await
    }

    /// As those of a cluster do: tests lose leases.
    fn leases_expire(&self) -> bool {
        true
    }

    async fn unleased(&self) -> Result<Vec<ContestId>> {
        self.inner.unleased().await
    }

    async fn give_lease_back(&self, contest: &ContestId, holder: u64) -> Result<()> {
        self.inner.give_lease_back(contest, holder).await
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
    ) -> Result<Revoked> {
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
