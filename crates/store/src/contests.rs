//! Contests as the database keeps them beside their logs: drafts, and what is derived from the log for quick reading.

use std::{collections::BTreeSet, sync::Arc};

use acclaim_contest::{ContestId, EntryId, Instant, Phase, SubjectRules, VoterTag, definition::Definition};
use async_trait::async_trait;

use crate::{error::Result, intake::Session, request_id::RequestId};

/// One contest.
#[derive(Debug, Clone)]
pub struct ContestRecord {
    /// The definition as it stands: as it was put, amendments applied.
    pub definition: Arc<Definition>,
    /// Counts every change of this record; the ETag of the contest.
    pub revision: u64,
    /// Where it stands.
    pub state: ContestState,
    /// The contest's tag key, wrapped by the installation's secret; `None` once it is destroyed.
    pub tag_key: Option<Vec<u8>>,
}

impl ContestRecord {
    /// The contest's id.
    #[must_use]
    pub fn id(&self) -> &ContestId {
        &self.definition.id
    }

    /// What changes whenever the record does; see [`Contests::revision`].
    #[must_use]
    pub fn version(&self) -> (u64, Option<Vec<u8>>) {
        (self.revision, self.tag_key.clone())
    }

    /// That the contest stands so from now on, its definition as it is.
    #[must_use]
    pub fn change(&self, state: ContestState) -> ContestChange {
        let (revision, tag_key) = (self.revision, self.tag_key.clone());
        ContestChange { revision, tag_key, definition: None, state, tag_key_destroyed: false }
    }

    /// The intake's present session.
    #[must_use]
    pub fn session(&self) -> Session {
        Session { contest: self.id().clone(), epoch: self.state.epoch, shards: self.state.shards }
    }
}

/// What follows from the log, kept beside it so that the API need not fold the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContestState {
    /// Where the contest stands.
    pub phase: Phase,
    /// The first instant at which ballots are refused: the definition's, unless amended or closed early.
    pub closes: Instant,
    /// Entries that no longer stand.
    pub withdrawn: BTreeSet<EntryId>,
    /// Epoch of the intake's present session; 0 before the opening.
    pub epoch: u64,
    /// Shards of the intake; 0 before the opening, which fixes them.
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

/// Passes to be counted before they are handed out.
#[derive(Debug, Clone, Copy)]
pub struct PassCountRequest<'a> {
    /// The way of admission that `issued` entries name.
    pub source: &'a str,
    /// What names the request.
    pub id: &'a RequestId,
    /// Hash of the request's content.
    pub request: [u8; 32],
    /// How many passes.
    pub more: u64,
    /// By which rules the passes' subjects were compared; `None` for voters without names, whose subjects are made up.
    pub subjects: Option<&'a SubjectRules>,
    /// For whom.
    pub voters: &'a [VoterTag],
    /// What the passes say, but for the generation, which the database knows.
    pub minting: MintParameters,
}

/// What all passes of a request say, and what signs them: kept with the request, so that its repetition gives the same passes, byte for byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MintParameters {
    /// Id of the pass key.
    pub pass_key: u32,
    /// From when on the passes are refused.
    pub expires: Instant,
    /// The instant of admission.
    pub admitted: Instant,
    /// The contest's newest revocation.
    pub generation: u32,
}

impl<'a> PassCountRequest<'a> {
    /// Passes for made-up subjects.
    #[must_use]
    pub fn for_unnamed_voters(source: &'a str, id: &'a RequestId, request: [u8; 32], more: u64) -> Self {
        let start = Instant::at_or_before(jiff::Timestamp::UNIX_EPOCH);
        let minting = MintParameters { pass_key: 1, expires: start, admitted: start, generation: 0 };
        Self { source, id, request, more, subjects: None, voters: &[], minting }
    }
}

/// What came of counting passes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PassCountOutcome {
    /// They are counted.
    New(MintParameters),
    /// The same request was counted before; `None` by a program that minted passes of version 1.
    Repeated(Option<MintParameters>),
    /// The same request was counted before, by a program for which an `Idempotency-Key` was the contest's and not a staff key's. It made voters without
    /// names from the `Idempotency-Key` alone.
    RepeatedWithoutStaffKey,
    /// The `Idempotency-Key` was used for another request. Nothing was changed.
    IdempotencyKeyUsed,
    /// The contest keeps other rules for its subjects. Nothing was changed.
    SubjectRulesDiffer,
    /// These voters get no pass any more. Nothing was changed.
    Barred(Vec<VoterTag>),
}

impl PassCountOutcome {
    /// What a stored request answers: whether it is the same one, the staff key that is kept with it, empty where none is, and what its passes say.
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

    /// A contest's revision and wrapped tag key, which tell whether its record is as it was: a definition can be large.
    async fn revision(&self, id: &ContestId) -> Result<Option<(u64, Option<Vec<u8>>)>>;

    /// One contest.
    async fn contest(&self, id: &ContestId) -> Result<Option<ContestRecord>>;

    /// Creates a draft at revision 1, with its wrapped tag key, which is not empty. Durable when it returns.
    ///
    /// # Errors
    /// `Conflict` if a contest of this id exists, or one was deleted for which passes were issued or that had a log: its passes would vote
    /// again, and one origin would have two histories.
    async fn create_draft(&self, definition: &Definition, tag_key: &[u8]) -> Result<()>;

    /// Replaces the definition of a draft and counts its revision up. Durable when it returns.
    ///
    /// # Errors
    /// `Conflict` unless the contest is a draft at `revision`.
    async fn edit_draft(&self, definition: &Definition, revision: u64) -> Result<()>;

    /// Deletes a draft, or a contest marked `test` with its log. Durable when it returns.
    ///
    /// # Errors
    /// `Conflict` if it is neither, or does not exist.
    async fn delete_contest(&self, id: &ContestId) -> Result<()>;

    /// By which rules the contest's subjects are compared; `None` until its first pass of a subject.
    ///
    /// # Errors
    /// `Conflict` if there is no such contest.
    async fn subject_rules(&self, id: &ContestId) -> Result<Option<SubjectRules>>;

    /// Counts passes before they are handed out, so that none is ever uncounted; once for each request. A new request for a barred voter counts nothing. `tag_key` is the contest's wrapped one, which the passes
    /// are minted with. Rules of subjects are kept with the contest where it has none yet, in the same transaction; where it has others, nothing is
    /// counted, also if the key was used before: the passes would be those of other voters. Durable when it returns.
    ///
    /// # Errors
    /// `Conflict` if the contest has no such tag key any more: it was destroyed, or a draft was deleted and another one has its id. A voter who had a pass of
    /// each key would vote twice.
    async fn count_passes(
        &self,
        id: &ContestId,
        tag_key: &[u8],
        passes: PassCountRequest<'_>,
    ) -> Result<PassCountOutcome>;

    /// Total of passes issued, by source, in byte order of the sources.
    async fn passes(&self, id: &ContestId) -> Result<Vec<(String, u64)>>;
}

/// How a contest stands from now on.
#[derive(Debug, Clone)]
pub struct ContestChange {
    /// The revision that this follows, compared: a draft may have been edited meanwhile.
    pub revision: u64,
    /// The contest's wrapped tag key as it was then, compared: a draft may have been deleted meanwhile, and another one have its id.
    pub tag_key: Option<Vec<u8>>,
    /// The definition, if it was amended.
    pub definition: Option<Definition>,
    /// The state.
    pub state: ContestState,
    /// Whether the contest's tag key is destroyed: in the same transaction as the entry that says so, so that never one is true without the other.
    pub tag_key_destroyed: bool,
}
