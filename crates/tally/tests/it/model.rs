//! The tally against a plain model that counts everything again from a list of ballots.
//!
//! Random logs check admission, every figure of the live tally, standings without rulings, and the
//! order in which entries reached their totals.

use std::collections::{BTreeMap, BTreeSet};

use acclaim_ballot_log::Event;
use acclaim_contest::{
    BallotId,
    rules::{ChampionTies, Channel, Completion, Period},
};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::{Log, Sheet, reason};

const ENTRIES: [&str; 8] = ["a1", "a2", "a3", "a4", "b1", "b2", "b3", "b4"];

#[derive(Debug, Clone)]
enum Step {
    /// A voter casts votes on a sheet. `replaces` is a position in the list of the voter's own
    /// ballots.
    Cast { voter: u32, sheet: usize, entries: BTreeSet<usize>, replaces: Option<usize> },
    /// A ballot is voided, or reinstated if it is voided.
    Flip(usize),
    /// An entry is withdrawn, or reinstated if it is withdrawn.
    FlipEntry(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let cast =
        (0_u32..5, 0_usize..4, prop::collection::btree_set(0_usize..8, 1..4), prop::option::of(0_usize..3))
            .prop_map(|(voter, sheet, entries, replaces)| Step::Cast { voter, sheet, entries, replaces });
    let step = prop_oneof![
        12 => cast,
        3 => (0_usize..40).prop_map(Step::Flip),
        1 => (0_usize..8).prop_map(Step::FlipEntry),
    ];
    prop::collection::vec(step, 1..60)
}

#[derive(Debug, Clone)]
struct Ballot {
    id: BallotId,
    index: u64,
    voter: u32,
    /// Position in [`SHEETS`].
    sheet: usize,
    entries: BTreeSet<usize>,
    replaces: Option<usize>,
    voided: bool,
}

/// Channel and period of each sheet. Without division all ballots are on the first sheet.
const SHEETS: [(&str, &str); 4] = [("jury", "1"), ("jury", "2"), ("fan", "1"), ("fan", "2")];
const WEIGHTS: [u64; 2] = [70, 30];

fn channel(sheet: usize) -> usize {
    sheet / 2
}

/// The recorded ballots and withdrawals, without any count.
#[derive(Debug, Default)]
struct Model {
    all: bool,
    divided: bool,
    ballots: Vec<Ballot>,
    withdrawn: BTreeSet<usize>,
}

fn category(entry: usize) -> usize {
    entry / 4
}

impl Model {
    fn is_replaced(&self, ballot: usize, among: usize) -> bool {
        self.ballots[..among].iter().any(|other| other.replaces == Some(ballot))
    }

    fn categories(&self, ballot: usize) -> BTreeSet<usize> {
        self.ballots[ballot].entries.iter().map(|entry| category(*entry)).collect()
    }

    fn own(&self, voter: u32) -> impl Iterator<Item = usize> + '_ {
        (0..self.ballots.len()).filter(move |ballot| self.ballots[*ballot].voter == voter)
    }

