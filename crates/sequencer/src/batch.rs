//! One append in the making: ballots and events are admitted and folded as they are added.

use std::collections::BTreeMap;

use acclaim_ballot_log::{EntryError, Event, LogEntry, Salt};
use acclaim_contest::{BallotId, BallotState, Instant};
use acclaim_store::{
    RequestId,
    command::CommandOutcome,
    hub::{BallotOutcome, Rejection},
    intake::{Cursors, Item},
    ledger::Turnout,
};
use acclaim_tally::{PreparedLine, Refusal, Replay, ReplayError};
use bytes::Bytes;

/// What the next append will hold. Its entries are already folded into the [`Replay`] they were added through.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) entries: Vec<Bytes>,
    pub(crate) ballots: Vec<(BallotId, u64)>,
    pub(crate) marks: Vec<(BallotId, BallotState)>,
    pub(crate) outcomes: Vec<(BallotId, BallotOutcome)>,
    pub(crate) commands: Vec<(RequestId, CommandOutcome)>,
    /// Promised ballots that are rejected.
    pub(crate) rejected: Vec<(BallotId, Rejection)>,
    /// Promised ballots, whatever became of them.
    pub(crate) promised: Vec<BallotId>,
    /// Ballots by minute of arrival, channel and group.
    pub(crate) turnout: BTreeMap<(i64, Option<String>, Option<String>), u64>,
    /// Where the intake's cursors stand behind the batch, if it moves them.
    pub(crate) cursors: Option<Cursors>,
    /// Whether there are events among the entries.
    pub(crate) has_events: bool,
    /// Those of the events that can change the definition.
    pub(crate) definition_events: Vec<Event>,
    /// The intake's session from now on, if that changes.
    pub(crate) session: Option<NewSession>,
    /// The instant of a closing that is asked for, which is not in the log before it is done.
    pub(crate) closing: Option<Instant>,
    /// Whether the contest's tag key is destroyed with it.
    pub(crate) destroys_tag_key: bool,
}

/// A session of the intake, which the log does not determine.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NewSession {
    pub(crate) epoch: u64,
    pub(crate) shards: u16,
}

impl Batch {
    /// The same, with which a new session of the intake begins.
    pub(crate) fn with_session(mut self, session: NewSession) -> Self {
        self.cursors = Some(Cursors { epoch: session.epoch, shards: Vec::new() });
        self.session = Some(session);
        self
    }

    /// Adds a ballot, or notes why not.
    pub(crate) fn add_ballot(&mut self, replay: &mut Replay, item: Item) {
        let prepared = PreparedLine::new(&item.entry, None)
            .map_err(|error| ReplayError::unencodable(replay.size(), error))
            .and_then(|prepared| Ok((replay.push_prepared(&prepared)?, prepared)));
        let (index, prepared) = match prepared {
            Ok(pushed) => pushed,
            Err(error) => return self.refuse(&item, refused_ballot(error)),
        };
        if item.promised {
            self.promised.push(item.ballot);
        }
        self.ballots.push((item.ballot, index));
        let mut channel = None;
        if let LogEntry::Ballot(ballot) = prepared.entry() {
            if let Some(replaced) = ballot.replaces {
                self.mark(replay, replaced);
            }
            channel = ballot.channel.map(|channel| channel.to_string());
        }
        let minute = item.arrived.as_second().div_euclid(60);
        *self.turnout.entry((minute, channel, item.group)).or_default() += 1;
        let leaf_hash = *prepared.leaf();
        self.entries.push(item.entry);
        self.outcomes.push((item.ballot, BallotOutcome::Recorded { index, leaf_hash }));
    }

    /// Notes what becomes of a ballot that does not go in; of a promised one for its status address too.
    pub(crate) fn refuse(&mut self, item: &Item, outcome: BallotOutcome) {
        if item.promised {
            self.promised.push(item.ballot);
            if let BallotOutcome::Rejected(rejection) = &outcome {
                self.rejected.push((item.ballot, rejection.clone()));
            }
        }
        self.outcomes.push((item.ballot, outcome));
    }

    /// The turnout of the batch as the ledger takes it.
    pub(crate) fn take_turnout(&mut self) -> Vec<Turnout> {
        let row = |((minute, channel, group), ballots)| Turnout { minute, channel, group, ballots };
        std::mem::take(&mut self.turnout).into_iter().map(row).collect()
    }

    /// Adds an event; a refusal changes nothing.
    pub(crate) fn add_event(&mut self, replay: &mut Replay, event: &Event) -> Result<u64, ReplayError> {
        let salt = salt(replay, event).map_err(|error| ReplayError::unencodable(replay.size(), error))?;
        let line = event.encode(salt).map_err(|error| ReplayError::unencodable(replay.size(), error))?;
        let index = replay.push(&line)?;
        self.entries.push(Bytes::from(line));
        self.has_events = true;
        match event {
            Event::Voided { ballots, .. } | Event::Reinstated { ballots: Some(ballots), .. } => {
                ballots.iter().for_each(|ballot| self.mark(replay, *ballot));
            }
            Event::Opened { .. } | Event::Amended { .. } => self.definition_events.push(event.clone()),
            _ => {}
        }
        Ok(index)
    }

    /// Notes what a recorded ballot is by the fold.
    fn mark(&mut self, replay: &Replay, ballot: BallotId) {
        self.marks.extend(replay.tally().ballot(&ballot).map(|logged| (ballot, logged.state)));
    }

    /// Whether the contest's row may be another one with it: ballots alone change nothing of it.
    pub(crate) fn can_change_contest(&self) -> bool {
        self.has_events || self.session.is_some() || self.closing.is_some() || self.destroys_tag_key
    }

    /// Whether there is nothing to commit or tell.
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.outcomes.is_empty() && self.commands.is_empty()
    }
}

/// A fresh salt for an event that has one in this log.
fn salt(replay: &Replay, event: &Event) -> Result<Option<Salt>, EntryError> {
    if !replay.tally().is_salted(event) {
        return Ok(None);
    }
    let salt = acclaim_store::keyring::random_bytes();
    salt.map(|salt| Some(Salt(salt)))
        .map_err(|_| EntryError::Invalid("the system gave no random bytes for a salt"))
}

fn refused_ballot(error: ReplayError) -> BallotOutcome {
    let rejection = match error.into_refusal() {
        Ok(Refusal::SameBallot { .. }) => return BallotOutcome::Same,
        Ok(Refusal::AlreadyVoted { categories }) => {
            Rejection::AlreadyVoted(categories.iter().map(ToString::to_string).collect())
        }
        Ok(Refusal::ReplacesNotStanding { standing }) => Rejection::ReplacedIsNotStanding(standing),
        Ok(
            refusal @ (Refusal::TooManyVotes { .. }
            | Refusal::TooManyRevisions { .. }
            | Refusal::TooManyCategories { .. }
            | Refusal::ReplacementNotAllowed
            | Refusal::WrongChannel { .. }
            | Refusal::WrongPeriod { .. }
            | Refusal::TooFewInCategory { .. }
            | Refusal::TooManyInCategory { .. }),
        ) => Rejection::InvalidSelection(refusal.code().to_owned(), refusal.to_string()),
        Ok(refusal) => Rejection::Refused(refusal.code().to_owned(), refusal.to_string()),
        Err(error) => Rejection::Refused("malformed-entry".to_owned(), error),
    };
    BallotOutcome::Rejected(rejection)
}
