//! Which rules this version can tally. Everything else is refused by name at the head of the log, so that no log is ever counted
//! by rules that are not its own. Whoever teaches the tally a rule takes it off this list.

use acclaim_ballot_log::entry::{ContestHeader, VERSION};
use acclaim_contest::rules::{
    BallotRules, ChampionTies, Period, Revision, Rules, WinnerTies, WinnersBy, WinnersFrom,
};

use crate::refusal::Refusal;

/// Refuses what this version cannot tally, and rules that contradict themselves.
pub(super) fn check(header: &ContestHeader) -> Result<(), Refusal> {
    unsupported(header)?;
    if header.closes <= header.opens {
        return Err(Refusal::InvalidRules("`closes` is not after `opens`"));
    }
    consistent(&header.rules)
}

fn unsupported(header: &ContestHeader) -> Result<(), Refusal> {
    let Rules { ballot, channels, champions, winners, panels, draw, publication: _ } = &header.rules;
    let refuse = [
        (header.v != VERSION, "another version than 1 of the log"),
        (header.days.is_some(), "`days`"),
        (header.previous.is_some(), "`previous` (rounds)"),
        (ballot.period != Period::Once, "a `period` other than `once`"),
        (ballot.ballots_per_voter.is_some(), "`ballots_per_voter`"),
        (!channels.is_empty(), "`channels`"),
        (!panels.is_empty(), "`panels`"),
        (draw.is_some(), "`draw`"),
        (
            champions.as_ref().is_some_and(|rules| rules.ties == ChampionTies::Draw),
            "champions with `ties` = `draw`",
        ),
        (!matches!(winners.by, WinnersBy::Votes | WinnersBy::Choice), "winners by `scores` or `weighted`"),
        (winners.votes_weight.is_some() || winners.scores_weight.is_some(), "weights of votes and scores"),
        (
            !matches!(winners.ties, WinnerTies::Report | WinnerTies::Earliest),
            "winners with `ties` = `votes`, `panel:` or `draw`",
        ),
    ];
    match refuse.into_iter().find(|(found, _)| *found) {
        Some((_, name)) => Err(Refusal::Unsupported(name)),
        None => Ok(()),
    }
}

fn consistent(rules: &Rules) -> Result<(), Refusal> {
    let BallotRules { votes_per_category: [least, most], revision, revisions, .. } = rules.ballot;
    if most == 0 || least > most {
        return Err(Refusal::InvalidRules("`votes_per_category` allows no ballot"));
    }
    if (revision == Revision::Replace) != revisions.is_some() {
        return Err(Refusal::InvalidRules("`revisions` belongs to `revision` = `replace`"));
    }
    if rules.winners.from == WinnersFrom::Champions && rules.champions.is_none() {
        return Err(Refusal::InvalidRules("winners from champions, but there are no champions"));
    }
    Ok(())
}
