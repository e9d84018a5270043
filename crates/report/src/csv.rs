//! The result as one flat table for spreadsheets, with a row for each entry.
//!
//! The format is RFC 4180 in UTF-8, with CR LF after each line. `docs/result.md` explains the
//! columns.
//!
//! Exact fractions are only in the document, because a spreadsheet takes `1/2` for a day in
//! February. The names of jurors are also only in the document. A list of them in every row would
//! make the table much longer than the document.

mod jurors;

use std::collections::HashMap;

use acclaim_contest::csv_cell::{quoted_cell, row};

use self::jurors::Jurors;
use crate::{
    Report,
    document::{
        Document, Status, WithdrawnEntry,
        category::{
            CategoryResult, Decision, Place, RankedEntry, Rule, Standing, StandingWithoutRulings,
            UndecidedReason,
        },
        panel::PanelFigure,
    },
};

impl Report {
    /// Returns the result as CSV.
    ///
    /// Texts from outside are quoted, and a spreadsheet runs none of them as a formula.
    #[must_use]
    pub fn csv(&self) -> String {
        let document = &self.document;
        let mut csv = header(document);
        let withdrawn = document.withdrawn_by_category();
        for category in &document.categories {
            let table = Table::new(document, category);
            for standing in &category.standings {
                csv.push_str(&table.standing(standing));
            }
            for entry in withdrawn.get(&category.id).into_iter().flatten() {
                csv.push_str(&table.withdrawn(entry));
            }
        }
        csv
    }
}

fn header(document: &Document) -> String {
    let mut names: Vec<String> =
        ["category", "category_title", "entry", "title", "rank", "votes", "share", "tied"]
            .map(str::to_owned)
            .into();
    for channel in &document.rules.channels {
        names.extend(["votes", "share"].map(|what| format!("channel:{}:{what}", channel.id)));
    }
    for panel in &document.rules.panels {
        names.extend(["rank", "figure", "jurors"].map(|what| format!("panel:{}:{what}", panel.id)));
    }
    let rest = [
        "ranking_rank",
        "ranking_figure",
        "champion_place",
        "champion_by",
        "winner_place",
        "winner_by",
        "rank_without_rulings",
        "votes_without_rulings",
        "withdrawn",
        "withdrawn_votes",
        "contest",
        "status",
        "test",
    ];
    names.extend(rest.map(str::to_owned));
    // These columns come last, so that all columns of version 1 keep their positions.
    if document.v >= 2 {
        for panel in &document.rules.panels {
            names.extend(["recused", "missing"].map(|what| format!("panel:{}:{what}", panel.id)));
        }
        names.extend(["decision", "undecided"].map(str::to_owned));
    }
    row(names) + "\r\n"
}

/// The data for the rows of one category.
struct Table<'a> {
    document: &'a Document,
    category: &'a CategoryResult,
    /// For each panel of the rules: its figures by entry.
    panels: Vec<HashMap<&'a str, &'a PanelFigure>>,
    ranking: HashMap<&'a str, &'a RankedEntry>,
    champions: HashMap<&'a str, &'a Place>,
    winners: HashMap<&'a str, &'a Place>,
    without_rulings: HashMap<&'a str, &'a StandingWithoutRulings>,
    /// For each panel of the rules: its jurors.
    jurors: Vec<Jurors<'a>>,
}

impl<'a> Table<'a> {
    fn new(document: &'a Document, category: &'a CategoryResult) -> Self {
        let panels = document.rules.panels.iter().map(|panel| {
            let results = category.panels.iter().filter(|result| result.panel == panel.id);
            results.flat_map(|result| &result.figures).map(|figure| (figure.entry.as_str(), figure)).collect()
        });
        let places = |places: &'a [Place]| places.iter().map(|place| (place.entry.as_str(), place)).collect();
        let ranking = category.ranking.iter().flatten();
        let without_rulings = category.without_rulings.iter();
        // While the winners are undecided, the table names no winner.
        let winners = match category.winners.decision {
            Decision::Decided => category.winners.entries.as_slice(),
            Decision::Undecided => &[],
        };
        Self {
            document,
            category,
            panels: panels.collect(),
            ranking: ranking.map(|ranked| (ranked.entry.as_str(), ranked)).collect(),
            champions: places(category.champions.as_deref().unwrap_or_default()),
            winners: places(winners),
            without_rulings: without_rulings.map(|place| (place.entry.as_str(), place)).collect(),
            jurors: document
                .rules
                .panels
                .iter()
                .map(|panel| Jurors::new(document, category, panel))
                .collect(),
        }
    }

