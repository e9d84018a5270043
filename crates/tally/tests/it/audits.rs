//! Audits of tampered logs and of wrong results: the audit reports them and says where they are.
//!
//! Patterns only lead to warnings.

use acclaim_ballot_log::{Checkpoint, Event, Hash, Tree, leaf_hash};
use acclaim_tally::{Audit, AuditPlan, AuditReport, ExpectedLog};

use crate::support::{Log, header};

const REMARK: &[u8] =
    br#"{"type":"statement","kind":"note","text":"x","by":"chair","at":"2021-03-03T00:00:00Z"}"#;

/// The published files of a contest: nine ballots at indexes 12 to 20, and `closed` at 21.
struct Published {
    lines: Vec<Vec<u8>>,
    checkpoint: Checkpoint,
    result: Vec<u8>,
}

fn head(log: &Log) -> Checkpoint {
    let origin = log.replay.origin().to_owned();
    Checkpoint { origin, size: log.replay.size(), root: log.replay.root() }
}

fn published() -> Published {
    let mut log = Log::open(|_| {});
    for voter in 0..9 {
        log.cast(voter, &[["a1", "a2", "a3"][voter as usize % 3]], None).unwrap();
    }
    log.close();
    let (checkpoint, result) = (head(&log), log.replay.result().unwrap().json);
    Published { lines: log.lines, checkpoint, result }
}

impl Published {
    fn audit(&self, lines: &[Vec<u8>], with_tiles: bool) -> AuditReport {
        let expected = ExpectedLog { checkpoint: self.checkpoint.clone(), result: Some(self.result.clone()) };
        // The log fits into one tile.
        let tile: Vec<u8> = self.lines.iter().flat_map(|line| leaf_hash(line).0).collect();
        let tiles = |number: u64| (with_tiles && number == 0).then(|| tile.clone());
        let mut audit = Audit::new(expected, &tiles, AuditPlan::single_round());
        lines.iter().for_each(|line| audit.push(line));
        audit.finish()
    }
}

#[track_caller]
fn assert_names_index(report: &AuditReport, index: u64) {
    assert!(!report.clean);
    assert!(report.findings.iter().any(|finding| finding.index == Some(index)), "{report:#?}");
}

#[test]
fn an_untouched_log_is_clean() {
    let published = published();
    for with_tiles in [false, true] {
        let report = published.audit(&published.lines, with_tiles);
        assert!(report.clean, "{report:?}");
        assert_eq!((report.size, report.ballots.counted, report.voters), (22, 9, 9));
        assert_eq!(report.root, published.checkpoint.root.to_string());
        assert!(report.warnings.is_empty(), "{:?}", report.warnings);
    }
}

#[test]
fn names_index_of_each_tampering() {
    let published = published();
    let lines = &published.lines;
    let flipped = String::from_utf8(lines[14].clone()).unwrap().replace("\"a3\"", "\"a1\"").into_bytes();
    // Any log could have this change: another title.
    let renamed = String::from_utf8(lines[4].clone()).unwrap().replace("Entry", "Entri").into_bytes();
    let mut cases: Vec<(&str, Vec<Vec<u8>>, u64, bool)> = Vec::new();
    let mut add = |name, index, admissible, change: &dyn Fn(&mut Vec<Vec<u8>>)| {
        let mut changed = lines.clone();
        change(&mut changed);
        cases.push((name, changed, index, admissible));
    };
    add("flip a vote", 14, false, &|log| log[14] = flipped.clone());
    add("flip a title", 4, true, &|log| log[4] = renamed.clone());
    add("drop", 15, true, &|log| drop(log.remove(15)));
    add("drop the last", 21, false, &|log| drop(log.pop()));
    add("add a copy", 16, false, &|log| log.insert(16, log[13].clone()));
    add("add at the end", 22, false, &|log| log.push(log[13].clone()));
    add("add a remark at the end", 22, false, &|log| log.push(REMARK.to_vec()));
    add("reorder", 13, true, &|log| log.swap(13, 17));
    add("roll back", 18, false, &|log| log.truncate(18));
    add("cut to nothing", 0, false, &|log| log.clear());
    add("no entry at all", 12, false, &|log| log[12] = b"{}".to_vec());
    for (name, changed, index, admissible) in cases {
        println!("{name}");
        assert_names_index(&published.audit(&changed, true), index);
        let without_tiles = published.audit(&changed, false);
        assert!(!without_tiles.clean);
        if !admissible {
            assert_names_index(&without_tiles, index);
        }
    }
}

#[test]
fn names_every_invalid_entry() {
    let published = published();
    let mut changed = published.lines.clone();
    changed[13] = b"not an entry".to_vec();
    changed[16] = changed[15].clone();
    changed[18] = changed[3].clone();
    let report = published.audit(&changed, false);
    let named: Vec<u64> = report.findings.iter().filter_map(|finding| finding.index).collect();
    assert_eq!(named, [13, 16, 18]);
    assert_eq!(report.ballots.recorded, 6, "an invalid entry is not counted");
}

