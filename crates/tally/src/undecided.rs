//! Why the winners of a category are not decided: a function of the log, and the one rule that certification asks.

use std::collections::BTreeSet;

use acclaim_contest::rules::{Panel, PanelKind, Rules, WinnerTies, WinnersBy};
use acclaim_contest::{CategoryId, EntryId, PanelId};
use serde::Serialize;

use crate::cut::Cut;
use crate::numbers::{CategoryNumber, EntryNumber};
use crate::panel::of_juror;
use crate::scores::JurorLists;
use crate::tally::Tally;

/// A reason why the winners of a category are not decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Undecided {
    /// What is missing.
    pub reason: UndecidedReason,
    /// At which panel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub panel: Option<PanelId>,
    /// Of which jurors, in byte order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub jurors: Vec<String>,
    /// For which entries, in the order of the definition.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub entries: Vec<EntryId>,
}

/// What is missing before winners are decided.
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
    /// The jurors, whom the rules name or who have recused themselves for some entries, have not scored.
    MissingJurors,
    /// The jurors have scored some entries and not all.
    IncompleteScores,
    /// The entries are tied, the rules break ties by the panel, and it has no figure for them.
    TiedWithoutFigure,
    /// The entries are tied, the rules break ties by lots, and none are drawn.
    LotsNotDrawn,
}

impl UndecidedReason {
    /// A sentence for people; panel, jurors and entries have fields of their own.
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
    /// Every category whose winners are not decided, in the order of the definition, with the reasons. Empty if nothing is in the way of
    /// certifying.
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

    /// Why the winners of a category are not decided. `can_win` are the entries that winners come from, ascending; `cuts` are those of champions and
    /// winners.
    pub(crate) fn undecided_in(
        &self,
        category: CategoryNumber,
        can_win: &[EntryNumber],
        cuts: &[&Cut],
        no_longer_eligible: &[EntryId],
    ) -> Vec<Undecided> {
        let Some(rules) = self.header.as_ref().map(|header| &header.rules) else { return Vec::new() };
        let mut found = Vec::new();
        match rules.winners.by {
            WinnersBy::Choice if self.roster.category(category).choice.is_none() => {
                found.push(Undecided::new(UndecidedReason::NoChoice));
            }
            WinnersBy::Choice if !no_longer_eligible.is_empty() => found.push(Undecided {
                entries: no_longer_eligible.to_vec(),
                ..Undecided::new(UndecidedReason::ChosenNotEligible)
            }),
            WinnersBy::Scores | WinnersBy::Weighted if !can_win.is_empty() => {
                for (number, panel) in rules.panels.iter().enumerate() {
                    self.undecided_at(number, panel, category, can_win, &mut found);
                }
            }
            _ => {}
        }
        self.undecided_ties(rules, category, cuts, &mut found);
        found.extend(self.unresolved_ties(rules, cuts));
        found
    }

    /// What is missing at a panel that breaks ties of votes, where it has some to break.
    fn undecided_ties(
        &self,
        rules: &Rules,
        category: CategoryNumber,
        cuts: &[&Cut],
        found: &mut Vec<Undecided>,
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
            self.juror_progress(number, panel, category, &tied).report(panel, found);
        }
    }

    /// What is missing at a panel whose scores decide.
    fn undecided_at(
        &self,
        number: usize,
        panel: &Panel,
        category: CategoryNumber,
        can_win: &[EntryNumber],
        found: &mut Vec<Undecided>,
    ) {
        let at = |reason| Undecided { panel: Some(panel.id.clone()), ..Undecided::new(reason) };
        let sheets = self.juror_progress(number, panel, category, can_win);
        if !sheets.any_scored {
            return found.push(at(UndecidedReason::NoScores));
        }
        sheets.report(panel, found);
        let without = self.panel_figures(number, category).without;
        let without: Vec<EntryId> = without
            .into_iter()
            .filter(|(entry, ..)| can_win.binary_search(entry).is_ok())
            .map(|(entry, ..)| self.roster.entry(entry).id.clone())
            .collect();
        if !without.is_empty() {
            found.push(Undecided { entries: without, ..at(UndecidedReason::TooFewJurors) });
        }
    }

    /// How complete the jurors' scores in a category are, for the entries that can win, ascending. Who has recused and not scored what is left
    /// has given nothing, and still counts as one who has: whoever that is, the rules' jurors or others, what is left is missing.
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
            // In ascending order.
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
        // Who gives points or ranks names the best; the others get nothing.
        if panel.kind == PanelKind::Score {
            for (juror, lists) in &scored {
                let complete: BTreeSet<EntryNumber> =
                    of_juror(panel, lists).into_iter().map(|(entry, _)| entry).collect();
                let lacking = can_win.iter().filter(|entry| !complete.contains(entry));
                let lacking: Vec<EntryNumber> =
                    lacking.filter(|entry| !is_recused(juror, entry)).copied().collect();
                if !lacking.is_empty() {
                    incomplete.push(((*juror).to_owned(), lacking));
                }
            }
        }
        JurorProgress { any_scored: scored.values().any(scores_one), missing, incomplete }
    }

    /// Ties that the rule for ties has still to look at, or of which it knows nothing.
    fn unresolved_ties(&self, rules: &Rules, cuts: &[&Cut]) -> Vec<Undecided> {
        let mut found = Vec::new();
        let named = |entries: &BTreeSet<EntryNumber>| -> Vec<EntryId> {
            entries.iter().map(|entry| self.roster.entry(*entry).id.clone()).collect()
        };
        let open: BTreeSet<EntryNumber> = cuts.iter().flat_map(|cut| cut.open.iter().copied()).collect();
        if open.is_empty() {
            return found;
        }
        let panel = match &rules.winners.ties {
            WinnerTies::Panel(id) => Some(id.clone()),
            _ => None,
        };
        if rules.draw.is_some() && self.drawn.is_none() {
            let reason = UndecidedReason::LotsNotDrawn;
            found.push(Undecided { entries: named(&open), ..Undecided::new(reason) });
        } else if panel.is_some() && rules.winners.by == WinnersBy::Votes {
            let reason = UndecidedReason::TiedWithoutFigure;
            found.push(Undecided { panel, entries: named(&open), ..Undecided::new(reason) });
        }
        found
    }
}

/// How complete the scores of a panel's jurors are in a category.
pub(crate) struct JurorProgress {
    pub(crate) any_scored: bool,
    /// Those whom the rules name, or who have recused themselves for some entries, and who have neither scored nor recused themselves for all
    /// entries, in byte order.
    pub(crate) missing: Vec<String>,
    /// Those who have scored some entries, and the others.
    pub(crate) incomplete: Vec<(String, Vec<EntryNumber>)>,
}

impl JurorProgress {
    /// Adds whose sheets are missing or incomplete.
    fn report(self, panel: &Panel, found: &mut Vec<Undecided>) {
        let incomplete = self.incomplete.into_iter().map(|(juror, _)| juror).collect();
        let reasons = [UndecidedReason::MissingJurors, UndecidedReason::IncompleteScores];
        for (reason, jurors) in reasons.into_iter().zip([self.missing, incomplete]) {
            if !jurors.is_empty() {
                found.push(Undecided { panel: Some(panel.id.clone()), jurors, ..Undecided::new(reason) });
            }
        }
    }
}
