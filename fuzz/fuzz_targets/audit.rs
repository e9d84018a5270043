//! A whole log of any bytes, audited under the checkpoint of an honest one: only the honest one is clean.

#![no_main]

use std::sync::LazyLock;

use acclaim_ballot_log::Checkpoint;
use acclaim_tally::{Audit, Expected, Replay};
use libfuzzer_sys::fuzz_target;

const LOG: &str = include_str!("../../crates/ballot-log/tests/vectors/log.jsonl");
const ORIGIN: &str = "vote.example.org/photo-2021";

static HONEST: LazyLock<Checkpoint> = LazyLock::new(|| {
    let mut replay = Replay::without_tiles(ORIGIN);
    for line in LOG.lines() {
        replay.push(line.as_bytes()).unwrap();
    }
    Checkpoint { origin: ORIGIN.to_owned(), size: replay.size(), root: replay.root() }
});

fuzz_target!(|log: &[u8]| {
    let mut audit = Audit::new(Expected { checkpoint: HONEST.clone(), result: None }, &|_| None);
    let mut lines = log.split(|byte| *byte == b'\n');
    let torn = lines.next_back().is_some_and(|rest| !rest.is_empty());
    lines.for_each(|line| audit.push(line));
    if torn {
        audit.torn();
    }
    let report = audit.finish();
    assert_eq!(report.clean, log == LOG.as_bytes());
    assert!(report.findings.len() <= 100);
});