/// The operator signs an entry that the rules do not allow. Root and tiles are right.
///
/// The audit still names the entry.
#[test]
fn names_invalid_entry_under_genuine_checkpoint() {
    let mut published = published();
    published.lines.insert(15, published.lines[14].clone());
    let mut tree = Tree::new();
    published.lines.iter().for_each(|line| {
        tree.append(leaf_hash(line));
    });
    published.checkpoint = Checkpoint { size: tree.size(), root: tree.root(), ..published.checkpoint };
    let report = published.audit(&published.lines, true);
    assert_eq!(report.findings[0].index, Some(15));
    assert!(report.findings[0].reason.contains("recorded at index 14"), "{report:?}");
    assert_eq!(report.findings.len(), 2, "the entry, and the result of another log: {report:?}");
    assert_eq!(report.root, tree.root().to_string());
}

#[test]
fn findings_are_bounded() {
    let published = published();
    let mut changed = published.lines.clone();
    changed.extend(std::iter::repeat_n(b"{}".to_vec(), 10_000));
    let report = published.audit(&changed, true);
    assert_eq!((report.findings.len(), report.size), (100, 10_022));
    let garbage = vec![b"x".to_vec(); 1_000];
    assert!(
        published.audit(&garbage, false).findings.len() < 10,
        "nothing is judged after a refused first entry"
    );
}

#[test]
fn detects_rollback_from_newer_checkpoint() {
    let published = published();
    let mut older = Log::empty();
    for line in &published.lines[..18] {
        older.push(line.clone()).unwrap();
    }
    let audit = |earlier: &Checkpoint, checkpoint: Checkpoint, lines: &[Vec<u8>]| {
        let mut audit =
            Audit::new(ExpectedLog { checkpoint, result: None }, &|_| None, AuditPlan::single_round());
        audit.require_checkpoint(earlier);
        lines.iter().for_each(|line| audit.push(line));
        audit.finish()
    };
    assert_names_index(&audit(&published.checkpoint, head(&older), &older.lines), 18);
    assert!(audit(&head(&older), published.checkpoint.clone(), &published.lines).clean);
    let forked = Checkpoint { root: Hash([7; 32]), ..head(&older) };
    assert_names_index(&audit(&forked, published.checkpoint.clone(), &published.lines), 17);
}

#[test]
fn names_each_differing_figure_of_result() {
    let mut published = published();
    let text = String::from_utf8(published.result.clone()).unwrap();
    let votes = text.find("\"rank\":1,\"votes\":3").unwrap() + "\"rank\":1,\"votes\":".len();
    published.result[votes] = b'4';
    let report = published.audit(&published.lines, true);
    let reasons: Vec<&str> = report.findings.iter().map(|finding| finding.reason.as_str()).collect();
    assert_eq!(reasons, ["the published result has categories[0].standings[0].votes = 4, the log's has 3"]);
    published.result = text.replace("provisional", "certified").into_bytes();
    let report = published.audit(&published.lines, true);
    assert!(report.findings[0].reason.contains("status"), "{report:?}");
}

#[test]
fn a_certified_result_is_compared_as_it_was_certified() {
    let mut log = Log::open(|_| {});
    log.cast(1, &["a1"], None).unwrap();
    log.close();
    let certify = log.replay.result().unwrap().certify.unwrap();
    let at = "2021-03-03T00:00:00Z".parse().unwrap();
    log.event(Event::Certified { result: certify.result, by: "chair".to_owned(), at });
    let text = "published".to_owned();
    let certified = log.replay.result().unwrap().json;
    log.event(Event::Statement { kind: "note".to_owned(), text, by: "chair".to_owned(), at });
    assert_eq!(log.replay.result().unwrap().json, certified, "later entries do not change it");
    assert!(String::from_utf8(certified.clone()).unwrap().contains("\"status\":\"certified\""));
    let published = Published { checkpoint: head(&log), result: certified, lines: log.lines };
    assert!(published.audit(&published.lines, true).clean);
}

#[test]
fn warns_of_runs_and_bursts_in_clean_audit() {
    let mut log = Log::empty();
    let mut head = header();
    head.rules.ballot.cast_time = acclaim_contest::rules::CastTime::Minute;
    log.define(head);
    let mut voter = 0;
    let mut cast = |log: &mut Log, entries: &[&str], time: &str| {
        voter += 1;
        let line = log.ballot(voter, entries, None, time);
        log.replay.push(&line).unwrap();
        log.lines.push(line);
    };
    for minute in 0..60 {
        for n in 0..8 {
            let entries = [["a1", "a2", "a3"][n % 3], ["b1", "b2"][n % 2]];
            cast(&mut log, &entries, &format!("2021-03-01T10:{minute:02}Z"));
        }
    }
    let report = |log: &Log| {
        let checkpoint = self::head(log);
        let mut audit =
            Audit::new(ExpectedLog { checkpoint, result: None }, &|_| None, AuditPlan::single_round());
        log.lines.iter().for_each(|line| audit.push(line));
        audit.finish()
    };
    assert!(report(&log).warnings.is_empty());
    for n in 0..600 {
        let entries = if n < 40 { ["a4", "b4"] } else { [["a1", "a2", "a3"][n % 3], ["b1", "b2"][n % 2]] };
        cast(&mut log, &entries, "2021-03-01T11:07Z");
    }
    let report = report(&log);
    assert!(report.clean);
    assert_eq!(
        report.warnings,
        [
            "600 ballots were cast at 2021-03-01T11:07Z, where the median is 8",
            "40 ballots in a row, from index 492 to 531, have the same votes",
        ]
    );
}
