//! Steps of the golden cases: short functions that add entries to a log.

use acclaim_ballot_log::{Event, LogEntry};
use acclaim_contest::BallotId;
use serde_json::json;

use crate::support::{Log, Sheet, reason};

/// An instant after the closing of every contest, except the contests of several days.
const LATER: &str = "2021-03-05T00:00:00Z";

/// A sheet of a channel.
pub(super) fn on(channel: &str) -> Sheet<'_> {
    Sheet { channel: Some(channel), period: None }
}

/// A sheet of a day, or of a numbered ballot.
pub(super) fn in_period(period: &str) -> Sheet<'_> {
    Sheet { channel: None, period: Some(period) }
}

/// Casts a ballot for each entry, each by a new voter.
pub(super) fn votes(log: &mut Log, entries: &[&str]) -> Vec<BallotId> {
    votes_on(log, Sheet::default(), entries)
}

/// Casts a ballot for each entry on a sheet of this kind, each by a new voter.
pub(super) fn votes_on(log: &mut Log, sheet: Sheet<'_>, entries: &[&str]) -> Vec<BallotId> {
    let first = u32::try_from(log.lines.len()).unwrap();
    (first..).zip(entries).map(|(voter, entry)| log.cast_on(sheet, voter, &[entry], None).unwrap()).collect()
}

/// Casts a vote for one entry on a sheet, at a time of casting.
pub(super) fn cast_at(
    log: &mut Log,
    sheet: Sheet<'_>,
    at: &str,
    voter: u32,
    entry: &str,
    replaces: Option<BallotId>,
) -> Result<BallotId, &'static str> {
    let line = log.ballot_on(sheet, voter, &[entry], replaces, at);
    let LogEntry::Ballot(ballot) = LogEntry::decode(&line).unwrap() else { unreachable!() };
    let id = ballot.id;
    log.push(line).map(|_| id)
}

pub(super) fn close_at(log: &mut Log, at: &str) {
    log.event(Event::Closed { at: at.parse().unwrap() });
}

/// Moves the closing.
pub(super) fn close_later(log: &mut Log, to: &str) -> Result<u64, &'static str> {
    let amended = json!({"type": "amended", "what": "closes", "key": "closes", "to": to, "by": "chair", "reason": "more time",
        "at": "2021-03-01T12:00:00Z"});
    log.try_event(&serde_json::from_value(amended).unwrap())
}

pub(super) fn withdraw(log: &mut Log, entry: &str) {
    log.event(Event::Withdrawn { entry: entry.parse().unwrap(), reason: reason() });
}

pub(super) fn bring_back(log: &mut Log, entry: &str) {
    log.event(Event::Reinstated { entry: Some(entry.parse().unwrap()), ballots: None, reason: reason() });
}

/// Enters a juror's scores in category a: `a1 8, a2 7.5`.
pub(super) fn scores(log: &mut Log, panel: &str, juror: &str, values: &str) {
    try_scores(log, panel, juror, None, values).unwrap();
}

/// Enters a juror's scores in category a by a criterion.
pub(super) fn criterion(log: &mut Log, panel: &str, juror: &str, criterion: &str, values: &str) {
    try_scores(log, panel, juror, Some(criterion), values).unwrap();
}

pub(super) fn try_scores(
    log: &mut Log,
    panel: &str,
    juror: &str,
    criterion: Option<&str>,
    values: &str,
) -> Result<u64, &'static str> {
    let values = values.split(", ").filter_map(|value| value.split_once(' '));
    log.try_event(&Event::Scores {
        panel: panel.parse().unwrap(),
        juror: juror.to_owned(),
        category: "a".parse().unwrap(),
        criterion: criterion.map(str::to_owned),
        values: values.map(|(entry, score)| (entry.parse().unwrap(), score.to_owned())).collect(),
        by: juror.to_owned(),
        at: LATER.parse().unwrap(),
    })
}

pub(super) fn choose(log: &mut Log, category: &str, winners: &[&str]) {
    let choice =
        json!({"type": "choice", "category": category, "winners": winners, "by": "panel", "at": LATER});
    log.event(serde_json::from_value(choice).unwrap());
}

pub(super) fn freeze(log: &mut Log) {
    log.event(Event::Frozen { by: "chair".to_owned(), at: LATER.parse().unwrap() });
}

/// Logs the seed of the draw, from the source that the definitions of these cases name.
pub(super) fn draw(log: &mut Log, seed: &str) -> Result<u64, &'static str> {
    draw_from(log, "the beacon's first value after freezing", seed)
}

pub(super) fn draw_from(log: &mut Log, source: &str, seed: &str) -> Result<u64, &'static str> {
    log.try_event(&Event::Drawn {
        source: source.to_owned(),
        seed: seed.to_owned(),
        by: "chair".to_owned(),
        at: LATER.parse().unwrap(),
    })
}

pub(super) fn certify(log: &mut Log) {
    let result = log.replay.result().unwrap().certify.unwrap().result;
    let at = "2021-03-06T00:00:00Z".parse().unwrap();
    log.event(Event::Certified { result, by: "chair".to_owned(), at });
}
