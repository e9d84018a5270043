//! Why an entry may not be the next one of a log: one list for the sequencer, the API behind it, and the auditor.

use acclaim_contest::amendment::InvalidAmendment;
use acclaim_contest::{BallotId, CategoryId, EntryId, Instant, PanelId, Phase};
use acclaim_text::shortened;

/// Why an entry is refused. The text is written for an auditor; [`Refusal::code`] is for programs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The type of entry has no place in this phase.
    #[error("`{entry}` is out of its place: the contest is {}", phase.log_name())]
    OutOfPlace {
        /// The type of the entry.
        entry: &'static str,
        /// The phase that it met.
        phase: Phase,
    },
    /// No ruling may follow `frozen`.
    #[error("`{0}` is out of its place: the log is frozen")]
    Frozen(&'static str),
    /// The rules ask for something that this version does not tally. Named, so that nobody takes another count for the result.
    #[error("not supported by this version: {0}")]
    Unsupported(&'static str),
    /// The head of the log contradicts itself.
    #[error("the rules contradict themselves: {0}")]
    InvalidRules(&'static str),
    /// Two rules do not go together.
    #[error("`{}` does not go with `{}`: {reason}", keys[0], keys[1])]
    Contradiction {
        /// Dotted paths in the definition.
        keys: [&'static str; 2],
        /// Why.
        reason: &'static str,
    },
    /// A category's own numbers contradict the rules.
    #[error("the category `{category}`: `{key}`: {reason}")]
    CategoryContradiction {
        /// Which category.
        category: CategoryId,
        /// Its key.
        key: &'static str,
        /// Why.
        reason: &'static str,
    },
    /// A type, or a key of it, that only logs of version 2 have.
    #[error("`{0}` as it is here belongs into a log of version 2, and this one is of version 1")]
    LaterVersion(&'static str),
    /// A rule that only logs of version 2 have.
    #[error("the rule `{0}` belongs into a log of version 2, and this one is of version 1")]
    LaterRule(&'static str),
    /// A salt is missing.
    #[error("`{0}` has no salt, which it must have in a log of version 2")]
    NoSalt(&'static str),
    /// A salt where there is none.
    #[error("`{0}` has a salt, which it must not have in this log")]
    Salt(&'static str),
    /// A number has outgrown what the tally can hold.
    #[error("more than a tally can hold: {0}")]
    TooLarge(&'static str),

    /// A category's id is taken.
    #[error("there is a category `{0}` already")]
    RepeatedCategory(CategoryId),
    /// An entry's id is taken.
    #[error("there is an entry `{0}` already")]
    RepeatedEntry(EntryId),
    /// No such category.
    #[error("there is no category `{0}`")]
    UnknownCategory(String),
    /// No such entry.
    #[error("there is no entry `{0}`")]
    UnknownEntry(String),
    /// The entry stands elsewhere.
    #[error("the entry `{entry}` does not stand in the category `{category}`")]
    WrongCategory {
        /// The category named.
        category: String,
        /// The entry named.
        entry: EntryId,
    },
    /// Opening a contest with nothing to vote for.
    #[error("there is no entry to vote for")]
    NoEntries,
    /// Opening at another instant than the header says.
    #[error("opened at {at}, but the contest opens at {opens}")]
    OpenedAtAnotherInstant {
        /// When opened.
        at: Instant,
        /// When it should be.
        opens: Instant,
    },

    /// A ballot before `opened`.
    #[error("a ballot before the opening")]
    VotingNotOpen,
    /// A ballot between `suspended` and `resumed`.
    #[error("a ballot while voting is suspended")]
    VotingSuspended,
    /// Suspended twice.
    #[error("voting is suspended already")]
    AlreadySuspended,
    /// Resumed without being suspended.
    #[error("voting is not suspended")]
    NotSuspended,
    /// A ballot after `closed`.
    #[error("a ballot after the closing")]
    VotingClosed,
    /// A ballot's id does not follow from its content.
    #[error("the ballot's id should be {expected}")]
    WrongBallotId {
        /// The id of this content.
        expected: BallotId,
    },
    /// The same ballot again.
    #[error("the same ballot is recorded at index {index}")]
    SameBallot {
        /// Where it is recorded.
        index: u64,
    },
    /// The time of casting is not cut as the rules say, or not in the time of voting.
    #[error("cast at `{at}`, which is not from `{first}` to `{last}`")]
    CastTime {
        /// As written.
        at: String,
        /// The earliest it can be.
        first: String,
        /// The latest it can be.
        last: String,
    },
    /// A channel or period where the contest has none.
    #[error("the contest has no {0}")]
    NotInContest(&'static str),
    /// The contest has channels, and the ballot is in none of them.
    #[error("the ballot's channel {} is not one of the contest's", named(channel.as_ref()))]
    WrongChannel {
        /// As written.
        channel: Option<String>,
    },
    /// The contest has periods, and the ballot is in none of them.
    #[error("the ballot's period {} is not one of the contest's", named(period.as_ref()))]
    WrongPeriod {
        /// As written.
        period: Option<String>,
    },
    /// Fewer votes in a category than a ballot must have.
    #[error("{votes} votes in the category `{category}`, where at least {least} are required")]
    TooFewInCategory {
        /// Where.
        category: CategoryId,
        /// How many.
        votes: u32,
        /// How many are required.
        least: u32,
    },
    /// More votes in a category than a ballot may have.
    #[error("{votes} votes in the category `{category}`, where at most {most} are allowed")]
    TooManyInCategory {
        /// Where.
        category: CategoryId,
        /// How many.
        votes: u32,
        /// How many are allowed.
        most: u32,
    },
    /// Slots of the voter are filled.
    #[error("the voter has voted already in: {}", listed(categories))]
    AlreadyVoted {
        /// Which, in byte order.
        categories: Vec<CategoryId>,
    },
    /// Votes are final in this contest.
    #[error("ballots cannot be replaced in this contest")]
    ReplacementNotAllowed,
    /// `replaces` names no standing ballot of the voter.
    #[error("`replaces` is not a standing ballot of the voter{}", standing_text(standing.as_ref()))]
    ReplacesNotStanding {
        /// The voter's newest standing ballot that shares a category with this one.
        standing: Option<BallotId>,
    },
    /// The voter has replaced ballots as often as the rules allow.
    #[error("the voter has replaced ballots {most} times, the most allowed")]
    TooManyRevisions {
        /// How often is allowed.
        most: u32,
    },
    /// More votes of a voter than the rules allow over all categories.
    #[error("the voter would have {votes} votes, where at most {most} are allowed")]
    TooManyVotes {
        /// How many there would be.
        votes: u64,
        /// How many are allowed.
        most: u32,
    },

    /// More categories than a limit over several of them allows.
    #[error(
        "the voter would have voted in {categories} categories, of which at most {most} are allowed: {}",
        listed(limit)
    )]
    TooManyCategories {
        /// In how many there would be votes.
        categories: usize,
        /// How many are allowed.
        most: u32,
        /// The categories that the limit is over.
        limit: Vec<CategoryId>,
    },

    /// No such ballot is recorded.
    #[error("there is no ballot {0}")]
    UnknownBallot(BallotId),
    /// The ballot is void.
    #[error("the ballot {0} is voided already")]
    AlreadyVoided(BallotId),
    /// The ballot is not void.
    #[error("the ballot {0} is not voided")]
    NotVoided(BallotId),
    /// The entry is withdrawn.
    #[error("the entry `{0}` is withdrawn already")]
    AlreadyWithdrawn(EntryId),
    /// The entry is not withdrawn.
    #[error("the entry `{0}` is not withdrawn")]
    NotWithdrawn(EntryId),
    /// An amendment that does not fit.
    #[error("the amendment does not fit: {0}")]
    InvalidAmendment(InvalidAmendment),
    /// The closing may only be moved to a later instant.
    #[error("the closing can only move to after {closes}")]
    ClosesNotLater {
        /// The present closing instant.
        closes: Instant,
    },
    /// The days of the contest end before.
    #[error("the contest's days are listed up to {latest}: it cannot close later")]
    ClosesBeyondDays {
        /// The latest instant that the closing can be moved to.
        latest: Instant,
    },
    /// Closed before it was open, or after it should have been closed.
    #[error("closed at {at}, which is not from {opened} to {closes}")]
    ClosedOutside {
        /// When closed.
        at: Instant,
        /// When opened.
        opened: Instant,
        /// The latest it can be.
        closes: Instant,
    },
    /// A total of passes cannot shrink.
    #[error("`{source_name}` had issued {before} passes, and now fewer")]
    PassesDecreased {
        /// Which way of admission.
        source_name: String,
        /// The total before.
        before: u64,
    },
    /// No such panel.
    #[error("there is no panel `{0}`")]
    UnknownPanel(PanelId),
    /// The panel's criteria are others.
    #[error("criterion {}: {why}", named(criterion.as_ref()))]
    WrongCriterion {
        /// As written.
        criterion: Option<String>,
        /// Why it is refused.
        why: &'static str,
    },
    /// A score that the panel cannot give.
    #[error("the score of `{entry}`: {why}")]
    InvalidScore {
        /// Whose score.
        entry: EntryId,
        /// Why it is refused.
        why: String,
    },
    /// Scores by nobody.
    #[error("scores without a juror")]
    NoJuror,
    /// The rules name the panel's jurors, and this is none of them.
    #[error("{} is no juror of the panel `{panel}`", named(Some(juror)))]
    UnknownJuror {
        /// The panel.
        panel: PanelId,
        /// As written.
        juror: String,
    },
    /// A score for an entry that the juror does not judge.
    #[error("the juror {} is recused for the entry `{entry}`", named(Some(juror)))]
    ScoreOfRecused {
        /// The juror.
        juror: String,
        /// The entry.
        entry: EntryId,
    },
    /// Recused twice.
    #[error("the juror {} is recused for the entry `{entry}` already", named(Some(juror)))]
    AlreadyRecused {
        /// The juror.
        juror: String,
        /// The entry.
        entry: EntryId,
    },
    /// Rejoined without a recusal.
    #[error("the juror {} is not recused for the entry `{entry}`", named(Some(juror)))]
    NotRecused {
        /// The juror.
        juror: String,
        /// The entry.
        entry: EntryId,
    },
    /// Freezing cannot be undone.
    #[error("not unfrozen: {0}")]
    NotUnfrozen(&'static str),
    /// A draw where the rules have none, before freezing, or a second one.
    #[error("no draw: {0}")]
    NoDraw(&'static str),
    /// A seed from elsewhere.
    #[error("the seed comes from `{0}`, which is not the source that the rules name")]
    WrongSource(String),
    /// The winners of this contest are not chosen by a panel.
    #[error("the winners of this contest are not decided by choice")]
    NotByChoice,
    /// The chosen entry cannot win.
    #[error("the entry `{entry}` cannot win: {why}")]
    NotEligible {
        /// Which one.
        entry: EntryId,
        /// Because it is withdrawn, or no champion.
        why: &'static str,
    },
    /// Chosen twice.
    #[error("the entry `{0}` is chosen twice")]
    RepeatedWinner(EntryId),
    /// A rehearsal has no final result.
    #[error("a test contest is never certified")]
    TestContest,
    /// What is certified is not the result of the log.
    #[error("certifies another result: the log's is {expected}")]
    AnotherResult {
        /// SHA-256 of the log's result document, lowercase hex.
        expected: String,
    },
}

impl Refusal {
    /// A word for programs; it never changes its meaning.
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

fn listed(categories: &[CategoryId]) -> String {
    categories.iter().map(CategoryId::as_str).collect::<Vec<_>>().join(", ")
}

fn named(text: Option<&String>) -> String {
    // A line of a log is as long as it likes.
    text.map_or_else(|| "(none)".to_owned(), |text| format!("`{}`", shortened(text, 80)))
}

fn standing_text(standing: Option<&BallotId>) -> String {
    standing.map_or_else(String::new, |id| format!("; {id} is"))
}
