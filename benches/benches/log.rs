//! Benchmarks of a log: a batch of the sequencer, and an audit.

#![expect(clippy::unwrap_used, reason = "the benchmark makes these values itself")]

use std::num::NonZeroUsize;

use acclaim_ballot_log::{Checkpoint, SigningKey};
use acclaim_benches::{ORIGIN, definition, log, replay};
use acclaim_tally::{
    PreparedLine,
    audit::{Audit, AuditPlan, BLOCK_LENGTH, ExpectedLog},
};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};

/// The number of ballots in a batch.
const BATCH: u32 = 1_000;
/// The number of ballots in the log before the batch.
const BEFORE: u32 = 10_000;
/// The number of ballots in the audited log.
const BALLOTS: u32 = 100_000;

fn key() -> SigningKey {
    SigningKey::from_seed(ORIGIN, &[7; 32]).unwrap()
}

/// Measures one batch: decode, hash, admit and fold each ballot, then root, tiles and signature.
fn batch(c: &mut Criterion) {
    let (opening, ballots) = log(&definition(), BEFORE + BATCH);
    let (before, batch) = ballots.split_at(BEFORE as usize);
    let replay = replay(&[&opening, before].concat());
    let key = key();
    let mut group = c.benchmark_group("sequencer");
    group.throughput(Throughput::Elements(BATCH.into()));
    group.bench_function("a batch of a thousand ballots", |b| {
        b.iter_batched(
            || replay.clone(),
            |mut replay| {
                for line in batch {
                    replay.push_prepared(&PreparedLine::new(line, None).unwrap()).unwrap();
                }
                (key.sign(replay.size(), replay.root()), replay.changed_tiles(), replay)
            },
            BatchSize::LargeInput,
        );
    });
    group.finish();
}

fn audit(c: &mut Criterion) {
    let (opening, ballots) = log(&definition(), BALLOTS);
    let lines = [opening, ballots].concat();
    let lines: Vec<&[u8]> = lines.iter().map(|line| &line[..]).collect();
    let replay = replay(&lines.iter().map(|line| line.to_vec()).collect::<Vec<_>>());
    let key = key();
    let checkpoint = Checkpoint::open(key.sign(replay.size(), replay.root()), key.verifier()).unwrap();
    let expected = ExpectedLog { checkpoint, result: None };
    let bytes = lines.iter().map(|line| line.len() as u64 + 1).sum();
    let mut group = c.benchmark_group("audit");
    group.throughput(Throughput::Elements(BALLOTS.into()));
    group.sample_size(10);
    group.bench_function("a hundred thousand ballots on one thread", |b| {
        b.iter(|| {
            let plan = AuditPlan::new(bytes, 1 << 30, NonZeroUsize::MIN);
            let mut audit = Audit::new(expected.clone(), &|_| None, plan);
            lines.chunks(BLOCK_LENGTH).for_each(|lines| audit.push_lines(lines));
            assert!(audit.finish().clean);
        });
    });
    group.finish();
}

criterion_group!(parts, batch, audit);
criterion_main!(parts);