    fn standing(&self, standing: &Standing) -> String {
        let entry = standing.entry.as_str();
        let mut cells = self.beginning(entry, &standing.title);
        cells.extend([
            standing.rank.to_string(),
            standing.votes.to_string(),
            standing.share.as_str().to_owned(),
            standing.tied.to_string(),
        ]);
        for channel in &self.document.rules.channels {
            let votes = standing.channels.iter().find(|votes| votes.channel == channel.id);
            cells.push(votes.map_or_else(String::new, |votes| votes.votes.to_string()));
            cells.push(votes.map_or_else(String::new, |votes| votes.share.as_str().to_owned()));
        }
        for panel in &self.panels {
            cells.extend(panel_cells(panel.get(entry).copied()));
        }
        let ranked = self.ranking.get(entry);
        cells.push(ranked.map_or_else(String::new, |ranked| ranked.rank.to_string()));
        cells.push(ranked.map_or_else(String::new, |ranked| ranked.figure.as_str().to_owned()));
        cells.extend(place_cells(self.champions.get(entry).copied()));
        cells.extend(place_cells(self.winners.get(entry).copied()));
        cells.extend(self.without_rulings(entry));
        cells.extend([String::new(), String::new()]);
        self.row(cells, Some(entry))
    }

    /// Returns the row of a withdrawn entry, which has no rank and no place.
    ///
    /// Its votes are in a column of their own, so that a sum over `votes` does not include them.
    fn withdrawn(&self, entry: &WithdrawnEntry) -> String {
        let mut cells = self.beginning(entry.entry.as_str(), &entry.title);
        let rules = &self.document.rules;
        let empty = 4 + 2 * rules.channels.len() + 3 * rules.panels.len() + 6;
        cells.resize(cells.len() + empty, String::new());
        cells.extend(self.without_rulings(entry.entry.as_str()));
        cells.extend([quoted_cell(&entry.reason), entry.votes.to_string()]);
        self.row(cells, None)
    }

    fn beginning(&self, entry: &str, title: &str) -> Vec<String> {
        vec![
            self.category.id.to_string(),
            quoted_cell(&self.category.title),
            entry.to_owned(),
            quoted_cell(title),
        ]
    }

    fn without_rulings(&self, entry: &str) -> [String; 2] {
        self.without_rulings
            .get(entry)
            .map_or_else(Default::default, |place| [place.rank.to_string(), place.votes.to_string()])
    }

    /// Completes a row with the columns that every row has.
    ///
    /// `standing` is the entry's id; `None` if the entry is withdrawn.
    fn row(&self, mut cells: Vec<String>, standing: Option<&str>) -> String {
        let status = match self.document.status {
            Status::Provisional => "provisional",
            Status::Certified => "certified",
        };
        cells.extend([self.document.contest.to_string(), status.to_owned(), self.document.test.to_string()]);
        if self.document.v >= 2 {
            for jurors in &self.jurors {
                cells.extend(standing.map_or_else(Default::default, |entry| jurors.cells(entry)));
            }
            cells.extend(self.decision());
        }
        row(cells) + "\r\n"
    }
}

impl Table<'_> {
    /// Returns whether the winners are decided, and the reasons if not. Each reason appears once.
    fn decision(&self) -> [String; 2] {
        let winners = &self.category.winners;
        let decision = match winners.decision {
            Decision::Decided => "decided",
            Decision::Undecided => "undecided",
        };
        let mut reasons: Vec<&str> = Vec::new();
        for reason in winners.undecided.iter().map(|undecided| reason(undecided.reason)) {
            if !reasons.contains(&reason) {
                reasons.push(reason);
            }
        }
        [decision.to_owned(), reasons.join(" ")]
    }
}

fn panel_cells(figure: Option<&PanelFigure>) -> [String; 3] {
    figure.map_or_else(Default::default, |figure| {
        [figure.rank.to_string(), figure.figure.as_str().to_owned(), figure.jurors.to_string()]
    })
}

/// Returns the place and the rule that gave it.
fn place_cells(place: Option<&Place>) -> [String; 2] {
    place.map_or_else(Default::default, |place| [place.place.to_string(), rule(place.decided_by).to_owned()])
}

/// Returns the word that the document uses for the rule.
fn rule(rule: Rule) -> &'static str {
    match rule {
        Rule::Votes => "votes",
        Rule::Scores => "scores",
        Rule::Weighted => "weighted",
        Rule::Include => "include",
        Rule::Report => "report",
        Rule::Earliest => "earliest",
        Rule::Draw => "draw",
        Rule::Panel => "panel",
        Rule::Countback => "countback",
        Rule::Shared => "shared",
        Rule::Choice => "choice",
    }
}

/// Returns the word that the document uses for the reason.
fn reason(reason: UndecidedReason) -> &'static str {
    match reason {
        UndecidedReason::NoChoice => "no-choice",
        UndecidedReason::ChosenNotEligible => "chosen-not-eligible",
        UndecidedReason::NoScores => "no-scores",
        UndecidedReason::TooFewJurors => "too-few-jurors",
        UndecidedReason::MissingJurors => "missing-jurors",
        UndecidedReason::IncompleteScores => "incomplete-scores",
        UndecidedReason::TiedWithoutFigure => "tied-without-figure",
        UndecidedReason::LotsNotDrawn => "lots-not-drawn",
    }
}
