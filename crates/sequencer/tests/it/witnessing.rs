//! Witnesses cosign what is shown, and whatever they do nobody waits for them.

use std::{
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use acclaim_ballot_log::{
    AddCheckpoint, Checkpoint, CosigningKey, Hash, VerifierKey, WitnessKey, witness::CosignError,
};
use acclaim_sequencer::Settings;
use acclaim_store::{
    Command, CommandOutcome, StoreError, Witness, WitnessAnswer, command::Reason, error::Result,
    hub::BallotOutcome, published_checkpoints::checkpoint_size,
};
use async_trait::async_trait;

use crate::{
    support::{Backends, TestContest, settings, time},
    upkeep::{outcome, queue},
};

/// How a witness behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Behaviour {
    Well,
    Hangs,
    Away,
    /// Answers with a cosignature of something else.
    Lies,
}

/// A witness in process.
#[derive(Debug)]
struct FakeWitness {
    key: CosigningKey,
    /// Told once the log's key is known.
    log: OnceLock<VerifierKey>,
    latest: Mutex<Option<(u64, Hash)>>,
    mood: Mutex<Behaviour>,
    asked: AtomicUsize,
    corrected: AtomicUsize,
}

impl FakeWitness {
    fn new(name: &str, mood: Behaviour) -> Arc<Self> {
        Arc::new(Self {
            key: CosigningKey::from_seed(name, seed_of(name)).unwrap(),
            log: OnceLock::new(),
            latest: Mutex::default(),
            mood: Mutex::new(mood),
            asked: AtomicUsize::new(0),
            corrected: AtomicUsize::new(0),
        })
    }

    fn set(&self, mood: Behaviour) {
        *self.mood.lock().unwrap() = mood;
    }

    fn answer(&self, request: &AddCheckpoint, mood: Behaviour) -> WitnessAnswer {
        let Some(log) = self.log.get() else { return WitnessAnswer::Refused("unknown log".to_owned()) };
        let mut latest = self.latest.lock().unwrap();
        match request.verify(log, *latest) {
            Ok(_) if mood == Behaviour::Lies => {
                let other = request.checkpoint.replacen('\n', "x\n", 1);
                WitnessAnswer::Cosigned(self.key.cosign(other, 7).unwrap())
            }
            Ok(checkpoint) => {
                *latest = Some((checkpoint.size, checkpoint.root));
                WitnessAnswer::Cosigned(self.key.cosign(&request.checkpoint, 7).unwrap())
            }
            Err(CosignError::Stale(size)) => {
                self.corrected.fetch_add(1, Ordering::Relaxed);
                WitnessAnswer::Stale(size)
            }
            Err(refusal @ (CosignError::AnotherRoot(_) | CosignError::Proof(_))) => {
                WitnessAnswer::Inconsistent(refusal.to_string())
            }
            Err(refusal) => WitnessAnswer::Refused(refusal.to_string()),
        }
    }
}

/// A seed for each name.
fn seed_of(name: &str) -> &'static [u8; 32] {
    match name {
        "one" => &[1; 32],
        _ => &[2; 32],
    }
}

#[async_trait]
impl Witness for FakeWitness {
    fn key(&self) -> &WitnessKey {
        self.key.verifier()
    }

    async fn add_checkpoint(&self, request: &AddCheckpoint) -> Result<WitnessAnswer> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let mood = *self.mood.lock().unwrap();
        match mood {
            Behaviour::Hangs => std::future::pending().await,
            Behaviour::Away => Err(StoreError::Unavailable("away".to_owned())),
            Behaviour::Well | Behaviour::Lies => Ok(self.answer(request, mood)),
        }
    }
}

async fn open_with_witnesses(watchers: &[&Arc<FakeWitness>]) -> TestContest {
    open_with_witness_timeout(watchers, Duration::from_millis(200)).await
}

