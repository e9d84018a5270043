//! Undecided winners: the reasons why the winners of a category are not decided.
//!
//! They depend only on the log. Certification uses this rule and no other.

use std::collections::BTreeSet;

use acclaim_contest::{
    CategoryId, EntryId, PanelId,
    rules::{Panel, PanelKind, Rules, WinnerTies, WinnersBy},
};
use serde::Serialize;

use crate::{
    cut::Cut,
    numbers::{CategoryNumber, EntryNumber},
    panel::of_juror,
    scores::JurorLists,
    tally::Tally,
};

/// A reason why the winners of a category are not decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Undecided {
    /// What is missing.
    pub reason: UndecidedReason,
    /// The panel at which it is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub panel: Option<PanelId>,
    /// The jurors concerned, in byte order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub jurors: Vec<String>,
    /// The entries concerned, in the order of the definition.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub entries: Vec<EntryId>,
}

/// What is missing before the winners are decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum UndecidedReason {
    /// The panel has not chosen.
    NoChoice,
    /// Chosen entries were withdrawn since, or are no longer champions.
    ChosenNotEligible,
    /// No juror has scored at the panel.
    NoScores,
    /// Fewer jurors than `minimum_jurors` have scored the entries.
    TooFewJurors,
    /// The jurors have not scored. The rules name them, or they are recused for some entries.
    MissingJurors,
    /// The jurors have scored some entries, but not all.
    IncompleteScores,
    /// The entries are tied, the rules break ties by the panel, and it has no figure for them.
    TiedWithoutFigure,
    /// The entries are tied, the rules break ties by lots, and no lots are drawn.
    LotsNotDrawn,
}

impl UndecidedReason {
    /// A sentence for people. It does not name the panel, the jurors and the entries.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::NoChoice => "the panel has not chosen",
            Self::ChosenNotEligible => "chosen entries were withdrawn since, or are no longer champions",
            Self::NoScores => "no juror of the panel has scored",
            Self::TooFewJurors => "too few jurors have scored these entries",
            Self::MissingJurors => "these jurors have not scored",
            Self::IncompleteScores => "these jurors have not scored every entry",
            Self::TiedWithoutFigure => {
                "these entries are tied, and the panel that breaks ties has no figure for them"
            }
            Self::LotsNotDrawn => "these entries are tied, and no lots are drawn",
        }
    }
}

impl Undecided {
    fn new(reason: UndecidedReason) -> Self {
        Self { reason, panel: None, jurors: Vec::new(), entries: Vec::new() }
    }
}

impl Tally {
    /// The categories whose winners are not decided, with the reasons, in the order of the
    /// definition.
    ///
    /// If the list is empty, nothing prevents certification.
    #[must_use]
    pub fn undecided(&self) -> Vec<(CategoryId, Vec<Undecided>)> {
        self.category_numbers()
            .map(|number| {
                let ranking = self.ranking(number);
                let outcome = self.outcome_of(number, ranking.as_ref());
                (outcome.category, outcome.undecided)
            })
            .filter(|(_, reasons)| !reasons.is_empty())
            .collect()
    }

    /// The reasons why the winners of a category are not decided.
    ///
    /// `can_win` has the entries that winners come from, ascending. `cuts` are the cuts of
    /// champions and winners.
    pub(crate) fn undecided_in(
        &self,
        category: CategoryNumber,
        can_win: &[EntryNumber],
        cuts: &[&Cut],
        no_longer_eligible: &[EntryId],
    ) -> Vec<Undecided> {
        let Some(rules) = self.header.as_ref().map(|header| &header.rules) else { return Vec::new() };
        let mut undecided = Vec::new();
        match rules.winners.by {
            WinnersBy::Choice if self.roster.category(category).choice.is_none() => {
                undecided.push(Undecided::new(UndecidedReason::NoChoice));
            }
            WinnersBy::Choice if !no_longer_eligible.is_empty() => undecided.push(Undecided {
                entries: no_longer_eligible.to_vec(),
                ..Undecided::new(UndecidedReason::ChosenNotEligible)
            }),
            WinnersBy::Scores | WinnersBy::Weighted if !can_win.is_empty() => {
                for (number, panel) in rules.panels.iter().enumerate() {
                    self.undecided_at(number, panel, category, can_win, &mut undecided);
                }
            }
            _ => {}
        }
        self.undecided_ties(rules, category, cuts, &mut undecided);
        undecided.extend(self.unresolved_ties(rules, cuts));
        undecided
    }

    /// Reports what is missing at a panel that breaks ties of votes, if there are ties.
    fn undecided_ties(
        &self,
        rules: &Rules,
        category: CategoryNumber,
        cuts: &[&Cut],
        undecided: &mut Vec<Undecided>,
    ) {
        let (WinnersBy::Votes, WinnerTies::Panel(id)) = (rules.winners.by, &rules.winners.ties) else {
            return;
        };
        let Some(number) = rules.panels.iter().position(|panel| panel.id == *id) else { return };
        let tied = cuts.iter().flat_map(|cut| &cut.ties).filter(|tie| !tie.order.is_empty());
        let tied: BTreeSet<EntryNumber> =
            tied.flat_map(|tie| &tie.equals).map(|ranked| ranked.entry).collect();
        if let (Some(panel), false) = (rules.panels.get(number), tied.is_empty()) {
            let tied: Vec<EntryNumber> = tied.into_iter().collect();
            self.juror_progress(number, panel, category, &tied).report(panel, undecided);
        }
    }

