//! Whether the rules at the head of a log can be tallied at all.

use acclaim_ballot_log::entry::{ContestHeader, VERSION};
use acclaim_contest::Category;
use acclaim_contest::rules::{PublishEntries, Rules, WinnerTies};

use super::version::VERSION_2;
use crate::refusal::Refusal;
use crate::sheet_layout::SheetLayout;
use crate::tally::Tally;

/// Refuses rules that contradict themselves, and those of another version. Answers how the contest divides votes.
pub(super) fn check(header: &ContestHeader) -> Result<SheetLayout, Refusal> {
    if !(1..=VERSION).contains(&header.v) {
        return Err(Refusal::Unsupported("another version than 1 or 2 of the log"));
    }
    if header.v < VERSION_2
        && let Some(rule) = version_2_rule(&header.rules)
    {
        return Err(Refusal::LaterRule(rule));
    }
    if header.closes <= header.opens {
        return Err(Refusal::InvalidRules("`closes` is not after `opens`"));
    }
    if let Some(contradiction) = header.rules.contradictions().first() {
        return Err(Refusal::Contradiction { keys: contradiction.keys, reason: contradiction.reason });
    }
    SheetLayout::new(header)
}

/// A rule that only logs of version 2 have.
fn version_2_rule(rules: &Rules) -> Option<&'static str> {
    let below_zero = |scale: Option<[i64; 2]>| scale.is_some_and(|[lowest, _]| lowest < 0);
    let found = [
        (!rules.limits.is_empty(), "limits"),
        (rules.admission.is_some(), "admission"),
        (rules.publication.entries == PublishEntries::Certified, "publication.entries = certified"),
        (rules.winners.ties == WinnerTies::Countback, "winners.ties = countback"),
        (rules.panels.iter().any(|panel| below_zero(panel.scale)), "panels.scale below zero"),
        (rules.panels.iter().any(|panel| !panel.jurors.is_empty()), "panels.jurors"),
    ];
    found.into_iter().find(|(is_there, _)| *is_there).map(|(_, rule)| rule)
}

/// Refuses a category whose own numbers contradict the rules.
pub(super) fn check_category(tally: &Tally, category: &Category) -> Result<(), Refusal> {
    let rules = tally.header.as_ref().map(|header| &header.rules);
    match rules.and_then(|rules| rules.category_contradiction(category)) {
        Some((key, reason)) => {
            Err(Refusal::CategoryContradiction { category: category.id.clone(), key, reason })
        }
        None => Ok(()),
    }
}

/// Refuses limits over categories that the contest does not have.
pub(super) fn check_limits(tally: &Tally) -> Result<(), Refusal> {
    let limits = tally.header.as_ref().map_or(&[][..], |header| &header.rules.limits);
    let mut named = limits.iter().flat_map(|limit| &limit.categories);
    match named.find(|category| tally.roster.category_number(category.as_str()).is_none()) {
        Some(unknown) => Err(Refusal::UnknownCategory(unknown.to_string())),
        None => Ok(()),
    }
}
