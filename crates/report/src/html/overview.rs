//! The top of the page: title, status, headline figures, and the contents with the winners.

use acclaim_contest::rules::WinnersBy;
use maud::{Markup, html};

use super::{
    correction, undecided,
    words::{group_digits, instant, isolate_text, join_list, pluralize},
};
use crate::document::{
    Document, Status,
    category::{CategoryResult, Decision},
};

pub(super) fn head(document: &Document) -> Markup {
    html! {
        header class="head" {
            p class="badges" {
                @match document.status {
                    Status::Provisional => span class="badge warning" { "Provisional result" },
                    Status::Certified => span class="badge good" { "Certified result" },
                }
                @if document.test { span class="badge bad" { "Rehearsal" } }
                @if document.corrects.is_some() { " " span class="badge" { "Correction" } }
            }
            h1 { (isolate_text(&document.title)) }
            (window(document))
            @if document.test {
                div class="notice bad" {
                    p { strong { "This is a rehearsal." } " Nothing is awarded, and its result is never certified." }
                }
            }
            @if document.status == Status::Provisional && !document.test {
                div class="notice warning" {
                    p {
                        strong { "This result is provisional." }
                        " It is not certified yet: rulings and choices can still change it."
                    }
                }
            }
            (correction::notice(document))
            (undecided::notice(document))
            (headline(document))
        }
    }
}

fn window(document: &Document) -> Markup {
    let what = if document.should_show_votes() { "Voting" } else { "The contest" };
    html! {
        p class="muted" {
            @match (document.opened, document.closed) {
                (Some(opened), Some(closed)) => { (what) " was open from " (instant(document, opened)) " to " (instant(document, closed)) ". " }
                (Some(opened), None) => { (what) " opened on " (instant(document, opened)) " and is not closed. " }
                _ => { (what) " has not begun. " }
            }
            "Contest " code { (document.contest) } "."
        }
    }
}

/// The headline figures of the result.
fn headline(document: &Document) -> Markup {
    let decided =
        document.categories.iter().filter(|category| category.winners.decision == Decision::Decided);
    let winners = decided.map(|category| category.winners.entries.len() as u64).sum();
    let undecided = undecided::undecided(document).count() as u64;
    let champions: Option<Vec<usize>> =
        document.categories.iter().map(|category| category.champions.as_ref().map(Vec::len)).collect();
    let of_votes = |figure| Some(figure).filter(|_| document.should_show_votes());
    let facts = [
        ("Votes counted", of_votes(document.counts.votes)),
        ("Ballots counted", of_votes(document.counts.ballots.counted)),
        ("Voters", of_votes(document.counts.voters)),
        ("Categories", Some(document.categories.len() as u64)),
        ("Champions", champions.map(|champions| champions.iter().sum::<usize>() as u64)),
        ("Winners", Some(winners)),
        ("Categories not decided", Some(undecided).filter(|undecided| *undecided > 0)),
    ];
    html! {
        dl class="facts" {
            @for (name, number) in facts {
                @if let Some(number) = number {
                    div { dt { (name) } dd { (group_digits(number)) } }
                }
            }
        }
    }
}

/// The contents, with the winners of each category.
pub(super) fn contents(document: &Document) -> Markup {
    html! {
        nav class="contents" aria-labelledby="contents" {
            h2 id="contents" { "Contents" }
            ol {
                @for category in &document.categories {
                    li {
                        a href={ "#category-" (category.id) } { (isolate_text(&category.title)) }
                        " " span class="won" { (outcome(document, category)) }
                    }
                }
            }
            ul {
                @if document.corrects.is_some() {
                    li { a href="#corrects" { "What this result corrects" } }
                }
                @if document.should_show_votes() {
                    li { a href="#counted" { "What was counted" } }
                }
                @if !document.withdrawn.is_empty() {
                    li { a href="#withdrawn" { "Withdrawn entries" } }
                }
                li { a href="#rules" { "The rules" } }
                li { a href="#check" { "How to check this result" } }
            }
        }
    }
}

fn outcome(document: &Document, category: &CategoryResult) -> Markup {
    let winners = &category.winners;
    let names: Vec<Markup> = winners.entries.iter().map(|place| isolate_text(&place.title)).collect();
    html! {
        @match (winners.decision, names.len()) {
            (Decision::Undecided, _) if document.v >= 2 => "Not decided",
            (Decision::Undecided, _) => "Not decided yet",
            (_, 0) => "No winner",
            (_, 1) => { "Winner: " (join_list(&names)) }
            _ => { "Winners: " (join_list(&names)) }
        }
    }
}

/// Returns the sentence for a category with no winners, or with no choice yet.
pub(super) fn without_winners(document: &Document, category: &CategoryResult) -> Option<String> {
    let winners = &category.winners;
    match (winners.decision, winners.by, winners.entries.is_empty()) {
        (Decision::Undecided, ..) => Some(format!(
            "The panel has not chosen yet. {} will be chosen.",
            pluralize(u64::from(document.rules.winners.count), "winner", "winners")
        )),
        (Decision::Decided, WinnersBy::Choice, true) => Some("The panel chose no winner.".to_owned()),
        (Decision::Decided, WinnersBy::Votes, true) => {
            Some("There is no winner: no entry that can win has a counted vote.".to_owned())
        }
        (Decision::Decided, _, true) => {
            Some("There is no winner: no entry that can win has the figures that decide.".to_owned())
        }
        _ => None,
    }
}
