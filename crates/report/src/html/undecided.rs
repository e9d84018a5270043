//! Sentences that explain why winners are not decided.

use maud::{Markup, html};

use super::{
    jurors::names,
    titles::Titles,
    words::{isolate_text, join_list, pluralize},
};
use crate::document::{
    Document, Status,
    category::{CategoryResult, Decision, Undecided, UndecidedReason},
};

/// The notice at the top of the page that lists the categories whose winners are not decided.
pub(super) fn notice(document: &Document) -> Markup {
    let open: Vec<Markup> = undecided(document)
        .map(|category| html! { a href={ "#category-" (category.id) } { (isolate_text(&category.title)) } })
        .collect();
    html! {
        @if !open.is_empty() {
            div class="notice warning" {
                p {
                    strong { "Winners are not decided in " (pluralize(open.len() as u64, "category", "categories")) ":" }
                    " " (join_list(&open)) "."
                    @if document.status == Status::Certified { " The result is certified all the same." }
                }
            }
        }
    }
}

/// Returns the categories whose winners are not decided, with reasons. Empty in version 1.
///
/// A document of version 1 gives no reasons. Its page says in each category that the panel has not
/// chosen.
pub(super) fn undecided(document: &Document) -> impl Iterator<Item = &CategoryResult> {
    let with_reasons = document.v >= 2;
    document
        .categories
        .iter()
        .filter(move |category| with_reasons && category.winners.decision == Decision::Undecided)
}

/// The paragraph of a category that says that its winners are not decided, with each reason.
pub(super) fn reasons(document: &Document, category: &CategoryResult, titles: &Titles<'_>) -> Markup {
    html! {
        p {
            strong { "The winners are not decided." }
            @if document.status == Status::Certified { " The result is certified all the same." }
        }
        ul class="reasons" { @for reason in &category.winners.undecided { li { (sentence(document, category, reason, titles)) } } }
    }
}

fn sentence(
    document: &Document,
    category: &CategoryResult,
    undecided: &Undecided,
    titles: &Titles<'_>,
) -> Markup {
    let Undecided { reason, panel, jurors, entries, .. } = undecided;
    let panel = html! { @match panel { Some(panel) => { "panel " code { (panel) } } None => "the panel" } };
    let entries = titles.listed(entries);
    html! {
        @match reason {
            UndecidedReason::NoChoice => { "The panel has not chosen: " (expected(document, category)) "." }
            UndecidedReason::ChosenNotEligible => {
                "The panel chose entries that cannot win, because they were withdrawn since or are no longer champions: " (entries) "."
            }
            UndecidedReason::NoScores => { "No juror of " (panel) " has scored." }
            UndecidedReason::TooFewJurors => { "Too few jurors of " (panel) " have scored " (entries) "." }
            UndecidedReason::MissingJurors => { "Of " (panel) ", these jurors have not scored: " (names(jurors)) "." }
            UndecidedReason::IncompleteScores => { "Of " (panel) ", these jurors have not scored every entry: " (names(jurors)) "." }
            UndecidedReason::TiedWithoutFigure => {
                "These entries are tied, and " (panel) ", which breaks ties, has no figure for one of them or more: " (entries) "."
            }
            UndecidedReason::LotsNotDrawn => { "These entries are tied, and the lots that decide are not drawn: " (entries) "." }
        }
    }
}

/// Returns the number of winners that the panel chooses, in words.
fn expected(document: &Document, category: &CategoryResult) -> String {
    let own = category.own_rules.as_ref().and_then(|own| own.winners);
    let number = u64::from(own.unwrap_or(document.rules.winners.count));
    format!("the rules ask for {}", pluralize(number, "winner", "winners"))
}
