//! The relocation of an installation to another database: the parts to copy, and the mark that
//! stays.

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

/// A part of an installation, small enough for memory.
///
/// The parts after a [`Part::Contest`] belong to this contest, up to the next one or the end.
#[derive(Debug, Clone)]
pub enum Part {
    /// The installation's values: its name, its wrapped keys.
    Values(Vec<(String, Vec<u8>)>),
    /// Staff keys with the hashes of their secrets, including revoked keys.
    StaffKeys(Vec<([u8; 32], StaffKey)>),
    /// Requests that revoked staff keys, with the keys as they were then.
    KeyRevocations(Vec<(RequestId, StaffKey)>),
    /// Ids of deleted contests that cannot be used again.
    Retired(Vec<ContestId>),
    /// A contest and the head of its log.
    Contest(Box<ContestRecord>, Option<Head>),
    /// The rules by which the contest's subjects are compared, if it has any.
    Subjects(SubjectRules),
    /// The next entries of the contest's log.
    Entries(Vec<Bytes>),
    /// Tiles of the contest's log, each with all its hashes. A later tile of the same id replaces
    /// it.
    Tiles(Vec<(TileId, Vec<u8>)>),
    /// Ballots of the contest's log.
    Ballots(Vec<RecordedBallot>),
    /// The contest's commands with their outcomes, oldest first.
    Commands(Vec<(QueuedCommand, Option<CommandOutcome>)>),
    /// The number of passes issued, by source.
    Passes(Vec<(String, u64)>),
    /// Requests that minted passes, the hashes of their content, and the contents of the passes.
    ///
    /// A request from before staff keys were stored with it has an empty name.
    PassRequests(Vec<(RequestId, [u8; 32], Option<MintParameters>)>),
    /// Revocations of the contest's passes, with their generations.
    Revocations(Vec<(u32, PassRevocation)>),
    /// Voters of the contest with revoked passes.
    RevokedVoters(Vec<RevokedVoter>),
    /// Promised ballots that are not in the contest's log, with the reasons.
    Rejections(Vec<(BallotId, Rejection)>),
    /// The contest's turnout.
    Turnout(Vec<Turnout>),
    /// The end: all parts were sent.
    End,
}

/// The mark that stays in the database that an installation has left.
///
/// While the mark is there, nothing else is written to this database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MoveMark {
    /// A random id of the relocation.
    ///
    /// The destination holds the id as soon as it holds the installation.
    pub id: String,
    /// The destination's address, without credentials.
    pub to: String,
    /// Whether the destination is known to hold the installation. If not, it may still hold it.
    pub complete: bool,
}