    fn on_sheet(&self, voter: u32, sheet: usize) -> impl Iterator<Item = usize> + '_ {
        self.own(voter).filter(move |ballot| self.ballots[*ballot].sheet == sheet)
    }

    fn admits(&self, voter: u32, sheet: usize, entries: &BTreeSet<usize>, replaces: Option<usize>) -> bool {
        let now = self.ballots.len();
        let stands = |ballot: usize| {
            let Ballot { sheet: of, voided, .. } = self.ballots[ballot];
            of == sheet && !voided && !self.is_replaced(ballot, now)
        };
        let new_categories: BTreeSet<usize> = entries.iter().map(|entry| category(*entry)).collect();
        let within_limit = new_categories
            .iter()
            .all(|new_category| entries.iter().filter(|e| category(**e) == *new_category).count() <= 2);
        let filled = self
            .on_sheet(voter, sheet)
            .filter(|ballot| Some(*ballot) != replaces && !self.is_replaced(*ballot, now));
        let slots_free = filled
            .flat_map(|ballot| self.categories(ballot))
            .all(|category| !new_categories.contains(&category));
        within_limit && slots_free && replaces.is_none_or(stands)
    }

    /// The ballots that count in the log of the first `among` ballots.
    ///
    /// Rulings are as they are now. With `voids` false, voids are ignored.
    fn counted(&self, among: usize, voids: bool) -> Vec<usize> {
        let standing: Vec<usize> = (0..among)
            .filter(|ballot| !(self.is_replaced(*ballot, among) || voids && self.ballots[*ballot].voided))
            .collect();
        let sheet = |ballot: usize| (self.ballots[ballot].voter, self.ballots[ballot].sheet);
        let complete = |ballot: usize| {
            let own = standing.iter().filter(|other| sheet(**other) == sheet(ballot));
            own.flat_map(|ballot| self.categories(*ballot)).collect::<BTreeSet<_>>().len() == 2
        };
        standing.iter().copied().filter(|ballot| !self.all || complete(*ballot)).collect()
    }

    fn votes_in(&self, channel_: usize) -> [u64; 8] {
        let mut votes = [0; 8];
        let counted = self.counted(self.ballots.len(), true).into_iter();
        for ballot in counted.filter(|ballot| channel(self.ballots[*ballot].sheet) == channel_) {
            self.ballots[ballot].entries.iter().for_each(|entry| votes[*entry] += 1);
        }
        votes
    }

    /// Numerator and denominator of each entry's share of a category.
    ///
    /// A channel in which no entry of the category has a vote is left out.
    fn shares(&self, of: usize) -> Vec<(usize, u64, u64)> {
        let entries = || (0..8).filter(|entry| category(*entry) == of && !self.withdrawn.contains(entry));
        let channels = [self.votes_in(0), self.votes_in(1)];
        let totals = channels.map(|votes| entries().map(|entry| votes[entry]).sum::<u64>());
        let weights = [0, 1].map(|at| if totals[at] == 0 { 0 } else { WEIGHTS[at] });
        let [some, others] = totals.map(|total| total.max(1));
        let share =
            |entry: usize| weights[0] * channels[0][entry] * others + weights[1] * channels[1][entry] * some;
        let denominator = some * others * (weights[0] + weights[1]).max(1);
        entries().map(|entry| (entry, share(entry), denominator)).collect()
    }

    fn votes(&self, among: usize, voids: bool) -> [u64; 8] {
        let mut votes = [0; 8];
        for ballot in self.counted(among, voids) {
            self.ballots[ballot].entries.iter().for_each(|entry| votes[*entry] += 1);
        }
        votes
    }

    /// The log index at which each entry's total last changed.
    fn reached(&self) -> [Option<u64>; 8] {
        let mut reached = [None; 8];
        for among in 1..=self.ballots.len() {
            let (before, after) = (self.votes(among - 1, true), self.votes(among, true));
            for entry in (0..8).filter(|entry| before[*entry] != after[*entry]) {
                reached[entry] = Some(self.ballots[among - 1].index);
            }
        }
        reached
    }

    fn standings(&self, of: usize, votes: &[u64; 8], withdrawn: &BTreeSet<usize>) -> Vec<(usize, u64)> {
        let mut entries: Vec<usize> =
            (0..8).filter(|entry| category(*entry) == of && !withdrawn.contains(entry)).collect();
        entries.sort_by_key(|entry| (std::cmp::Reverse(votes[*entry]), *entry));
        let rank =
            |entry: usize| 1 + entries.iter().filter(|other| votes[**other] > votes[entry]).count() as u64;
        entries.iter().map(|entry| (*entry, rank(*entry))).collect()
    }

    fn tally(&self) -> Value {
        let now = self.ballots.len();
        let votes = self.votes(now, true);
        let counted = self.counted(now, true).len();
        let voided = self.ballots.iter().filter(|ballot| ballot.voided).count();
        let replaced = (0..now).filter(|b| self.is_replaced(*b, now) && !self.ballots[*b].voided).count();
        let voters: BTreeSet<u32> = self.ballots.iter().map(|ballot| ballot.voter).collect();
        let categories: Vec<Value> = (0..2).map(|of| self.category_tally(of, &votes)).collect();
        json!({
            "contest": "test", "phase": "open", "pending": 0,
            "ballots": {"recorded": now, "counted": counted, "replaced": replaced, "voided": voided,
                "incomplete": now - counted - replaced - voided},
            "voters": voters.len(),
            "votes": categories.iter().map(|category| category["votes"].as_u64().unwrap()).sum::<u64>(),
            "categories": categories,
        })
    }

    fn category_tally(&self, of: usize, votes: &[u64; 8]) -> Value {
        let own = |withdrawn: bool| -> u64 {
            let entries = (0..8).filter(|e| category(*e) == of && self.withdrawn.contains(e) == withdrawn);
            entries.map(|entry| votes[entry]).sum()
        };
        let standings = self.standings(of, votes, &self.withdrawn);
        let tied =
            |entry: usize| standings.iter().filter(|(other, _)| votes[*other] == votes[entry]).count() > 1;
        let places: Vec<Value> = standings
            .iter()
            .map(|(entry, rank)| {
                // The totals are small. Floating point would be exact enough, but integers are just
                // as simple.
                let hundredths =
                    (votes[*entry] * 20_000 + own(false)).checked_div(2 * own(false)).unwrap_or(0);
                let share = format!("{}.{:02}", hundredths / 100, hundredths % 100);
                json!({"entry": ENTRIES[*entry], "rank": rank, "votes": votes[*entry], "share": share,
                    "tied": tied(*entry)})
            })
            .collect();
        let id = ["a", "b"][of];
        let places = if self.divided { self.divided_places(of, votes) } else { places };
        json!({"id": id, "votes": own(false), "withdrawn_votes": own(true), "standings": places})
    }

    fn divided_places(&self, of: usize, votes: &[u64; 8]) -> Vec<Value> {
        let percent = |votes: u64, total: u64| {
            let hundredths = (votes * 20_000 + total).checked_div(2 * total).unwrap_or(0);
            format!("{}.{:02}", hundredths / 100, hundredths % 100)
        };
        let mut shares = self.shares(of);
        shares.sort_by_key(|(entry, share, _)| (std::cmp::Reverse(*share), *entry));
        let standing: Vec<usize> = shares.iter().map(|(entry, ..)| *entry).collect();
        let channels = [("jury", self.votes_in(0)), ("fan", self.votes_in(1))];
        let place = |(entry, share, denominator): &(usize, u64, u64)| {
            let channels: Vec<Value> = channels
                .iter()
                .map(|(id, votes)| {
                    let total = standing.iter().map(|entry| votes[*entry]).sum();
                    json!({"channel": id, "votes": votes[*entry], "share": percent(votes[*entry], total)})
                })
                .collect();
            let divisor =
                (1..=*denominator).rev().find(|by| share % by == 0 && denominator % by == 0).unwrap();
            let exact = match denominator / divisor {
                1 => (share / divisor).to_string(),
                below => format!("{}/{below}", share / divisor),
            };
            json!({"entry": ENTRIES[*entry], "votes": votes[*entry], "share": percent(*share, *denominator),
                "exact": exact, "channels": channels,
                "rank": 1 + shares.iter().filter(|(_, other, _)| other > share).count(),
                "tied": shares.iter().filter(|(_, other, _)| other == share).count() > 1})
        };
        shares.iter().map(place).collect()
    }

    /// The two champions of a category with `earliest`, and more where it does not separate
    /// entries.
    fn champions(&self, of: usize) -> BTreeSet<&'static str> {
        let votes = self.votes(self.ballots.len(), true);
        let reached = self.reached();
        let standings = self.standings(of, &votes, &self.withdrawn);
        let before =
            |a: usize, b: usize| votes[a] > votes[b] || votes[a] == votes[b] && reached[a] < reached[b];
        let ahead = |entry: usize| standings.iter().filter(|(other, _)| before(*other, entry)).count();
        standings.iter().filter(|(entry, _)| ahead(*entry) < 2).map(|(entry, _)| ENTRIES[*entry]).collect()
    }
}

