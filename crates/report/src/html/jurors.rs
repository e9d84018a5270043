//! The jurors of a panel in one category: judging, missing, not complete and recused.

use acclaim_contest::rules::PanelKind;
use maud::{Markup, html};

use super::{
    titles::Titles,
    words::{group_digits, join_list, name, pluralize},
};
use crate::document::panel::{JurorEntries, PanelResult};

pub(super) fn section(panel: &PanelResult, titles: &Titles<'_>) -> Markup {
    let PanelResult { missing, incomplete, recused, .. } = panel;
    let judged =
        html! { (pluralize(panel.jurors, "juror", "jurors")) " entered something in this category." };
    if missing.is_empty() && incomplete.is_empty() && recused.is_empty() {
        return html! { p class="muted" { (judged) } };
    }
    html! {
        dl class="said jurors" {
            div { dt { "Judged" } dd { (judged) } }
            @if !missing.is_empty() {
                div { dt { "Missing" } dd { "Named by the rules, and entered nothing: " (names(missing)) "." } }
            }
            @if !incomplete.is_empty() {
                div { dt { "Not complete" } dd { ul { @for one in incomplete { li { (pair(one, " has not scored ", titles)) } } } } }
            }
            @if !recused.is_empty() {
                div {
                    dt { "Recused" }
                    dd {
                        ul { @for one in recused { li { (pair(one, " does not judge ", titles)) } } }
                        p class="muted" {
                            @match panel.kind {
                                PanelKind::Score => "The mean for these entries is that of the other jurors.",
                                PanelKind::Points | PanelKind::Rank =>
                                    "The other jurors’ points for these entries are raised in proportion, so that no entry loses by a recusal.",
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Returns the names as a list: `Ama and Li`.
pub(super) fn names(jurors: &[String]) -> Markup {
    join_list(&jurors.iter().map(|juror| name(juror)).collect::<Vec<_>>())
}

/// Returns a sentence: `Ama does not judge Solar schools and Radio for all.`
fn pair(one: &JurorEntries, does: &str, titles: &Titles<'_>) -> Markup {
    html! { strong { (name(&one.juror)) } (does) (titles.listed(&one.entries)) "." }
}

/// Returns `1 recused` after a separator; empty if no juror is recused.
pub(super) fn recused(separator: &str, recused: u64) -> Markup {
    html! { @if recused > 0 { (separator) (group_digits(recused)) " recused" } }
}
