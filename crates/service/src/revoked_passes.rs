//! Which passes are revoked, as this process knows it: a look into memory for each request with a pass.
//!
//! Where other processes revoke passes too, one task reads from the database what is new, several times a second. When that has not worked for
//! `MAX_AGE`, every pass is refused until it works again: a process that is cut off must not take a pass that was revoked elsewhere. An embedded
//! installation's process knows every revocation by itself, and reads only when it does not know what became of one.

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

/// Between two readings of what is new. Revocations are known everywhere within a second.
const READ_INTERVAL: Duration = Duration::from_millis(250);
/// How long one reading may take.
const READ_TIMEOUT: Duration = Duration::from_secs(2);
/// How old the knowledge may be before every pass is refused.
const MAX_AGE: Duration = Duration::from_secs(5);

/// Why a pass is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RevocationError {
    /// It was revoked.
    #[error("the pass was revoked")]
    Revoked,
    /// Whether it was revoked is not known.
    #[error("this server does not know at the moment which passes are revoked: send the request again")]
    Unknown,
}

/// See the [module](self).
pub struct RevokedPasses {
    /// The least generation by voter. Tags are keyed by a random key of the contest, so that those of two contests do not meet.
    least: RwLock<HashMap<VoterTag, u32>>,
    /// The highest generation read; held while reading.
    read_to: Mutex<u32>,
    /// When this was made: ages count from here.
    start: Instant,
    /// Milliseconds since `start` at which the newest reading that worked began.
    known_at: AtomicU64,
    /// Whether other processes revoke too.
    is_shared: bool,
    /// How often the outcome of a revocation was unknown.
    doubts: AtomicU64,
    /// How many of the doubts a later reading has settled.
    settled: AtomicU64,
    /// Notified of each.
    doubted: Notify,
}

impl RevokedPasses {
    /// Reads all that there are.
    pub async fn read(database: &dyn Database) -> Result<Self> {
        let is_shared = database.is_shared();
        let revoked = Self {
            least: RwLock::default(),
            read_to: Mutex::new(0),
            start: Instant::now(),
            known_at: AtomicU64::new(0),
            is_shared,
            doubts: AtomicU64::new(0),
            settled: AtomicU64::new(0),
            doubted: Notify::new(),
        };
        revoked.read_new(database).await?;
        Ok(revoked)
    }

    /// Refuses a pass that was revoked, and every pass while it is not known which ones are.
    pub fn check(&self, pass: &Pass) -> std::result::Result<(), RevocationError> {
        if self.is_too_old() {
            return Err(RevocationError::Unknown);
        }
        let least = self.least.read();
        if !least.is_empty() && least.get(&pass.voter).is_some_and(|least| pass.generation() < *least) {
            return Err(RevocationError::Revoked);
        }
        Ok(())
    }

    fn is_too_old(&self) -> bool {
        let known_at = || self.start + Duration::from_millis(self.known_at.load(Ordering::Acquire));
        self.is_incomplete() && known_at().elapsed() > MAX_AGE
    }

    /// Whether revocations may be missing here: always where there are other processes, else while the outcome of one is unknown.
    fn is_incomplete(&self) -> bool {
        self.is_shared || self.settled.load(Ordering::Acquire) != self.doubts.load(Ordering::Acquire)
    }

    /// Notes a revocation that this process makes. Dropped before [`PendingRevocation::commit`] it leaves a doubt, which a reading settles.
    pub fn begin(self: &Arc<Self>) -> PendingRevocation {
        PendingRevocation { revoked: Arc::clone(self), is_done: false }
    }

    fn note_unknown_outcome(&self) {
        if !self.is_incomplete() {
            // Until now all was known.
            self.known_at.store(self.elapsed(), Ordering::Release);
        }
        self.doubts.fetch_add(1, Ordering::AcqRel);
        self.doubted.notify_one();
    }

