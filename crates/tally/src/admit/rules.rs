//! Checks whether a log with these rules can be tallied.

use acclaim_ballot_log::entry::{ContestHeader, VERSION};
use acclaim_contest::{
    Category,
    rules::{PublishEntries, Rules, WinnerTies},
};

use super::version::VERSION_2;
use crate::{refusal::Refusal, sheet_layout::SheetLayout, tally::Tally};

/// Refuses rules that contradict themselves, and rules of another version.
///
/// Returns the sheets into which the contest divides votes.
pub(super) fn check(header: &ContestHeader) -> Result<SheetLayout, Refusal> {
    if !(1..=VERSION).contains(&header.v) {
        return Err(Refusal::Unsupported("log versions other than 1 and 2"));
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

/// The first rule in use that only logs of version 2 have.
fn version_2_rule(rules: &Rules) -> Option<&'static str> {
    let below_zero = |scale: Option<[i64; 2]>| scale.is_some_and(|[lowest, _]| lowest < 0);
    let version_2_rules = [
        (!rules.limits.is_empty(), "limits"),
        (rules.admission.is_some(), "admission"),
        (rules.publication.entries == PublishEntries::Certified, "publication.entries = certified"),
        (rules.winners.ties == WinnerTies::Countback, "winners.ties = countback"),
        (rules.panels.iter().any(|panel| below_zero(panel.scale)), "panels.scale below zero"),
        (rules.panels.iter().any(|panel| !panel.jurors.is_empty()), "panels.jurors"),
    ];
    version_2_rules.into_iter().find(|(is_used, _)| *is_used).map(|(_, rule)| rule)
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
    let mut limited = limits.iter().flat_map(|limit| &limit.categories);
    match limited.find(|category| tally.roster.category_number(category.as_str()).is_none()) {
        Some(unknown) => Err(Refusal::UnknownCategory(unknown.to_string())),
        None => Ok(()),
    }
}
