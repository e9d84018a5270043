//! A test contest on stores that can fail.

use std::{any::Any, sync::Arc, time::Duration};

use acclaim_ballot_log::{Checkpoint, NewBallot, SigningKey};
use acclaim_contest::{
    BallotId, ContestId, Phase, TagKey,
    definition::{Definition, Overrides},
};
use acclaim_sequencer::{LoadError, Sequencer, Settings};
use acclaim_store::{
    Clock as _, Command, CommandOutcome, Contests as _, Database, Hub, Intake, Keyring, PublishedCheckpoints,
    Stores,
    command::QueuedCommand,
    hub::{BallotOutcome, Notice},
    intake::{Item, Slot, Submission, SubmitOutcome},
    keyring::Secret,
};
use acclaim_store_sqlite::{DataDirectory, LocalIntake};
use acclaim_tally::{Audit, AuditPlan, AuditReport, ExpectedLog};
use acclaim_test_support::{
    FaultPlan, FaultyDatabase, FaultyIntake, FaultyPublishedCheckpoints, ManualClock,
};
use bytes::Bytes;
use jiff::Timestamp;
use tokio::{
    sync::{
        broadcast::{Receiver, error::RecvError},
        watch,
    },
    task::JoinHandle,
};

pub(crate) const OPENS: &str = "2021-03-01T00:00:00Z";
pub(crate) const CLOSES: &str = "2021-03-31T22:00:00Z";

pub(crate) fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// The stores and settings of a test contest.
pub(crate) struct Backends {
    pub(crate) database: Arc<dyn Database>,
    pub(crate) intake: Arc<dyn Intake>,
    pub(crate) published_checkpoints: Arc<dyn PublishedCheckpoints>,
    pub(crate) faults: FaultPlan,
    pub(crate) secret: Secret,
    pub(crate) settings: Settings,
    /// A guard that must live as long as the stores.
    pub(crate) alive: Box<dyn Any + Send>,
}

impl Backends {
    /// The embedded stores in a temporary folder.
    pub(crate) fn embedded() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let directory = DataDirectory::lock(folder.path()).unwrap();
        // The secret is created before the database: a database without its secret is refused.
        let secret = directory.secret().unwrap();
        Self {
            database: Arc::new(directory.database().unwrap()),
            intake: Arc::new(LocalIntake::default()),
            published_checkpoints: Arc::new(directory.published_checkpoints().unwrap()),
            faults: FaultPlan::default(),
            secret,
            settings: settings(),
            alive: Box::new((directory, folder)),
        }
    }
}

pub(crate) struct TestContest {
    pub(crate) stores: Stores,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) faults: Arc<FaultPlan>,
    pub(crate) database: Arc<FaultyDatabase>,
    pub(crate) intake: Arc<FaultyIntake>,
    pub(crate) published_checkpoints: Arc<FaultyPublishedCheckpoints>,
    pub(crate) contest: ContestId,
    keyring: Arc<Keyring>,
    tag_key: TagKey,
    pub(crate) settings: Settings,
    notices: Receiver<Notice>,
    stop: watch::Sender<bool>,
    running: JoinHandle<()>,
    _alive: Box<dyn Any + Send>,
}

impl TestContest {
    /// Returns a contest of one category with entries p1 and p2, open at its first instant.
    pub(crate) async fn open() -> Self {
        Self::open_on(Backends::embedded(), "photos").await
    }

    /// As [`TestContest::open`], with this id, on these stores.
    pub(crate) async fn open_on(backends: Backends, id: &str) -> Self {
        let definition = definition(id, OPENS, CLOSES);
        Self::open_with(backends, &definition).await
    }

