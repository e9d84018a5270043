//! Contests as handlers read them: snapshots in memory that are renewed after a notice of a change.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use acclaim_ballot_log::{Event, LogEntry, SigningKey, entry::ContestHeader};
use acclaim_contest::{ContestId, Phase, TagKey, ballot::BallotValidator, days::Days, rules::Period};
use acclaim_store::{
    ContestRecord, Database, Hub, Keyring, StoreError, certification::was_certified, hub::Notice,
};
use arc_swap::ArcSwap;
use jiff::Timestamp;
use tokio::sync::{Mutex, broadcast::error::RecvError};

/// Delay before contests that could not be read are read again.
const RETRY_DELAY: Duration = Duration::from_millis(500);

/// One contest at one revision.
pub struct Contest {
    /// The contest's record in the database.
    pub record: ContestRecord,
    /// Checks the selections of ballots.
    pub validator: BallotValidator,
    /// The days of a contest in which voters vote once per day, each with its first instant; empty
    /// for other contests.
    pub days: Days,
    /// The contest's tag key; `None` after its destruction.
    pub tag_key: Option<TagKey>,
    /// The log's verifier key, as text.
    pub verifier_key: String,
    /// The log's origin.
    pub origin: String,
    /// Whether the operator excluded the contest. Its ballots and commands are not recorded.
    pub is_excluded: bool,
    /// Whether the contest was ever certified, even if it has been reopened since.
    pub was_certified: bool,
    /// The mistakes that the current rules find in a draft and that keep it from opening.
    ///
    /// The rules can have changed since the draft was stored. `None` if there are none, or if the
    /// contest is no draft.
    pub refused_texts: Option<String>,
}

impl Contest {
    /// Reads the facts that a record does not hold.
    async fn read(
        record: ContestRecord,
        database: &dyn Database,
        keyring: &Keyring,
        is_excluded: bool,
    ) -> Result<Self, StoreError> {
        // The log of an excluded contest may lack its first entry.
        let days = if is_excluded { Days::default() } else { days(&record, database).await? };
        let was_certified = match record.state.phase {
            Phase::Draft | Phase::Suspended | Phase::Open => false,
            // A reopened contest has one of these phases. A reopening changes the record as a
            // certification does, so every process reads this again.
            Phase::Closed | Phase::Frozen => was_certified(database, record.id()).await?,
            Phase::Certified => true,
        };
        Self::new(record, days, keyring, is_excluded, was_certified)
    }

    fn new(
        record: ContestRecord,
        days: Days,
        keyring: &Keyring,
        is_excluded: bool,
        was_certified: bool,
    ) -> Result<Self, StoreError> {
        let corrupt = |error: &dyn std::fmt::Display| StoreError::Corrupt(error.to_string());
        let definition = &record.definition;
        let withdrawn: HashSet<_> = record.state.withdrawn.iter().cloned().collect();
        let origin = keyring.origin(record.id());
        let key = SigningKey::from_seed(&origin, &keyring.log_seed).map_err(|error| corrupt(&error))?;
        Ok(Self {
            validator: BallotValidator::new(
                &definition.categories,
                &definition.entries,
                &definition.rules,
                &withdrawn,
            ),
            days,
            tag_key: record
                .tag_key
                .as_ref()
                .map(|wrapped| keyring.tag_key(record.id(), wrapped))
                .transpose()
                .map_err(|error| corrupt(&error))?,
            verifier_key: key.verifier().to_string(),
            origin,
            is_excluded,
            was_certified,
            refused_texts: (record.state.phase == Phase::Draft)
                .then(|| definition.check().err().map(|mistakes| mistakes.to_string()))
                .flatten(),
            record,
        })
    }

    /// The contest's id.
    #[must_use]
    pub fn id(&self) -> &ContestId {
        self.record.id()
    }

    /// The contest's phase.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.record.state.phase
    }

    /// The first instant of voting.
    #[must_use]
    pub fn opens(&self) -> Timestamp {
        self.record.definition.opens.timestamp()
    }

    /// The first instant after voting, as currently set.
    #[must_use]
    pub fn closes(&self) -> Timestamp {
        self.record.state.closes.timestamp()
    }
}

/// Returns the days in the first entry of the log, or the days of a draft.
///
/// After the opening, a newer time zone table cannot change the days.
async fn days(record: &ContestRecord, database: &dyn Database) -> Result<Days, StoreError> {
    if record.state.phase == Phase::Draft || record.definition.rules.ballot.period != Period::Day {
        return Ok(record.definition.days().unwrap_or_default());
    }
    let entries = database.entries(record.id(), 0, 1).await?;
    if let Some(Ok(LogEntry::Event(event, _))) = entries.first().map(|line| LogEntry::decode(line))
        && let Event::Contest(ContestHeader { days: Some(days), .. }) = *event
    {
        return Ok(days);
    }
    Err(StoreError::Corrupt(format!("the log of {} does not begin with its days", record.id())))
}

/// All contests by id.
///
/// [`Directory::follow`] writes, and so do handlers that have just changed a contest. All handlers
/// read.
pub struct Directory {
    database: Arc<dyn Database>,
    keyring: Arc<Keyring>,
    /// The contests that the operator excluded.
    without: HashSet<ContestId>,
    contests: ArcSwap<HashMap<ContestId, Arc<Contest>>>,
    /// Held from the read of the database until the result is stored here, so that an older read
    /// never replaces a newer one.
    turn: Mutex<()>,
}

