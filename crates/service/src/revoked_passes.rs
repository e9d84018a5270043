//! The revoked passes that this process knows. Each request with a pass makes one lookup in memory.
//!
//! If other processes revoke passes too, a task reads new revocations from the database several
//! times per second. If no read has succeeded for `MAX_AGE`, every pass is refused until one
//! succeeds. A process without a connection must not accept a pass that another process has
//! revoked. The process of an embedded installation knows every revocation itself. It reads the
//! database only when the outcome of a revocation is unknown.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use acclaim_contest::{VoterTag, pass::Pass};
use acclaim_store::{Database, error::Result, pass_revocations::RevokedVoter};
use parking_lot::RwLock;
use tokio::{
    sync::{Mutex, Notify},
    time::{Instant, sleep, timeout},
};

/// Time between two reads of new revocations. Every process knows a revocation within a second.
const READ_INTERVAL: Duration = Duration::from_millis(250);
/// Longest time that one read may take.
const READ_TIMEOUT: Duration = Duration::from_secs(2);
/// Age of the last read from which every pass is refused.
const MAX_AGE: Duration = Duration::from_secs(5);

/// The reason why a pass is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RevocationError {
    /// The pass was revoked.
    #[error("the pass was revoked")]
    Revoked,
    /// It is unknown whether the pass was revoked.
    #[error("this server does not know at the moment which passes are revoked: send the request again")]
    Unknown,
}

/// The revoked passes. See the [module](self).
pub struct RevokedPasses {
    /// The smallest accepted generation of each voter.
    ///
    /// Tags are keyed by a random key of the contest, so tags of two contests do not collide.
    min_generations: RwLock<HashMap<VoterTag, u32>>,
    /// The highest generation that was read. It is locked during a read.
    read_to: Mutex<u32>,
    /// The time when this value was created. Ages count from here.
    start: Instant,
    /// Milliseconds between `start` and the beginning of the last successful read.
    known_at: AtomicU64,
    /// Whether other processes revoke passes too.
    is_shared: bool,
    /// Number of revocations with an unknown outcome.
    unknown_outcomes: AtomicU64,
    /// Number of unknown outcomes that a later read has resolved.
    resolved_outcomes: AtomicU64,
    /// Notified of each unknown outcome.
    outcome_unknown: Notify,
}

impl RevokedPasses {
    /// Reads all revocations.
    pub async fn read(database: &dyn Database) -> Result<Self> {
        let is_shared = database.is_shared();
        let revoked = Self {
            min_generations: RwLock::default(),
            read_to: Mutex::new(0),
            start: Instant::now(),
            known_at: AtomicU64::new(0),
            is_shared,
            unknown_outcomes: AtomicU64::new(0),
            resolved_outcomes: AtomicU64::new(0),
            outcome_unknown: Notify::new(),
        };
        revoked.read_new(database).await?;
        Ok(revoked)
    }

    /// Refuses a pass that was revoked, and every pass while the revocations are unknown.
    ///
    /// # Errors
    /// - [`RevocationError::Revoked`]: the pass was revoked.
    /// - [`RevocationError::Unknown`]: the last read is too old.
    pub fn check(&self, pass: &Pass) -> std::result::Result<(), RevocationError> {
        if self.is_too_old() {
            return Err(RevocationError::Unknown);
        }
        let min_generations = self.min_generations.read();
        if !min_generations.is_empty()
            && min_generations.get(&pass.voter).is_some_and(|minimum| pass.generation() < *minimum)
        {
            return Err(RevocationError::Revoked);
        }
        Ok(())
    }

    fn is_too_old(&self) -> bool {
        let known_at = || self.start + Duration::from_millis(self.known_at.load(Ordering::Acquire));
        self.is_incomplete() && known_at().elapsed() > MAX_AGE
    }

    /// Whether revocations may be missing here.
    ///
    /// This is always so if other processes revoke. Otherwise it is so while the outcome of a
    /// revocation is unknown.
    fn is_incomplete(&self) -> bool {
        self.is_shared
            || self.resolved_outcomes.load(Ordering::Acquire) != self.unknown_outcomes.load(Ordering::Acquire)
    }

    /// Notes a revocation that this process makes.
    ///
    /// If the returned value is dropped without a commit or a cancellation, the outcome is unknown
    /// until a later read.
    pub fn begin(self: &Arc<Self>) -> PendingRevocation {
        PendingRevocation { revoked: Arc::clone(self), is_done: false }
    }

    fn note_unknown_outcome(&self) {
        if !self.is_incomplete() {
            // Until now every revocation was known.
            self.known_at.store(self.elapsed(), Ordering::Release);
        }
        self.unknown_outcomes.fetch_add(1, Ordering::AcqRel);
        self.outcome_unknown.notify_one();
    }

    /// Reads new revocations as long as the process runs.
    pub async fn follow(self: Arc<Self>, database: Arc<dyn Database>) {
        let mut failed = false;
        loop {
            if !self.is_incomplete() {
                self.outcome_unknown.notified().await;
            }
            let unknown_outcomes = self.unknown_outcomes.load(Ordering::Acquire);
            let read = timeout(READ_TIMEOUT, self.read_new(&*database)).await;
            let error = match read {
                Ok(Ok(())) => None,
                Ok(Err(error)) => Some(error.to_string()),
                Err(_) => Some(format!("no answer within {READ_TIMEOUT:?}")),
            };
            if let (Some(error), false) = (&error, failed) {
                tracing::warn!(%error, "revoked passes could not be read");
            }
            failed = error.is_some();
            if !failed {
                // An unknown outcome that occurred during the read stays unresolved.
                self.resolved_outcomes.store(unknown_outcomes, Ordering::Release);
            }
            sleep(READ_INTERVAL).await;
        }
    }

