//! Where accepted ballots wait for the sequencer.

use acclaim_contest::{BallotId, ContestId, VoterTag};
use async_trait::async_trait;
use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};

use crate::error::Result;

/// A contest's intake from one beginning to the next. Its epoch is in the ledger before the intake hears of it, and part of every call: an intake
/// that lost its content, or was set back to an older one, does not answer to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Which contest.
    pub contest: ContestId,
    /// Random, chosen anew whenever the intake begins anew.
    pub epoch: u64,
    /// Parts over which the voters are spread; fixed when the contest opens.
    pub shards: u16,
}

impl Session {
    /// The shard of a voter's ballots, known from the four bytes with which voter tag and ballot id begin.
    #[must_use]
    pub fn shard(&self, prefix: [u8; 4]) -> u16 {
        shard_of(prefix, self.shards)
    }
}

/// The same, of so many shards.
#[must_use]
pub fn shard_of(prefix: [u8; 4], shards: u16) -> u16 {
    let shard = u32::from_be_bytes(prefix) % u32::from(shards.max(1));
    u16::try_from(shard).unwrap_or_default()
}

/// A position in one shard's buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cursor {
    /// So much of the session lies behind it; in what unit is the intake's affair.
    pub position: u64,
    /// Running digest of all that lies behind it: a buffer that fell back and was refilled has another one. Zero if the
    /// intake cannot fall back.
    pub digest: [u8; 20],
}

/// How far every shard of a session is recorded.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cursors {
    /// The session's.
    pub epoch: u64,
    /// By shard.
    pub shards: Vec<Cursor>,
}

/// Bytes of a shard's cursor as it is stored.
const CURSOR_LENGTH: usize = 28;

impl Cursors {
    /// As the ledger keeps them: the epoch, then position and digest of each shard, big-endian.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.epoch.to_be_bytes().to_vec();
        for cursor in &self.shards {
            bytes.extend(cursor.position.to_be_bytes());
            bytes.extend(cursor.digest);
        }
        bytes
    }

    /// Reads what [`Cursors::to_bytes`] wrote.
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

/// A ballot on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Its id.
    pub ballot: BallotId,
    /// When its request arrived, by the API's clock.
    pub arrived: Timestamp,
    /// Whether its voter was, or will be, told `accepted`: then a rejection is kept for its status address.
    pub promised: bool,
    /// The pass's label for turnout, at most 64 bytes.
    pub group: Option<String>,
    /// The log entry's final bytes; nobody re-encodes them.
    pub entry: Bytes,
}

/// A slot as intakes remember it: 64 bits of a hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Slot {
    /// Decides the shard.
    pub prefix: [u8; 4],
    /// Of voter, channel, period and category.
    pub hash: u64,
}

impl Slot {
    /// The slot of a voter in a category.
    #[must_use]
    pub fn new(voter: VoterTag, channel: Option<&str>, period: Option<&str>, category: &str) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&voter.0);
        // Ids hold no NUL.
        for text in [channel.unwrap_or_default(), period.unwrap_or_default(), category] {
            hasher.update(text.as_bytes()).update(&[0]);
        }
        let mut hash = [0; 8];
        hasher.finalize_xof().fill(&mut hash);
        Self { prefix: voter.prefix(), hash: u64::from_le_bytes(hash) }
    }
}

/// A ballot as the API offers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submission {
    /// The ballot.
    pub item: Item,
    /// The slots that it would fill, to be looked up; none if it is to be kept whatever the intake remembers.
    pub slots: Vec<Slot>,
}

/// What the intake did with a ballot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubmitOutcome {
    /// It is in the buffer and will be offered to the sequencer, which decides.
    Buffered,
    /// One of its slots seems to be taken. Nothing was kept. Whoever hears this asks the ledger, and offers the ballot
    /// again without slots if the ledger knows nothing.
    SlotTaken,
    /// There is no room. Nothing was kept.
    Full,
    /// The contest has been sealed. Nothing was kept.
    Sealed,
    /// The intake is not of this session, or not ready yet. Nothing was kept.
    Rebuilding,
}

/// What comes next for the sequencer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DrainOutcome {
    /// Ballots, those of a shard in order.
    Items {
        /// At least one, unless all that was there was forged.
        items: Vec<Item>,
        /// The cursors behind them.
        through: Cursors,
    },
    /// The intake is not what the cursors were taken from: begin a new session.
    Lost(String),
}

