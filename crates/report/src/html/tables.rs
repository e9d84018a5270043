//! Further tables of a category: ranking, channels, panels, and the effect of the rulings.

use std::collections::{BTreeSet, HashMap, HashSet};

use acclaim_contest::{
    EntryId,
    rules::{PanelKind, WinnersBy},
};
use maud::{Markup, html};

use super::{
    jurors,
    titles::Titles,
    words::{group_digits, isolate_text, join_list, largest, measure, pluralize, rank, unit},
};
use crate::document::{
    Document, WithdrawnEntry,
    category::{CategoryResult, RankedEntry, Standing, StandingWithoutRulings},
    figure::Figure,
    panel::PanelResult,
};

/// The most columns that fit the screen of a phone. A wider table scrolls sideways in its own
/// frame.
const MAX_NARROW_COLUMNS: usize = 3;

/// The ranking that decides the winners, if the standings do not decide them.
pub(super) fn ranking(document: &Document, category: &CategoryResult) -> Markup {
    let what = match document.rules.winners.by {
        WinnersBy::Weighted => "Votes and scores together, as weighted by the rules, decide who wins.",
        _ => "The panels’ figures decide who wins.",
    };
    let Some(ranking) = &category.ranking else { return html! {} };
    let rows: Vec<Row<'_>> = ranking
        .iter()
        .map(|RankedEntry { title, rank, figure, tied, .. }| Row {
            rank: *rank,
            tied: *tied,
            title,
            jurors: None,
            figure,
        })
        .collect();
    html! {
        h3 { "Ranking" }
        p { (what) }
        @if rows.is_empty() { p { "No entry has a figure." } } @else {
            (figures(&html! { "Ranking in " (isolate_text(&category.title)) }, "Figure", unit(&document.rules), &rows))
        }
    }
}

/// The figures of one panel.
pub(super) fn panel(
    document: &Document,
    category: &CategoryResult,
    panel: &PanelResult,
    titles: &Titles<'_>,
) -> Markup {
    let heading = match panel.kind {
        PanelKind::Score => "Score",
        PanelKind::Points | PanelKind::Rank => "Points",
    };
    let rows: Vec<Row<'_>> = panel
        .figures
        .iter()
        .map(|figure| Row {
            rank: figure.rank,
            tied: figure.tied,
            title: &figure.title,
            jurors: Some((figure.jurors, figure.recused)),
            figure: &figure.figure,
        })
        .collect();
    let without: Vec<Markup> = panel
        .without_figure
        .iter()
        .map(|entry| html! { (isolate_text(&entry.title)) " (" (pluralize(entry.jurors, "juror", "jurors")) (jurors::recused(", ", entry.recused)) ")" })
        .collect();
    let minimum =
        document.rules.panels.iter().find(|rules| rules.id == panel.panel).map(|rules| rules.minimum_jurors);
    html! {
        h3 { "Panel " code { (panel.panel) } }
        (jurors::section(panel, titles))
        @if !rows.is_empty() {
            (figures(&html! { "Figures of panel " (panel.panel) " in " (isolate_text(&category.title)) }, heading, "", &rows))
        }
        @if !without.is_empty() {
            p {
                "Without a figure"
                @if let Some(minimum) = minimum { ", for want of " (pluralize(u64::from(minimum), "juror", "jurors")) }
                ": " (join_list(&without)) "."
            }
        }
    }
}

struct Row<'a> {
    rank: u64,
    tied: bool,
    title: &'a str,
    /// The number of jurors who count for the entry, and the number of recused jurors.
    jurors: Option<(u64, u64)>,
    figure: &'a Figure,
}

