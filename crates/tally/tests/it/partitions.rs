//! An audit by partitions, on several threads and in several rounds, has the result of one replay.

use std::num::NonZeroUsize;

use acclaim_ballot_log::{Checkpoint, Event, Tree, leaf_hash};
use acclaim_contest::BallotId;
use acclaim_tally::{Audit, AuditPlan, AuditReport, ExpectedLog};
use proptest::prelude::*;

use crate::{
    random_contests::{Kind, choice, contest, kind, step},
    support::reason,
};

/// Numbers of threads and of rounds.
const PLANS: [(usize, u64); 5] = [(1, 1), (2, 1), (3, 1), (1, 4), (2, 3)];

/// Audits lines in blocks of length `block`, with these numbers of threads and rounds.
fn audit(
    lines: &[Vec<u8>],
    result: Option<Vec<u8>>,
    (threads, rounds): (usize, u64),
    block: usize,
) -> AuditReport {
    let mut tree = Tree::without_tiles();
    for line in lines {
        tree.append(leaf_hash(line));
    }
    let checkpoint =
        Checkpoint { origin: "example.org/test".to_owned(), size: tree.size(), root: tree.root() };
    let bytes = lines.iter().map(|line| line.len() as u64 + 1).sum::<u64>();
    let memory = (bytes * 6 / 10).div_ceil(rounds) + 1;
    let plan = AuditPlan::new(bytes, memory, NonZeroUsize::new(threads).unwrap());
    assert_eq!(plan.rounds(), rounds);
    let mut audit = Audit::new(ExpectedLog { checkpoint, result }, &|_| None, plan);
    let lines: Vec<&[u8]> = lines.iter().map(|line| &line[..]).collect();
    loop {
        lines.chunks(block).for_each(|block| audit.push_lines(block));
        if !audit.next_round() {
            return audit.finish();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(120))]

    #[test]
    fn every_plan_comes_to_the_result_of_a_replay(
        steps in prop::collection::vec(step(), 1..120), after in prop::collection::vec(step(), 0..20),
        all: bool, kind in kind(), certify: bool, block in prop_oneof![Just(1_usize), 2_usize..50, Just(1000)],
    ) {
        let contest = contest(&steps, &after, all, kind, certify);
        let replay = &contest.log.replay;
        let result = replay.result().unwrap().json;
        for plan in PLANS {
            let report = audit(&contest.log.lines, Some(result.clone()), plan, block);
            prop_assert!(report.clean, "{:?}: {:?}", plan, report.findings);
            prop_assert_eq!(report.ballots, replay.tally().ballot_counts());
            prop_assert_eq!(report.voters, replay.tally().voters());
        }
    }

    #[test]
    fn every_plan_finds_invalid_entry(
        steps in prop::collection::vec(step(), 20..80), at: prop::sample::Index, kind in 0_usize..4,
    ) {
        let contest = contest(&steps, &[], false, Kind::Choice { earliest: false }, false);
        let mut lines = contest.log.lines;
        // After the opening and before the closing.
        let place = 12 + at.index(lines.len() - 12);
        let invalid = match kind {
            0 => b"{}".to_vec(),
            1 => choice("b1").encode(None).unwrap(),
            2 => Event::Voided { ballots: vec![BallotId([9; 16])], reason: reason() }.encode(None).unwrap(),
            _ => Event::Certified { result: "00".repeat(32), by: "chair".to_owned(), at: reason().at }.encode(None).unwrap(),
        };
        lines.insert(place, invalid);
        for plan in PLANS {
            let report = audit(&lines, None, plan, 7);
            let indexes: Vec<u64> = report.findings.iter().filter_map(|finding| finding.index).collect();
            prop_assert_eq!(&indexes, &[place as u64], "{:?}: {:?}", plan, report.findings);
        }
    }
}
