//! Witnesses cosign published checkpoints. No behaviour of a witness delays anything else.

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
use acclaim_test_servers::wait::{WAIT_TIMEOUT, retry_async, wait_until_async};
use async_trait::async_trait;

use crate::{
    support::{Backends, TestContest, settings, time},
    upkeep::{outcome, queue},
};

/// The behaviour of a witness.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Behaviour {
    Healthy,
    Hangs,
    Unavailable,
    /// Answers with a cosignature of another note.
    Lies,
}

/// A witness in the test's process.
#[derive(Debug)]
struct FakeWitness {
    key: CosigningKey,
    /// The log's key, set as soon as it is known.
    log: OnceLock<VerifierKey>,
    latest: Mutex<Option<(u64, Hash)>>,
    behaviour: Mutex<Behaviour>,
    request_count: AtomicUsize,
    correction_count: AtomicUsize,
}

impl FakeWitness {
    fn new(name: &str, behaviour: Behaviour) -> Arc<Self> {
        Arc::new(Self {
            key: CosigningKey::from_seed(name, seed_of(name)).unwrap(),
            log: OnceLock::new(),
            latest: Mutex::default(),
            behaviour: Mutex::new(behaviour),
            request_count: AtomicUsize::new(0),
            correction_count: AtomicUsize::new(0),
        })
    }

    fn set(&self, behaviour: Behaviour) {
        *self.behaviour.lock().unwrap() = behaviour;
    }

    fn answer(&self, request: &AddCheckpoint, behaviour: Behaviour) -> WitnessAnswer {
        let Some(log) = self.log.get() else { return WitnessAnswer::Refused("unknown log".to_owned()) };
        let mut latest = self.latest.lock().unwrap();
        match request.verify(log, *latest) {
            Ok(_) if behaviour == Behaviour::Lies => {
                let other = request.checkpoint.replacen('\n', "x\n", 1);
                WitnessAnswer::Cosigned(self.key.cosign(other, 7).unwrap())
            }
            Ok(checkpoint) => {
                *latest = Some((checkpoint.size, checkpoint.root));
                WitnessAnswer::Cosigned(self.key.cosign(&request.checkpoint, 7).unwrap())
            }
            Err(CosignError::Stale(size)) => {
                self.correction_count.fetch_add(1, Ordering::Relaxed);
                WitnessAnswer::Stale(size)
            }
            Err(refusal @ (CosignError::AnotherRoot(_) | CosignError::Proof(_))) => {
                WitnessAnswer::Inconsistent(refusal.to_string())
            }
            Err(refusal) => WitnessAnswer::Refused(refusal.to_string()),
        }
    }
}

/// Returns the seed of a name.
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
        self.request_count.fetch_add(1, Ordering::Relaxed);
        let behaviour = *self.behaviour.lock().unwrap();
        match behaviour {
            Behaviour::Hangs => std::future::pending().await,
            Behaviour::Unavailable => Err(StoreError::Unavailable("away".to_owned())),
            Behaviour::Healthy | Behaviour::Lies => Ok(self.answer(request, behaviour)),
        }
    }
}

async fn open_with_witnesses(fakes: &[&Arc<FakeWitness>]) -> TestContest {
    open_with_witness_timeout(fakes, Duration::from_millis(200)).await
}

async fn open_with_witness_timeout(fakes: &[&Arc<FakeWitness>], witness_timeout: Duration) -> TestContest {
    let witnesses = fakes.iter().map(|fake| Arc::clone(fake) as Arc<dyn Witness>).collect();
    let settings =
        Settings { witnesses, witness_interval: Duration::from_millis(20), witness_timeout, ..settings() };
    let world = TestContest::open_on(Backends { settings, ..Backends::embedded() }, "photos").await;
    for fake in fakes {
        fake.log.set(world.key().verifier().clone()).unwrap();
    }
    world
}

/// Waits until the newest published checkpoint is saved with the cosignatures of exactly these
/// witnesses.
async fn until_cosigned(
    world: &TestContest,
    by: &[&Arc<FakeWitness>],
    not_by: &[&Arc<FakeWitness>],
) -> String {
    retry_async(WAIT_TIMEOUT, async || {
        let published = world.stores.published_checkpoints.highest(&world.contest).await.unwrap().unwrap();
        let saved =
            world.stores.published_checkpoints.cosigned(&world.contest).await.unwrap().unwrap_or_default();
        let has = |fake: &&Arc<FakeWitness>| fake.key.verifier().find(&saved).is_ok();
        let has_none = |fake: &&Arc<FakeWitness>| !saved.contains(fake.key.verifier().name());
        if saved.starts_with(&published) && by.iter().all(has) && not_by.iter().all(has_none) {
            Ok(saved)
        } else {
            Err(format!("published {published}saved {saved}"))
        }
    })
    .await
}

async fn vote(world: &mut TestContest, voters: std::ops::Range<usize>) {
    let ballots: Vec<_> = voters.map(|voter| world.ballot(&format!("voter-{voter}"), "p1")).collect();
    let last = ballots.last().unwrap().ballot;
    world.submit(ballots).await;
    assert!(matches!(world.outcome(last).await, BallotOutcome::Recorded { .. }));
}