fn apply(log: &mut Log, model: &mut Model, step: &Step) {
    match step {
        Step::Cast { voter, sheet, entries, replaces } => {
            let sheet = if model.divided { *sheet } else { 0 };
            let (channel, period) = SHEETS[sheet];
            let on = Sheet { channel: Some(channel), period: Some(period) };
            let on = if model.divided { on } else { Sheet::default() };
            let replaces = replaces.and_then(|which| model.own(*voter).nth(which));
            let names: Vec<&str> = entries.iter().map(|entry| ENTRIES[*entry]).collect();
            let index = log.replay.size();
            let cast = log.cast_on(on, *voter, &names, replaces.map(|ballot| model.ballots[ballot].id));
            let same = |ballot: &Ballot| {
                (ballot.voter, ballot.sheet, &ballot.entries, ballot.replaces)
                    == (*voter, sheet, entries, replaces)
            };
            if model.ballots.iter().any(same) {
                assert_eq!(cast, Err("same-ballot"));
                return;
            }
            assert_eq!(cast.is_ok(), model.admits(*voter, sheet, entries, replaces), "{step:?}: {cast:?}");
            if let Ok(id) = cast {
                let (voter, entries) = (*voter, entries.clone());
                model.ballots.push(Ballot { id, index, voter, sheet, entries, replaces, voided: false });
            }
        }
        Step::Flip(which) => {
            let Some(ballot) = model.ballots.get_mut(*which) else { return };
            if ballot.voided {
                log.reinstate(ballot.id);
            } else {
                log.void(ballot.id);
            }
            ballot.voided = !ballot.voided;
        }
        Step::FlipEntry(which) => {
            let entry = ENTRIES[*which].parse().unwrap();
            if model.withdrawn.remove(which) {
                log.event(Event::Reinstated { entry: Some(entry), ballots: None, reason: reason() });
            } else {
                model.withdrawn.insert(*which);
                log.event(Event::Withdrawn { entry, reason: reason() });
            }
        }
    }
}

