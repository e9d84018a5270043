//! Champions and winners of a category, and every tie with what resolved it.

use acclaim_contest::rules::{ChampionTies, WinnerTies, WinnersBy, WinnersFrom};
use acclaim_contest::{CategoryId, EntryId};
use serde::Serialize;

use crate::roster::{CategoryNumber, EntryNumber};
use crate::standings::Ranked;
use crate::tally::Tally;

/// What a category came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Which category.
    pub category: CategoryId,
    /// The shortlist in rank order; `None` if the contest has none.
    pub champions: Option<Vec<Champion>>,
    /// Whether the winners are known.
    pub decision: Decision,
    /// The winners: in rank order, or as the panel chose.
    pub winners: Vec<Winner>,
    /// Chosen by the panel, but withdrawn since, or no longer champions: they do not win unless that is undone, or another choice follows.
    pub no_longer_eligible: Vec<EntryId>,
    /// Every tie: in the standings, at the cut of the champions, at the cut of the winners.
    pub ties: Vec<Tie>,
}

/// Whether the winners of a category are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Decision {
    /// They are; there may be none.
    Decided,
    /// The panel has not chosen.
    Undecided,
}

/// What gave an entry its place, or resolved a tie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Rule {
    /// More votes.
    Votes,
    /// Tied at the cut of the champions: all of them are.
    Include,
    /// Tied at the cut of the winners: all of them are.
    Report,
    /// Reached the total first, in the order of recording.
    Earliest,
    /// Nothing: equal is equal, and what is tied shares the place.
    Shared,
    /// The panel's choice.
    Choice,
}

/// An entry of the shortlist.
pub type Champion = Place;
/// An entry that wins.
pub type Winner = Place;

/// An entry that has a place among champions or winners.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Place {
    /// Which entry.
    pub entry: EntryId,
    /// What voters read.
    pub title: String,
    /// Its rank in the standings.
    pub rank: u64,
    /// Its counted votes.
    pub votes: u64,
    /// What gave it the place.
    pub decided_by: Rule,
}

/// Entries with equal votes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Tie {
    /// `standings`, `champions` or `winners`.
    pub concerns: &'static str,
    /// The rank that they share in the standings.
    pub rank: u64,
    /// The votes of each.
    pub votes: u64,
    /// In the order of the definition.
    pub entries: Vec<EntryId>,
    /// Places left for them, at a cut.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub places: Option<u64>,
    /// What resolved it; `shared` if nothing did.
    pub resolved_by: Rule,
    /// With `earliest`: the entries in the order in which they reached their total.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub order: Vec<Reached>,
}

/// When an entry last reached its total.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reached {
    /// Which entry.
    pub entry: EntryId,
    /// Log index; absent if it never had a vote, which is before all others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub index: Option<u32>,
}

impl Tally {
    /// What a category came to; `None` if there is no such category.
    #[must_use]
    pub fn outcome(&self, category: &str) -> Option<Outcome> {
        self.roster.category_number(category).map(|number| self.outcome_of(number))
    }

    pub(crate) fn outcome_of(&self, category: CategoryNumber) -> Outcome {
        let ranked = self.ranked(category);
        let mut ties = self.standing_ties(&ranked);
        let champions = self.champion_cut(&ranked);
        ties.extend(champions.as_ref().and_then(|cut| cut.tie.clone()));
        let mut outcome = Outcome {
            category: self.roster.category(category).id.clone(),
            champions: champions.as_ref().map(|cut| self.places(cut)),
            decision: Decision::Decided,
            winners: Vec::new(),
            no_longer_eligible: Vec::new(),
            ties,
        };
        match self.header.as_ref().map(|header| header.rules.winners.by) {
            Some(WinnersBy::Choice) => self.choose(category, &ranked, champions.as_ref(), &mut outcome),
            _ => {
                let cut = self.winner_cut(&ranked, champions.as_ref());
                outcome.winners = self.places(&cut);
                outcome.ties.extend(cut.tie);
            }
        }
        outcome
    }

    /// The entries that can win in a category now, ascending.
    pub(crate) fn eligible(&self, category: CategoryNumber) -> Vec<EntryNumber> {
        let ranked = self.ranked(category);
        let champions = self.champion_cut(&ranked);
        let mut entries: Vec<EntryNumber> =
            self.pool(&ranked, champions.as_ref()).iter().map(|place| place.entry).collect();
        entries.sort_unstable();
        entries
    }

    /// Those who can win, in rank order.
    fn pool(&self, ranked: &[Ranked], champions: Option<&Cut>) -> Vec<Ranked> {
        let from = self.header.as_ref().map(|header| header.rules.winners.from);
        match (from, champions) {
            (Some(WinnersFrom::Champions), Some(cut)) => cut.chosen.iter().map(|(place, _)| *place).collect(),
            _ => ranked.to_vec(),
        }
    }

    fn champion_cut(&self, ranked: &[Ranked]) -> Option<Cut> {
        let rules = self.header.as_ref()?.rules.champions.as_ref()?;
        let pool: Vec<Ranked> =
            ranked.iter().filter(|place| place.votes >= rules.minimum_votes).copied().collect();
        let ties = match rules.ties {
            ChampionTies::Earliest => Rule::Earliest,
            // `draw` is not admitted by this version.
            ChampionTies::Include | ChampionTies::Draw => Rule::Include,
        };
        Some(self.cut("champions", &pool, rules.count, ties))
    }

