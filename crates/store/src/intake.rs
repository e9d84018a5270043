//! The intake: the place where accepted ballots wait for the sequencer.

use acclaim_contest::{BallotId, ContestId, VoterTag};
use async_trait::async_trait;
use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};

use crate::error::Result;

/// A session of a contest's intake, from one [`Intake::begin`] to the next.
///
/// The epoch is in the ledger before the intake gets it, and it is part of every call. An intake
/// that lost its content, or was restored to an older state, does not accept this epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// The contest.
    pub contest: ContestId,
    /// A random number, chosen for each session.
    pub epoch: u64,
    /// Number of parts over which the voters are spread. It is fixed when the contest opens.
    pub shards: u16,
}

impl Session {
    /// The shard of a voter's ballots.
    ///
    /// `prefix` is the first four bytes of the voter tag, which are also the first four of the
    /// ballot id.
    #[must_use]
    pub fn shard(&self, prefix: [u8; 4]) -> u16 {
        shard_of(prefix, self.shards)
    }
}

/// The shard of `prefix` among `shards` shards. 0 shards count as 1.
#[must_use]
pub fn shard_of(prefix: [u8; 4], shards: u16) -> u16 {
    let shard = u32::from_be_bytes(prefix) % u32::from(shards.max(1));
    u16::try_from(shard).unwrap_or_default()
}

/// A position in one shard's buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cursor {
    /// Position in the session's buffer of this shard. Each intake has its own unit.
    pub position: u64,
    /// Running digest of everything before the position.
    ///
    /// A buffer that fell back to an older state and was refilled has another digest. Zero if the
    /// intake cannot fall back.
    pub digest: [u8; 20],
}

/// How far every shard of a session is recorded.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cursors {
    /// Epoch of the session.
    pub epoch: u64,
    /// The cursors by shard.
    pub shards: Vec<Cursor>,
}

/// Length of one shard's cursor in its stored form, in bytes.
const CURSOR_LENGTH: usize = 28;

impl Cursors {
    /// The form that the ledger stores: the epoch, then position and digest of each shard,
    /// big-endian.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.epoch.to_be_bytes().to_vec();
        for cursor in &self.shards {
            bytes.extend(cursor.position.to_be_bytes());
            bytes.extend(cursor.digest);
        }
        bytes
    }

    /// Reads the bytes that [`Cursors::to_bytes`] wrote; `None` for other bytes.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (epoch, shards) = bytes.split_first_chunk()?;
        let chunks = shards.chunks_exact(CURSOR_LENGTH);
        if !chunks.remainder().is_empty() {
            return None;
        }
        let cursor = |chunk: &[u8]| {
            let (position, digest) = chunk.split_first_chunk()?;
            Some(Cursor { position: u64::from_be_bytes(*position), digest: digest.try_into().ok()? })
        };
        Some(Self { epoch: u64::from_be_bytes(*epoch), shards: chunks.map(cursor).collect::<Option<_>>()? })
    }
}

/// A ballot between the API and the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Its id.
    pub ballot: BallotId,
    /// When its request arrived, by the API's clock.
    pub arrived: Timestamp,
    /// Whether the voter was, or will be, answered `accepted`.
    ///
    /// If so, a rejection is stored for the ballot's status address.
    pub promised: bool,
    /// The pass's label for turnout, at most 64 bytes.
    pub group: Option<String>,
    /// The final bytes of the log entry. They are not encoded again.
    pub entry: Bytes,
}

/// A slot in the form that intakes remember: 64 bits of a hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Slot {
    /// The first four bytes of the voter tag. They decide the shard.
    pub prefix: [u8; 4],
    /// The first 64 bits of the BLAKE3 hash of voter, channel, period and category, little-endian.
    pub hash: u64,
}

impl Slot {
    /// The slot of a voter in a category.
    #[must_use]
    pub fn new(voter: VoterTag, channel: Option<&str>, period: Option<&str>, category: &str) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&voter.0);
        // Ids have no NUL byte, so that it can separate them.
        for text in [channel.unwrap_or_default(), period.unwrap_or_default(), category] {
            hasher.update(text.as_bytes()).update(&[0]);
        }
        let mut hash = [0; 8];
        hasher.finalize_xof().fill(&mut hash);
        Self { prefix: voter.prefix(), hash: u64::from_le_bytes(hash) }
    }
}

/// A ballot that the API submits to the intake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submission {
    /// The ballot.
    pub item: Item,
    /// The slots that the ballot would fill, for the intake to check.
    ///
    /// If the list is empty, the intake buffers the ballot without a check.
    pub slots: Vec<Slot>,
}

/// The intake's answer to a submitted ballot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubmitOutcome {
    /// The ballot is in the buffer. The sequencer will get it and decide.
    Buffered,
    /// One of the ballot's slots seems to be taken. The ballot was not buffered.
    ///
    /// The caller asks the ledger. If the ledger has no such ballot, the caller submits it again
    /// without slots.
    SlotTaken,
    /// The buffer is full. The ballot was not buffered.
    Full,
    /// The contest is sealed. The ballot was not buffered.
    Sealed,
    /// The intake is in another session, or not ready yet. The ballot was not buffered.
    Rebuilding,
}

/// The next input of the sequencer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DrainOutcome {
    /// Ballots; the ballots of each shard are in order.
    Items {
        /// At least one ballot, unless all items of this step were forged.
        items: Vec<Item>,
        /// The cursors after these ballots.
        through: Cursors,
    },
    /// The intake does not hold the state that the cursors refer to: begin a new session.
    ///
    /// The text is the reason.
    Lost(String),
}