    /// Returns a contest with this definition, open at its first instant.
    pub(crate) async fn open_with(backends: Backends, definition: &Definition) -> Self {
        let faults = Arc::new(backends.faults);
        let database = Arc::new(FaultyDatabase::new(backends.database, Arc::clone(&faults)));
        let keyring = Arc::new(Keyring::open(&*database, backends.secret, Some("test")).await.unwrap());
        let clock = Arc::new(ManualClock::at(definition.opens.timestamp()));
        let intake = Arc::new(FaultyIntake::new(backends.intake, Arc::clone(&faults)));
        let published_checkpoints =
            Arc::new(FaultyPublishedCheckpoints::new(backends.published_checkpoints, Arc::clone(&faults)));
        let stores = Stores {
            database: Arc::clone(&database) as _,
            intake: Arc::clone(&intake) as _,
            published_checkpoints: Arc::clone(&published_checkpoints) as _,
            hub: Arc::new(Hub::default()),
            clock: Arc::clone(&clock) as _,
        };
        let contest = definition.id.clone();
        let wrapped = keyring.new_tag_key(&contest).unwrap();
        database.create_draft(definition, &wrapped).await.unwrap();
        let tag_key = keyring.tag_key(&contest, &wrapped).unwrap();

        let mut notices = stores.hub.subscribe();
        let (stop, stopping) = watch::channel(false);
        let sequencer =
            Sequencer::start(stores.clone(), Arc::clone(&keyring), backends.settings.clone(), stopping)
                .await
                .unwrap();
        let running = tokio::spawn(sequencer.run());
        // The first decision opens the contest, and the second makes the intake ready.
        for _ in 0..2 {
            while !matches!(next(&mut notices).await, Notice::Decided(_)) {}
        }
        Self {
            stores,
            clock,
            faults,
            database,
            intake,
            published_checkpoints,
            contest,
            keyring,
            tag_key,
            settings: backends.settings,
            notices,
            stop,
            running,
            _alive: backends.alive,
        }
    }

    /// Returns the definition of another contest with this opening instant.
    pub(crate) fn definition(&self, id: &str, opens: &str) -> Definition {
        definition(id, opens, "2021-12-31T00:00:00Z")
    }

    /// Stores a draft without sending a notice.
    pub(crate) async fn store_draft(&self, definition: &Definition) {
        let wrapped = self.keyring.new_tag_key(&definition.id).unwrap();
        self.database.create_draft(definition, &wrapped).await.unwrap();
    }

    /// Stores a draft and sends a notice.
    pub(crate) async fn draft(&self, definition: &Definition) {
        self.store_draft(definition).await;
        self.stores.hub.send(Notice::ContestChanged(definition.id.clone()));
    }

    /// A ballot of a voter that arrives now.
    pub(crate) fn ballot(&self, voter: &str, entry: &str) -> Item {
        self.promised(voter, entry, false)
    }

    /// A ballot that arrives now. `promised` says whether its voter got `accepted`.
    pub(crate) fn promised(&self, voter: &str, entry: &str, promised: bool) -> Item {
        Item { promised, ..self.on_sheet(voter, None, None, entry) }
    }

    /// A ballot that replaces another ballot of its voter.
    pub(crate) fn replacing(&self, voter: &str, replaced: BallotId, entry: &str) -> Item {
        self.cast(voter, None, None, Some(replaced), entry)
    }

    /// A ballot in a channel and period.
    pub(crate) fn on_sheet(
        &self,
        voter: &str,
        channel: Option<&str>,
        period: Option<&str>,
        entry: &str,
    ) -> Item {
        self.cast(voter, channel, period, None, entry)
    }

    fn cast(
        &self,
        voter: &str,
        channel: Option<&str>,
        period: Option<&str>,
        replaces: Option<BallotId>,
        entry: &str,
    ) -> Item {
        let arrived = self.clock.now();
        let at = acclaim_contest::rules::CastTime::Minute.truncate(arrived);
        let ballot = NewBallot {
            voter: self.tag_key.tag(voter),
            channel,
            period,
            replaces,
            at: &at,
            selections: [("a", entry)].into_iter(),
        };
        let mut line = Vec::new();
        let id = ballot.write(&self.contest, &mut line).unwrap();
        Item { ballot: id, arrived, promised: false, group: None, entry: Bytes::from(line) }
    }

