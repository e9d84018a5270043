//! Outcomes: champions and winners of a category, and every tie with the rule that resolved it.
//!
//! Champions are the first entries of the standings. For them, only a tie at their cut matters.
//! Winners come from the ranking that the rules name. Their rule for ties orders every tie in it. A
//! place is the competition rank after that. An entry whose place is within the count wins.

use std::collections::BTreeSet;

use acclaim_contest::{
    CategoryId, EntryId,
    rules::{ChampionTies, WinnerTies, WinnersBy, WinnersFrom},
};
use serde::Serialize;

use crate::{
    cut::{Cut, PlacedEntry, TieRules},
    numbers::{CategoryNumber, EntryNumber},
    ranked::RankedEntry,
    ranking::Ranking,
    rule::{OrderedEntry, Rule},
    tally::Tally,
    tie_break::TieBreaker,
    undecided::{Undecided, UndecidedReason},
};

/// The outcome of a category.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The category's id.
    pub category: CategoryId,
    /// The shortlist in rank order; `None` if the contest has none.
    pub champions: Option<Vec<Champion>>,
    /// Whether the winners are known.
    ///
    /// In a log of version 1 they are undecided only while the panel has not chosen.
    pub decision: Decision,
    /// Why the winners are not decided. Filled in logs of all versions.
    pub undecided: Vec<Undecided>,
    /// The winners: in rank order, or in the order of the panel's choice.
    pub winners: Vec<Winner>,
    /// Entries that the panel chose, and that are withdrawn since or are no longer champions.
    ///
    /// They do not win unless that is undone or another choice follows.
    pub no_longer_eligible: Vec<EntryId>,
    /// Every tie: in the standings, in the winners' own ranking, at the cut of the champions, and
    /// among the winners.
    pub ties: Vec<Tie>,
}

/// Whether the winners of a category are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Decision {
    /// The winners are known. There may be none.
    Decided,
    /// The winners are not known.
    Undecided,
}

/// An entry of the shortlist.
pub type Champion = Place;
/// An entry that wins.
pub type Winner = Place;

/// An entry with a place among champions or winners.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Place {
    /// The entry's id.
    pub entry: EntryId,
    /// The title that voters read.
    pub title: String,
    /// The entry's place among them, from 1: the rank after ties were broken.
    ///
    /// With a choice, it is the position in the choice.
    pub place: u64,
    /// The entry's rank: in the winners' own ranking if there is one, else in the standings.
    pub rank: u64,
    /// Number of counted votes for the entry.
    pub votes: u64,
    /// The entry's figure in the ranking of the winners: two decimals, half up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub figure: Option<String>,
    /// The rule that gave the entry its place.
    pub decided_by: Rule,
}

/// A tie: entries that are equal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Tie {
    /// Where the tie is: `standings`, `ranking`, `champions` or `winners`.
    pub concerns: &'static str,
    /// The rank that the entries share.
    pub rank: u64,
    /// The votes of each entry, if votes are equal and the contest has no channels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub votes: Option<u64>,
    /// The figure of each entry in the ranking of the winners.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub figure: Option<String>,
    /// The entries, in the order of the definition.
    pub entries: Vec<EntryId>,
    /// Places left for the entries, if the tie is at a cut.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub places: Option<u64>,
    /// The rule that resolved the tie; `shared` if none did.
    pub resolved_by: Rule,
    /// The entries in the order of the rule, if a rule orders them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub order: Vec<OrderedEntry>,
}

impl Tally {
    /// The outcome of a category; `None` if there is no such category.
    #[must_use]
    pub fn outcome(&self, category: &str) -> Option<Outcome> {
        self.roster.category_number(category).map(|number| {
            let ranking = self.ranking(number);
            self.outcome_of(number, ranking.as_ref())
        })
    }

