//! One append under construction. Ballots and events are admitted and folded as they are added.

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

/// The content of the next append.
///
/// Its entries are already folded into the [`Replay`] through which they were added.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) entries: Vec<Bytes>,
    pub(crate) ballots: Vec<(BallotId, u64)>,
    pub(crate) marks: Vec<(BallotId, BallotState)>,
    pub(crate) outcomes: Vec<(BallotId, BallotOutcome)>,
    pub(crate) commands: Vec<(RequestId, CommandOutcome)>,
    /// Promised ballots that are rejected.
    pub(crate) rejected: Vec<(BallotId, Rejection)>,
    /// All promised ballots of the batch, recorded or rejected.
    pub(crate) promised: Vec<BallotId>,
    /// Number of ballots by minute of arrival (minutes since 1970, UTC), channel and group.
    pub(crate) turnout: BTreeMap<(i64, Option<String>, Option<String>), u64>,
    /// The intake's cursors behind the batch, if the batch moves them.
    pub(crate) cursors: Option<Cursors>,
    /// Whether the entries include events.
    pub(crate) has_events: bool,
    /// The events that can change the definition.
    pub(crate) definition_events: Vec<Event>,
    /// The intake's new session, if the batch starts one.
    pub(crate) session: Option<NewSession>,
    /// The requested closing instant. The log has it only after the closing.
    pub(crate) closing: Option<Instant>,
    /// Whether the append destroys the contest's tag key.
    pub(crate) destroys_tag_key: bool,
}

/// A session of the intake. The log does not determine it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NewSession {
    pub(crate) epoch: u64,
    pub(crate) shards: u16,
}

impl Batch {
    /// Returns this batch with the start of a new intake session.
    pub(crate) fn with_session(mut self, session: NewSession) -> Self {
        self.cursors = Some(Cursors { epoch: session.epoch, shards: Vec::new() });
        self.session = Some(session);
        self
    }

    /// Adds a ballot, or notes why it is refused.
    pub(crate) fn add_ballot(&mut self, replay: &mut Replay, item: Item) {
        let prepared = PreparedLine::new(&item.entry, None)
            .map_err(|error| ReplayError::unencodable(replay.size(), error))
            .and_then(|prepared| Ok((replay.push_prepared(&prepared)?, prepared)));
        let (index, prepared) = match prepared {
            Ok(index_and_line) => index_and_line,
            Err(error) => return self.refuse(&item, refusal_outcome(error)),
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

    /// Notes the outcome of a ballot that is not recorded. A promised ballot's rejection is also
    /// kept for its status address.
    pub(crate) fn refuse(&mut self, item: &Item, outcome: BallotOutcome) {
        if item.promised {
            self.promised.push(item.ballot);
            if let BallotOutcome::Rejected(rejection) = &outcome {
                self.rejected.push((item.ballot, rejection.clone()));
            }
        }
        self.outcomes.push((item.ballot, outcome));
    }

    /// Returns the turnout of the batch in the form of the ledger, and clears it.
    pub(crate) fn take_turnout(&mut self) -> Vec<Turnout> {
        let row = |((minute, channel, group), ballots)| Turnout { minute, channel, group, ballots };
        std::mem::take(&mut self.turnout).into_iter().map(row).collect()
    }

    /// Adds an event and returns its index. A refused event changes nothing.
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

    /// Notes the state that the fold gives a recorded ballot.
    fn mark(&mut self, replay: &Replay, ballot: BallotId) {
        self.marks.extend(replay.tally().ballot(&ballot).map(|logged| (ballot, logged.state)));
    }

    /// Whether the batch can change the contest's row. Ballots alone cannot.
    pub(crate) fn can_change_contest(&self) -> bool {
        self.has_events || self.session.is_some() || self.closing.is_some() || self.destroys_tag_key
    }

    /// Whether the batch has nothing to commit or report.
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.outcomes.is_empty() && self.commands.is_empty()
    }
}

/// Returns a fresh salt if this log salts the event.
fn salt(replay: &Replay, event: &Event) -> Result<Option<Salt>, EntryError> {
    if !replay.tally().is_salted(event) {
        return Ok(None);
    }
    let salt = acclaim_store::keyring::random_bytes();
    salt.map(|salt| Some(Salt(salt)))
        .map_err(|_| EntryError::Invalid("the operating system returned no random bytes for a salt"))
}

fn refusal_outcome(error: ReplayError) -> BallotOutcome {
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