    async fn read_new(&self, database: &dyn Database) -> Result<()> {
        let mut read_to = self.read_to.lock().await;
        let started = self.elapsed();
        let voters = database.revoked_voters(*read_to).await?;
        *read_to = voters.last().map_or(*read_to, |last| last.generation);
        self.add(&voters);
        self.known_at.store(started, Ordering::Release);
        Ok(())
    }

    fn add(&self, voters: &[RevokedVoter]) {
        if voters.is_empty() {
            return;
        }
        let mut min_generations = self.min_generations.write();
        for RevokedVoter { voter, generation, .. } in voters {
            let known = min_generations.entry(*voter).or_default();
            *known = (*known).max(*generation);
        }
    }

    fn elapsed(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

/// A revocation under way.
pub struct PendingRevocation {
    revoked: Arc<RevokedPasses>,
    is_done: bool,
}

impl PendingRevocation {
    /// Refuses these voters' passes below `generation` from now on.
    pub fn commit(mut self, voters: &[VoterTag], generation: u32) {
        let voters: Vec<RevokedVoter> =
            voters.iter().map(|voter| RevokedVoter { voter: *voter, generation, is_barred: false }).collect();
        self.revoked.add(&voters);
        self.is_done = true;
    }

    /// Ends the revocation. Nothing was changed.
    pub fn cancel(mut self) {
        self.is_done = true;
    }
}

impl Drop for PendingRevocation {
    fn drop(&mut self) {
        if !self.is_done {
            self.revoked.note_unknown_outcome();
        }
    }
}

#[cfg(test)]
mod tests {
    use acclaim_contest::pass::{Admission, AdmissionMethod};
    use acclaim_store_sqlite::DataDirectory;
    use jiff::Timestamp;

    use super::*;

    const AMA: VoterTag = VoterTag([1; 16]);

    fn pass(generation: Option<u32>) -> Pass {
        let admission = generation.map(|generation| Admission {
            method: AdmissionMethod::Pass,
            at: Timestamp::UNIX_EPOCH,
            generation,
        });
        Pass { voter: AMA, channel: None, group: None, expires: Timestamp::MAX, admission }
    }

    async fn revoked_passes(is_shared: bool) -> Arc<RevokedPasses> {
        let folder = tempfile::tempdir().unwrap();
        let data = DataDirectory::lock(folder.path()).unwrap();
        let revoked = RevokedPasses::read(&data.database().unwrap()).await.unwrap();
        Arc::new(RevokedPasses { is_shared, ..revoked })
    }

    #[tokio::test]
    async fn refuses_only_passes_below_smallest_generation() {
        let revoked = revoked_passes(false).await;
        for generation in [None, Some(0), Some(3)] {
            assert!(revoked.check(&pass(generation)).is_ok());
        }
        revoked.begin().commit(&[AMA], 3);
        for (generation, is_taken) in
            [(None, false), (Some(0), false), (Some(2), false), (Some(3), true), (Some(9), true)]
        {
            assert_eq!(revoked.check(&pass(generation)).is_ok(), is_taken, "{generation:?}");
        }
        let other = Pass { voter: VoterTag([2; 16]), ..pass(None) };
        assert!(revoked.check(&other).is_ok());
        // A late commit of a smaller generation changes nothing.
        revoked.begin().commit(&[AMA], 2);
        assert!(revoked.check(&pass(Some(2))).is_err());
        assert!(!revoked.is_incomplete());
    }

    /// Returns revoked passes whose last read has this age.
    async fn with_read_age(age: Duration, is_shared: bool) -> Arc<RevokedPasses> {
        let revoked = Arc::into_inner(revoked_passes(is_shared).await).unwrap();
        Arc::new(RevokedPasses { start: revoked.start.checked_sub(age).unwrap(), ..revoked })
    }

    #[tokio::test]
    async fn refuses_every_pass_five_seconds_after_last_read() {
        let revoked = with_read_age(MAX_AGE - Duration::from_secs(1), true).await;
        assert!(revoked.check(&pass(None)).is_ok());
        let revoked = with_read_age(MAX_AGE + Duration::from_millis(1), true).await;
        assert_eq!(revoked.check(&pass(None)).unwrap_err(), RevocationError::Unknown);
    }

    #[tokio::test]
    async fn single_process_expires_only_after_unknown_outcome() {
        let revoked = with_read_age(MAX_AGE * 9, false).await;
        assert!(revoked.check(&pass(None)).is_ok());
        drop(revoked.begin());
        assert!(revoked.check(&pass(None)).is_ok(), "the last read is recent");
        revoked.known_at.store(0, Ordering::Release);
        assert_eq!(revoked.check(&pass(None)).unwrap_err(), RevocationError::Unknown);
    }

    #[tokio::test]
    async fn stays_incomplete_until_a_later_read() {
        let revoked = revoked_passes(false).await;
        let during = revoked.unknown_outcomes.load(Ordering::Acquire);
        drop(revoked.begin());
        revoked.resolved_outcomes.store(during, Ordering::Release);
        assert!(revoked.is_incomplete(), "the read began before the revocation");
        revoked.resolved_outcomes.store(revoked.unknown_outcomes.load(Ordering::Acquire), Ordering::Release);
        assert!(!revoked.is_incomplete());
    }
}
