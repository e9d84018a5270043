//! A published result beside an honest log: only the log's own result is clean.
//!
//! The report about any other result is bounded.

#![no_main]

use std::sync::LazyLock;

use acclaim_ballot_log::{Checkpoint, leaf_hash};
use acclaim_tally::{Audit, AuditPlan, ExpectedLog, Replay};
use libfuzzer_sys::fuzz_target;

const LOG: &str = include_str!("../../crates/ballot-log/tests/vectors/log.jsonl");
const ORIGIN: &str = "vote.example.org/photo-2021";

static REPLAY: LazyLock<Replay> = LazyLock::new(|| {
    let mut replay = Replay::without_tiles(ORIGIN);
    for line in LOG.lines() {
        replay.push(line.as_bytes()).unwrap();
    }
    replay
});

fuzz_target!(|published: &[u8]| {
    let checkpoint = Checkpoint { origin: ORIGIN.to_owned(), size: REPLAY.size(), root: REPLAY.root() };
    let leaves: Vec<u8> = LOG.lines().flat_map(|line| leaf_hash(line.as_bytes()).0).collect();
    let tile = |number: u64| (number == 0).then(|| leaves.clone());
    let expected = ExpectedLog { checkpoint, result: Some(published.to_vec()) };
    let mut audit = Audit::new(expected, &tile, AuditPlan::single_round());
    LOG.lines().for_each(|line| audit.push(line.as_bytes()));
    let report = audit.finish();
    assert_eq!(report.clean, published == REPLAY.result().unwrap().json);
    assert!(report.findings.len() <= 100 && report.findings.iter().all(|f| f.reason.len() < 64 << 10));
});
