//! The changes of a corrected result against the result that was certified before it.

use std::collections::HashMap;

use acclaim_contest::CategoryId;
use maud::{Markup, html};

use super::{
    titles::Titles,
    words::{group_digits, isolate_text, pluralize, with_minus_sign},
};
use crate::document::{
    Document, Status, WithdrawnEntry,
    category::CategoryResult,
    correction::{CategoryCorrection, Change, Correction, EntryChange, RankAndFigure, RankAndVotes},
};

/// The notice at the top of the page that this result replaces another one.
pub(super) fn notice(document: &Document) -> Markup {
    html! {
        @if document.corrects.is_some() {
            div class="notice corrected" {
                p {
                    @match document.status {
                        Status::Certified => {
                            strong { "This is a corrected result." }
                            " It replaces the result that was certified before. "
                        }
                        Status::Provisional => {
                            strong { "An earlier certified result was reopened." }
                            " Once this result is certified, it replaces the earlier one. "
                        }
                    }
                    a href="#corrects" { "What it changes" }
                }
            }
        }
    }
}

/// The section that names the former result and lists the differences by category.
pub(super) fn section(document: &Document, withdrawn: &HashMap<&CategoryId, Vec<&WithdrawnEntry>>) -> Markup {
    let categories: HashMap<&CategoryId, &CategoryResult> =
        document.categories.iter().map(|category| (&category.id, category)).collect();
    html! {
        @if let Some(Correction { index, result, categories: changed }) = &document.corrects {
            section id="corrects" class="corrects" aria-labelledby="corrects-title" {
                h2 id="corrects-title" { "What this result corrects" }
                p {
                    "The former result was certified by entry " (group_digits(*index)) " of the log. The SHA-256 of its document is "
                    code { (isolate_text(result)) } "."
                }
                @if changed.is_empty() {
                    p { strong { "All champions, winners, standings and figures are the same." } }
                } @else {
                    p { "This result differs in " (pluralize(changed.len() as u64, "category", "categories")) "." }
                }
                @for change in changed {
                    @if let Some(category) = categories.get(&change.id) {
                        (of_category(category, change, withdrawn.get(&change.id).map_or(&[], Vec::as_slice)))
                    }
                }
            }
        }
    }
}

fn of_category(
    category: &CategoryResult,
    change: &CategoryCorrection,
    withdrawn: &[&WithdrawnEntry],
) -> Markup {
    let titles = Titles::new(category, withdrawn);
    let title = isolate_text(&category.title);
    html! {
        h3 { a href={ "#category-" (category.id) } { (title) } }
        @if change.winners.is_some() || change.champions.is_some() {
            table class="changes" {
                caption class="heard" { "Winners and champions before and now in " (title) }
                (heads("Who"))
                tbody {
                    @if let Some(winners) = &change.winners { (places("Winners", winners, &titles)) }
                    @if let Some(champions) = &change.champions { (places("Champions", champions, &titles)) }
                }
            }
        }
        @if !change.ranking.is_empty() {
            table class="changes" {
                caption class="heard" { "Ranks and figures before and now in " (title) }
                (heads("Entry"))
                tbody {
                    @for EntryChange { entry, before, after } in &change.ranking {
                        tr {
                            th scope="row" { (titles.of(entry)) }
                            td class="own" { (ranked(before.as_ref())) }
                            td class="own" { (ranked(after.as_ref())) }
                        }
                    }
                }
            }
        }
        @if !change.standings.is_empty() {
            table class="changes" {
                caption class="heard" { "Ranks and votes before and now in " (title) }
                (heads("Entry"))
                tbody {
                    @for EntryChange { entry, before, after } in &change.standings {
                        tr {
                            th scope="row" { (titles.of(entry)) }
                            td class="own" { (standing(*before)) }
                            td class="own" { (standing(*after)) }
                        }
                    }
                }
            }
        }
    }
}

fn ranked(figure: Option<&RankAndFigure>) -> Markup {
    html! {
        @match figure {
            Some(RankAndFigure { rank, figure, .. }) => { "rank " (group_digits(*rank)) ", " (with_minus_sign(figure.as_str())) }
            None => "none",
        }
    }
}

fn heads(what: &str) -> Markup {
    html! { thead { tr { th scope="col" { (what) } th scope="col" { "Before" } th scope="col" { "Now" } } } }
}

fn places(what: &str, change: &Change, titles: &Titles<'_>) -> Markup {
    html! {
        tr {
            th scope="row" class="own" { (what) }
            @for entries in [&change.before, &change.after] {
                td {
                    @if entries.is_empty() { "none" }
                    @for (number, equal) in entries.iter().enumerate() {
                        @if number > 0 { "; " }
                        (titles.listed(equal))
                        @if equal.len() > 1 { " (equal)" }
                    }
                }
            }
        }
    }
}

fn standing(standing: Option<RankAndVotes>) -> Markup {
    html! {
        @match standing {
            Some(RankAndVotes { rank, votes }) => { "rank " (group_digits(rank)) ", " (pluralize(votes, "vote", "votes")) }
            None => "withdrawn",
        }
    }
}
