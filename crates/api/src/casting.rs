//! A ballot on the wire: the voter's request, and the status in the answer.

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
    /// The voter's own standing ballot that this ballot replaces.
    #[schema(value_type = Option<shapes::BallotId>)]
    pub(crate) replaces: Option<Cow<'a, str>>,
    /// The day or the ballot's number. Needed if the contest has periods, and only then.
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
    /// Returns the votes to cast.
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
    /// Its index in the log.
    index: u64,
    #[schema(value_type = shapes::Root)]
    leaf_hash: Hash,
    log: LogHead,
}

/// A size of the log, in entries, and the log's root at this size, base64.
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

/// A ballot's present status. It never contains the selections.
#[derive(Serialize, ToSchema)]
pub(crate) struct BallotStatus {
    #[schema(value_type = shapes::BallotId)]
    pub(crate) ballot: BallotId,
    #[schema(value_type = shapes::BallotState)]
    status: &'static str,
    /// Its index in the log, once it is recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    index: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<shapes::Root>)]
    leaf_hash: Option<String>,
    /// Why it was voided or rejected: the ruling's reason, or the code of a problem.
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

    /// Returns the status of an accepted ballot, which will be recorded or rejected.
    pub(crate) fn accepted(ballot: BallotId) -> Self {
        Self { ballot, status: "accepted", index: None, leaf_hash: None, reason: None }
    }

    /// Returns the status of a ballot that was promised and is not in the log.
    ///
    /// `reason` is the code of a problem.
    pub(crate) fn rejected(ballot: BallotId, reason: String) -> Self {
        Self { ballot, status: "rejected", index: None, leaf_hash: None, reason: Some(reason) }
    }
}

/// Returns the label of an outcome in the metrics.
///
/// Several requests can wait for one ballot, which is recorded once. Only one of them is counted as
/// recorded.
pub(crate) fn label(cast: &CastOutcome) -> &'static str {
    match cast {
        CastOutcome::Recorded(recorded) if !recorded.is_repetition => RECORDED,
        CastOutcome::Recorded(_) | CastOutcome::AlreadyRecorded(..) => "again",
        CastOutcome::Accepted(_) => "accepted",
    }
}
