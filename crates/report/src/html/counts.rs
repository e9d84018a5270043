//! Counts of ballots, voters and votes: what counted, what did not count, and the reasons.

use std::collections::HashMap;

use acclaim_contest::CategoryId;
use maud::{Markup, html};

use super::{
    tables::has_ruling_changes,
    words::{group_digits, instant, isolate_text, join_list, pluralize},
};
use crate::document::{
    Document, WithdrawnEntry,
    category::CategoryCounts,
    counts::{Ballots, Counts, VoidedBallots},
};

pub(super) fn section(document: &Document) -> Markup {
    let counts = &document.counts;
    html! {
        @if document.should_show_votes() {
            section id="counted" aria-labelledby="counted-title" {
                h2 id="counted-title" { "What was counted" }
                div class="columns" {
                    (ballots(&counts.ballots, &counts.voided))
                    (voters_and_votes(counts))
                    @if !counts.passes.is_empty() { (passes(counts)) }
                }
                (effect(document))
            }
        }
    }
}

fn row(name: &Markup, number: u64, class: &str) -> Markup {
    html! {
        tr class=[Some(class).filter(|class| !class.is_empty())] {
            th scope="row" { (name) }
            td class="number" { (group_digits(number)) }
        }
    }
}

fn ballots(ballots: &Ballots, voided: &[VoidedBallots]) -> Markup {
    let rows = [
        ("Replaced by the same voter’s later ballot", ballots.replaced, "part"),
        ("Voided by a ruling", ballots.voided, "part"),
    ];
    html! {
        table class="plain" {
            caption { "Ballots" }
            tbody {
                (row(&html! { "Recorded in the log" }, ballots.recorded, ""))
                (row(&html! { "Counted" }, ballots.counted, "part strong"))
                @for (name, number, class) in rows { (row(&html! { (name) }, number, class)) }
                @for VoidedBallots { reason, ballots } in voided {
                    (row(&html! { "Reason: " (isolate_text(reason)) }, *ballots, "part deep"))
                }
                (row(&html! { "Of voters without a complete sheet" }, ballots.incomplete, "part"))
            }
        }
    }
}

fn voters_and_votes(counts: &Counts) -> Markup {
    html! {
        table class="plain" {
            caption { "Voters and votes" }
            tbody {
                (row(&html! { "Voters with a recorded ballot" }, counts.voters, ""))
                @if counts.incomplete_voters > 0 {
                    (row(&html! { "Not counted for want of a complete sheet" }, counts.incomplete_voters, "part"))
                }
                (row(&html! { "Votes counted" }, counts.votes, "strong"))
                (row(&html! { "Votes for withdrawn entries, not counted" }, counts.withdrawn_votes, ""))
            }
        }
    }
}

fn passes(counts: &Counts) -> Markup {
    html! {
        table class="plain" {
            caption { "Passes issued, by way of admission" }
            tbody {
                @for passes in &counts.passes { (row(&isolate_text(&passes.source), passes.issued, "")) }
            }
        }
    }
}

/// The sentence that says whether rulings changed the standings, and in which categories.
fn effect(document: &Document) -> Markup {
    let rulings = document.counts.ballots.voided > 0 || !document.withdrawn.is_empty();
    let changed: Vec<Markup> = document
        .categories
        .iter()
        .filter(|category| has_ruling_changes(category))
        .map(|category| html! { a href={ "#category-" (category.id) } { (isolate_text(&category.title)) } })
        .collect();
    html! {
        p class="muted" {
            @if !changed.is_empty() {
                "Without voids and withdrawals the standings would differ in "
                (pluralize(changed.len() as u64, "category", "categories")) ": " (join_list(&changed)) "."
            } @else if rulings {
                "Voids and withdrawals changed nothing in the standings."
            } @else {
                "No ballot was voided and no entry withdrawn."
            }
        }
    }
}

/// The section with all withdrawn entries by category, with their rulings.
pub(super) fn withdrawn(
    document: &Document,
    withdrawn: &HashMap<&CategoryId, Vec<&WithdrawnEntry>>,
) -> Markup {
    html! {
        @if !document.withdrawn.is_empty() {
            section id="withdrawn" aria-labelledby="withdrawn-title" {
                h2 id="withdrawn-title" { "Withdrawn entries" }
                @if document.should_show_votes() { p class="muted" { "Votes for them do not count, whenever they were cast." } }
                @for category in &document.categories {
                    @if let Some(entries) = withdrawn.get(&category.id) {
                        h3 { (isolate_text(&category.title)) }
                        ul class="rulings" { @for entry in entries { li { (ruling(document, entry)) } } }
                    }
                }
            }
        }
    }
}

fn ruling(document: &Document, entry: &WithdrawnEntry) -> Markup {
    html! {
        p { strong { (isolate_text(&entry.title)) } " " code { (entry.entry) } }
        p { "Reason: " (isolate_text(&entry.reason)) }
        @if let Some(note) = &entry.note { p { "Remark: " (isolate_text(note)) } }
        p class="muted" {
            @if document.should_show_votes() { (pluralize(entry.votes, "vote", "votes")) " for it. " }
            "Withdrawn by " (isolate_text(&entry.by)) " on " (instant(document, entry.at))
            ", entry " (group_digits(entry.index)) " of the log."
        }
    }
}

/// The sentence about the ballots of one category, by outcome.
pub(super) fn of_category(counts: &CategoryCounts) -> Markup {
    let Ballots { recorded, counted, replaced, voided, incomplete } = counts.ballots;
    let reasons: Vec<Markup> = counts
        .voided
        .iter()
        .map(|voided| html! { (group_digits(voided.ballots)) " for “" (isolate_text(&voided.reason)) "”" })
        .collect();
    let mut parts = vec![html! { (group_digits(counted)) " counted" }];
    if replaced > 0 {
        parts.push(html! { (group_digits(replaced)) " replaced by their voters" });
    }
    if voided > 0 {
        parts.push(html! { (group_digits(voided)) " voided" });
    }
    if incomplete > 0 {
        parts.push(html! { (group_digits(incomplete)) " of voters without a complete sheet" });
    }
    html! {
        p class="muted" {
            (pluralize(recorded, "ballot", "ballots")) " with a vote here, of " (pluralize(counts.voters, "voter", "voters")) ": "
            (join_list(&parts)) "."
            @if !reasons.is_empty() { " Voided: " (join_list(&reasons)) "." }
            @if counts.withdrawn_votes > 0 {
                " " (pluralize(counts.withdrawn_votes, "vote", "votes")) " for withdrawn entries did not count."
            }
        }
    }
}
