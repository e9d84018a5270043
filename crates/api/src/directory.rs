//! Contests as handlers read them: snapshots in memory, renewed when the hub says that one has changed.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use acclaim_ballot_log::{Event, LogEntry, SigningKey, entry::ContestHeader};
use acclaim_contest::{ContestId, TagKey, ballot::Slate, days::Days, rules::Period};
use acclaim_store::{ContestRecord, Keyring, Phase, StoreError, Stores, hub::Notice};
use arc_swap::ArcSwap;
use jiff::Timestamp;
use tokio::sync::broadcast::error::RecvError;

/// How long to wait before contests that could not be read are read again.
const RETRY_AFTER: Duration = Duration::from_millis(500);

/// One contest at one revision.
pub(crate) struct Contest {
    pub(crate) record: ContestRecord,
    /// For checking ballots.
    pub(crate) slate: Slate,
    /// The days of a contest in which voters vote once a day, each with its first instant; empty for others.
    pub(crate) days: Days,
    /// None once it is destroyed.
    pub(crate) tag_key: Option<TagKey>,
    /// The log's verifier key, as text.
    pub(crate) verifier_key: String,
    /// The log's origin.
    pub(crate) origin: String,
}

impl Contest {
    /// Reads what a record does not hold.
    async fn read(record: ContestRecord, stores: &Stores, keyring: &Keyring) -> Result<Self, StoreError> {
        let days = days(&record, stores).await?;
        Self::new(record, days, keyring)
    }

    fn new(record: ContestRecord, days: Days, keyring: &Keyring) -> Result<Self, StoreError> {
        let corrupt = |error: &dyn std::fmt::Display| StoreError::Corrupt(error.to_string());
        let definition = &record.definition;
        let withdrawn: HashSet<_> = record.state.withdrawn.iter().cloned().collect();
        let origin = keyring.origin(record.id());
        let key = SigningKey::from_seed(&origin, &keyring.log_seed).map_err(|error| corrupt(&error))?;
        Ok(Self {
            slate: Slate::new(
                &definition.categories,
                &definition.entries,
                &definition.rules.ballot,
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
            record,
        })
    }

    pub(crate) fn id(&self) -> &ContestId {
        self.record.id()
    }

    pub(crate) fn phase(&self) -> Phase {
        self.record.state.phase
    }

    pub(crate) fn opens(&self) -> Timestamp {
        self.record.definition.opens.timestamp()
    }

    pub(crate) fn closes(&self) -> Timestamp {
        self.record.state.closes.timestamp()
    }

    pub(crate) fn etag(&self) -> String {
        format!("\"{}\"", self.record.revision)
    }
}

/// The days that the log begins with, once there is one: another table of time zones than that of the opening cannot change them.
async fn days(record: &ContestRecord, stores: &Stores) -> Result<Days, StoreError> {
    if record.state.phase == Phase::Draft || record.definition.rules.ballot.period != Period::Day {
        return Ok(record.definition.days().unwrap_or_default());
    }
    let entries = stores.database.entries(record.id(), 0, 1).await?;
    if let Some(Ok(LogEntry::Event(event))) = entries.first().map(|line| LogEntry::decode(line))
        && let Event::Contest(ContestHeader { days: Some(days), .. }) = *event
    {
        return Ok(days);
    }
    Err(StoreError::Corrupt(format!("the log of {} does not begin with its days", record.id())))
}

/// Whether a record takes the place of a known one: it is of a higher revision, or of another contest of the same id, which has another tag key. An
/// id whose contest had its key destroyed is never used again.
fn follows(record: &ContestRecord, known: &ContestRecord) -> bool {
    let another = record.tag_key.is_some() && known.tag_key.is_some() && record.tag_key != known.tag_key;
    another || known.revision < record.revision
}

/// All contests by id. One task writes ([`Directory::follow`], and handlers that have just changed a contest), all handlers read.
pub(crate) struct Directory {
    contests: ArcSwap<HashMap<ContestId, Arc<Contest>>>,
}

impl Directory {
    pub(crate) async fn read(stores: &Stores, keyring: &Keyring) -> Result<Self, StoreError> {
        let directory = Self { contests: ArcSwap::default() };
        directory.read_all(stores, keyring).await?;
        Ok(directory)
    }