fn figures(caption: &Markup, heading: &str, unit: &str, rows: &[Row<'_>]) -> Markup {
    let whole = largest(rows.iter().map(|row| row.figure));
    let with_jurors = rows.iter().any(|row| row.jurors.is_some());
    html! {
        table class="standings" {
            caption class="heard" { (caption) }
            thead {
                tr {
                    th scope="col" class="rank" { "Rank" }
                    th scope="col" { "Entry" }
                    @if with_jurors { th scope="col" class="number" { "Jurors" } }
                    th scope="col" class="number drawn" { (heading) }
                }
            }
            tbody {
                @for row in rows {
                    tr {
                        td class="rank" { (rank(row.rank, row.tied)) }
                        th scope="row" { (isolate_text(row.title)) }
                        @if let Some((jurors, recused)) = row.jurors {
                            td class="number" {
                                (group_digits(jurors))
                                @if recused > 0 { span class="muted recused" { (jurors::recused(" ", recused)) } }
                            }
                        }
                        td class="number drawn" { (measure(row.figure, unit, whole)) }
                    }
                }
            }
        }
    }
}

/// The table of votes and shares by channel.
pub(super) fn channels(category: &CategoryResult) -> Markup {
    let channels = &category.counts.channels;
    let wide = channels.len() + 1 > MAX_NARROW_COLUMNS;
    html! {
        @if !channels.is_empty() {
            h3 id={ "channels-" (category.id) } { "Votes by channel" }
            div class=[wide.then_some("wide")] role=[wide.then_some("region")] tabindex=[wide.then_some("0")]
                aria-labelledby=[wide.then(|| format!("channels-{}", category.id))] {
                table class="channels" {
                    caption class="heard" { "Votes by channel in " (isolate_text(&category.title)) }
                    thead {
                        tr {
                            th scope="col" { "Entry" }
                            @for channel in channels {
                                th scope="col" class="number" { (channel.channel) " " span class="muted" { "weight " (channel.weight) } }
                            }
                        }
                    }
                    tbody { @for standing in &category.standings { (channel_row(category, standing)) } }
                    tfoot {
                        tr {
                            th scope="row" { "All" }
                            @for channel in channels { td class="number" { (group_digits(channel.votes)) } }
                        }
                        @if channels.iter().any(|channel| channel.withdrawn_votes > 0) {
                            tr {
                                th scope="row" { "For withdrawn entries" }
                                @for channel in channels { td class="number" { (group_digits(channel.withdrawn_votes)) } }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn channel_row(category: &CategoryResult, standing: &Standing) -> Markup {
    html! {
        tr {
            th scope="row" { (isolate_text(&standing.title)) }
            @for channel in &category.counts.channels {
                td class="number" {
                    @match standing.channels.iter().find(|votes| votes.channel == channel.channel) {
                        Some(votes) => { (group_digits(votes.votes)) " " span class="muted" { (votes.share.as_str()) "%" } }
                        None => "–",
                    }
                }
            }
        }
    }
}

/// An entry with and without rulings. `counted` is `None` if the entry is not in the standings.
struct Change<'a> {
    entry: &'a EntryId,
    counted: Option<&'a Standing>,
    without_rulings: &'a StandingWithoutRulings,
}

fn changes(category: &CategoryResult) -> Vec<Change<'_>> {
    let counted: HashMap<&EntryId, &Standing> =
        category.standings.iter().map(|standing| (&standing.entry, standing)).collect();
    category
        .without_rulings
        .iter()
        .map(|without_rulings| Change {
            entry: &without_rulings.entry,
            counted: counted.get(&without_rulings.entry).copied(),
            without_rulings,
        })
        .filter(|change| {
            change.counted.is_none_or(|counted| {
                (counted.rank, counted.votes) != (change.without_rulings.rank, change.without_rulings.votes)
            })
        })
        .collect()
}

/// Returns whether rulings changed the standings of the category.
pub(super) fn has_ruling_changes(category: &CategoryResult) -> bool {
    !changes(category).is_empty()
}

/// The table of the entries that the rulings changed: as counted, and without rulings.
pub(super) fn without_rulings(
    category: &CategoryResult,
    titles: &Titles<'_>,
    withdrawn: &[&WithdrawnEntry],
) -> Markup {
    let changes = changes(category);
    let withdrawn: HashSet<&EntryId> = withdrawn.iter().map(|entry| &entry.entry).collect();
    let counted: BTreeSet<&EntryId> =
        category.standings.iter().filter(|place| place.rank == 1).map(|place| &place.entry).collect();
    let without_rulings =
        category.without_rulings.iter().filter(|place| place.rank == 1).map(|place| &place.entry);
    let names: Vec<Markup> = without_rulings.clone().map(|entry| titles.of(entry)).collect();
    let same_first = counted == without_rulings.collect();
    html! {
        @if !changes.is_empty() {
            h3 { "What the rulings changed" }
            p {
                "Without voids and withdrawals " (pluralize(changes.len() as u64, "entry", "entries")) " would stand otherwise. "
                @if same_first { "The first place is the same." } @else { "First would be " (join_list(&names)) "." }
            }
            table class="changes" {
                caption class="heard" { "What the rulings changed in " (isolate_text(&category.title)) }
                thead {
                    tr {
                        th scope="col" { "Entry" }
                        th scope="col" { "As counted" }
                        th scope="col" { "Without rulings" }
                    }
                }
                tbody {
                    @for change in &changes {
                        tr {
                            th scope="row" { (titles.of(change.entry)) }
                            td {
                                @match change.counted {
                                    Some(counted) => { (place(counted.rank, counted.tied, counted.votes)) }
                                    None if withdrawn.contains(change.entry) => "withdrawn",
                                    None => "–",
                                }
                            }
                            td { (place(change.without_rulings.rank, change.without_rulings.tied, change.without_rulings.votes)) }
                        }
                    }
                }
            }
        }
    }
}

fn place(number: u64, tied: bool, votes: u64) -> Markup {
    html! { "rank " (rank(number, tied)) ", " (pluralize(votes, "vote", "votes")) }
}
