//! The destruction of a tag key. Under every fault, the log states the destruction exactly when the
//! key no longer exists.

use std::time::{Duration, Instant};

use acclaim_contest::Phase;
use acclaim_store::{
    CommandOutcome, RequestId,
    command::{Command, QueuedCommand, TAG_KEY_DESTROYED},
    hub::Notice,
};
use acclaim_test_servers::wait::retry_async;
use acclaim_test_support::{Fault, Step};
use futures_util::{StreamExt as _, stream};

use crate::{
    cluster::Cluster,
    support::{Backends, TestContest, time},
};

const CASE_TIMEOUT: Duration = Duration::from_secs(60);

struct Case {
    world: TestContest,
    name: String,
    started: Instant,
}

impl Case {
    async fn open(backends: Backends, name: String, id: &str) -> Self {
        Self { world: TestContest::open_on(backends, id).await, name, started: Instant::now() }
    }

    async fn queue(&self, key: &str, command: Command) {
        let received = self.world.stores.clock.now();
        let queued = QueuedCommand { key: key.to_owned(), by: "chair".to_owned(), command, received };
        // A fault may have cut the connection.
        retry_async(CASE_TIMEOUT, async || {
            let outcome = self.world.stores.database.queue_command(&self.world.contest, &queued).await;
            outcome.map_err(|error| format!("{}: the command is not queued: {error}", self.name))
        })
        .await;
        self.world.stores.hub.send(Notice::CommandQueued(self.world.contest.clone()));
    }

    async fn destroy(&self, key: &str) {
        self.queue(key, Command::DestroyTagKey { reason: "as announced".to_owned() }).await;
    }

    async fn outcome(&mut self, key: &str) -> CommandOutcome {
        loop {
            let outcome = self
                .world
                .stores
                .database
                .command_outcome(&self.world.contest, &RequestId::new("chair", key))
                .await;
            if let Ok(Some(outcome)) = outcome {
                return outcome;
            }
            self.check_key_and_log().await;
            self.wait_or_replace("an outcome").await;
        }
    }

    async fn code(&mut self, key: &str) -> String {
        match self.outcome(key).await {
            CommandOutcome::Refused { code, .. } => code,
            CommandOutcome::Recorded { .. } => "recorded".to_owned(),
        }
    }

    async fn close(&mut self) {
        self.world.clock.set(time("2021-03-31T22:01:00Z"));
        loop {
            let record = self.world.stores.database.contest(&self.world.contest).await;
            if record.is_ok_and(|record| record.unwrap().state.phase == Phase::Closed) {
                return;
            }
            self.wait_or_replace("closed").await;
        }
    }

    /// Waits a little. If the fault plan kills the process, another one starts.
    async fn wait_or_replace(&mut self, what: &str) {
        assert!(self.started.elapsed() < CASE_TIMEOUT, "{}: {what}: not in time", self.name);
        if tokio::time::timeout(Duration::from_millis(3), self.world.faults.wait_for_kill()).await.is_ok() {
            self.world.replace().await;
        }
    }

    /// Whether the database has the key; `None` if it does not answer.
    async fn has_key(&self) -> Option<bool> {
        let record = self.world.stores.database.contest(&self.world.contest).await;
        record.ok().flatten().map(|record| record.tag_key.is_some())
    }

    /// Number of log entries that state the destruction; `None` if the database does not answer.
    async fn count_statements(&self) -> Option<usize> {
        let prefix = format!(r#"{{"type":"statement","kind":"{TAG_KEY_DESTROYED}","#);
        let entries = self.world.stores.database.entries(&self.world.contest, 0, usize::MAX).await.ok()?;
        Some(entries.iter().filter(|entry| entry.starts_with(prefix.as_bytes())).count())
    }

    /// The key can only disappear, and the statement can only appear. So the second read must be
    /// consistent with the first.
    async fn check_key_and_log(&self) {
        if let (Some(statements), Some(has_key)) = (self.count_statements().await, self.has_key().await) {
            assert!(
                statements == 0 || !has_key,
                "{}: the log states the destruction, but the key exists",
                self.name
            );
        }
        if let (Some(has_key), Some(statements)) = (self.has_key().await, self.count_statements().await) {
            assert!(
                has_key || statements == 1,
                "{}: the key is destroyed, but the log does not state it",
                self.name
            );
        }
    }

    async fn run_to_end(mut self, fault: Fault) {
        self.destroy("early").await;
        assert_eq!(self.code("early").await, "still-open", "{}", self.name);
        self.close().await;
        self.check_key_and_log().await;
        self.world.faults.plan(Step::Append, [fault]);
        self.destroy("now").await;
        assert_eq!(self.code("now").await, "recorded", "{}", self.name);
        assert_eq!(self.world.faults.remaining(), 0, "{}", self.name);
        self.destroy("again").await;
        assert_eq!(self.code("again").await, TAG_KEY_DESTROYED, "{}", self.name);
        self.check_key_and_log().await;
        assert_eq!(
            (self.count_statements().await, self.has_key().await),
            (Some(1), Some(false)),
            "{}",
            self.name
        );
        assert!(self.world.audit().await.clean, "{}", self.name);
        self.world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn destroys_tag_key_exactly_with_log_statement() {
    for fault in Fault::ALL.into_iter().filter(|fault| *fault != Fault::Cut) {
        Case::open(Backends::embedded(), format!("{fault:?}"), "case").await.run_to_end(fault).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn destroys_tag_key_exactly_with_log_statement_in_cluster() {
    let cluster = Cluster::start().await;
    let run = |(number, fault): (usize, Fault)| {
        let cluster = &cluster;
        async move {
            let (name, id) = (format!("cluster {fault:?}"), format!("case-{number}"));
            Case::open(cluster.backends().await, name, &id).await.run_to_end(fault).await;
        }
    };
    stream::iter(Fault::ALL.into_iter().enumerate()).for_each_concurrent(4, run).await;
}

/// The sequencer refuses the statement even if another part queued it.
#[tokio::test]
async fn refuses_staff_statement_of_reserved_kind() {
    let mut case = Case::open(Backends::embedded(), "statement".to_owned(), "case").await;
    case.close().await;
    case.queue("lie", Command::State { kind: TAG_KEY_DESTROYED.to_owned(), text: "gone".to_owned() }).await;
    assert_eq!(case.code("lie").await, "reserved-kind");
    case.queue("note", Command::State { kind: "note".to_owned(), text: "thanks".to_owned() }).await;
    assert_eq!(case.code("note").await, "recorded");
    assert_eq!((case.count_statements().await, case.has_key().await), (Some(0), Some(true)));
    case.world.stop().await;
}
