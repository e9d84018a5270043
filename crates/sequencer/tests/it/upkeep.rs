//! Work beside recording: floods of commands, stores that do not answer, failed side effects, and
//! contests that stopped.

use std::time::{Duration, Instant};

use acclaim_contest::BallotId;
use acclaim_store::{
    CommandOutcome, RequestId,
    command::{Command, QueuedCommand},
    hub::{BallotOutcome, Notice, Recording},
    ledger::Append,
};
use acclaim_test_servers::wait::{WAIT_TIMEOUT, retry_async, wait_until_async};
use acclaim_test_support::{Fault, Step};

use crate::support::{Backends, TestContest, settings};

pub(crate) async fn queue(world: &TestContest, key: &str, command: Command) {
    let received = world.stores.clock.now();
    let queued = QueuedCommand { key: key.to_owned(), by: "chair".to_owned(), command, received };
    world.stores.database.queue_command(&world.contest, &queued).await.unwrap();
    world.stores.hub.send(Notice::CommandQueued(world.contest.clone()));
}

pub(crate) async fn outcome(world: &TestContest, key: &str) -> CommandOutcome {
    let request = RequestId::new("chair", key);
    retry_async(WAIT_TIMEOUT, async || {
        let outcome = world.stores.database.command_outcome(&world.contest, &request).await.unwrap();
        outcome.ok_or("an outcome")
    })
    .await
}

async fn backlog(world: &TestContest) -> u64 {
    let session = world.stores.database.contest(&world.contest).await.unwrap().unwrap().session();
    world.stores.intake.backlog(&session).await.unwrap().items
}

#[tokio::test(flavor = "multi_thread")]
async fn records_ballots_during_command_flood() {
    let mut world = TestContest::open().await;
    let flood = async |staff: u32| {
        for number in 0_u32.. {
            let key = format!("{staff}-{number}");
            let text = Command::State { kind: "note".to_owned(), text: key.clone() };
            queue(&world, &key, text).await;
            outcome(&world, &key).await;
        }
    };
    let ballots: Vec<BallotId> = {
        let floods = async { tokio::join!(flood(0), flood(1), flood(2), flood(3), flood(4), flood(5)) };
        let voting = async {
            let mut ballots = Vec::new();
            for voter in 0..20 {
                // Sleeps: paces the ballots, so that commands are queued between them.
                tokio::time::sleep(Duration::from_millis(20)).await;
                let ballot = world.ballot(&format!("voter-{voter}"), "p1");
                let id = ballot.ballot;
                ballots.push(id);
                world.submit(vec![ballot]).await;
                wait_until_async("recorded during the flood", async || {
                    world.stores.database.ballot(&world.contest, id).await.unwrap().is_some()
                })
                .await;
            }
            ballots
        };
        tokio::select! {
            ballots = voting => ballots,
            _ = floods => unreachable!("a flood never ends"),
        }
    };
    assert_eq!(ballots.len(), 20);
    let last = world.ballot("last", "p1");
    world.submit(vec![last.clone()]).await;
    world.outcome(last.ballot).await;
    // The queued commands of the flood are still decided.
    wait_until_async("no queued commands", async || {
        world.stores.database.pending_commands(&world.contest, 1).await.unwrap().is_empty()
    })
    .await;
    assert!(world.audit().await.clean);
    world.stop().await;
}

