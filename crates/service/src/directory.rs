//! Contests as handlers read them: snapshots in memory, renewed when the hub says that one has changed.

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

/// How long to wait before contests that could not be read are read again.
const RETRY_DELAY: Duration = Duration::from_millis(500);

/// One contest at one revision.
pub struct Contest {
    /// As the database has it.
    pub record: ContestRecord,
    /// For checking ballots.
    pub validator: BallotValidator,
    /// The days of a contest in which voters vote once a day, each with its first instant; empty for others.
    pub days: Days,
    /// None once it is destroyed.
    pub tag_key: Option<TagKey>,
    /// The log's verifier key, as text.
    pub verifier_key: String,
    /// The log's origin.
    pub origin: String,
    /// Whether the operator has it left alone: nothing of it is recorded.
    pub is_excluded: bool,
    /// Whether it was ever certified, also if it has been reopened since.
    pub was_certified: bool,
    /// Of a draft: the texts that have been refused only since it was stored, and that keep it from opening.
    pub refused_texts: Option<String>,
}

impl Contest {
    /// Reads what a record does not hold.
    async fn read(
        record: ContestRecord,
        database: &dyn Database,
        keyring: &Keyring,
        is_excluded: bool,
    ) -> Result<Self, StoreError> {
        // The beginning of its log may be what is missing.
        let days = if is_excluded { Days::default() } else { days(&record, database).await? };
        let was_certified = match record.state.phase {
            Phase::Draft | Phase::Suspended | Phase::Open => false,
            // A reopening leads back here. It changes the record as a certification does, so that every process asks again.
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

    /// Its id.
    #[must_use]
    pub fn id(&self) -> &ContestId {
        self.record.id()
    }

    /// Where it stands.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.record.state.phase
    }

    /// The first instant of voting.
    #[must_use]
    pub fn opens(&self) -> Timestamp {
        self.record.definition.opens.timestamp()
    }

    /// The first instant after voting, as it stands now.
    #[must_use]
    pub fn closes(&self) -> Timestamp {
        self.record.state.closes.timestamp()
    }
}

/// The days that the log begins with, once there is one: another table of time zones than that of the opening cannot change them.
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

/// All contests by id. [`Directory::follow`] writes, and handlers that have just changed a contest; all handlers read.
pub struct Directory {
    database: Arc<dyn Database>,
    keyring: Arc<Keyring>,
    /// Those that are left alone.
    without: HashSet<ContestId>,
    contests: ArcSwap<HashMap<ContestId, Arc<Contest>>>,
    /// Held from the reading of the database until what was read is here: what was read earlier must not come later.
    turn: Mutex<()>,
}

impl Directory {
    /// Reads all contests, of which those in `without` are left alone.
    ///
    /// # Errors
    /// When the database cannot be read, or a contest in it.
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

    /// The contest of an id.
    #[must_use]
    pub fn contest(&self, id: &ContestId) -> Option<Arc<Contest>> {
        self.contests.load().get(id).cloned()
    }

    /// The contest that a text names.
    pub fn find(&self, id: &str) -> Option<Arc<Contest>> {
        self.contests.load().get(id).cloned()
    }

    /// All contests, by id.
    pub fn all(&self) -> Vec<Arc<Contest>> {
        let mut all: Vec<_> = self.contests.load().values().cloned().collect();
        all.sort_by(|a, b| a.id().cmp(b.id()));
        all
    }

    /// Reads one contest anew, unless it is as it was.
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

    /// Keeps up with the hub's notices. What cannot be read is read again, all of it, until it can.
    pub async fn follow(self: Arc<Self>, hub: Arc<Hub>) {
        let mut notices = hub.subscribe();
        // What changed since the first reading and this moment.
        hub.deliver(Notice::Missed);
        loop {
            let mut renewed = match notices.recv().await {
                Ok(Notice::ContestChanged(id)) => {
                    let renewed = self.refresh(&id).await;
                    if renewed.is_ok() && self.contest(&id).is_none() {
                        hub.forget(&id);
                    }
                    renewed
                }
                Ok(Notice::Missed) | Err(RecvError::Lagged(_)) => self.read_all().await,
                Ok(_) => Ok(()),
                Err(RecvError::Closed) => return,
            };
            while let Err(error) = renewed {
                tracing::error!(%error, "contests cannot be read");
                tokio::time::sleep(RETRY_DELAY).await;
                renewed = self.read_all().await;
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
        // As far as it comes.
        tokio::time::sleep(Duration::from_millis(50)).await;
        faults.release();
        earlier.await.unwrap().unwrap();
        later.await.unwrap().unwrap();
        assert!(directory.contest(&new.id).is_some());
    }
}
