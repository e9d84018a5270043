//! Refusals: the reasons why an entry may not be the next one of a log.
//!
//! The sequencer, the API behind it and the auditor share this list.

use acclaim_contest::{BallotId, CategoryId, EntryId, Instant, PanelId, Phase, amendment::InvalidAmendment};
use acclaim_text::shortened;

/// The reason why an entry is refused.
///
/// The text is for auditors; [`Refusal::code`] is for programs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The type of entry is not allowed in this phase.
    #[error("`{entry}` is out of its place: the contest is {}", phase.log_name())]
    OutOfPlace {
        /// The type of the entry.
        entry: &'static str,
        /// The present phase.
        phase: Phase,
    },
    /// The type of entry is not allowed after `frozen`.
    #[error("`{0}` is out of its place: the log is frozen")]
    Frozen(&'static str),
    /// The rules need something that this version cannot tally.
    ///
    /// They are refused by name, so that no other count is taken for the result.
    #[error("not supported by this version: {0}")]
    Unsupported(&'static str),
    /// The first entry of the log contradicts itself.
    #[error("the rules contradict themselves: {0}")]
    InvalidRules(&'static str),
    /// Two rules contradict each other.
    #[error("`{}` does not go with `{}`: {reason}", keys[0], keys[1])]
    Contradiction {
        /// The keys of the two rules: dotted paths in the definition.
        keys: [&'static str; 2],
        /// Why they contradict each other.
        reason: &'static str,
    },
    /// A category's own numbers contradict the rules.
    #[error("the category `{category}`: `{key}`: {reason}")]
    CategoryContradiction {
        /// The category.
        category: CategoryId,
        /// The key of the number.
        key: &'static str,
        /// Why it contradicts the rules.
        reason: &'static str,
    },
    /// The type of entry, or a key in it, exists only in logs of version 2.
    #[error("`{0}` in this form belongs in a log of version 2, and this log has version 1")]
    LaterVersion(&'static str),
    /// The rule exists only in logs of version 2.
    #[error("the rule `{0}` belongs in a log of version 2, and this log has version 1")]
    LaterRule(&'static str),
    /// The entry has no salt, but must have one.
    #[error("`{0}` has no salt, which a log of version 2 requires")]
    NoSalt(&'static str),
    /// The entry has a salt, but must not have one.
    #[error("`{0}` has a salt, which this log does not allow")]
    Salt(&'static str),
    /// A number is greater than the tally can hold.
    #[error("more than a tally can hold: {0}")]
    TooLarge(&'static str),

    /// A category of this id exists already.
    #[error("there is a category `{0}` already")]
    RepeatedCategory(CategoryId),
    /// An entry of this id exists already.
    #[error("there is an entry `{0}` already")]
    RepeatedEntry(EntryId),
    /// There is no category of this id.
    #[error("there is no category `{0}`")]
    UnknownCategory(String),
    /// There is no entry of this id.
    #[error("there is no entry `{0}`")]
    UnknownEntry(String),
    /// The entry is in another category.
    #[error("the entry `{entry}` is not in the category `{category}`")]
    WrongCategory {
        /// The category that was named.
        category: String,
        /// The entry that was named.
        entry: EntryId,
    },
    /// The contest opens without an entry to vote for.
    #[error("there is no entry to vote for")]
    NoEntries,
    /// The contest opens at another instant than the first entry of the log says.
    #[error("opened at {at}, but the contest opens at {opens}")]
    OpenedAtAnotherInstant {
        /// The instant of opening.
        at: Instant,
        /// The instant in the first entry of the log.
        opens: Instant,
    },

    /// A ballot before `opened`.
    #[error("a ballot before the opening")]
    VotingNotOpen,
    /// A ballot between `suspended` and `resumed`.
    #[error("a ballot while voting is suspended")]
    VotingSuspended,
    /// `suspended` while voting is suspended.
    #[error("voting is suspended already")]
    AlreadySuspended,
    /// `resumed` while voting is not suspended.
    #[error("voting is not suspended")]
    NotSuspended,
    /// A ballot after `closed`.
    #[error("a ballot after the closing")]
    VotingClosed,
    /// The ballot's id is not the id of its content.
    #[error("the ballot's id should be {expected}")]
    WrongBallotId {
        /// The id of this content.
        expected: BallotId,
    },
    /// The same ballot is recorded already.
    #[error("the same ballot is recorded at index {index}")]
    SameBallot {
        /// The log index of the recorded ballot.
        index: u64,
    },
    /// The time of casting has the wrong precision, or is not in the time of voting.
    #[error("cast at `{at}`: the time must be from `{first}` to `{last}`, in this precision")]
    CastTime {
        /// The time of casting as written.
        at: String,
        /// The earliest time allowed.
        first: String,
        /// The latest time allowed.
        last: String,
    },
    /// The ballot has a channel or a period, and the contest has none.
    #[error("the contest has no {0}")]
    NotInContest(&'static str),
    /// The ballot is in none of the contest's channels.
    #[error("the ballot's channel {} is not one of the contest's", quoted(channel.as_ref()))]
    WrongChannel {
        /// The channel as written; `None` if there is none.
        channel: Option<String>,
    },
    /// The ballot is in none of the contest's periods.
    #[error("the ballot's period {} is not one of the contest's", quoted(period.as_ref()))]
    WrongPeriod {
        /// The period as written; `None` if there is none.
        period: Option<String>,
    },
    /// The ballot has too few votes in a category.
    #[error("{votes} votes in the category `{category}`, where at least {least} are required")]
    TooFewInCategory {
        /// The category.
        category: CategoryId,
        /// The number of votes.
        votes: u32,
        /// The minimum number of votes.
        least: u32,
    },
    /// The ballot has too many votes in a category.
    #[error("{votes} votes in the category `{category}`, where at most {most} are allowed")]
    TooManyInCategory {
        /// The category.
        category: CategoryId,
        /// The number of votes.
        votes: u32,
        /// The maximum number of votes.
        most: u32,
    },
    /// The slots of the voter are filled.
    #[error("the voter has voted already in: {}", joined(categories))]
    AlreadyVoted {
        /// The categories of the slots, in byte order.
        categories: Vec<CategoryId>,
    },
    /// The ballot replaces another one, and votes are final in this contest.
    #[error("ballots cannot be replaced in this contest")]
    ReplacementNotAllowed,
    /// `replaces` does not name a standing ballot of the voter.
    #[error("`replaces` is not a standing ballot of the voter{}", standing_suffix(standing.as_ref()))]
    ReplacesNotStanding {
        /// The voter's newest standing ballot that shares a category with this one.
        standing: Option<BallotId>,
    },
    /// The voter has replaced ballots as often as the rules allow.
    #[error("the voter has replaced ballots {most} times, which is the maximum")]
    TooManyRevisions {
        /// The maximum number of replacements.
        most: u32,
    },
    /// The voter would have too many votes over all categories.
    #[error("the voter would have {votes} votes, where at most {most} are allowed")]
    TooManyVotes {
        /// The number of votes that the voter would have.
        votes: u64,
        /// The maximum number of votes.
        most: u32,
    },

    /// The voter would vote in too many of the categories of a limit.
    #[error(
        "the voter would have votes in {categories} of these categories, and at most {most} are allowed: {}",
        joined(limit)
    )]
    TooManyCategories {
        /// The number of categories that the voter would have votes in.
        categories: usize,
        /// The maximum number of categories.
        most: u32,
        /// The categories of the limit.
        limit: Vec<CategoryId>,
    },

    /// There is no recorded ballot of this id.
    #[error("there is no ballot {0}")]
    UnknownBallot(BallotId),
    /// The ballot is voided already.
    #[error("the ballot {0} is voided already")]
    AlreadyVoided(BallotId),
    /// The ballot is not voided.
    #[error("the ballot {0} is not voided")]
    NotVoided(BallotId),
    /// The entry is withdrawn already.
    #[error("the entry `{0}` is withdrawn already")]
    AlreadyWithdrawn(EntryId),
    /// The entry is not withdrawn.
    #[error("the entry `{0}` is not withdrawn")]
    NotWithdrawn(EntryId),
    /// The amendment is invalid.
    #[error("the amendment does not fit: {0}")]
    InvalidAmendment(InvalidAmendment),
    /// The new closing is not later than the present one.
    #[error("the new closing must be after {closes}")]
    ClosesNotLater {
        /// The present closing instant.
        closes: Instant,
    },
    /// The new closing is after the last day that the contest lists.
    #[error("the contest's days are listed up to {latest}: it cannot close later")]
    ClosesBeyondDays {
        /// The latest instant that the closing can be moved to.
        latest: Instant,
    },
    /// The contest closes before it opened, or after it should have closed.
    #[error("closed at {at}: the time must be from {opened} to {closes}")]
    ClosedOutside {
        /// The instant of closing.
        at: Instant,
        /// The instant of opening.
        opened: Instant,
        /// The latest instant allowed.
        closes: Instant,
    },
    /// The number of passes issued by a source decreases.
    #[error("the number of passes issued by `{source_name}` cannot decrease: it was {before}")]
    PassesDecreased {
        /// The way of admission.
        source_name: String,
        /// The number that was logged before.
        before: u64,
    },
    /// There is no panel of this id.
    #[error("there is no panel `{0}`")]
    UnknownPanel(PanelId),
    /// The criterion is not one of the panel's, or is missing.
    #[error("criterion {}: {why}", quoted(criterion.as_ref()))]
    WrongCriterion {
        /// The criterion as written; `None` if there is none.
        criterion: Option<String>,
        /// Why it is refused.
        why: &'static str,
    },
    /// The panel does not allow this score.
    #[error("the score of `{entry}`: {why}")]
    InvalidScore {
        /// The entry that the score is for.
        entry: EntryId,
        /// Why it is refused.
        why: String,
    },
    /// The juror's name is empty.
    #[error("the juror has no name")]
    NoJuror,
    /// The rules name the panel's jurors, and this is not one of them.
    #[error("{} is not a juror of the panel `{panel}`", quoted(Some(juror)))]
    UnknownJuror {
        /// The panel.
        panel: PanelId,
        /// The juror's name as written.
        juror: String,
    },
    /// The juror is recused for an entry, and scores it.
    #[error("the juror {} is recused for the entry `{entry}`", quoted(Some(juror)))]
    ScoreOfRecused {
        /// The juror.
        juror: String,
        /// The entry.
        entry: EntryId,
    },
    /// The juror is recused for the entry already.
    #[error("the juror {} is recused for the entry `{entry}` already", quoted(Some(juror)))]
    AlreadyRecused {
        /// The juror.
        juror: String,
        /// The entry.
        entry: EntryId,
    },
    /// The juror rejoins, but is not recused for the entry.
    #[error("the juror {} is not recused for the entry `{entry}`", quoted(Some(juror)))]
    NotRecused {
        /// The juror.
        juror: String,
        /// The entry.
        entry: EntryId,
    },
    /// Freezing cannot be undone.
    #[error("not unfrozen: {0}")]
    NotUnfrozen(&'static str),
    /// A draw is not possible: the rules have none, the log is not frozen, or there is a seed
    /// already.
    #[error("no draw: {0}")]
    NoDraw(&'static str),
    /// The seed comes from another source than the rules name.
    #[error("the seed comes from `{0}`, which is not the source that the rules name")]
    WrongSource(String),
    /// The winners of this contest are not chosen by a panel.
    #[error("the winners of this contest are not decided by choice")]
    NotByChoice,
    /// The chosen entry cannot win.
    #[error("the entry `{entry}` cannot win: {why}")]
    NotEligible {
        /// The chosen entry.
        entry: EntryId,
        /// Why it cannot win: it is withdrawn, or is not a champion.
        why: &'static str,
    },
    /// The entry is chosen twice.
    #[error("the entry `{0}` is chosen twice")]
    RepeatedWinner(EntryId),
    /// A test contest is certified, and has no final result.
    #[error("a test contest is never certified")]
    TestContest,
    /// The certified result is not the result of the log.
    #[error("certifies another result: the log's result is {expected}")]
    AnotherResult {
        /// SHA-256 of the log's result document, in lowercase hex.
        expected: String,
    },
}

impl Refusal {
    /// A stable code for programs. Its meaning never changes.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::OutOfPlace { .. } => "out-of-place",
            Self::Frozen(_) => "frozen",
            Self::Unsupported(_) => "unsupported",
            Self::InvalidRules(_) | Self::Contradiction { .. } => "invalid-rules",
            Self::CategoryContradiction { .. } => "invalid-rules",
            Self::LaterVersion(_) | Self::LaterRule(_) => "later-version",
            Self::NoSalt(_) => "no-salt",
            Self::Salt(_) => "salt",
            Self::TooLarge(_) => "too-large",
            Self::RepeatedCategory(_) => "repeated-category",
            Self::RepeatedEntry(_) => "repeated-entry",
            Self::UnknownCategory(_) => "unknown-category",
            Self::UnknownEntry(_) => "unknown-entry",
            Self::WrongCategory { .. } => "wrong-category",
            Self::NoEntries => "no-entries",
            Self::OpenedAtAnotherInstant { .. } => "opened-at-another-instant",
            Self::VotingNotOpen => "voting-not-open",
            Self::VotingClosed => "voting-closed",
            Self::VotingSuspended => "voting-suspended",
            Self::AlreadySuspended => "already-suspended",
            Self::NotSuspended => "not-suspended",
            Self::WrongBallotId { .. } => "wrong-ballot-id",
            Self::SameBallot { .. } => "same-ballot",
            Self::CastTime { .. } => "cast-time",
            Self::NotInContest(_) => "not-in-contest",
            Self::WrongChannel { .. } => "wrong-channel",
            Self::WrongPeriod { .. } => "wrong-period",
            Self::TooFewInCategory { .. } => "too-few-in-category",
            Self::TooManyInCategory { .. } => "too-many-in-category",
            Self::AlreadyVoted { .. } => "already-voted",
            Self::ReplacementNotAllowed => "replacement-not-allowed",
            Self::ReplacesNotStanding { .. } => "replaced-is-not-standing",
            Self::TooManyRevisions { .. } => "too-many-revisions",
            Self::TooManyVotes { .. } => "too-many-votes",
            Self::TooManyCategories { .. } => "too-many-categories",
            Self::UnknownBallot(_) => "unknown-ballot",
            Self::AlreadyVoided(_) => "already-voided",
            Self::NotVoided(_) => "not-voided",
            Self::AlreadyWithdrawn(_) => "already-withdrawn",
            Self::NotWithdrawn(_) => "not-withdrawn",
            Self::InvalidAmendment(_) => "invalid-amendment",
            Self::ClosesNotLater { .. } => "closes-not-later",
            Self::ClosesBeyondDays { .. } => "closes-beyond-days",
            Self::ClosedOutside { .. } => "closed-outside",
            Self::PassesDecreased { .. } => "passes-decreased",
            Self::UnknownPanel(_) => "unknown-panel",
            Self::WrongCriterion { .. } => "wrong-criterion",
            Self::InvalidScore { .. } => "invalid-score",
            Self::NoJuror => "no-juror",
            Self::UnknownJuror { .. } => "unknown-juror",
            Self::ScoreOfRecused { .. } => "score-of-recused",
            Self::AlreadyRecused { .. } => "already-recused",
            Self::NotRecused { .. } => "not-recused",
            Self::NotUnfrozen(_) => "not-unfrozen",
            Self::NoDraw(_) => "no-draw",
            Self::WrongSource(_) => "wrong-source",
            Self::NotByChoice => "not-by-choice",
            Self::NotEligible { .. } => "not-eligible",
            Self::RepeatedWinner(_) => "repeated-winner",
            Self::TestContest => "test-contest",
            Self::AnotherResult { .. } => "another-result",
        }
    }
}

fn joined(categories: &[CategoryId]) -> String {
    categories.iter().map(CategoryId::as_str).collect::<Vec<_>>().join(", ")
}

fn quoted(text: Option<&String>) -> String {
    // A line of a log can have any length, so the text is shortened.
    text.map_or_else(|| "(none)".to_owned(), |text| format!("`{}`", shortened(text, 80)))
}

fn standing_suffix(standing: Option<&BallotId>) -> String {
    standing.map_or_else(String::new, |id| format!("; {id} is"))
}