#[tokio::test]
async fn keeps_state_while_store_is_unavailable() {
    let settings = acclaim_sequencer::Settings { lease: Duration::from_millis(40), ..settings() };
    let mut world = TestContest::open_on(Backends { settings, ..Backends::embedded() }, "photos").await;
    let ballot = world.ballot("ama", "p1");
    world.submit(vec![ballot.clone()]).await;
    world.outcome(ballot.ballot).await;
    let entries_before = world.database.entries_read();
    world.faults.plan(Step::TakeLease, [Fault::LostBefore; 3]);
    wait_until_async("the faults", async || world.faults.remaining() == 0).await;
    let ballot = world.ballot("li", "p1");
    world.submit(vec![ballot.clone()]).await;
    assert!(matches!(world.outcome(ballot.ballot).await, BallotOutcome::Recorded { .. }));
    assert_eq!(world.database.entries_read(), entries_before);
    wait_until_async("healthy again", async || {
        let recording = world.stores.hub.recording();
        recording.iter().any(|(_, recording)| *recording == Recording::Healthy)
    })
    .await;
    world.stop().await;
}

#[tokio::test]
async fn applies_draft_change_after_database_returns() {
    let mut world = TestContest::open().await;
    let later = world.definition("later", "2021-12-01T00:00:00Z");
    world.draft(&later).await;
    wait_until_async("a task for the draft", async || {
        world.stores.hub.recording().iter().any(|(contest, _)| *contest == later.id)
    })
    .await;
    let sooner = world.definition("later", crate::support::OPENS);
    let faults = 25;
    world.faults.plan(Step::Revision, vec![Fault::LostBefore; faults]);
    world.stores.hub.send(Notice::ContestChanged(later.id.clone()));
    // After the first failure, no read from before the edit is used after it.
    wait_until_async("a failed read", async || world.faults.remaining() < faults).await;
    world.stores.database.edit_draft(&sooner, 1).await.unwrap();
    world.stores.hub.send(Notice::ContestChanged(later.id.clone()));
    world.until(|notice| matches!(notice, Notice::Decided(decided) if decided.contest == later.id)).await;
    assert_eq!(world.faults.remaining(), 0);
    world.stop().await;
}

#[tokio::test]
async fn trims_recorded_ballots_after_kill() {
    let mut world = TestContest::open().await;
    world.faults.plan(Step::Trim, [Fault::KilledBefore]);
    let ballot = world.ballot("ama", "p1");
    world.submit(vec![ballot.clone()]).await;
    world.faults.wait_for_kill().await;
    world.kill().await;
    assert_eq!(backlog(&world).await, 1);
    let started = Instant::now();
    world.begin().await.unwrap();
    // The notice makes waiting requests read the ledger.
    world.until(|notice| matches!(notice, Notice::ContestChanged(_))).await;
    assert!(world.stores.database.ballot(&world.contest, ballot.ballot).await.unwrap().is_some());
    wait_until_async("trimmed", async || backlog(&world).await == 0).await;
    let lease = acclaim_sequencer::Settings::default().lease;
    assert!(started.elapsed() < lease, "the API reports late recording after a lease");
    world.stop().await;
}

#[tokio::test]
async fn forgets_stopped_contest_after_deletion() {
    let mut definition = TestContest::open().await.definition("test", crate::support::OPENS);
    definition.test = true;
    let world = TestContest::open_with(Backends::embedded(), &definition).await;
    let head = world.stores.database.head(&world.contest).await.unwrap().unwrap();
    let mut other = head.clone();
    other.size += 1;
    let append = Append::of_entries(Some((head.size, head.root)), other, vec!["damage".into()]);
    world.stores.database.append(&world.contest, append).await.unwrap();
    let stopped = async || {
        let recording = world.stores.hub.recording();
        recording.iter().any(|(_, recording)| matches!(recording, Recording::Stopped(_)))
    };
    world.submit(vec![world.ballot("ama", "p1")]).await;
    wait_until_async("stopped", stopped).await;
    world.stores.database.delete_contest(&world.contest).await.unwrap();
    world.stores.hub.send(Notice::ContestChanged(world.contest.clone()));
    wait_until_async("recording state forgotten", async || world.stores.hub.recording().is_empty()).await;
    wait_until_async("published checkpoint forgotten", async || {
        world.stores.published_checkpoints.highest(&world.contest).await.unwrap().is_none()
    })
    .await;
    world.stop().await;
}