fn check_result(log: &Log, model: &Model) {
    let result: Value = serde_json::from_slice(&log.replay.result().unwrap().json).unwrap();
    let now = model.ballots.len();
    let votes_without_voids = model.votes(now, false);
    for of in 0..2 {
        let category = &result["categories"][of];
        let names = |list: &Value| -> BTreeSet<String> {
            list.as_array().unwrap().iter().map(|place| place["entry"].as_str().unwrap().to_owned()).collect()
        };
        if !model.divided {
            let champions: BTreeSet<String> = model.champions(of).into_iter().map(str::to_owned).collect();
            assert_eq!(names(&category["champions"]), champions);
        }
        let places: Vec<Value> = category["without_rulings"].as_array().unwrap().clone();
        let expected = model.standings(of, &votes_without_voids, &BTreeSet::new());
        for (place, (entry, rank)) in places.iter().zip(&expected).filter(|_| !model.divided) {
            assert_eq!((&place["entry"], &place["rank"]), (&ENTRIES[*entry].into(), &(*rank).into()));
            assert_eq!(place["votes"], votes_without_voids[*entry]);
        }
        assert_eq!(places.len(), expected.len());
        let fills =
            |ballot: &usize| !model.is_replaced(*ballot, now) && model.categories(*ballot).contains(&of);
        let voters: BTreeSet<u32> =
            (0..now).filter(fills).map(|ballot| model.ballots[ballot].voter).collect();
        assert_eq!(category["counts"]["voters"], voters.len());
        let voided =
            (0..now).filter(|b| model.ballots[*b].voided && model.categories(*b).contains(&of)).count();
        let by_reason = category["counts"]["voided"].as_array().unwrap();
        assert_eq!(
            by_reason.iter().map(|reason| reason["ballots"].as_u64().unwrap()).sum::<u64>(),
            voided as u64
        );
        assert_eq!(category["counts"]["ballots"]["voided"], voided);
    }
    let complete: BTreeMap<u32, ()> =
        model.counted(now, true).iter().map(|b| (model.ballots[*b].voter, ())).collect();
    let incomplete = if model.all { log.replay.tally().voters() - complete.len() as u64 } else { 0 };
    assert_eq!(result["counts"]["incomplete_voters"], incomplete);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn the_tally_is_what_a_plain_count_says(
        all in any::<bool>(), divided in any::<bool>(), steps in steps(),
    ) {
        let mut log = Log::open(|rules| {
            rules.ballot.votes_per_category = [1, 2];
            if all { rules.ballot.completion = Completion::All; }
            if divided {
                rules.channels = ["jury", "fan"].iter().zip(WEIGHTS).map(|(id, weight)| Channel {
                    id: id.parse().unwrap(), weight: u32::try_from(weight).unwrap(),
                }).collect();
                rules.ballot.period = Period::Counted;
                rules.ballot.ballots_per_voter = Some(2);
            } else {
                rules.champions.as_mut().unwrap().ties = ChampionTies::Earliest;
            }
        });
        let mut model = Model { all, divided, ..Model::default() };
        for (number, step) in steps.iter().enumerate() {
            apply(&mut log, &mut model, step);
            prop_assert_eq!(log.figures(), model.tally());
            // The result is checked now and then, so that no cached value is used for a later
            // result.
            if number % 7 == 0 {
                check_result(&log, &model);
            }
        }
        check_result(&log, &model);
    }
}