    /// Reports what is missing at a panel whose scores decide.
    fn undecided_at(
        &self,
        number: usize,
        panel: &Panel,
        category: CategoryNumber,
        can_win: &[EntryNumber],
        undecided: &mut Vec<Undecided>,
    ) {
        let at_panel = |reason| Undecided { panel: Some(panel.id.clone()), ..Undecided::new(reason) };
        let progress = self.juror_progress(number, panel, category, can_win);
        if !progress.any_scored {
            return undecided.push(at_panel(UndecidedReason::NoScores));
        }
        progress.report(panel, undecided);
        let without = self.panel_figures(number, category).without;
        let without: Vec<EntryId> = without
            .into_iter()
            .filter(|(entry, ..)| can_win.binary_search(entry).is_ok())
            .map(|(entry, ..)| self.roster.entry(entry).id.clone())
            .collect();
        if !without.is_empty() {
            undecided.push(Undecided { entries: without, ..at_panel(UndecidedReason::TooFewJurors) });
        }
    }

    /// How complete the jurors' scores in a category are, for the entries in `can_win`, ascending.
    ///
    /// A juror who is recused for some entries, and has not scored the others, still counts as a
    /// juror. The scores for the other entries are missing. This also holds where the rules do not
    /// name the juror.
    pub(crate) fn juror_progress(
        &self,
        number: usize,
        panel: &Panel,
        category: CategoryNumber,
        can_win: &[EntryNumber],
    ) -> JurorProgress {
        let scored = self.scores.by_juror(number, category);
        let recusals = self.recusals.by_juror(number, category);
        let is_recused = |juror: &str, entry: &EntryNumber| {
            // The entries are in ascending order.
            recusals.get(juror).is_some_and(|entries| entries.binary_search(entry).is_ok())
        };
        let judges_none = |juror: &str| can_win.iter().all(|entry| is_recused(juror, entry));
        let expected: BTreeSet<&str> =
            panel.jurors.iter().map(String::as_str).chain(recusals.keys().copied()).collect();
        let missing = expected.into_iter().filter(|juror| !scored.contains_key(juror) && !judges_none(juror));
        let missing: Vec<String> = missing.map(str::to_owned).collect();
        let scores_one = |lists: &JurorLists<'_>| {
            let mut scored = lists.iter().flat_map(|(_, scores)| scores.iter());
            scored.any(|(entry, _)| can_win.binary_search(entry).is_ok())
        };
        let mut incomplete = Vec::new();
        // A juror who gives points or ranks names the best entries, and the others get nothing.
        if panel.kind == PanelKind::Score {
            for (juror, lists) in &scored {
                let complete: BTreeSet<EntryNumber> =
                    of_juror(panel, lists).into_iter().map(|(entry, _)| entry).collect();
                let unscored = can_win.iter().filter(|entry| !complete.contains(entry));
                let unscored: Vec<EntryNumber> =
                    unscored.filter(|entry| !is_recused(juror, entry)).copied().collect();
                if !unscored.is_empty() {
                    incomplete.push(((*juror).to_owned(), unscored));
                }
            }
        }
        JurorProgress { any_scored: scored.values().any(scores_one), missing, incomplete }
    }

    /// The reasons for ties that the rule for ties has not ordered yet, or has no value for.
    fn unresolved_ties(&self, rules: &Rules, cuts: &[&Cut]) -> Vec<Undecided> {
        let mut undecided = Vec::new();
        let entry_ids = |entries: &BTreeSet<EntryNumber>| -> Vec<EntryId> {
            entries.iter().map(|entry| self.roster.entry(*entry).id.clone()).collect()
        };
        let open: BTreeSet<EntryNumber> = cuts.iter().flat_map(|cut| cut.open.iter().copied()).collect();
        if open.is_empty() {
            return undecided;
        }
        let panel = match &rules.winners.ties {
            WinnerTies::Panel(id) => Some(id.clone()),
            _ => None,
        };
        if rules.draw.is_some() && self.drawn.is_none() {
            let reason = UndecidedReason::LotsNotDrawn;
            undecided.push(Undecided { entries: entry_ids(&open), ..Undecided::new(reason) });
        } else if panel.is_some() && rules.winners.by == WinnersBy::Votes {
            let reason = UndecidedReason::TiedWithoutFigure;
            undecided.push(Undecided { panel, entries: entry_ids(&open), ..Undecided::new(reason) });
        }
        undecided
    }
}

/// How complete the scores of a panel's jurors are in a category.
pub(crate) struct JurorProgress {
    pub(crate) any_scored: bool,
    /// Jurors who have not scored and do judge some of the entries, in byte order.
    ///
    /// The rules name these jurors, or they are recused for some entries.
    pub(crate) missing: Vec<String>,
    /// Jurors who have scored some entries, each with the entries that are not scored.
    pub(crate) incomplete: Vec<(String, Vec<EntryNumber>)>,
}

impl JurorProgress {
    /// Adds the reasons for missing and incomplete scores.
    fn report(self, panel: &Panel, undecided: &mut Vec<Undecided>) {
        let incomplete = self.incomplete.into_iter().map(|(juror, _)| juror).collect();
        let reasons = [UndecidedReason::MissingJurors, UndecidedReason::IncompleteScores];
        for (reason, jurors) in reasons.into_iter().zip([self.missing, incomplete]) {
            if !jurors.is_empty() {
                undecided.push(Undecided { panel: Some(panel.id.clone()), jurors, ..Undecided::new(reason) });
            }
        }
    }
}
