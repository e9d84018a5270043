//! Random contests: rules of several kinds, and random steps.

use acclaim_ballot_log::Event;
use acclaim_contest::{
    BallotId, Rules,
    rules::{
        ChampionRules, ChampionTies, Completion, Draw, Period, Revision, WinnerTies, WinnersBy, WinnersFrom,
    },
};
use proptest::prelude::*;

use crate::support::{Log, Sheet, reason};

/// A step in a contest. Its numbers are positions, and most are taken modulo the number of items.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    Cast { voter: u32, sheet: usize, entry: usize, other: usize, replaces: Option<usize> },
    FlipVoid(Vec<usize>),
    FlipEntry(usize),
    Choose(usize),
    Score { juror: usize, entry: usize, score: u32 },
}

pub(crate) fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        20 => (0_u32..30, 0_usize..4, 0_usize..4, 0_usize..5, prop::option::weighted(0.2, 0_usize..3))
            .prop_map(|(voter, sheet, entry, other, replaces)| Step::Cast { voter, sheet, entry, other, replaces }),
        3 => prop::collection::vec(0_usize..60, 1..4).prop_map(Step::FlipVoid),
        1 => (0_usize..8).prop_map(Step::FlipEntry),
        2 => (0_usize..4).prop_map(Step::Choose),
        2 => (0_usize..3, 0_usize..4, 0_u32..11)
            .prop_map(|(juror, entry, score)| Step::Score { juror, entry, score }),
    ]
}

pub(crate) const ENTRIES: [&str; 8] = ["a1", "a2", "a3", "a4", "b1", "b2", "b3", "b4"];

/// The kind of rules of a contest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Choice {
        earliest: bool,
    },
    /// Two channels and two numbered ballots. Winners are by choice or by votes, and lots break
    /// ties.
    Divided {
        choice: bool,
    },
    /// Winners by votes and scores.
    Weighted,
}

pub(crate) fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![
        any::<bool>().prop_map(|earliest| Kind::Choice { earliest }),
        any::<bool>().prop_map(|choice| Kind::Divided { choice }),
        Just(Kind::Weighted),
    ]
}

const SHEETS: [(&str, &str); 4] = [("jury", "1"), ("jury", "2"), ("fan", "1"), ("fan", "2")];

pub(crate) struct Contest {
    pub(crate) kind: Kind,
    pub(crate) log: Log,
    pub(crate) cast: Vec<(u32, BallotId)>,
    pub(crate) voided: Vec<BallotId>,
    pub(crate) withdrawn: Vec<usize>,
}

impl Contest {
    /// Adds the entries of a step to the log. A step that the log refuses has no effect.
    pub(crate) fn take(&mut self, step: &Step) {
        match step {
            Step::Cast { voter, sheet, entry, other, replaces } => {
                let (channel, period) = SHEETS[*sheet];
                let sheet = match self.kind {
                    Kind::Divided { .. } => Sheet { channel: Some(channel), period: Some(period) },
                    Kind::Choice { .. } | Kind::Weighted => Sheet::default(),
                };
                let mut entries = vec![ENTRIES[*entry]];
                entries.extend(ENTRIES.get(4 + other).copied().filter(|entry| entry.starts_with('b')));
                let own: Vec<BallotId> =
                    self.cast.iter().filter(|(by, _)| by == voter).map(|(_, id)| *id).collect();
                let replaces = replaces.and_then(|back| own.iter().rev().nth(back).copied());
                if let Ok(id) = self.log.cast_on(sheet, *voter, &entries, replaces) {
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
            // An entry that is not a champion now is refused.
            Step::Choose(number) => {
                let _may_be_refused = self.log.try_event(&choice(ENTRIES[*number]));
            }
            // Without a panel the scores are refused.
            Step::Score { juror, entry, score } => {
                let _may_be_refused = self.log.try_event(&scores(*juror, ENTRIES[*entry], *score));
            }
        }
    }
}

pub(crate) fn choice(entry: &str) -> Event {
    let (by, note, at) = ("chair".to_owned(), None, reason().at);
    Event::Choice { category: "a".parse().unwrap(), winners: vec![entry.parse().unwrap()], by, note, at }
}

fn scores(juror: usize, entry: &str, score: u32) -> Event {
    Event::Scores {
        panel: "experts".parse().unwrap(),
        juror: format!("juror {juror}"),
        category: "a".parse().unwrap(),
        criterion: None,
        values: vec![(entry.parse().unwrap(), score.to_string())],
        by: "chair".to_owned(),
        at: reason().at,
    }
}

fn rules(rules: &mut Rules, kind: Kind, all: bool) {
    rules.ballot.revision = Revision::Replace;
    rules.ballot.revisions = Some(3);
    rules.ballot.completion = if all { Completion::All } else { Completion::Any };
    let mut champions = ChampionRules { count: 2, minimum_votes: 0, ties: ChampionTies::Include };
    rules.winners.from = WinnersFrom::Champions;
    match kind {
        Kind::Choice { earliest } => {
            champions.ties = if earliest { ChampionTies::Earliest } else { ChampionTies::Include };
            rules.winners.by = WinnersBy::Choice;
        }
        Kind::Divided { choice } => {
            let channels = serde_json::json!([{"id": "jury", "weight": 70}, {"id": "fan", "weight": 30}]);
            rules.channels = serde_json::from_value(channels).unwrap();
            rules.ballot.period = Period::Counted;
            rules.ballot.ballots_per_voter = Some(2);
            champions.ties = ChampionTies::Draw;
            if choice {
                rules.winners.by = WinnersBy::Choice;
            } else {
                rules.winners.ties = WinnerTies::Draw;
            }
            rules.draw = Some(Draw { source: "beacon".to_owned() });
        }
        Kind::Weighted => {
            let panel = serde_json::json!([{"id": "experts", "kind": "score", "scale": [0, 10], "trim": 0,
                "minimum_jurors": 1, "weight": 1}]);
            rules.panels = serde_json::from_value(panel).unwrap();
            rules.winners.by = WinnersBy::Weighted;
            (rules.winners.votes_weight, rules.winners.scores_weight) = (Some(2), Some(1));
            rules.winners.ties = WinnerTies::Votes;
        }
    }
    rules.champions = Some(champions);
}

pub(crate) fn contest(steps: &[Step], after: &[Step], all: bool, kind: Kind, certify: bool) -> Contest {
    let log = Log::open(|given| rules(given, kind, all));
    let mut contest = Contest { kind, log, cast: Vec::new(), voided: Vec::new(), withdrawn: Vec::new() };
    steps.iter().for_each(|step| contest.take(step));
    contest.log.close();
    after.iter().filter(|step| !matches!(step, Step::Cast { .. })).for_each(|step| contest.take(step));
    let (by, at) = (|| "chair".to_owned(), reason().at);
    if matches!(kind, Kind::Divided { .. }) {
        contest.log.event(Event::Frozen { by: by(), at });
        contest.log.event(Event::Drawn { source: "beacon".to_owned(), seed: "07".repeat(32), by: by(), at });
    }
    if certify {
        let result = contest.log.replay.result().unwrap().sha256;
        contest.log.event(Event::Certified { result, by: by(), at });
    }
    contest
}