    pub(crate) async fn submit(&self, items: Vec<Item>) {
        let submissions: Vec<_> =
            items.into_iter().map(|item| Submission { item, slots: Vec::new() }).collect();
        assert_eq!(
            self.submit_when_ready(&submissions).await,
            vec![SubmitOutcome::Buffered; submissions.len()]
        );
    }

    /// Submits ballots to the intake as soon as it is ready.
    pub(crate) async fn submit_when_ready(&self, submissions: &[Submission]) -> Vec<SubmitOutcome> {
        loop {
            let record = self.stores.database.contest(&self.contest).await.unwrap().unwrap();
            let outcomes = self.stores.intake.submit(&record.session(), submissions).await.unwrap();
            // The sequencer may still start the session.
            if !outcomes.contains(&SubmitOutcome::Rebuilding) {
                return outcomes;
            }
            tokio::task::yield_now().await;
        }
    }

    /// The slot of a voter, as the API computes it.
    pub(crate) fn slot(&self, voter: &str, channel: Option<&str>, period: Option<&str>) -> Slot {
        Slot::new(self.tag_key.tag(voter), channel, period, "a")
    }

    /// Waits for the decision on a ballot.
    pub(crate) async fn outcome(&mut self, ballot: BallotId) -> BallotOutcome {
        loop {
            if let Notice::Decided(decided) = next(&mut self.notices).await
                && let Some((_, outcome)) = decided.ballots.iter().find(|(id, _)| *id == ballot)
            {
                if matches!(outcome, BallotOutcome::Recorded { .. }) {
                    let found = self.stores.database.ballot(&self.contest, ballot).await.unwrap();
                    assert!(found.is_some(), "notified before the commit");
                }
                return outcome.clone();
            }
        }
    }

    /// Queues a command.
    pub(crate) async fn queue(&self, key: &str, command: Command) {
        let received = self.stores.clock.now();
        let queued = QueuedCommand { key: key.to_owned(), by: "chair".to_owned(), command, received };
        self.stores.database.queue_command(&self.contest, &queued).await.unwrap();
        self.stores.hub.send(Notice::CommandQueued(self.contest.clone()));
    }

    /// Queues a command and waits for its outcome.
    pub(crate) async fn decide(&mut self, key: &str, command: Command) -> CommandOutcome {
        self.queue(key, command).await;
        let mut found = None;
        self.until(|notice| match notice {
            Notice::Decided(decided) => {
                found =
                    decided.commands.iter().find(|(decided, _)| decided.key == key).map(|(_, o)| o.clone());
                found.is_some()
            }
            _ => false,
        })
        .await;
        found.unwrap()
    }

    /// Waits until the result of the closed contest is published, and returns the command that
    /// certifies it.
    pub(crate) async fn certify_request(&mut self) -> Command {
        let document = loop {
            let result = self.stores.hub.latest(&self.contest).and_then(|latest| latest.result.clone());
            let document: serde_json::Value =
                serde_json::from_slice(&result.unwrap_or_default()).unwrap_or_default();
            if document.get("certify").is_some() {
                break document;
            }
            self.until(|notice| matches!(notice, Notice::Published(_))).await;
        };
        let text = |key: &str| document["certify"][key].as_str().unwrap().to_owned();
        let size = document["certify"]["size"].as_u64().unwrap();
        Command::Certify { size, root: text("root"), result: text("result"), undecided: false }
    }

    /// The contest's phase in the database.
    pub(crate) async fn phase(&self) -> Phase {
        self.stores.database.contest(&self.contest).await.unwrap().unwrap().state.phase
    }

    /// Waits for a notice that matches.
    pub(crate) async fn until(&mut self, mut is_match: impl FnMut(&Notice) -> bool) {
        loop {
            if is_match(&next(&mut self.notices).await) {
                return;
            }
        }
    }

