//! Where accepted ballots wait for the sequencer.

use acclaim_contest::{BallotId, ContestId};
use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;

use crate::error::Result;

/// A position in a contest's buffer. Positions of another epoch mean nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cursor {
    /// Chosen anew whenever the buffer begins anew.
    pub epoch: u64,
    /// So many items of the epoch lie behind it.
    pub position: u64,
}

/// A ballot on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Its id.
    pub ballot: BallotId,
    /// When its request arrived, by the API's clock.
    pub arrived: Timestamp,
    /// The log entry's final bytes; nobody re-encodes them.
    pub entry: Bytes,
}

/// What the intake did with a ballot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Submitted {
    /// It is in the buffer and will be offered to the sequencer, which decides.
    Buffered,
    /// Other votes of the voter stand in these categories.
    Taken(Vec<String>),
    /// There is no room. Nothing was kept.
    Full,
    /// The contest has been sealed. Nothing was kept.
    Sealed,
}

/// What waits in a contest's buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Backlog {
    /// Items not trimmed yet.
    pub items: u64,
    /// Arrival of the oldest of them.
    pub oldest: Option<Timestamp>,
}

/// The buffer between API and sequencer.
///
/// The ledger is the authority over slots. An intake may catch a repeated vote early ([`Submitted::Taken`]), and must not call a slot
/// taken that is free; it need not catch anything.
#[async_trait]
pub trait Intake: Send + Sync {
    /// Offers ballots, in order; returns what became of each, in the same order. Atomic for each ballot. An item that is `Buffered` is drained
    /// once it is committed by the intake's own standard (see the implementation), unless the intake loses its content.
    async fn submit(&self, contest: &ContestId, items: Vec<Item>) -> Result<Vec<Submitted>>;

    /// The next items after `after` with their cursors, oldest first, at most `most`; waits until there is one. Items stay until they are
    /// trimmed, so that dropping the future, or draining again from the same cursor, loses nothing. A cursor of another epoch
    /// means from the beginning.
    async fn drain(&self, contest: &ContestId, after: Cursor, most: usize) -> Result<Vec<(Cursor, Item)>>;

    /// Drops the items up to and with `through`. Called only with a cursor that the ledger holds, or that lies before it.
    async fn trim(&self, contest: &ContestId, through: Cursor) -> Result<()>;

    /// From its return on [`Intake::submit`] answers [`Submitted::Sealed`]; what was buffered before is still drained. Returns the cursor of
    /// the last item.
    async fn seal(&self, contest: &ContestId) -> Result<Cursor>;

    /// Forgets a contest that was deleted.
    async fn forget(&self, contest: &ContestId) -> Result<()>;

    /// What waits.
    async fn backlog(&self, contest: &ContestId) -> Result<Backlog>;
}
