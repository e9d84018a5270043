//! A ballot on the wire: as a voter sends it, and what its voter is told.

use std::borrow::Cow;

use acclaim_ballot_log::Hash;
use acclaim_contest::{BallotId, BallotState};
use acclaim_service::casting::{CastOutcome, NewRecord, NewVotes};
use acclaim_store::ledger::RecordedBallot;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{body::objects, description::shapes, metrics::RECORDED};

/// A ballot as a voter sends it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"selections": [{"category": "photos", "entry": "photo-01"}]}))]
pub(crate) struct BallotRequest<'a> {
    /// At least one.
    #[serde(borrow, deserialize_with = "objects")]
    #[schema(min_items = 1)]
    pub(crate) selections: Vec<SelectionRequest<'a>>,
    /// The voter's own standing ballot that this one takes the place of.
    #[schema(value_type = Option<shapes::BallotId>)]
    pub(crate) replaces: Option<Cow<'a, str>>,
    /// The day or the ballot's number, where the contest has periods.
    #[schema(value_type = Option<String>)]
    pub(crate) period: Option<Cow<'a, str>>,
}

/// One vote.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SelectionRequest<'a> {
    #[serde(borrow)]
    #[schema(value_type = shapes::Id)]
    category: Cow<'a, str>,
    #[serde(borrow)]
    #[schema(value_type = shapes::Id)]
    entry: Cow<'a, str>,
}

impl BallotRequest<'_> {
    /// What it asks to cast.
    pub(crate) fn votes(&self) -> NewVotes<'_> {
        let selections = self.selections.iter().map(|selection| (&*selection.category, &*selection.entry));
        let (replaces, period) = (self.replaces.as_deref(), self.period.as_deref());
        NewVotes { selections: selections.collect(), replaces, period }
    }
}

/// A recorded ballot.
#[derive(Serialize, ToSchema)]
#[schema(as = Recorded)]
pub(crate) struct RecordedBody {
    #[schema(value_type = shapes::BallotId)]
    ballot: BallotId,
    #[schema(value_type = shapes::BallotState)]
    status: &'static str,
    /// Its place in the log.
    index: u64,
    #[schema(value_type = shapes::Root)]
    leaf_hash: Hash,
    log: LogHead,
}

/// A size of the log and its root, base64.
#[derive(Serialize, ToSchema)]
pub(crate) struct LogHead {
    pub(crate) size: u64,
    #[schema(value_type = shapes::Root)]
    pub(crate) root: Hash,
}

impl From<&NewRecord> for RecordedBody {
    fn from(recorded: &NewRecord) -> Self {
        let NewRecord { ballot, index, leaf_hash, size, root, is_repetition: _ } = *recorded;
        Self { ballot, status: "recorded", index, leaf_hash, log: LogHead { size, root } }
    }
}

/// What a ballot is at present; never what it chose.
#[derive(Serialize, ToSchema)]
pub(crate) struct BallotStatus {
    #[schema(value_type = shapes::BallotId)]
    pub(crate) ballot: BallotId,
    #[schema(value_type = shapes::BallotState)]
    status: &'static str,
    /// Its place in the log, once it is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    index: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<shapes::Root>)]
    leaf_hash: Option<String>,
    /// Why it was voided or rejected.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl BallotStatus {
    pub(crate) fn new(recorded: RecordedBallot, leaf_hash: Hash) -> Self {
        let (status, reason) = match recorded.state {
            BallotState::Recorded => ("recorded", None),
            BallotState::Replaced => ("replaced", None),
            BallotState::Voided { reason, .. } => ("voided", Some(reason)),
        };
        let (index, leaf_hash) = (Some(recorded.index), Some(leaf_hash.to_string()));
        Self { ballot: recorded.id, status, index, leaf_hash, reason }
    }

    /// Of a ballot that is kept, and will be recorded or rejected.
    pub(crate) fn accepted(ballot: BallotId) -> Self {
        Self { ballot, status: "accepted", index: None, leaf_hash: None, reason: None }
    }

    /// Of a ballot that was promised and is not in the log, for this reason.
    pub(crate) fn rejected(ballot: BallotId, reason: String) -> Self {
        Self { ballot, status: "rejected", index: None, leaf_hash: None, reason: Some(reason) }
    }
}

/// How the figures count an answer. Several requests can wait for one ballot, which is recorded once.
pub(crate) fn label(cast: &CastOutcome) -> &'static str {
    match cast {
        CastOutcome::Recorded(recorded) if !recorded.is_repetition => RECORDED,
        CastOutcome::Recorded(_) | CastOutcome::AlreadyRecorded(..) => "again",
        CastOutcome::Accepted(_) => "accepted",
    }
}
