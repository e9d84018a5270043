//! An audit share by share, on several threads and in several rounds, comes to what one replay comes to.

use std::num::NonZeroUsize;

use acclaim_ballot_log::{Checkpoint, Event, Tree, leaf_hash};
use acclaim_contest::{
    BallotId,
    rules::{ChampionRules, ChampionTies, Completion, Revision, WinnersBy, WinnersFrom},
};
use acclaim_tally::{Audit, AuditReport, Expected, Plan};
use proptest::prelude::*;

use crate::support::{Log, reason};

/// Threads and rounds.
const PLANS: [(usize, u64); 5] = [(1, 1), (2, 1), (3, 1), (1, 4), (2, 3)];

/// Audits lines in blocks of a length, as the plan has it.
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
    let plan = Plan::new(bytes, memory, NonZeroUsize::new(threads).unwrap());
    assert_eq!(plan.rounds(), rounds);
    let mut audit = Audit::new(Expected { checkpoint, result }, &|_| None, plan);
    let lines: Vec<&[u8]> = lines.iter().map(|line| &line[..]).collect();
    loop {
        lines.chunks(block).for_each(|block| audit.push_lines(block));
        if !audit.next_round() {
            return audit.finish();
        }
    }
}

/// What happens in a contest, by numbers that are taken modulo what there is.
#[derive(Debug, Clone)]
enum Step {
    Cast { voter: u32, entry: usize, other: usize, replaces: Option<usize> },
    FlipVoid(Vec<usize>),
    FlipEntry(usize),
    Choose(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        20 => (0_u32..30, 0_usize..4, 0_usize..5, prop::option::weighted(0.2, 0_usize..3))
            .prop_map(|(voter, entry, other, replaces)| Step::Cast { voter, entry, other, replaces }),
        3 => prop::collection::vec(0_usize..60, 1..4).prop_map(Step::FlipVoid),
        1 => (0_usize..8).prop_map(Step::FlipEntry),
        2 => (0_usize..4).prop_map(Step::Choose),
    ]
}

const ENTRIES: [&str; 8] = ["a1", "a2", "a3", "a4", "b1", "b2", "b3", "b4"];

struct Contest {
    log: Log,
    cast: Vec<(u32, BallotId)>,
    voided: Vec<BallotId>,
    withdrawn: Vec<usize>,
}

impl Contest {
    /// Does what the log admits; what it refuses is not in it.
    fn take(&mut self, step: &Step) {
        match step {
            Step::Cast { voter, entry, other, replaces } => {
                let mut entries = vec![ENTRIES[*entry]];
                entries.extend(ENTRIES.get(4 + other).copied().filter(|entry| entry.starts_with('b')));
                let own: Vec<BallotId> =
                    self.cast.iter().filter(|(by, _)| by == voter).map(|(_, id)| *id).collect();
                let replaces = replaces.and_then(|back| own.iter().rev().nth(back).copied());
                if let Ok(id) = self.log.cast(*voter, &entries, replaces) {
                    self.cast.push((*voter, id));
                }
            }
            Step::FlipVoid(numbers) => {
                let mut ids: Vec<BallotId> = numbers
                    .iter()
                    .filter_map(|number| Some(self.cast.get(number % self.cast.len().max(1))?.1))
                    .collect();
                ids.sort();
                ids.dedup();
                let (voided, standing): (Vec<_>, Vec<_>) =
                    ids.into_iter().partition(|id| self.voided.contains(id));
                if !standing.is_empty() {
                    self.log.event(Event::Voided { ballots: standing.clone(), reason: reason() });
                    self.voided.extend(standing);
                }
                if !voided.is_empty() {
                    self.voided.retain(|id| !voided.contains(id));
                    self.log.event(Event::Reinstated {
                        entry: None,
                        ballots: Some(voided),
                        reason: reason(),
                    });
                }
            }
            Step::FlipEntry(number) => {
                let entry = ENTRIES[*number].parse().unwrap();
                if self.withdrawn.contains(number) {
                    self.withdrawn.retain(|other| other != number);
                    self.log.event(Event::Reinstated { entry: Some(entry), ballots: None, reason: reason() });
                } else {
                    self.withdrawn.push(*number);
                    self.log.event(Event::Withdrawn { entry, reason: reason() });
                }
            }
            // Who is not among the champions at this moment is refused.
            Step::Choose(number) => {
                let _may_be_refused = self.log.try_event(&choice(ENTRIES[*number]));
            }
        }
    }
}

fn choice(entry: &str) -> Event {
    let (by, note, at) = ("chair".to_owned(), None, reason().at);
    Event::Choice { category: "a".parse().unwrap(), winners: vec![entry.parse().unwrap()], by, note, at }
}

fn contest(steps: &[Step], after: &[Step], all: bool, earliest: bool, certify: bool) -> Contest {
    let log = Log::open(|rules| {
        rules.ballot.revision = Revision::Replace;
        rules.ballot.revisions = Some(3);
        rules.ballot.completion = if all { Completion::All } else { Completion::Any };
        let ties = if earliest { ChampionTies::Earliest } else { ChampionTies::Include };
        rules.champions = Some(ChampionRules { count: 2, minimum_votes: 0, ties });
        rules.winners.from = WinnersFrom::Champions;
        rules.winners.by = WinnersBy::Choice;
    });
    let mut contest = Contest { log, cast: Vec::new(), voided: Vec::new(), withdrawn: Vec::new() };
    steps.iter().for_each(|step| contest.take(step));
    contest.log.close();
    after.iter().filter(|step| !matches!(step, Step::Cast { .. })).for_each(|step| contest.take(step));
    if certify {
        let result = contest.log.replay.result().unwrap().sha256;
        contest.log.event(Event::Certified { result, by: "chair".to_owned(), at: reason().at });
    }
    contest
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn every_plan_comes_to_the_result_of_a_replay(
        steps in prop::collection::vec(step(), 1..120), after in prop::collection::vec(step(), 0..20),
        all: bool, earliest: bool, certify: bool, block in prop_oneof![Just(1_usize), 2_usize..50, Just(1000)],
    ) {
        let contest = contest(&steps, &after, all, earliest, certify);
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
    fn every_plan_finds_what_cannot_be(
        steps in prop::collection::vec(step(), 20..80), at: prop::sample::Index, kind in 0_usize..4,
    ) {
        let contest = contest(&steps, &[], false, false, false);
        let mut lines = contest.log.lines;
        // Behind the opening and before the closing.
        let place = 12 + at.index(lines.len() - 12);
        let wrong = match kind {
            0 => b"{}".to_vec(),
            1 => choice("b1").encode().unwrap(),
            2 => Event::Voided { ballots: vec![BallotId([9; 16])], reason: reason() }.encode().unwrap(),
            _ => Event::Certified { result: "00".repeat(32), by: "chair".to_owned(), at: reason().at }.encode().unwrap(),
        };
        lines.insert(place, wrong);
        for plan in PLANS {
            let report = audit(&lines, None, plan, 7);
            let found: Vec<u64> = report.findings.iter().filter_map(|finding| finding.index).collect();
            prop_assert_eq!(&found, &[place as u64], "{:?}: {:?}", plan, report.findings);
        }
    }
}
