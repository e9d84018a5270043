//! Sentences about every tie of a category and its resolution.

use acclaim_contest::{
    EntryId, Rules,
    rules::{PanelKind, WinnerTies},
};
use maud::{Markup, html};

use super::{
    titles::Titles,
    words::{clean, group_digits, join_list, pluralize, unit, with_minus_sign},
};
use crate::document::{
    Document,
    category::{CategoryResult, Concern, OrderedEntry, Rule, Tie},
};

/// The order on the page: ties that mattered for winners come first, ties in the standings last.
const ORDER: [Concern; 4] = [Concern::Winners, Concern::Champions, Concern::Ranking, Concern::Standings];

pub(super) fn section(document: &Document, category: &CategoryResult, titles: &Titles<'_>) -> Markup {
    // Without votes all entries are tied in the standings, so these ties are left out.
    let is_shown = |tie: &&Tie| tie.concerns != Concern::Standings || document.should_show_votes();
    let ties: Vec<&Tie> = category.ties.iter().filter(is_shown).collect();
    html! {
        @if !ties.is_empty() {
            h3 { "Ties" }
            ul class="ties" {
                @for concern in ORDER {
                    @for tie in ties.iter().filter(|tie| tie.concerns == concern) {
                        li { (sentence(&document.rules, tie, titles)) }
                    }
                }
            }
        }
    }
}

fn sentence(rules: &Rules, tie: &Tie, titles: &Titles<'_>) -> Markup {
    let names: Vec<Markup> = tie.entries.iter().map(|entry| titles.of(entry)).collect();
    html! {
        (join_list(&names)) " "
        @match tie.concerns {
            Concern::Standings => "share",
            Concern::Ranking => "share, in the ranking,",
            Concern::Champions => "are tied at the cut of the champions, on",
            Concern::Winners => "are tied among the winners, on",
        }
        " rank " (group_digits(tie.rank)) (equal(rules, tie)) "."
        @if let Some(places) = tie.places {
            " " (pluralize(places, "place was left", "places were left")) " for " (group_digits(tie.entries.len() as u64)) "."
        }
        " " (resolved(rules, tie))
        @if !tie.order.is_empty() { (order(rules, &tie.order, titles)) }
    }
}

/// The value that the tied entries have in common.
fn equal(rules: &Rules, tie: &Tie) -> Markup {
    html! {
        @match (&tie.figure, tie.votes) {
            (Some(figure), _) => { ", each with " (with_minus_sign(figure.as_str())) (unit(rules)) }
            (None, Some(votes)) => { ", with " (pluralize(votes, "vote", "votes")) " each" }
            (None, None) => ", with equal shares",
        }
    }
}

fn resolved(rules: &Rules, tie: &Tie) -> Markup {
    let by_panel = match &rules.winners.ties {
        WinnerTies::Panel(panel) => html! { "The higher figure at panel " code { (panel) } " comes first:" },
        _ => html! { "The higher figure at the panel comes first:" },
    };
    html! {
        @match (tie.resolved_by, tie.concerns) {
            (Rule::Include, _) => strong { "All of them are champions." },
            (Rule::Report, Concern::Winners) => strong { "All of them share the place and win." },
            (Rule::Report | Rule::Shared, Concern::Standings | Concern::Ranking) => {}
            (Rule::Report | Rule::Shared, _) => strong { "Nothing breaks the tie: they share the place." },
            (Rule::Earliest, _) => strong { "The one that was first to reach its total comes first, in the order of recording:" },
            (Rule::Draw, _) => strong { "Lots decide:" },
            (Rule::Panel, _) => strong { (by_panel) },
            (Rule::Countback, _) => strong {
                "Countback: the entry that more jurors gave the highest value comes first; if as many did, the next lower value decides:"
            },
            (Rule::Votes, _) => strong { "More votes come first:" },
            (Rule::Scores | Rule::Weighted, _) => strong { "The higher figure comes first:" },
            (Rule::Choice, _) => strong { "The panel’s choice decides." },
        }
    }
}

fn order(rules: &Rules, order: &[OrderedEntry], titles: &Titles<'_>) -> Markup {
    html! {
        ol {
            @for (number, OrderedEntry { entry, index, lot, figure, counts }) in order.iter().enumerate() {
                li {
                    (titles.of(entry))
                    @if let Some(index) = index { ": reached its total with entry " (group_digits(*index)) " of the log" }
                    @if let Some(figure) = figure { ": " (with_minus_sign(&clean(figure))) }
                    @if !counts.is_empty() { ": " (countback(rules, counts, deciding(order, number))) }
                    @if let Some(lot) = lot { ": lot " code class="lot" { (clean(lot)) } }
                }
            }
        }
    }
}

/// Returns the index of the count that separates an entry from its neighbours in the order.
///
/// Counts after this index do not matter. `None` if no count separates the entry.
fn deciding(order: &[OrderedEntry], number: usize) -> Option<usize> {
    let counts = |number: usize| order.get(number).map(|one| &one.counts);
    let own = counts(number)?;
    let neighbours = [number.checked_sub(1), number.checked_add(1)].into_iter().flatten().filter_map(counts);
    let first_difference =
        |other: &Vec<(String, u64)>| own.iter().zip(other).position(|(own, other)| own != other);
    neighbours.filter_map(first_difference).max()
}

/// The number of jurors who gave each value, down to the value that decides.
fn countback(rules: &Rules, counts: &[(String, u64)], deciding: Option<usize>) -> Markup {
    let by_points = rules.panels.iter().any(|panel| panel.kind == PanelKind::Points);
    let counts: Vec<Markup> = counts
        .iter()
        .take(deciding.map_or(counts.len(), |last| last + 1))
        .enumerate()
        .map(|(number, (value, jurors))| {
            let jurors = pluralize(*jurors, "juror", "jurors");
            let text = match by_points {
                true => html! { (clean(value)) (if value == "1" { " point" } else { " points" }) " from " (jurors) },
                false => html! { "place " (clean(value)) " from " (jurors) },
            };
            if deciding == Some(number) {
                html! { strong { (text) } }
            } else {
                text
            }
        })
        .collect();
    join_list(&counts)
}

/// The sentence that names chosen entries that can no longer win.
pub(super) fn no_longer_eligible(entries: &[EntryId], titles: &Titles<'_>) -> Markup {
    let names: Vec<Markup> = entries.iter().map(|entry| titles.of(entry)).collect();
    html! {
        @if !names.is_empty() {
            p { "Chosen, but withdrawn since or no champions any more, so that they do not win: " (join_list(&names)) "." }
        }
    }
}
