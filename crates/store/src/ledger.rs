//! The log of each contest, and what is looked up in it.

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

/// The end of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Entries in the log.
    pub size: u64,
    /// Root of the tree over them.
    pub root: Hash,
    /// The signed checkpoint, a note.
    pub checkpoint: String,
    /// How far the intake has been recorded.
    pub cursors: Cursors,
}

/// One transaction on a contest's log.
#[derive(Debug, Clone)]
pub struct Append {
    /// The head that this continues, `None` for the first; compared and swapped.
    pub expected: Option<(u64, Hash)>,
    /// The head from now on.
    pub head: Head,
    /// Entries from the expected size on.
    pub entries: Vec<Bytes>,
    /// Those of the entries that are ballots: id and index.
    pub ballots: Vec<(BallotId, u64)>,
    /// Ballots, recorded before or now, that are now something else.
    pub marks: Vec<(BallotId, BallotState)>,
    /// Ballots that were promised and are not in the log, with the reason.
    pub rejected: Vec<(BallotId, Rejection)>,
    /// Recorded ballots, to be added to the turnout.
    pub turnout: Vec<Turnout>,
    /// Tiles that are new or have grown, whole.
    pub tiles: Vec<(TileId, Vec<u8>)>,
    /// How the contest stands from now on, if that changed.
    pub contest: Option<ContestChange>,
    /// Outcomes of commands.
    pub commands: Vec<(RequestId, CommandOutcome)>,
}

impl Append {
    /// Of entries, and nothing that follows from them.
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

/// How many ballots arrived in a minute. The log does not hold all of this: groups never enter it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Turnout {
    /// Minutes since 1970, UTC.
    pub minute: i64,
    /// Of the votes.
    pub channel: Option<String>,
    /// Of the voters.
    pub group: Option<String>,
    /// Ballots.
    pub ballots: u64,
}

/// A ballot's state as a table holds it: a number, and the reason of a void.
#[must_use]
pub fn stored_state(state: &BallotState) -> (i16, Option<&str>) {
    match state {
        BallotState::Recorded => (0, None),
        BallotState::Replaced => (1, None),
        BallotState::Voided { reason, replaced: false } => (2, Some(reason)),
        BallotState::Voided { reason, replaced: true } => (3, Some(reason)),
    }
}

/// Reads what [`stored_state`] gave.
///
/// # Errors
/// [`StoreError::Corrupt`] if it is something else.
pub fn read_state(state: i64, reason: Option<String>) -> Result<BallotState> {
    match (state, reason) {
        (0, None) => Ok(BallotState::Recorded),
        (1, None) => Ok(BallotState::Replaced),
        (2, Some(reason)) => Ok(BallotState::Voided { reason, replaced: false }),
        (3, Some(reason)) => Ok(BallotState::Voided { reason, replaced: true }),
        (state, _) => Err(StoreError::Corrupt(format!("a ballot of state {state}"))),
    }
}

/// A ballot in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedBallot {
    /// Its id.
    pub id: BallotId,
    /// Its index in the log.
    pub index: u64,
    /// What it is now.
    pub state: BallotState,
}

/// A recorded ballot as the table holds it, whatever it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredBallot {
    /// Its id.
    pub id: BallotId,
    /// Its index in the log.
    pub index: u64,
    /// What it is now; `None` if that cannot be read.
    pub state: Option<BallotState>,
}

/// The logs. Everything that [`Ledger::append`] was given is there for every later read, or none of it is.
#[async_trait]
pub trait Ledger: Send + Sync {
    /// The end of the log; `None` before the opening.
    async fn head(&self, contest: &ContestId) -> Result<Option<Head>>;

    /// Appends, in one transaction, durable (synchronised to disk) when it returns. No later read returns a tag key that it destroys.
    ///
    /// # Errors
    /// - `Conflict`: the head, or the contest's revision, is not the expected one; somebody else was there. Nothing was changed.
    /// - `Unavailable`: nothing was changed.
    /// - `Unknown`: it may have been done. The caller drops its state and reloads.
    async fn append(&self, contest: &ContestId, append: Append) -> Result<()>;

    /// Returns when what [`Ledger::head`] told of the log before is as durable as what `append` has returned for. A commit can be read that nobody was
    /// told of, and that was not synchronised to disk or to a standby yet.
    async fn ensure_durable(&self, contest: &ContestId) -> Result<()>;

    /// Entries from index `from` on, in order, at most `most` and at most about 8 MiB; fewer at the end of the log.
    async fn entries(&self, contest: &ContestId, from: u64, most: usize) -> Result<Vec<Bytes>>;

    /// A tile with all hashes it has by now.
    async fn tile(&self, contest: &ContestId, tile: TileId) -> Result<Option<Vec<u8>>>;

    /// A recorded ballot.
    async fn ballot(&self, contest: &ContestId, ballot: BallotId) -> Result<Option<RecordedBallot>>;

    /// Recorded ballots in the order of their ids: those behind `after`, at most `most`; none only at the end.
    async fn ballots(
        &self,
        contest: &ContestId,
        after: Option<BallotId>,
        most: usize,
    ) -> Result<Vec<StoredBallot>>;

    /// Why a promised ballot is not in the log; `None` if nothing is known of it.
    async fn rejection(&self, contest: &ContestId, ballot: BallotId) -> Result<Option<Rejection>>;

    /// How many rejections are kept of ballots whose ids begin with this prefix: a voter's, and rarely another's. Counts to
    /// `most` and no further.
    async fn count_rejections_with_prefix(
        &self,
        contest: &ContestId,
        prefix: [u8; 4],
        most: usize,
    ) -> Result<usize>;

    /// The turnout so far: a row each minute, channel and group, in their order.
    async fn turnout(&self, contest: &ContestId) -> Result<Vec<Turnout>>;

    /// The newest recorded ballots whose ids begin so, each with its entry: those of one voter, and rarely of another whose tag begins alike.
    /// Of those with an index below `before`, at most `most`, newest first; fewer only if there are no more.
    async fn ballots_with_prefix(
        &self,
        contest: &ContestId,
        prefix: [u8; 4],
        before: u64,
        most: usize,
    ) -> Result<Vec<(RecordedBallot, Bytes)>>;
}