    /// The outcome of a category, with the ranking of its winners if there is one.
    pub(crate) fn outcome_of(&self, category: CategoryNumber, ranking: Option<&Ranking>) -> Outcome {
        let standings = self.ranked(category);
        let champions = self.champion_cut(category, &standings);
        let mut ties = self.shared_places("standings", &standings, None);
        if let Some(ranking) = ranking {
            ties.extend(self.shared_places("ranking", &ranking.places, Some(ranking)));
        }
        ties.extend(champions.iter().flat_map(|cut| self.ties("champions", cut, None)));
        let mut outcome = Outcome {
            category: self.roster.category(category).id.clone(),
            champions: champions.as_ref().map(|cut| self.places(cut, None)),
            decision: Decision::Decided,
            undecided: Vec::new(),
            winners: Vec::new(),
            no_longer_eligible: Vec::new(),
            ties,
        };
        let ranked = ranking.map_or(&standings, |ranking| &ranking.places);
        let pool = self.pool(ranked, champions.as_ref());
        let mut cuts: Vec<&Cut> = champions.iter().collect();
        let cut = match self.header.as_ref().map(|header| header.rules.winners.by) {
            Some(WinnersBy::Choice) => {
                self.choose(category, &pool, &mut outcome);
                None
            }
            _ => {
                let cut = self.winner_cut(category, &pool, ranking);
                outcome.winners = self.places(&cut, ranking);
                outcome.ties.extend(self.ties("winners", &cut, ranking));
                Some(cut)
            }
        };
        cuts.extend(&cut);
        let can_win: Vec<EntryNumber> = match ranking {
            // An entry without a figure is in no ranking. It can still win once it has a figure.
            Some(_) => self.candidates(category, champions.as_ref()),
            None => pool.iter().map(|place| place.entry).collect::<BTreeSet<_>>().into_iter().collect(),
        };
        outcome.undecided = self.undecided_in(category, &can_win, &cuts, &outcome.no_longer_eligible);
        let is_undecided = match self.version() {
            1 => outcome.undecided.iter().any(|one| one.reason == UndecidedReason::NoChoice),
            _ => !outcome.undecided.is_empty(),
        };
        if is_undecided {
            outcome.decision = Decision::Undecided;
        }
        outcome
    }

    /// The entries that the winners of a category come from, ascending.
    pub(crate) fn candidates_in(&self, category: CategoryNumber) -> Vec<EntryNumber> {
        let champions = self.champion_cut(category, &self.ranked(category));
        self.candidates(category, champions.as_ref())
    }

    /// The entries that the winners come from, ascending: the champions, or all standing entries.
    fn candidates(&self, category: CategoryNumber, champions: Option<&Cut>) -> Vec<EntryNumber> {
        match (self.header.as_ref().map(|header| header.rules.winners.from), champions) {
            (Some(WinnersFrom::Champions), Some(cut)) => cut.entries().into_iter().collect(),
            _ => self.standing_entries(category).collect(),
        }
    }

    /// The entries that can be chosen in a category now, ascending.
    pub(crate) fn eligible(&self, category: CategoryNumber) -> Vec<EntryNumber> {
        let ranked = self.ranked(category);
        let champions = self.champion_cut(category, &ranked);
        let mut entries: Vec<EntryNumber> =
            self.pool(&ranked, champions.as_ref()).iter().map(|place| place.entry).collect();
        entries.sort_unstable();
        entries
    }

    /// The entries that can win, in rank order.
    fn pool(&self, ranked: &[RankedEntry], champions: Option<&Cut>) -> Vec<RankedEntry> {
        let from = self.header.as_ref().map(|header| header.rules.winners.from);
        match (from, champions) {
            (Some(WinnersFrom::Champions), Some(cut)) => {
                let champions = cut.entries();
                ranked.iter().filter(|place| champions.contains(&place.entry)).copied().collect()
            }
            _ => ranked.to_vec(),
        }
    }

    fn champion_cut(&self, category: CategoryNumber, standings: &[RankedEntry]) -> Option<Cut> {
        let rules = self.header.as_ref()?.rules.champions.as_ref()?;
        let pool: Vec<RankedEntry> =
            standings.iter().filter(|place| place.votes >= rules.minimum_votes).copied().collect();
        let (shared, breaker) = match rules.ties {
            ChampionTies::Include => (Rule::Include, None),
            ChampionTies::Earliest => (Rule::Shared, Some(TieBreaker::Earliest)),
            ChampionTies::Draw => (Rule::Shared, self.draw_tie_breaker()),
        };
        let order = breaker.map(|breaker| self.tie_break(category, &breaker, &pool));
        let lots_due = rules.ties == ChampionTies::Draw && self.drawn.is_none();
        let count = self.roster.category(category).champions;
        Some(Cut::new(&pool, count, Rule::Votes, &TieRules { shared, order, lots_due, everywhere: false }))
    }

