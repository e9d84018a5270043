//! Contests as the database stores them next to their logs: drafts, and the state derived from the
//! log.
//!
//! The derived state can be read without reading the log.

use std::{collections::BTreeSet, sync::Arc};

use acclaim_contest::{ContestId, EntryId, Instant, Phase, SubjectRules, VoterTag, definition::Definition};
use async_trait::async_trait;

use crate::{error::Result, intake::Session, request_id::RequestId};

/// One contest.
#[derive(Debug, Clone)]
pub struct ContestRecord {
    /// The current definition: the uploaded one with all amendments applied.
    pub definition: Arc<Definition>,
    /// A counter of all changes of this record; the ETag of the contest.
    pub revision: u64,
    /// The contest's state.
    pub state: ContestState,
    /// The contest's tag key, wrapped with the installation's secret; `None` once it is destroyed.
    pub tag_key: Option<Vec<u8>>,
}

impl ContestRecord {
    /// The contest's id.
    #[must_use]
    pub fn id(&self) -> &ContestId {
        &self.definition.id
    }

    /// A value that changes whenever the record changes; see [`Contests::revision`].
    #[must_use]
    pub fn version(&self) -> (u64, Option<Vec<u8>>) {
        (self.revision, self.tag_key.clone())
    }

    /// A change of the contest to `state`. The definition stays.
    #[must_use]
    pub fn change(&self, state: ContestState) -> ContestChange {
        let (revision, tag_key) = (self.revision, self.tag_key.clone());
        ContestChange { revision, tag_key, definition: None, state, tag_key_destroyed: false }
    }

    /// The intake's current session.
    #[must_use]
    pub fn session(&self) -> Session {
        Session { contest: self.id().clone(), epoch: self.state.epoch, shards: self.state.shards }
    }
}

/// The state that follows from the log. It is stored so that the API need not read the whole log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContestState {
    /// The contest's phase.
    pub phase: Phase,
    /// The first instant at which ballots are refused.
    ///
    /// It is the definition's, unless the contest was amended or closed early.
    pub closes: Instant,
    /// Withdrawn entries.
    pub withdrawn: BTreeSet<EntryId>,
    /// Epoch of the intake's current session; 0 before the opening.
    pub epoch: u64,
    /// Number of the intake's shards; 0 before the opening, which fixes it.
    pub shards: u16,
}

impl ContestState {
    /// The state of a draft.
    #[must_use]
    pub fn of_draft(definition: &Definition) -> Self {
        Self {
            phase: Phase::Draft,
            closes: definition.closes,
            withdrawn: BTreeSet::new(),
            epoch: 0,
            shards: 0,
        }
    }
}

/// A request to count passes before they are issued.
#[derive(Debug, Clone, Copy)]
pub struct PassCountRequest<'a> {
    /// The way of admission, as `issued` entries name it.
    pub source: &'a str,
    /// The request's id.
    pub id: &'a RequestId,
    /// Hash of the request's content.
    pub request: [u8; 32],
    /// Number of passes.
    pub more: u64,
    /// The rules by which the passes' subjects were compared; `None` for voters with generated
    /// subjects.
    pub subjects: Option<&'a SubjectRules>,
    /// The voters of the passes.
    pub voters: &'a [VoterTag],
    /// The contents of the passes, except the generation: the database sets it.
    pub minting: MintParameters,
}

/// The contents that all passes of a request share, and the key that signs them.
///
/// They are stored with the request, so that its repetition gives the same passes, byte for byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MintParameters {
    /// Id of the pass key.
    pub pass_key: u32,
    /// The instant from which the passes are refused.
    pub expires: Instant,
    /// The instant of admission.
    pub admitted: Instant,
    /// The generation of the contest's newest revocation.
    pub generation: u32,
}

impl<'a> PassCountRequest<'a> {
    /// A request for passes with generated subjects.
    #[must_use]
    pub fn for_unnamed_voters(source: &'a str, id: &'a RequestId, request: [u8; 32], more: u64) -> Self {
        let start = Instant::at_or_before(jiff::Timestamp::UNIX_EPOCH);
        let minting = MintParameters { pass_key: 1, expires: start, admitted: start, generation: 0 };
        Self { source, id, request, more, subjects: None, voters: &[], minting }
    }
}