impl Directory {
    /// Reads all contests. The operator excluded the contests in `without`.
    ///
    /// # Errors
    /// [`StoreError`] if the database, or a contest in it, cannot be read.
    pub async fn read(
        database: Arc<dyn Database>,
        keyring: Arc<Keyring>,
        without: HashSet<ContestId>,
    ) -> Result<Self, StoreError> {
        let (contests, turn) = (ArcSwap::default(), Mutex::default());
        let directory = Self { database, keyring, without, contests, turn };
        directory.read_all().await?;
        Ok(directory)
    }

    async fn read_all(&self) -> Result<(), StoreError> {
        let _turn = self.turn.lock().await;
        let records = self.database.contests().await?;
        let mut contests = HashMap::with_capacity(records.len());
        for record in records {
            let contest = self.complete(record).await?;
            contests.insert(contest.id().clone(), Arc::new(contest));
        }
        self.contests.store(Arc::new(contests));
        Ok(())
    }

    async fn complete(&self, record: ContestRecord) -> Result<Contest, StoreError> {
        let is_excluded = self.without.contains(record.id());
        Contest::read(record, &*self.database, &self.keyring, is_excluded).await
    }

    /// Returns the contest with this id.
    #[must_use]
    pub fn contest(&self, id: &ContestId) -> Option<Arc<Contest>> {
        self.contests.load().get(id).cloned()
    }

    /// Returns the contest whose id is this text.
    pub fn find(&self, id: &str) -> Option<Arc<Contest>> {
        self.contests.load().get(id).cloned()
    }

    /// Returns all contests, in the order of their ids.
    pub fn all(&self) -> Vec<Arc<Contest>> {
        let mut all: Vec<_> = self.contests.load().values().cloned().collect();
        all.sort_by(|a, b| a.id().cmp(b.id()));
        all
    }

    /// Reads one contest again, unless its version is unchanged.
    ///
    /// # Errors
    /// [`StoreError`] if the contest cannot be read. The directory then keeps its snapshot.
    pub async fn refresh(&self, id: &ContestId) -> Result<(), StoreError> {
        let _turn = self.turn.lock().await;
        let known = self.contest(id).map(|contest| contest.record.version());
        if known.is_some() && self.database.revision(id).await? == known {
            return Ok(());
        }
        let record = self.database.contest(id).await?;
        let mut contests = HashMap::clone(&self.contests.load());
        match record {
            Some(record) => contests.insert(id.clone(), Arc::new(self.complete(record).await?)),
            None => contests.remove(id),
        };
        self.contests.store(Arc::new(contests));
        Ok(())
    }

    /// Follows the hub's notices.
    ///
    /// If a contest cannot be read, all contests are read again until that succeeds.
    pub async fn follow(self: Arc<Self>, hub: Arc<Hub>) {
        let mut notices = hub.subscribe();
        // Contests may have changed between the first read and the subscription.
        hub.deliver(Notice::Missed);
        loop {
            let mut result = match notices.recv().await {
                Ok(Notice::ContestChanged(id)) => {
                    let result = self.refresh(&id).await;
                    if result.is_ok() && self.contest(&id).is_none() {
                        hub.forget(&id);
                    }
                    result
                }
                Ok(Notice::Missed) | Err(RecvError::Lagged(_)) => self.read_all().await,
                Ok(_) => Ok(()),
                Err(RecvError::Closed) => return,
            };
            while let Err(error) = result {
                tracing::error!(%error, "contests could not be read");
                tokio::time::sleep(RETRY_DELAY).await;
                result = self.read_all().await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use acclaim_store::Contests as _;
    use acclaim_store_sqlite::DataDirectory;
    use acclaim_test_support::{Fault, FaultPlan, FaultyDatabase, Step, conformance::definition};

    use super::*;

    #[tokio::test]
    async fn does_not_replace_newer_contest_by_older_read() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataDirectory::lock(folder.path()).unwrap();
        let secret = data.secret().unwrap();
        let faults = Arc::new(FaultPlan::default());
        let database = Arc::new(FaultyDatabase::new(Arc::new(data.database().unwrap()), Arc::clone(&faults)));
        let keyring = Arc::new(Keyring::open(&*database, secret, Some("test")).await.unwrap());
        let contests = Arc::clone(&database) as Arc<dyn Database>;
        let directory =
            Arc::new(Directory::read(contests, Arc::clone(&keyring), HashSet::new()).await.unwrap());

        faults.plan(Step::Contests, [Fault::DoneButLate]);
        let earlier = Arc::clone(&directory);
        let earlier = tokio::spawn(async move { earlier.read_all().await });
        faults.wait_for_late_answer().await;
        let new = definition("photos");
        database.create_draft(&new, &keyring.new_tag_key(&new.id).unwrap()).await.unwrap();
        let later = Arc::clone(&directory);
        let id = new.id.clone();
        let later = tokio::spawn(async move { later.refresh(&id).await });
        // The second read gets as far as it can.
        tokio::time::sleep(Duration::from_millis(50)).await;
        faults.release();
        earlier.await.unwrap().unwrap();
        later.await.unwrap().unwrap();
        assert!(directory.contest(&new.id).is_some());
    }
}
