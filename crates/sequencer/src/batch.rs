//! One append in the making: ballots and events are admitted and folded as they are added.

use acclaim_ballot_log::{Event, LogEntry, leaf_hash};
use acclaim_contest::BallotId;
use acclaim_store::{
    command::CommandOutcome,
    hub::{BallotOutcome, Rejection},
    intake::Item,
    ledger::{BallotState, ContestChange},
};
use acclaim_tally::{BallotStanding, Refusal, Replay, ReplayError};
use bytes::Bytes;

/// What the next append will hold. Its entries are already folded into the [`Replay`] they were added through.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) entries: Vec<Bytes>,
    pub(crate) ballots: Vec<(BallotId, u64)>,
    pub(crate) marks: Vec<(BallotId, BallotState)>,
    pub(crate) outcomes: Vec<(BallotId, BallotOutcome)>,
    pub(crate) commands: Vec<(String, CommandOutcome)>,
    pub(crate) contest: Option<ContestChange>,
}

impl Batch {
    /// Adds a ballot, or notes why not.
    pub(crate) fn add_ballot(&mut self, replay: &mut Replay, item: Item) {
        let outcome = match replay.push(&item.entry) {
            Ok(index) => {
                self.ballots.push((item.ballot, index));
                if let Ok(LogEntry::Ballot(ballot)) = LogEntry::decode(&item.entry) {
                    self.marks.extend(ballot.replaces.map(|replaced| (replaced, BallotState::Replaced)));
                }
                let leaf_hash = leaf_hash(&item.entry);
                self.entries.push(item.entry);
                BallotOutcome::Recorded { index, leaf_hash }
            }
            Err(error) => refused_ballot(error),
        };
        self.outcomes.push((item.ballot, outcome));
    }

    /// Adds an event; a refusal changes nothing.
    pub(crate) fn add_event(&mut self, replay: &mut Replay, event: &Event) -> Result<u64, ReplayError> {
        let line = event.encode().map_err(|error| ReplayError::unencodable(replay.size(), error))?;
        let index = replay.push(&line)?;
        self.entries.push(Bytes::from(line));
        self.mark_ruling(replay, event);
        Ok(index)
    }

    fn mark_ruling(&mut self, replay: &Replay, event: &Event) {
        match event {
            Event::Voided { ballots, reason, .. } => {
                let state = BallotState::Voided { reason: reason.reason.clone() };
                self.marks.extend(ballots.iter().map(|ballot| (*ballot, state.clone())));
            }
            Event::Reinstated { ballots: Some(ballots), .. } => {
                self.marks.extend(ballots.iter().map(|ballot| {
                    let replaced =
                        replay.tally().ballot(ballot).is_some_and(|b| b.standing == BallotStanding::Replaced);
                    (*ballot, if replaced { BallotState::Replaced } else { BallotState::Recorded })
                }));
            }
            _ => {}
        }
    }

    /// Whether there is nothing to commit or tell.
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
            && self.outcomes.is_empty()
            && self.commands.is_empty()
            && self.contest.is_none()
    }
}

fn refused_ballot(error: ReplayError) -> BallotOutcome {
    let rejection = match error.into_refusal() {
        Ok(Refusal::SameBallot { .. }) => return BallotOutcome::Same,
        Ok(Refusal::AlreadyVoted { categories }) => {
            Rejection::AlreadyVoted(categories.iter().map(ToString::to_string).collect())
        }
        Ok(Refusal::ReplacesNotStanding { standing }) => Rejection::ReplacedIsNotStanding(standing),
        Ok(refusal) => Rejection::Refused(refusal.code(), refusal.to_string()),
        Err(error) => Rejection::Refused("malformed-entry", error),
    };
    BallotOutcome::Rejected(rejection)
}