    /// Reads what is new for as long as the process runs.
    pub async fn follow(self: Arc<Self>, database: Arc<dyn Database>) {
        let mut failed = false;
        loop {
            if !self.is_incomplete() {
                self.doubted.notified().await;
            }
            let doubts = self.doubts.load(Ordering::Acquire);
            let read = timeout(READ_TIMEOUT, self.read_new(&*database)).await;
            let error = match read {
                Ok(Ok(())) => None,
                Ok(Err(error)) => Some(error.to_string()),
                Err(_) => Some(format!("no answer within {READ_TIMEOUT:?}")),
            };
            if let (Some(error), false) = (&error, failed) {
                tracing::warn!(%error, "revoked passes cannot be read");
            }
            failed = error.is_some();
            if !failed {
                // A doubt that came up while it was read stays one.
                self.settled.store(doubts, Ordering::Release);
            }
            sleep(READ_INTERVAL).await;
        }
    }

    async fn read_new(&self, database: &dyn Database) -> Result<()> {
        let mut read_to = self.read_to.lock().await;
        let begun = self.elapsed();
        let found = database.revoked_voters(*read_to).await?;
        *read_to = found.last().map_or(*read_to, |last| last.generation);
        self.add(&found);
        self.known_at.store(begun, Ordering::Release);
        Ok(())
    }

    fn add(&self, voters: &[RevokedVoter]) {
        if voters.is_empty() {
            return;
        }
        let mut least = self.least.write();
        for RevokedVoter { voter, generation, .. } in voters {
            let known = least.entry(*voter).or_default();
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
    /// These voters' passes below `generation` are refused from now on.
    pub fn commit(mut self, voters: &[VoterTag], generation: u32) {
        let voters: Vec<RevokedVoter> =
            voters.iter().map(|voter| RevokedVoter { voter: *voter, generation, is_barred: false }).collect();
        self.revoked.add(&voters);
        self.is_done = true;
    }

    /// Nothing was changed.
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
    async fn passes_below_the_least_generation_are_refused_and_no_others() {
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
        // What comes late is no step back.
        revoked.begin().commit(&[AMA], 2);
        assert!(revoked.check(&pass(Some(2))).is_err());
        assert!(!revoked.is_incomplete());
    }

    /// What is known, when the newest reading was so long ago.
    async fn read_before(age: Duration, is_shared: bool) -> Arc<RevokedPasses> {
        let revoked = Arc::into_inner(revoked_passes(is_shared).await).unwrap();
        Arc::new(RevokedPasses { start: revoked.start.checked_sub(age).unwrap(), ..revoked })
    }

    #[tokio::test]
    async fn without_a_reading_every_pass_is_refused_after_five_seconds() {
        let revoked = read_before(MAX_AGE - Duration::from_secs(1), true).await;
        assert!(revoked.check(&pass(None)).is_ok());
        let revoked = read_before(MAX_AGE + Duration::from_millis(1), true).await;
        assert_eq!(revoked.check(&pass(None)).unwrap_err(), RevocationError::Unknown);
    }

    #[tokio::test]
    async fn single_process_expires_only_after_unknown_outcome() {
        let revoked = read_before(MAX_AGE * 9, false).await;
        assert!(revoked.check(&pass(None)).is_ok());
        drop(revoked.begin());
        assert!(revoked.check(&pass(None)).is_ok(), "for a moment");
        revoked.known_at.store(0, Ordering::Release);
        assert_eq!(revoked.check(&pass(None)).unwrap_err(), RevocationError::Unknown);
    }

    #[tokio::test]
    async fn stays_incomplete_until_a_later_read() {
        let revoked = revoked_passes(false).await;
        let during = revoked.doubts.load(Ordering::Acquire);
        drop(revoked.begin());
        revoked.settled.store(during, Ordering::Release);
        assert!(revoked.is_incomplete(), "the reading began before");
        revoked.settled.store(revoked.doubts.load(Ordering::Acquire), Ordering::Release);
        assert!(!revoked.is_incomplete());
    }
}