async fn open_with_witness_timeout(watchers: &[&Arc<FakeWitness>], witness_timeout: Duration) -> TestContest {
    let witnesses = watchers.iter().map(|watcher| Arc::clone(watcher) as Arc<dyn Witness>).collect();
    let settings =
        Settings { witnesses, witness_interval: Duration::from_millis(20), witness_timeout, ..settings() };
    let world = TestContest::open_on(Backends { settings, ..Backends::embedded() }, "photos").await;
    for watcher in watchers {
        watcher.log.set(world.key().verifier().clone()).unwrap();
    }
    world
}

/// Waits until the newest checkpoint shown is kept with the cosignatures of exactly these.
async fn until_cosigned(
    world: &TestContest,
    by: &[&Arc<FakeWitness>],
    not_by: &[&Arc<FakeWitness>],
) -> String {
    let begun = Instant::now();
    loop {
        let shown = world.stores.published_checkpoints.highest(&world.contest).await.unwrap().unwrap();
        let kept =
            world.stores.published_checkpoints.cosigned(&world.contest).await.unwrap().unwrap_or_default();
        let has = |watcher: &&Arc<FakeWitness>| watcher.key.verifier().find(&kept).is_ok();
        let has_none = |watcher: &&Arc<FakeWitness>| !kept.contains(watcher.key.verifier().name());
        if kept.starts_with(&shown) && by.iter().all(has) && not_by.iter().all(has_none) {
            return kept;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "shown {shown}kept {kept}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn vote(world: &mut TestContest, voters: std::ops::Range<usize>) {
    let ballots: Vec<_> = voters.map(|voter| world.ballot(&format!("voter-{voter}"), "p1")).collect();
    let last = ballots.last().unwrap().ballot;
    world.submit(ballots).await;
    assert!(matches!(world.outcome(last).await, BallotOutcome::Recorded { .. }));
}

#[tokio::test]
async fn gathers_cosignatures_of_all_witnesses() {
    let (one, two) = (FakeWitness::new("one", Behaviour::Well), FakeWitness::new("two", Behaviour::Well));
    let mut world = open_with_witnesses(&[&one, &two]).await;
    for hundred in 0..5 {
        vote(&mut world, hundred * 100..(hundred + 1) * 100).await;
        until_cosigned(&world, &[&one, &two], &[]).await;
    }
    world.clock.set(time("2021-03-31T22:01:00Z"));
    world.until(|notice| matches!(notice, acclaim_store::hub::Notice::ContestChanged(_))).await;
    let note = until_cosigned(&world, &[&one, &two], &[]).await;
    let checkpoint = Checkpoint::open(&note, world.key().verifier()).unwrap();
    assert!(world.lines().await.last().unwrap().contains("closed"));
    assert_eq!(checkpoint.size, world.lines().await.len() as u64);

    // A start finds it cosigned: nobody is asked.
    let asked = one.asked.load(Ordering::Relaxed);
    world.restart().await.unwrap();
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert_eq!(one.asked.load(Ordering::Relaxed), asked);
    // A witness that lost its state is proved everything anew, one that is behind what is left.
    world.stores.published_checkpoints.forget(&world.contest).await.unwrap();
    world.restart().await.unwrap();
    until_cosigned(&world, &[&one, &two], &[]).await;
    assert_eq!(two.corrected.load(Ordering::Relaxed), 1, "its size was learnt from it");
    world.stop().await;
}

#[tokio::test]
async fn keeps_witnessing_after_partly_refused_command() {
    let watcher = FakeWitness::new("one", Behaviour::Well);
    let mut world = open_with_witnesses(&[&watcher]).await;
    vote(&mut world, 0..3_000).await;
    let of = |voter: usize| world.ballot(&format!("voter-{voter}"), "p1").ballot;
    let unknown = acclaim_contest::BallotId([7; 16]);
    let ballots = (0..3_000).map(of).chain([unknown]).collect();
    let reason = Reason { reason: "by mistake".to_owned(), note: None };
    queue(&world, "void", Command::Void { ballots, reason }).await;
    assert!(matches!(outcome(&world, "void").await, CommandOutcome::Refused { .. }));
    vote(&mut world, 3_000..3_001).await;
    until_cosigned(&world, &[&watcher], &[]).await;
    let report = world.audit().await;
    assert!(report.clean && report.ballots.recorded == 3_001, "{:?}", report.findings);
    world.stop().await;
}

#[tokio::test]
async fn a_witness_that_hangs_delays_nobody_and_catches_up() {
    let (one, two) = (FakeWitness::new("one", Behaviour::Well), FakeWitness::new("two", Behaviour::Hangs));
    let mut world = open_with_witnesses(&[&one, &two]).await;
    // Its patience would be 200 ms; a thousand batches in a row would take minutes if any waited for it.
    let begun = Instant::now();
    for voter in 0..1_000 {
        vote(&mut world, voter..voter + 1).await;
    }
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    until_cosigned(&world, &[&one], &[&two]).await;
    assert!(two.asked.load(Ordering::Relaxed) > 0);

    two.set(Behaviour::Well);
    until_cosigned(&world, &[&one, &two], &[]).await;
    two.set(Behaviour::Away);
    vote(&mut world, 1_000..1_010).await;
    until_cosigned(&world, &[&one], &[&two]).await;
    two.set(Behaviour::Lies);
    vote(&mut world, 1_010..1_020).await;
    until_cosigned(&world, &[&one], &[&two]).await;
    two.set(Behaviour::Well);
    until_cosigned(&world, &[&one, &two], &[]).await;
    assert!(world.audit().await.clean);
    world.stop().await;
}

#[tokio::test]
async fn a_witness_that_is_away_holds_no_round_up() {
    let (one, two) = (FakeWitness::new("one", Behaviour::Well), FakeWitness::new("two", Behaviour::Away));
    // Longer than anything here may take.
    let mut world = open_with_witness_timeout(&[&one, &two], Duration::from_secs(60)).await;
    for ten in 0..5 {
        vote(&mut world, ten * 10..(ten + 1) * 10).await;
        until_cosigned(&world, &[&one], &[&two]).await;
    }
    world.stop().await;
}

#[tokio::test]
async fn records_ballots_without_any_witness() {
    let (one, two) = (FakeWitness::new("one", Behaviour::Hangs), FakeWitness::new("two", Behaviour::Away));
    let mut world = open_with_witnesses(&[&one, &two]).await;
    for voter in 0..200 {
        vote(&mut world, voter..voter + 1).await;
    }
    assert_eq!(world.stores.published_checkpoints.cosigned(&world.contest).await.unwrap(), None);
    let begun = Instant::now();
    world.stop().await;
    assert!(begun.elapsed() < Duration::from_secs(5), "the end waits for nobody");
}

#[tokio::test]
async fn keeps_no_cosignature_of_conflicting_history() {
    let (one, two) = (FakeWitness::new("one", Behaviour::Well), FakeWitness::new("two", Behaviour::Well));
    *one.latest.lock().unwrap() = Some((1_000_000, Hash([1; 32])));
    *two.latest.lock().unwrap() = Some((3, Hash([1; 32])));
    let mut world = open_with_witnesses(&[&one, &two]).await;
    vote(&mut world, 0..100).await;
    let begun = Instant::now();
    while [&one, &two].iter().any(|watcher| watcher.asked.load(Ordering::Relaxed) < 4) {
        assert!(begun.elapsed() < Duration::from_secs(20));
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    vote(&mut world, 100..200).await;
    assert_eq!(world.stores.published_checkpoints.cosigned(&world.contest).await.unwrap(), None);
    world.stop().await;
}

#[tokio::test]
async fn a_ledger_older_than_what_was_cosigned_is_refused() {
    let one = FakeWitness::new("one", Behaviour::Well);
    let mut world = open_with_witnesses(&[&one]).await;
    let kept = until_cosigned(&world, &[&one], &[]).await;
    let newer = world.key().sign(checkpoint_size(&kept).unwrap() + 1, Hash([1; 32]));
    world.stores.published_checkpoints.save_cosigned(&world.contest, &newer).await.unwrap();
    assert!(matches!(world.restart().await, Err(acclaim_sequencer::LoadError::RolledBack { .. })));
}
