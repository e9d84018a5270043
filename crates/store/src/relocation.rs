//! An installation on its way from one database to another: what leaves, in parts, and the mark that stays behind.

use acclaim_ballot_log::tile::TileId;
use acclaim_contest::{BallotId, ContestId, SubjectRules};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::{
    command::{CommandOutcome, QueuedCommand},
    contests::{ContestRecord, MintParameters},
    hub::Rejection,
    keys::StaffKey,
    ledger::{Head, RecordedBallot, Turnout},
    pass_revocations::{PassRevocation, RevokedVoter},
    request_id::RequestId,
};

/// A piece of an installation, small enough to be held. What a [`Part::Contest`] begins goes on to the next one or to the end.
#[derive(Debug, Clone)]
pub enum Part {
    /// The installation's values: its name, its wrapped keys.
    Values(Vec<(String, Vec<u8>)>),
    /// Staff keys, revoked ones too, by the hashes of their secrets.
    StaffKeys(Vec<([u8; 32], StaffKey)>),
    /// Requests that revoked staff keys, and the keys as they were then.
    KeyRevocations(Vec<(RequestId, StaffKey)>),
    /// Ids of deleted contests that are never used again.
    Retired(Vec<ContestId>),
    /// A contest and the end of its log.
    Contest(Box<ContestRecord>, Option<Head>),
    /// By which rules its subjects are compared, if it has any.
    Subjects(SubjectRules),
    /// The next entries of its log.
    Entries(Vec<Bytes>),
    /// Tiles over its log, whole; a later one of the same id replaces.
    Tiles(Vec<(TileId, Vec<u8>)>),
    /// Ballots of its log.
    Ballots(Vec<RecordedBallot>),
    /// Its commands, oldest first, with what became of them.
    Commands(Vec<(QueuedCommand, Option<CommandOutcome>)>),
    /// Totals of passes issued, by source.
    Passes(Vec<(String, u64)>),
    /// Requests that minted passes, the hashes of their content, and what the passes say. Those from before staff keys were kept with them have an empty name.
    PassRequests(Vec<(RequestId, [u8; 32], Option<MintParameters>)>),
    /// Revocations of its passes, with their generations.
    Revocations(Vec<(u32, PassRevocation)>),
    /// Voters with revoked passes.
    RevokedVoters(Vec<RevokedVoter>),
    /// Promised ballots that are not in its log.
    Rejections(Vec<(BallotId, Rejection)>),
    /// Its turnout.
    Turnout(Vec<Turnout>),
    /// Nothing is missing.
    End,
}

/// What stays in the database that an installation has left. As long as it is there, nothing else is written there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MoveMark {
    /// Random, one a move; the destination holds it as soon as it holds the installation.
    pub id: String,
    /// The destination's address, without credentials.
    pub to: String,
    /// Whether the destination is known to hold the installation. If not, it may.
    pub complete: bool,
}