/// Ballots that remain from earlier sessions, oldest first. Some of them may be recorded already.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Survivors {
    /// The ballots.
    pub items: Vec<Item>,
    /// How much of each shard these ballots are, for [`Intake::drop_survivors`].
    pub taken: Vec<u64>,
}

/// The items that wait in a contest's buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Backlog {
    /// Number of items that are not trimmed yet.
    pub items: u64,
    /// When the oldest of these items arrived.
    pub oldest: Option<Timestamp>,
}

/// The state of the intake at the last check.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct IntakeStatus {
    /// The reason why the intake takes no ballots; `None` if it takes them.
    pub refuses: Option<String>,
    /// Settings that the operator allowed although they can lose accepted ballots.
    pub weak: Vec<String>,
    /// Servers that do not answer, if there are several. The other servers still take the ballots
    /// of their shards.
    pub away: Vec<String>,
    /// Servers that have no memory left for ballots, or almost none. They refuse ballots.
    pub full: Vec<String>,
    /// How far the intake's clock is ahead of this process's clock.
    ///
    /// Of several servers, it is the one whose clock differs most. Zero if the intake has no clock
    /// of its own.
    pub skew: SignedDuration,
    /// The same, of the server whose clock differs least.
    ///
    /// If this difference is large, this process's clock is wrong.
    pub nearest: SignedDuration,
    /// The same, of the server whose clock is the furthest behind.
    pub slowest: SignedDuration,
    /// Number of ballots, notices, checkpoints and publications that this process found in the
    /// intake and that no process of the installation wrote.
    ///
    /// They were dropped.
    pub forged: u64,
}

/// The buffer between the API and the sequencer.
///
/// The ledger is the authority over slots. An intake may detect a repeated vote early, but it need
/// not. If the intake calls a slot taken, the ledger is asked.
#[async_trait]
pub trait Intake: Send + Sync {
    /// Submits ballots and returns one outcome for each, in the same order.
    ///
    /// A ballot is buffered whole or not at all. An item that is `Buffered` will be drained, unless
    /// the intake loses its content. Each implementation describes how durably it holds its
    /// content.
    ///
    /// # Errors
    /// After an error, the ballots of some shards may be buffered. A caller that needs a separate
    /// result for each shard submits the ballots of one shard at a time.
    async fn submit(&self, session: &Session, submissions: &[Submission]) -> Result<Vec<SubmitOutcome>>;

    /// Returns about `limit` items after `after`, and waits until there is one.
    ///
    /// Items stay until they are trimmed. So a dropped future, or another drain from the same
    /// cursors, loses nothing. A shard that does not answer is skipped as long as another shard
    /// answers.
    ///
    /// # Errors
    /// If no shard answers. The cursors stay valid.
    async fn drain(&self, session: &Session, after: &Cursors, limit: usize) -> Result<DrainOutcome>;

    /// Drops the items up to and including `through`, and the marks of these promised ballots.
    ///
    /// The caller passes only cursors that the ledger holds, or earlier ones. Cursors of another
    /// session change nothing.
    ///
    /// # Errors
    /// After an error, some shards may be trimmed. Trimming again is safe.
    async fn trim(&self, session: &Session, through: &Cursors, promised: &[BallotId]) -> Result<()>;

    /// Seals the session: after the return, [`Intake::submit`] answers [`SubmitOutcome::Sealed`].
    ///
    /// Items that were buffered before are still drained. Returns the cursors after the last items;
    /// `None` if the intake is in another session.
    async fn seal(&self, session: &Session) -> Result<Option<Cursors>>;

    /// Begins a session whose epoch the ledger holds, and returns the cursors of its start.
    ///
    /// Any other session of the contest ends, and its items become survivors. Until
    /// [`Intake::open`], submitted ballots are answered [`SubmitOutcome::Rebuilding`]. It is safe
    /// to repeat.
    async fn begin(&self, session: &Session) -> Result<Cursors>;

    /// The oldest survivors of earlier sessions that are not dropped yet. Empty when none are left.
    async fn survivors(&self, session: &Session) -> Result<Survivors>;

    /// Drops survivors that the sequencer has decided on.
    ///
    /// `taken` is [`Survivors::taken`].
    async fn drop_survivors(&self, session: &Session, taken: &[u64]) -> Result<()>;

    /// Whether the intake remembers slots. If not, [`Intake::mark_slots_taken`] need not be called.
    fn has_slot_table(&self) -> bool;

    /// Marks slots as taken.
    async fn mark_slots_taken(&self, session: &Session, slots: &[Slot]) -> Result<()>;

    /// Opens the session: the intake takes ballots from now on.
    async fn open(&self, session: &Session) -> Result<()>;

    /// Deletes the data of a deleted contest.
    async fn forget(&self, session: &Session) -> Result<()>;

    /// The backlog of the shards that answer.
    ///
    /// # Errors
    /// If no shard answers.
    async fn backlog(&self, session: &Session) -> Result<Backlog>;

    /// Whether a promised ballot is still in the buffer.
    async fn has_promised_ballot(&self, session: &Session, ballot: BallotId) -> Result<bool>;

    /// The state of the intake at the last check. It needs no call to a server.
    fn status(&self) -> IntakeStatus;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_come_back_as_they_were_stored() {
        let shards =
            vec![Cursor { position: 7, digest: [1; 20] }, Cursor { position: u64::MAX, digest: [2; 20] }];
        for cursors in [Cursors::default(), Cursors { epoch: u64::MAX, shards }] {
            let bytes = cursors.to_bytes();
            assert_eq!(Cursors::from_bytes(&bytes), Some(cursors));
            assert_eq!(Cursors::from_bytes(&bytes[1..]), None);
        }
        assert_eq!(Cursors::from_bytes(&[]), None);
    }
}