/// The outcome of counting passes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PassCountOutcome {
    /// The passes are counted.
    New(MintParameters),
    /// The same request was counted before. `None` if a program counted it that minted passes of
    /// version 1.
    Repeated(Option<MintParameters>),
    /// The same request was counted before, by an earlier program.
    ///
    /// For that program an `Idempotency-Key` belonged to the contest, not to a staff key. It
    /// generated voters without names from the `Idempotency-Key` alone.
    RepeatedWithoutStaffKey,
    /// The `Idempotency-Key` was used for another request. Nothing was changed.
    IdempotencyKeyUsed,
    /// The contest has other rules for its subjects. Nothing was changed.
    SubjectRulesDiffer,
    /// These voters are barred: they get no more passes. Nothing was changed.
    Barred(Vec<VoterTag>),
}

impl PassCountOutcome {
    /// The outcome for a request that is stored already.
    ///
    /// - `is_same`: the stored request has the same content.
    /// - `staff`: the staff key stored with it, empty if there is none.
    /// - `minting`: the stored contents of its passes.
    #[must_use]
    pub fn again(is_same: bool, staff: &str, minting: Option<MintParameters>) -> Self {
        match (is_same, staff.is_empty()) {
            (false, _) => Self::IdempotencyKeyUsed,
            (true, false) => Self::Repeated(minting),
            (true, true) => Self::RepeatedWithoutStaffKey,
        }
    }
}

/// Contests and the passes issued for them.
#[async_trait]
pub trait Contests: Send + Sync {
    /// All contests, by id.
    async fn contests(&self) -> Result<Vec<ContestRecord>>;

    /// A contest's revision and wrapped tag key; `None` if there is no such contest.
    ///
    /// They show whether its record has changed. A definition can be large, so that reading it
    /// costs more.
    async fn revision(&self, id: &ContestId) -> Result<Option<(u64, Option<Vec<u8>>)>>;

    /// One contest; `None` if there is no such contest.
    async fn contest(&self, id: &ContestId) -> Result<Option<ContestRecord>>;

    /// Creates a draft at revision 1 with its wrapped tag key. Durable when it returns.
    ///
    /// The tag key must not be empty.
    ///
    /// # Errors
    /// `Conflict` if a contest of this id exists. Also `Conflict` if a deleted contest of this id
    /// had a log or issued passes. Its passes would be valid again, and one origin would have two
    /// histories.
    async fn create_draft(&self, definition: &Definition, tag_key: &[u8]) -> Result<()>;

    /// Replaces the definition of a draft and increments its revision. Durable when it returns.
    ///
    /// # Errors
    /// `Conflict` unless the contest is a draft at `revision`.
    async fn edit_draft(&self, definition: &Definition, revision: u64) -> Result<()>;

    /// Deletes a draft, or a contest marked `test` together with its log. Durable when it returns.
    ///
    /// # Errors
    /// `Conflict` if the contest is neither of them, or does not exist.
    async fn delete_contest(&self, id: &ContestId) -> Result<()>;

    /// The rules by which the contest's subjects are compared; `None` before the first pass of a
    /// subject.
    ///
    /// # Errors
    /// `Conflict` if there is no such contest.
    async fn subject_rules(&self, id: &ContestId) -> Result<Option<SubjectRules>>;

    /// Counts passes before they are issued, once for each request. Durable when it returns.
    ///
    /// No issued pass is uncounted. A new request for a barred voter counts nothing. `tag_key` is
    /// the contest's wrapped tag key, with which the passes are minted.
    ///
    /// If the contest has no rules of subjects yet, the request's rules are stored with it in the
    /// same transaction. If it has other rules, nothing is counted, even if the `Idempotency-Key`
    /// was used before: the passes would belong to other voters.
    ///
    /// # Errors
    /// `Conflict` if the contest no longer has this tag key: it was destroyed, or the draft was
    /// deleted and another one has its id. A voter with a pass of each tag key could vote twice.
    async fn count_passes(
        &self,
        id: &ContestId,
        tag_key: &[u8],
        passes: PassCountRequest<'_>,
    ) -> Result<PassCountOutcome>;

    /// The number of passes issued, by source, in byte order of the sources.
    async fn passes(&self, id: &ContestId) -> Result<Vec<(String, u64)>>;
}

/// A change of a contest's record.
#[derive(Debug, Clone)]
pub struct ContestChange {
    /// The revision that the change follows.
    ///
    /// The database compares it, because a draft may have been edited since.
    pub revision: u64,
    /// The contest's wrapped tag key at that revision.
    ///
    /// The database compares it, because a draft may have been deleted since, and another one may
    /// have its id.
    pub tag_key: Option<Vec<u8>>,
    /// The new definition, if it was amended.
    pub definition: Option<Definition>,
    /// The new state.
    pub state: ContestState,
    /// Whether the contest's tag key is destroyed.
    ///
    /// This happens in the transaction that appends the entry about it, so that the entry and the
    /// deletion are never apart.
    pub tag_key_destroyed: bool,
}