#[tokio::test]
async fn gathers_cosignatures_of_all_witnesses() {
    let (one, two) =
        (FakeWitness::new("one", Behaviour::Healthy), FakeWitness::new("two", Behaviour::Healthy));
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

    // After a restart the saved checkpoint is already cosigned, so no witness gets a request.
    let request_count = one.request_count.load(Ordering::Relaxed);
    world.restart().await.unwrap();
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert_eq!(one.request_count.load(Ordering::Relaxed), request_count);
    // The saved cosignatures are lost. The sequencer asks from size zero, and each witness reports
    // its size.
    world.stores.published_checkpoints.forget(&world.contest).await.unwrap();
    world.restart().await.unwrap();
    until_cosigned(&world, &[&one, &two], &[]).await;
    assert_eq!(two.correction_count.load(Ordering::Relaxed), 1, "the witness reported its size");
    world.stop().await;
}

#[tokio::test]
async fn keeps_witnessing_after_partly_refused_command() {
    let fake = FakeWitness::new("one", Behaviour::Healthy);
    let mut world = open_with_witnesses(&[&fake]).await;
    vote(&mut world, 0..3_000).await;
    let ballot_of = |voter: usize| world.ballot(&format!("voter-{voter}"), "p1").ballot;
    let unknown = acclaim_contest::BallotId([7; 16]);
    let ballots = (0..3_000).map(ballot_of).chain([unknown]).collect();
    let reason = Reason { reason: "by mistake".to_owned(), note: None };
    queue(&world, "void", Command::Void { ballots, reason }).await;
    assert!(matches!(outcome(&world, "void").await, CommandOutcome::Refused { .. }));
    vote(&mut world, 3_000..3_001).await;
    until_cosigned(&world, &[&fake], &[]).await;
    let report = world.audit().await;
    assert!(report.clean && report.ballots.recorded == 3_001, "{:?}", report.findings);
    world.stop().await;
}

#[tokio::test]
async fn a_hanging_witness_delays_no_ballot_and_catches_up() {
    let (one, two) = (FakeWitness::new("one", Behaviour::Healthy), FakeWitness::new("two", Behaviour::Hangs));
    let mut world = open_with_witnesses(&[&one, &two]).await;
    // A timeout takes 200 ms. A thousand batches that each waited for it would take minutes.
    let started = Instant::now();
    for voter in 0..1_000 {
        vote(&mut world, voter..voter + 1).await;
    }
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
    until_cosigned(&world, &[&one], &[&two]).await;
    assert!(two.request_count.load(Ordering::Relaxed) > 0);

    two.set(Behaviour::Healthy);
    until_cosigned(&world, &[&one, &two], &[]).await;
    two.set(Behaviour::Unavailable);
    vote(&mut world, 1_000..1_010).await;
    until_cosigned(&world, &[&one], &[&two]).await;
    two.set(Behaviour::Lies);
    vote(&mut world, 1_010..1_020).await;
    until_cosigned(&world, &[&one], &[&two]).await;
    two.set(Behaviour::Healthy);
    until_cosigned(&world, &[&one, &two], &[]).await;
    assert!(world.audit().await.clean);
    world.stop().await;
}

#[tokio::test]
async fn an_unavailable_witness_delays_no_round() {
    let (one, two) =
        (FakeWitness::new("one", Behaviour::Healthy), FakeWitness::new("two", Behaviour::Unavailable));
    // Longer than anything in this test may take.
    let mut world = open_with_witness_timeout(&[&one, &two], Duration::from_secs(60)).await;
    for ten in 0..5 {
        vote(&mut world, ten * 10..(ten + 1) * 10).await;
        until_cosigned(&world, &[&one], &[&two]).await;
    }
    world.stop().await;
}

#[tokio::test]
async fn records_ballots_without_any_witness() {
    let (one, two) =
        (FakeWitness::new("one", Behaviour::Hangs), FakeWitness::new("two", Behaviour::Unavailable));
    let mut world = open_with_witnesses(&[&one, &two]).await;
    for voter in 0..200 {
        vote(&mut world, voter..voter + 1).await;
    }
    assert_eq!(world.stores.published_checkpoints.cosigned(&world.contest).await.unwrap(), None);
    let started = Instant::now();
    world.stop().await;
    assert!(started.elapsed() < Duration::from_secs(5), "the stop does not wait for witnesses");
}

#[tokio::test]
async fn keeps_no_cosignature_of_conflicting_history() {
    let (one, two) =
        (FakeWitness::new("one", Behaviour::Healthy), FakeWitness::new("two", Behaviour::Healthy));
    *one.latest.lock().unwrap() = Some((1_000_000, Hash([1; 32])));
    *two.latest.lock().unwrap() = Some((3, Hash([1; 32])));
    let mut world = open_with_witnesses(&[&one, &two]).await;
    vote(&mut world, 0..100).await;
    wait_until_async("four requests to each witness", async || {
        [&one, &two].iter().all(|fake| fake.request_count.load(Ordering::Relaxed) >= 4)
    })
    .await;
    vote(&mut world, 100..200).await;
    assert_eq!(world.stores.published_checkpoints.cosigned(&world.contest).await.unwrap(), None);
    world.stop().await;
}

#[tokio::test]
async fn refuses_ledger_older_than_cosigned_checkpoint() {
    let one = FakeWitness::new("one", Behaviour::Healthy);
    let mut world = open_with_witnesses(&[&one]).await;
    let saved = until_cosigned(&world, &[&one], &[]).await;
    let newer = world.key().sign(checkpoint_size(&saved).unwrap() + 1, Hash([1; 32]));
    world.stores.published_checkpoints.save_cosigned(&world.contest, &newer).await.unwrap();
    assert!(matches!(world.restart().await, Err(acclaim_sequencer::LoadError::RolledBack { .. })));
}