    /// Winners by votes. Nobody wins without a vote.
    fn winner_cut(&self, ranked: &[Ranked], champions: Option<&Cut>) -> Cut {
        let Some(rules) = self.header.as_ref().map(|header| &header.rules.winners) else {
            return Cut::default();
        };
        let pool: Vec<Ranked> =
            self.pool(ranked, champions).into_iter().filter(|place| place.votes > 0).collect();
        let ties = match rules.ties {
            WinnerTies::Earliest => Rule::Earliest,
            // The others are not admitted by this version.
            WinnerTies::Report | WinnerTies::Votes | WinnerTies::Panel(_) | WinnerTies::Draw => Rule::Report,
        };
        self.cut("winners", &pool, rules.count, ties)
    }

    fn choose(
        &self,
        category: CategoryNumber,
        ranked: &[Ranked],
        champions: Option<&Cut>,
        outcome: &mut Outcome,
    ) {
        let Some(choice) = &self.roster.category(category).choice else {
            outcome.decision = Decision::Undecided;
            return;
        };
        let pool = self.pool(ranked, champions);
        for entry in &choice.winners {
            match pool.iter().find(|place| place.entry == *entry) {
                Some(place) => outcome.winners.push(self.place(place, Rule::Choice)),
                None => outcome.no_longer_eligible.push(self.roster.entry(*entry).id.clone()),
            }
        }
    }

    /// The first `count` of a pool in rank order.
    fn cut(&self, concerns: &'static str, pool: &[Ranked], count: u32, ties: Rule) -> Cut {
        let count = count as usize;
        let by_votes = |places: &[Ranked]| places.iter().map(|place| (*place, Rule::Votes)).collect();
        let last = count.checked_sub(1).and_then(|last| pool.get(last));
        let (Some(last), Some(next)) = (last, pool.get(count)) else {
            let chosen = pool.get(..count).unwrap_or(if count == 0 { &[] } else { pool });
            return Cut { chosen: by_votes(chosen), tie: None };
        };
        let above = pool.partition_point(|place| place.votes > last.votes);
        let (above, rest) = pool.split_at(if next.votes == last.votes { above } else { count });
        let mut chosen: Vec<(Ranked, Rule)> = by_votes(above);
        if next.votes < last.votes {
            return Cut { chosen, tie: None };
        }
        let end = rest.partition_point(|place| place.votes == last.votes);
        let equals = rest.get(..end).unwrap_or_default();
        let places = count - above.len();
        let (resolved_by, order) = match ties {
            Rule::Earliest => self.earliest_first(equals, places, &mut chosen),
            rule => {
                chosen.extend(equals.iter().map(|place| (*place, rule)));
                (rule, Vec::new())
            }
        };
        let tie = Tie { places: Some(places as u64), resolved_by, order, ..self.tie(concerns, equals, last) };
        Cut { chosen, tie: Some(tie) }
    }

    /// Gives the places to those of `equals` that reached their total first. Who cannot be told apart by that shares the last place.
    fn earliest_first(
        &self,
        equals: &[Ranked],
        places: usize,
        chosen: &mut Vec<(Ranked, Rule)>,
    ) -> (Rule, Vec<Reached>) {
        let reached = self.reached();
        let index = |place: &Ranked| reached.get(place.entry as usize).copied().flatten();
        let mut ordered = equals.to_vec();
        ordered.sort_by_key(|place| (index(place), place.entry));
        let boundary = places.checked_sub(1).and_then(|last| ordered.get(last)).and_then(index);
        let in_time = ordered.partition_point(|place| index(place) <= boundary);
        let rule = if in_time > places { Rule::Shared } else { Rule::Earliest };
        chosen.extend(
            ordered
                .iter()
                .take(in_time)
                .map(|place| (*place, if index(place) < boundary { Rule::Earliest } else { rule })),
        );
        let order = ordered
            .iter()
            .map(|place| Reached { entry: self.roster.entry(place.entry).id.clone(), index: index(place) })
            .collect();
        (rule, order)
    }

    fn standing_ties(&self, ranked: &[Ranked]) -> Vec<Tie> {
        ranked
            .chunk_by(|a, b| a.votes == b.votes)
            .filter(|equals| equals.len() > 1)
            .filter_map(|equals| Some(self.tie("standings", equals, equals.first()?)))
            .collect()
    }

    fn tie(&self, concerns: &'static str, equals: &[Ranked], one: &Ranked) -> Tie {
        let mut numbers: Vec<EntryNumber> = equals.iter().map(|place| place.entry).collect();
        numbers.sort_unstable();
        Tie {
            concerns,
            rank: one.rank,
            votes: one.votes,
            entries: numbers.into_iter().map(|entry| self.roster.entry(entry).id.clone()).collect(),
            places: None,
            resolved_by: Rule::Shared,
            order: Vec::new(),
        }
    }

    fn places(&self, cut: &Cut) -> Vec<Place> {
        cut.chosen.iter().map(|(place, rule)| self.place(place, *rule)).collect()
    }

    fn place(&self, place: &Ranked, decided_by: Rule) -> Place {
        let entry = self.roster.entry(place.entry);
        let (rank, votes) = (place.rank, place.votes);
        Place { entry: entry.id.clone(), title: entry.title.clone(), rank, votes, decided_by }
    }
}

/// The first so many of a pool.
#[derive(Debug, Default)]
struct Cut {
    chosen: Vec<(Ranked, Rule)>,
    /// The tie that the cut fell into.
    tie: Option<Tie>,
}
