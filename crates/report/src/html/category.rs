//! The section of one category: winners first, then the figures behind them.

use std::collections::HashMap;

use acclaim_contest::EntryId;
use maud::{Markup, html};

use super::{
    counts, overview, rules, tables, ties,
    titles::Titles,
    undecided,
    words::{
        decided_by, group_digits, instant, isolate_text, largest, measure, pluralize, rank, unit,
        with_minus_sign,
    },
};
use crate::document::{
    Document, WithdrawnEntry,
    category::{CategoryResult, Choice, Decision, Place},
};

pub(super) fn section(
    document: &Document,
    category: &CategoryResult,
    withdrawn: &[&WithdrawnEntry],
) -> Markup {
    let titles = Titles::new(category, withdrawn);
    html! {
        section class="category" id={ "category-" (category.id) } aria-labelledby={ "title-" (category.id) } {
            h2 id={ "title-" (category.id) } { (isolate_text(&category.title)) }
            p class="up muted" {
                code { (category.id) } " "
                @if document.should_show_votes() { "· " (pluralize(category.counts.votes, "vote", "votes")) " counted " }
                a href="#contents" { "Contents" }
            }
            @if let Some(own) = &category.own_rules {
                p { "In the rules this category has its own numbers: " (rules::own_numbers(own)) "." }
            }
            (winners(document, category, &titles))
            @if let Some(champions) = &category.champions { (champions_of(document, champions)) }
            (ties::section(document, category, &titles))
            (tables::ranking(document, category))
            @if document.should_show_votes() {
                (standings(document, category))
                (tables::channels(category))
            } @else {
                (entries(category))
            }
            @for panel in &category.panels { (tables::panel(document, category, panel, &titles)) }
            @if document.should_show_votes() { (tables::without_rulings(category, &titles, withdrawn)) }
            @if !withdrawn.is_empty() { (withdrawn_here(document, withdrawn)) }
            @if document.should_show_votes() { (counts::of_category(&category.counts)) }
        }
    }
}

fn winners(document: &Document, category: &CategoryResult, titles: &Titles<'_>) -> Markup {
    let winners = &category.winners;
    let is_undecided = winners.decision == Decision::Undecided;
    html! {
        div class={ "won-by" @if is_undecided { " open" } } {
            h3 { @if winners.entries.len() > 1 { "Winners" } @else { "Winner" } }
            @if is_undecided && document.v >= 2 {
                (undecided::reasons(document, category, titles))
                @if !winners.entries.is_empty() {
                    p { "As things stand these would win:" }
                    (places(document, &winners.entries, "places"))
                }
            } @else {
                @if let Some(text) = overview::without_winners(document, category) { p { (text) } }
                (places(document, &winners.entries, "places winners"))
            }
            (ties::no_longer_eligible(&winners.no_longer_eligible, titles))
            @if let Some(choice) = &winners.choice { (chosen(document, choice)) }
        }
    }
}

fn chosen(document: &Document, choice: &Choice) -> Markup {
    html! {
        p class="muted" {
            "The choice was entered by " (isolate_text(&choice.by)) " on " (instant(document, choice.at)) ", entry " (group_digits(choice.index)) " of the log."
            @if let Some(note) = &choice.note { " Remark: " (isolate_text(note)) }
        }
    }
}

fn champions_of(document: &Document, champions: &[Place]) -> Markup {
    html! {
        h3 { "Champions" }
        @if champions.is_empty() { p { "There are none: no entry has the votes that the rules ask for." } }
        (places(document, champions, "places"))
    }
}

/// A list of places. Equal places have equal numbers. A single place has no number.
fn places(document: &Document, places: &[Place], class: &str) -> Markup {
    html! {
        @if places.len() == 1 {
            ul class=(class) { @for one in places { li { (place(document, one)) } } }
        } @else if !places.is_empty() {
            ol class=(class) {
                @for one in places { li value=(one.place) { (place(document, one)) } }
            }
        }
    }
}

fn place(document: &Document, place: &Place) -> Markup {
    html! {
        span class="name" { (isolate_text(&place.title)) } " "
        span class="muted" {
            @if let Some(figure) = &place.figure { (with_minus_sign(figure.as_str())) (unit(&document.rules)) ", " }
            @if document.should_show_votes() { (pluralize(place.votes, "vote", "votes")) ", " }
            (decided_by(place.decided_by, &document.rules))
        }
    }
}

/// The labels of entries that are winners or champions: pairs of CSS class and word.
struct Marks(HashMap<EntryId, Vec<(&'static str, &'static str)>>);

impl Marks {
    fn new(category: &CategoryResult) -> Self {
        let mut marks = Self(HashMap::new());
        if category.winners.decision == Decision::Decided {
            marks.add(&category.winners.entries, ("mark winner", "Winner"));
        }
        marks.add(category.champions.as_deref().unwrap_or_default(), ("mark", "Champion"));
        marks
    }

    fn add(&mut self, places: &[Place], mark: (&'static str, &'static str)) {
        for place in places {
            self.0.entry(place.entry.clone()).or_default().push(mark);
        }
    }

    fn of(&self, entry: &EntryId) -> Markup {
        html! {
            @for (class, word) in self.0.get(entry).into_iter().flatten() { " " span class=(class) { (word) } }
        }
    }
}

/// The entries of a category without votes.
fn entries(category: &CategoryResult) -> Markup {
    let marks = Marks::new(category);
    html! {
        h3 { "Entries" }
        @if category.standings.is_empty() { p { "No entry stands." } }
        ul { @for entry in &category.standings { li { (isolate_text(&entry.title)) (marks.of(&entry.entry)) } } }
    }
}

fn standings(document: &Document, category: &CategoryResult) -> Markup {
    let marks = Marks::new(category);
    let whole = largest(category.standings.iter().map(|standing| &standing.share));
    html! {
        h3 { "Standings" }
        @if category.standings.is_empty() { p { "No entry stands." } } @else {
            table class="standings" {
                caption class="heard" { "Standings by votes in " (isolate_text(&category.title)) }
                thead {
                    tr {
                        th scope="col" class="rank" { "Rank" }
                        th scope="col" { "Entry" }
                        th scope="col" class="number" { "Votes" }
                        th scope="col" class="number drawn" { "Share" }
                    }
                }
                tbody {
                    @for standing in &category.standings {
                        tr {
                            td class="rank" { (rank(standing.rank, standing.tied)) }
                            th scope="row" {
                                (isolate_text(&standing.title))
                                (marks.of(&standing.entry))
                            }
                            td class="number" { (group_digits(standing.votes)) }
                            td class="number drawn" { (measure(&standing.share, "%", whole)) }
                        }
                    }
                }
            }
            @if document.v >= 2 { p class="muted" { "Shares are rounded to two decimals, so their sum can differ from 100%. Ranks go by exact figures." } }
        }
    }
}

fn withdrawn_here(document: &Document, withdrawn: &[&WithdrawnEntry]) -> Markup {
    html! {
        h3 { "Withdrawn" }
        ul {
            @for entry in withdrawn {
                li {
                    (isolate_text(&entry.title)) ": " (isolate_text(&entry.reason)) ". "
                    @if document.should_show_votes() {
                        span class="muted" { (pluralize(entry.votes, "vote", "votes")) " for it did not count." }
                    }
                }
            }
        }
    }
}
