//! Audits a log of any bytes under the checkpoint of an honest log: only the honest log is clean.

#![no_main]

use std::{num::NonZeroUsize, sync::LazyLock};

use acclaim_ballot_log::Checkpoint;
use acclaim_tally::{Audit, AuditPlan, ExpectedLog, Replay};
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
    let mut lines: Vec<&[u8]> = log.split(|byte| *byte == b'\n').collect();
    let torn = lines.pop().is_some_and(|rest| !rest.is_empty());
    let bytes = log.len() as u64;
    // In one round, and in several rounds that each hold a part of the voters.
    for plan in [AuditPlan::single_round(), AuditPlan::new(bytes, bytes / 4 + 1, NonZeroUsize::MIN)] {
        let expected = ExpectedLog { checkpoint: HONEST.clone(), result: None };
        let mut audit = Audit::new(expected, &|_| None, plan);
        loop {
            audit.push_lines(&lines);
            if torn {
                audit.report_partial_line();
            }
            if !audit.next_round() {
                break;
            }
        }
        let report = audit.finish();
        assert_eq!(report.clean, log == LOG.as_bytes());
        assert!(report.findings.len() <= 100);
    }
});
