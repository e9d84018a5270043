//! Benchmarks of one ballot: the pass, its selections, the entry's bytes, its leaf, the tree.

#![expect(clippy::unwrap_used, reason = "the benchmark makes these values itself")]

use std::{
    collections::{BTreeMap, HashSet},
    hint::black_box,
};

use acclaim_ballot_log::{LogEntry, NewBallot, Tree, leaf_hash};
use acclaim_benches::definition;
use acclaim_contest::{
    ContestId, Definition, TagKey,
    ballot::BallotValidator,
    pass::{Admission, AdmissionMethod, Pass, PassKey},
};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use jiff::Timestamp;

fn contest() -> ContestId {
    "photo-2021".parse().unwrap()
}

fn entry(voter: u64) -> Vec<u8> {
    let ballot = NewBallot {
        voter: TagKey([7; 32]).tag(&voter.to_string()),
        channel: None,
        period: None,
        replaces: None,
        at: "2021-03-14T12:05Z",
        selections: [("photos", "photo-03")].into_iter(),
    };
    let mut line = Vec::new();
    ballot.write(&contest(), &mut line).unwrap();
    line
}

/// The reference benchmark, whose time is the unit of `compare-benches`.
///
/// It allocates and branches like the measured code, and runs none of it. A slow machine therefore
/// slows both. A hash is no substitute, because processors have an instruction for it.
fn reference(c: &mut Criterion) {
    let texts: BTreeMap<String, u32> = (0..1000).map(|n| (format!("text {}", n * 7919 % 1000), n)).collect();
    let json = serde_json::to_string(&texts).unwrap();
    c.bench_function("reference: parse a map of 1,000 texts", |b| {
        b.iter(|| serde_json::from_str::<BTreeMap<String, u32>>(black_box(&json)).unwrap());
    });
}

fn pass(c: &mut Criterion) {
    let key = PassKey { id: 1, secret: [9; 32] };
    let expires: Timestamp = "2021-04-01T00:00:00Z".parse().unwrap();
    let now: Timestamp = "2021-03-01T00:00:00Z".parse().unwrap();
    let admission = Some(Admission { method: AdmissionMethod::Pass, at: now, generation: 7 });
    let pass = Pass { voter: TagKey([7; 32]).tag("ama"), channel: None, group: None, expires, admission };
    let text = pass.mint(&key, &contest()).unwrap();
    let (keys, contest) = ([key], contest());
    c.bench_function("pass: verify", |b| b.iter(|| Pass::verify(black_box(&text), &keys, &contest, now)));
}

fn validator() -> BallotValidator {
    let Definition { categories, entries, rules, .. } = definition();
    BallotValidator::new(&categories, &entries, &rules, &HashSet::new())
}

fn ballot(c: &mut Criterion) {
    c.bench_function("ballot: tag and write", |b| b.iter(|| entry(black_box(1))));
    let validator = validator();
    let selections: Vec<(String, String)> =
        (0..18).rev().map(|n| (acclaim_benches::category(n), acclaim_benches::entry(n))).collect();
    c.bench_function("ballot: check eighteen selections", |b| {
        b.iter(|| {
            let mut selections: Vec<(&str, &str)> =
                selections.iter().map(|(category, entry)| (&**category, &**entry)).collect();
            validator.check(black_box(&mut selections)).unwrap();
        });
    });
    let line = entry(1);
    c.bench_function("ballot: decode", |b| b.iter(|| LogEntry::decode(black_box(&line)).is_ok()));
    c.bench_function("ballot: leaf hash", |b| b.iter(|| leaf_hash(black_box(&line))));
}

fn tree(c: &mut Criterion) {
    let leaves: Vec<_> = (0..4_096).map(|voter| leaf_hash(&entry(voter))).collect();
    let mut group = c.benchmark_group("tree");
    group.throughput(Throughput::Elements(leaves.len() as u64));
    group.bench_function("append 4,096 leaves and take the root", |b| {
        b.iter(|| {
            let mut tree = Tree::without_tiles();
            for leaf in &leaves {
                tree.append(*leaf);
            }
            tree.root()
        });
    });
    group.finish();
}

criterion_group!(parts, reference, pass, ballot, tree);
criterion_main!(parts);