    async fn read_all(&self, stores: &Stores, keyring: &Keyring) -> Result<(), StoreError> {
        let records = stores.database.contests().await?;
        let mut contests = HashMap::with_capacity(records.len());
        for record in records {
            let contest = Contest::read(record, stores, keyring).await?;
            contests.insert(contest.id().clone(), Arc::new(contest));
        }
        self.contests.store(Arc::new(contests));
        Ok(())
    }

    pub(crate) fn contest(&self, id: &ContestId) -> Option<Arc<Contest>> {
        self.contests.load().get(id).cloned()
    }

    /// The contest that a text names.
    pub(crate) fn named(&self, id: &str) -> Option<Arc<Contest>> {
        self.contests.load().get(id).cloned()
    }

    /// All contests, by id.
    pub(crate) fn all(&self) -> Vec<Arc<Contest>> {
        let mut all: Vec<_> = self.contests.load().values().cloned().collect();
        all.sort_by(|a, b| a.id().cmp(b.id()));
        all
    }

    /// Reads one contest anew.
    pub(crate) async fn renew(
        &self,
        stores: &Stores,
        keyring: &Keyring,
        id: &ContestId,
    ) -> Result<(), StoreError> {
        let contest = match stores.database.contest(id).await? {
            Some(record) => Some(Arc::new(Contest::read(record, stores, keyring).await?)),
            None => None,
        };
        self.contests.rcu(|contests| {
            let mut contests = HashMap::clone(contests);
            // Two may renew at once: the higher revision stays.
            match &contest {
                Some(contest) => {
                    if contests.get(id).is_none_or(|known| follows(&contest.record, &known.record)) {
                        contests.insert(id.clone(), Arc::clone(contest));
                    }
                }
                None => {
                    contests.remove(id);
                }
            }
            contests
        });
        Ok(())
    }

    /// Keeps up with the hub's notices. What cannot be read is read again, all of it, until it can.
    pub(crate) async fn follow(self: Arc<Self>, stores: Stores, keyring: Arc<Keyring>) {
        let mut notices = stores.hub.subscribe();
        // What changed since the first reading and this moment.
        stores.hub.hear(Notice::Missed);
        loop {
            let mut renewed = match notices.recv().await {
                Ok(Notice::ContestChanged(id)) => self.renew(&stores, &keyring, &id).await,
                Ok(Notice::Missed) | Err(RecvError::Lagged(_)) => self.read_all(&stores, &keyring).await,
                Ok(_) => Ok(()),
                Err(RecvError::Closed) => return,
            };
            while let Err(error) = renewed {
                tracing::error!(%error, "contests cannot be read");
                tokio::time::sleep(RETRY_AFTER).await;
                renewed = self.read_all(&stores, &keyring).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use acclaim_contest::definition::{Definition, Overrides};
    use acclaim_store::contests::ContestState;

    use super::*;

    fn record(revision: u64, tag_key: Option<u8>) -> ContestRecord {
        let json = r#"{"contest":{"id":"a","title":"T","time_zone":"UTC","opens":"2021-03-01T00:00:00Z","closes":"2021-04-01T00:00:00Z"},
            "winners":{"count":1,"from":"all","by":"votes"},
            "category":[{"id":"a","title":"A"}],"entry":[{"id":"p1","category":"a","title":"One"}]}"#;
        let definition = Arc::new(Definition::from_json(json.as_bytes(), &Overrides::default()).unwrap());
        let state = ContestState::of_draft(&definition);
        ContestRecord { definition, revision, state, tag_key: tag_key.map(|byte| vec![byte]) }
    }

    #[test]
    fn a_late_reading_does_not_bring_a_destroyed_key_back() {
        assert!(follows(&record(5, None), &record(4, Some(1))));
        assert!(!follows(&record(4, Some(1)), &record(5, None)));
        assert!(follows(&record(6, None), &record(5, None)));
        assert!(!follows(&record(4, Some(1)), &record(4, Some(1))));
        assert!(follows(&record(1, Some(2)), &record(4, Some(1))), "a draft created again under the same id");
    }
}