/// What was left of an earlier session, oldest first; some of it may be recorded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Survivors {
    /// Ballots.
    pub items: Vec<Item>,
    /// How much of each shard this is; [`Intake::drop_survivors`] takes it.
    pub taken: Vec<u64>,
}

/// What waits in a contest's buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Backlog {
    /// Items not trimmed yet.
    pub items: u64,
    /// Arrival of the oldest of them.
    pub oldest: Option<Timestamp>,
}

/// How the intake is, as last seen.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct IntakeStatus {
    /// Why it takes no ballots, if so.
    pub refuses: Option<String>,
    /// Settings that can lose accepted ballots and that the operator allowed.
    pub weak: Vec<String>,
    /// Servers of several that do not answer; the others take their ballots.
    pub away: Vec<String>,
    /// Servers that have no memory left for ballots, or hardly any; as many of them as say so refuse ballots.
    pub full: Vec<String>,
    /// How far the intake's clock is ahead of this process's, the farthest of several; zero if it has none of its own.
    pub skew: SignedDuration,
    /// The same of the server whose clock is nearest to this process's: if that is far, this process's clock is wrong.
    pub nearest: SignedDuration,
    /// The same of the slowest of several.
    pub slowest: SignedDuration,
    /// How much this process has found there that no process of the installation wrote: ballots, notices, checkpoints, publications. It was dropped.
    pub forged: u64,
}

/// The buffer between API and sequencer.
///
/// The ledger is the authority over slots: an intake may catch a repeated vote early, need not catch any, and what it calls taken is looked up.
#[async_trait]
pub trait Intake: Send + Sync {
    /// Offers ballots; returns what became of each, in the same order. A ballot is kept whole or not at all. An item that is `Buffered` is drained, unless
    /// the intake loses its content: how it keeps what it holds is its own affair, see the implementation. An error may leave the ballots of some
    /// shards kept: whoever wants shards to succeed or fail apart offers those of one at a time.
    async fn submit(&self, session: &Session, offers: &[Submission]) -> Result<Vec<SubmitOutcome>>;

    /// The next items after `after`, about `most` at most; waits until there is one. Items stay until they are trimmed, so that
    /// dropping the future, or draining again from the same cursors, loses nothing. A shard that does not answer is passed over while
    /// another one does.
    ///
    /// # Errors
    /// If no shard answers. The cursors stay good.
    async fn drain(&self, session: &Session, after: &Cursors, most: usize) -> Result<DrainOutcome>;

    /// Drops the items up to and with `through`, and the memory of these promised ballots. Called only with cursors that the ledger holds, or that lie
    /// before them; of another session it does nothing. After an error some shards may be trimmed; trimming again is safe.
    async fn trim(&self, session: &Session, through: &Cursors, promised: &[BallotId]) -> Result<()>;

    /// From its return on [`Intake::submit`] answers [`SubmitOutcome::Sealed`]; what was buffered before is still drained. Returns the cursors behind the
    /// last items; `None` if the intake is not of this session.
    async fn seal(&self, session: &Session) -> Result<Option<Cursors>>;

    /// Begins a session whose epoch the ledger holds, and ends any other of the contest: their items become survivors. Ballots are answered
    /// [`SubmitOutcome::Rebuilding`] until [`Intake::open`]. Safe to repeat. Returns the cursors of its beginning.
    async fn begin(&self, session: &Session) -> Result<Cursors>;

    /// The oldest survivors of earlier sessions that were not dropped yet; none at the end.
    async fn survivors(&self, session: &Session) -> Result<Survivors>;

    /// Drops survivors that were decided.
    async fn drop_survivors(&self, session: &Session, taken: &[u64]) -> Result<()>;

    /// Whether slots are remembered at all: if not, nobody need call [`Intake::mark_slots_taken`].
    fn has_slot_table(&self) -> bool;

    /// Remembers slots as taken.
    async fn mark_slots_taken(&self, session: &Session, slots: &[Slot]) -> Result<()>;

    /// Takes ballots from now on.
    async fn open(&self, session: &Session) -> Result<()>;

    /// Forgets a contest that was deleted.
    async fn forget(&self, session: &Session) -> Result<()>;

    /// What waits, as far as shards answer.
    ///
    /// # Errors
    /// If none does.
    async fn backlog(&self, session: &Session) -> Result<Backlog>;

    /// Whether a promised ballot waits.
    async fn has_promised_ballot(&self, session: &Session, ballot: BallotId) -> Result<bool>;

    /// How the intake is, as last seen; costs nothing.
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