    /// The cut of the winners of a ranking.
    ///
    /// If the standings decide, no entry wins without a vote. If a ranking by figures decides, no
    /// entry wins without a figure above zero. Where the scale of a panel goes below zero, any
    /// figure can win.
    fn winner_cut(&self, category: CategoryNumber, pool: &[RankedEntry], ranking: Option<&Ranking>) -> Cut {
        let Some(rules) = self.header.as_ref().map(|header| &header.rules.winners) else {
            return Cut::default();
        };
        let below_zero = self.scores_go_below_zero();
        let can_win = |place: &&RankedEntry| match ranking {
            None => place.votes > 0,
            Some(ranking) => {
                ranking.figure(place.entry).is_some_and(|figure| below_zero || figure.is_positive())
            }
        };
        let pool: Vec<RankedEntry> = pool.iter().filter(can_win).copied().collect();
        let (shared, breaker) = match &rules.ties {
            WinnerTies::Report => (Rule::Report, None),
            WinnerTies::Earliest => (Rule::Shared, Some(TieBreaker::Earliest)),
            WinnerTies::Draw => (Rule::Shared, self.draw_tie_breaker()),
            WinnerTies::Votes => (Rule::Shared, Some(TieBreaker::Votes)),
            WinnerTies::Panel(id) => (Rule::Shared, self.panel_tie_breaker(id)),
            WinnerTies::Countback => (Rule::Shared, Some(TieBreaker::Countback)),
        };
        let by = match rules.by {
            WinnersBy::Scores => Rule::Scores,
            WinnersBy::Weighted => Rule::Weighted,
            WinnersBy::Votes | WinnersBy::Choice => Rule::Votes,
        };
        let order = breaker.map(|breaker| self.tie_break(category, &breaker, &pool));
        let lots_due = rules.ties == WinnerTies::Draw && self.drawn.is_none();
        let count = self.roster.category(category).winners;
        Cut::new(&pool, count, by, &TieRules { shared, order, lots_due, everywhere: true })
    }

    fn scores_go_below_zero(&self) -> bool {
        let panels = self.header.as_ref().map_or(&[][..], |header| &header.rules.panels);
        panels.iter().any(|panel| panel.scale.is_some_and(|[lowest, _]| lowest < 0))
    }

    fn choose(&self, category: CategoryNumber, pool: &[RankedEntry], outcome: &mut Outcome) {
        let Some(choice) = &self.roster.category(category).choice else {
            return;
        };
        for entry in &choice.winners {
            let place = outcome.winners.len() as u64 + 1;
            match pool.iter().find(|place| place.entry == *entry) {
                Some(ranked) => {
                    let placed = PlacedEntry { ranked: *ranked, place, rule: Rule::Choice };
                    outcome.winners.push(self.place(&placed, None));
                }
                None => outcome.no_longer_eligible.push(self.roster.entry(*entry).id.clone()),
            }
        }
    }

    /// All ties of a ranking before any rule resolves them.
    fn shared_places(
        &self,
        concerns: &'static str,
        ranked: &[RankedEntry],
        ranking: Option<&Ranking>,
    ) -> Vec<Tie> {
        ranked
            .chunk_by(|a, b| a.rank == b.rank)
            .filter(|equals| equals.len() > 1)
            .filter_map(|equals| Some(self.tie(concerns, equals, equals.first()?, ranking)))
            .collect()
    }

    /// The ties that affect a cut.
    fn ties(&self, concerns: &'static str, cut: &Cut, ranking: Option<&Ranking>) -> Vec<Tie> {
        cut.ties
            .iter()
            .filter_map(|tie| {
                let one = tie.equals.first()?;
                let named = self.tie(concerns, &tie.equals, one, ranking);
                Some(Tie {
                    places: tie.places,
                    resolved_by: tie.resolved_by,
                    order: tie.order.iter().map(|ordered| ordered.to_ordered_entry(self)).collect(),
                    ..named
                })
            })
            .collect()
    }

    fn tie(
        &self,
        concerns: &'static str,
        equals: &[RankedEntry],
        one: &RankedEntry,
        ranking: Option<&Ranking>,
    ) -> Tie {
        let mut numbers: Vec<EntryNumber> = equals.iter().map(|place| place.entry).collect();
        numbers.sort_unstable();
        Tie {
            concerns,
            rank: one.rank,
            votes: (ranking.is_none() && !self.has_channels()).then_some(one.votes),
            figure: ranking.and_then(|ranking| Some(ranking.print(ranking.figure(one.entry)?))),
            entries: numbers.into_iter().map(|entry| self.roster.entry(entry).id.clone()).collect(),
            places: None,
            resolved_by: Rule::Shared,
            order: Vec::new(),
        }
    }

    fn places(&self, cut: &Cut, ranking: Option<&Ranking>) -> Vec<Place> {
        cut.chosen.iter().map(|placed| self.place(placed, ranking)).collect()
    }

    fn place(&self, placed: &PlacedEntry, ranking: Option<&Ranking>) -> Place {
        let PlacedEntry { ranked: RankedEntry { entry: number, rank, votes, .. }, place, rule } = *placed;
        let entry = self.roster.entry(number);
        let figure = ranking.and_then(|ranking| Some(ranking.print(ranking.figure(number)?)));
        let (id, title) = (entry.id.clone(), entry.title.clone());
        Place { entry: id, title, place, rank, votes, figure, decided_by: rule }
    }
}
