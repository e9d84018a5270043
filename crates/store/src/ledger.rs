//! The ledger: the log of each contest, and the tables that are derived from it.

use acclaim_ballot_log::{hash::Hash, tile::TileId};
use acclaim_contest::{BallotId, BallotState, ContestId};
use async_trait::async_trait;
use bytes::Bytes;

use crate::{
    command::CommandOutcome,
    contests::ContestChange,
    error::{Result, StoreError},
    hub::Rejection,
    intake::Cursors,
    request_id::RequestId,
};

/// The head of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Number of entries in the log.
    pub size: u64,
    /// Root hash of the tree over these entries.
    pub root: Hash,
    /// The signed checkpoint of this size and root, a note.
    pub checkpoint: String,
    /// How far the intake is recorded.
    pub cursors: Cursors,
}

/// The content of one transaction on a contest's log.
#[derive(Debug, Clone)]
pub struct Append {
    /// Size and root of the head that this transaction continues; `None` for the first one.
    ///
    /// The ledger compares and swaps it.
    pub expected: Option<(u64, Hash)>,
    /// The head after the transaction.
    pub head: Head,
    /// The new entries, from the expected size on.
    pub entries: Vec<Bytes>,
    /// The ballots among the entries: id and index.
    pub ballots: Vec<(BallotId, u64)>,
    /// New states of ballots that were recorded earlier or in this transaction.
    pub marks: Vec<(BallotId, BallotState)>,
    /// Promised ballots that are not in the log, with the reason.
    pub rejected: Vec<(BallotId, Rejection)>,
    /// Recorded ballots to add to the turnout.
    pub turnout: Vec<Turnout>,
    /// Tiles that are new or have grown, each with all its hashes.
    pub tiles: Vec<(TileId, Vec<u8>)>,
    /// The change of the contest's record, if there is one.
    pub contest: Option<ContestChange>,
    /// Outcomes of commands.
    pub commands: Vec<(RequestId, CommandOutcome)>,
}

impl Append {
    /// An append of entries that changes nothing else.
    #[must_use]
    pub fn of_entries(expected: Option<(u64, Hash)>, head: Head, entries: Vec<Bytes>) -> Self {
        Self {
            expected,
            head,
            entries,
            ballots: Vec::new(),
            marks: Vec::new(),
            rejected: Vec::new(),
            turnout: Vec::new(),
            tiles: Vec::new(),
            contest: None,
            commands: Vec::new(),
        }
    }
}

/// The number of ballots that arrived in one minute, by channel and group.
///
/// The log does not contain all of this: groups are not written to it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Turnout {
    /// Minutes since 1970, UTC.
    pub minute: i64,
    /// Channel of the votes.
    pub channel: Option<String>,
    /// Group of the voters.
    pub group: Option<String>,
    /// Number of ballots.
    pub ballots: u64,
}

/// A ballot's state in the form of the table: a number, and the reason of a void.
#[must_use]
pub fn stored_state(state: &BallotState) -> (i16, Option<&str>) {
    match state {
        BallotState::Recorded => (0, None),
        BallotState::Replaced => (1, None),
        BallotState::Voided { reason, replaced: false } => (2, Some(reason)),
        BallotState::Voided { reason, replaced: true } => (3, Some(reason)),
    }
}

/// Reads a state that [`stored_state`] returned.
///
/// # Errors
/// [`StoreError::Corrupt`] for any other pair.
pub fn read_state(state: i64, reason: Option<String>) -> Result<BallotState> {
    match (state, reason) {
        (0, None) => Ok(BallotState::Recorded),
        (1, None) => Ok(BallotState::Replaced),
        (2, Some(reason)) => Ok(BallotState::Voided { reason, replaced: false }),
        (3, Some(reason)) => Ok(BallotState::Voided { reason, replaced: true }),
        (state, _) => Err(StoreError::Corrupt(format!("a ballot has the unknown state {state}"))),
    }
}

/// A ballot in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedBallot {
    /// Its id.
    pub id: BallotId,
    /// Its index in the log.
    pub index: u64,
    /// Its current state.
    pub state: BallotState,
}

/// A row of the ballot table, also if its state is not readable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredBallot {
    /// Its id.
    pub id: BallotId,
    /// Its index in the log.
    pub index: u64,
    /// Its current state; `None` if it cannot be read.
    pub state: Option<BallotState>,
}

/// The logs of an installation.
///
/// [`Ledger::append`] is atomic: a later read sees all of it or none of it.
#[async_trait]
pub trait Ledger: Send + Sync {
    /// The head of the log; `None` before the opening.
    async fn head(&self, contest: &ContestId) -> Result<Option<Head>>;

    /// Appends in one transaction. It is durable (synchronised to disk) when this returns.
    ///
    /// No later read returns a tag key that the transaction destroys.
    ///
    /// # Errors
    /// - `Conflict`: the head or the contest's revision is not the expected one, because another
    ///   writer changed it. Nothing was changed.
    /// - `Unavailable`: nothing was changed.
    /// - `Unknown`: the transaction may be committed. The caller drops its state and reloads.
    async fn append(&self, contest: &ContestId, append: Append) -> Result<()>;

    /// Returns when the head that [`Ledger::head`] returned before is as durable as an `append`.
    ///
    /// A commit can be readable before it is synchronised to disk or to a standby, and before its
    /// writer got an answer.
    async fn ensure_durable(&self, contest: &ContestId) -> Result<()>;

    /// Entries from index `from` on, in order: at most `limit`, and at most about 8 MiB.
    ///
    /// There are fewer at the end of the log.
    async fn entries(&self, contest: &ContestId, from: u64, limit: usize) -> Result<Vec<Bytes>>;

    /// A tile with all hashes that it has so far; `None` if there is no such tile.
    async fn tile(&self, contest: &ContestId, tile: TileId) -> Result<Option<Vec<u8>>>;

    /// A recorded ballot; `None` if it is not recorded.
    async fn ballot(&self, contest: &ContestId, ballot: BallotId) -> Result<Option<RecordedBallot>>;

    /// Recorded ballots after `after`, at most `limit`, in the order of their ids.
    ///
    /// The list is empty only at the end.
    async fn ballots(
        &self,
        contest: &ContestId,
        after: Option<BallotId>,
        limit: usize,
    ) -> Result<Vec<StoredBallot>>;

    /// The reason why a promised ballot is not in the log; `None` if no reason is stored.
    async fn rejection(&self, contest: &ContestId, ballot: BallotId) -> Result<Option<Rejection>>;

    /// The number of stored rejections of ballots whose ids begin with this prefix.
    ///
    /// These are one voter's ballots, and rarely another voter's too. The count stops at `limit`.
    async fn count_rejections_with_prefix(
        &self,
        contest: &ContestId,
        prefix: [u8; 4],
        limit: usize,
    ) -> Result<usize>;

    /// The turnout so far: one row for each minute, channel and group, in this order.
    async fn turnout(&self, contest: &ContestId) -> Result<Vec<Turnout>>;

    /// The newest recorded ballots whose ids begin with this prefix, each with its entry, newest
    /// first.
    ///
    /// These are one voter's ballots, and rarely another voter's too, if both tags begin alike. It
    /// returns at most `limit` ballots with an index below `before`. It returns fewer only if there
    /// are no more.
    async fn ballots_with_prefix(
        &self,
        contest: &ContestId,
        prefix: [u8; 4],
        before: u64,
        limit: usize,
    ) -> Result<Vec<(RecordedBallot, Bytes)>>;
}