    pub(crate) async fn lines(&self) -> Vec<String> {
        let entries = self.stores.database.entries(&self.contest, 0, usize::MAX).await.unwrap();
        entries.iter().map(|entry| String::from_utf8(entry.to_vec()).unwrap()).collect()
    }

    /// Audits the ledger's entries against its checkpoint.
    pub(crate) async fn audit(&self) -> AuditReport {
        let head = self.stores.database.head(&self.contest).await.unwrap().unwrap();
        let checkpoint = Checkpoint::open(&head.checkpoint, self.key().verifier()).unwrap();
        let mut audit =
            Audit::new(ExpectedLog { checkpoint, result: None }, &|_| None, AuditPlan::single_round());
        for line in self.lines().await {
            audit.push(line.as_bytes());
        }
        audit.finish()
    }

    /// Stops the sequencer and starts it again on the stored state.
    pub(crate) async fn restart(&mut self) -> Result<(), LoadError> {
        self.stop.send_replace(true);
        (&mut self.running).await.unwrap();
        self.begin().await
    }

    /// Kills the sequencer at any point.
    pub(crate) async fn kill(&mut self) {
        self.running.abort();
        let _killed = (&mut self.running).await;
    }

    /// Kills the sequencer and starts another one.
    pub(crate) async fn replace(&mut self) {
        self.kill().await;
        self.begin().await.unwrap();
    }

    /// Starts a sequencer on the stored state.
    pub(crate) async fn begin(&mut self) -> Result<(), LoadError> {
        let stopping = watch::Sender::new(false);
        let sequencer = self.another(stopping.subscribe()).await?;
        self.stop = stopping;
        self.running = tokio::spawn(sequencer.run());
        Ok(())
    }

    /// Returns a second sequencer on the same stores.
    pub(crate) async fn another(&self, stop: watch::Receiver<bool>) -> Result<Sequencer, LoadError> {
        Sequencer::start(self.stores.clone(), Arc::clone(&self.keyring), self.settings.clone(), stop).await
    }

    /// The key that signs the contest's checkpoints.
    pub(crate) fn key(&self) -> SigningKey {
        SigningKey::from_seed(&self.keyring.origin(&self.contest), &self.keyring.log_seed).unwrap()
    }

    pub(crate) async fn stop(self) {
        self.stop.send(true).unwrap();
        self.running.await.unwrap();
    }
}

/// Returns the definition of one category with entries p1 and p2, with more tables.
pub(crate) fn definition_with(id: &str, more: &str) -> Definition {
    read_definition(id, OPENS, CLOSES, more)
}

/// Returns the definition of one category with entries p1 and p2.
fn definition(id: &str, opens: &str, closes: &str) -> Definition {
    read_definition(id, opens, closes, "")
}

fn read_definition(id: &str, opens: &str, closes: &str, more: &str) -> Definition {
    let json = format!(
        r#"{{{more}"contest":{{"id":"{id}","title":"Photos","time_zone":"UTC","opens":"{opens}","closes":"{closes}"}},
            "winners":{{"count":1,"from":"all","by":"votes"}},
            "category":[{{"id":"a","title":"A"}}],
            "entry":[{{"id":"p1","category":"a","title":"One"}},{{"id":"p2","category":"a","title":"Two"}}]}}"#
    );
    Definition::from_json(json.as_bytes(), &Overrides::default()).unwrap()
}

pub(crate) fn settings() -> Settings {
    Settings { retry_after: Duration::from_millis(20), ..Settings::default() }
}

/// Returns the next notice, or fails the test after 20 seconds.
///
/// A test that did not read for a while misses the oldest notices.
async fn next(notices: &mut Receiver<Notice>) -> Notice {
    let read = async {
        loop {
            match notices.recv().await {
                Err(RecvError::Lagged(_)) => {}
                notice => return notice.unwrap(),
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), read).await.expect("a notice in time")
}
