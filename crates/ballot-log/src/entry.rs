//! Log entries: the content of each type. `codec` has their canonical bytes.

mod ballot;
mod check;
mod codec;
mod error;
mod opening;
mod salt;
mod text;
mod types;

use acclaim_contest::{
    Amendment, BallotId, Category, CategoryId, ContestId, Entry, EntryId, Instant, PanelId, Rules, Titles,
};
pub use acclaim_contest::{PreviousRound, entry::MAX_ENTRY_LENGTH};
use serde::{Deserialize, Serialize};

pub use self::ballot::{BallotEntry, NewBallot, Selections, SelectionsIter};
pub use self::error::EntryError;
pub use self::opening::{LoggedDefinition, fold_definition, opening_events};
pub use self::salt::Salt;

/// The version of the format and of the tally rules that a new log declares in its first entry.
///
/// A log has one version from its first entry to its last. Logs of version 1 will always be read,
/// replayed and tallied.
pub const VERSION: u32 = 2;

/// One entry of the log.
///
/// Ballots borrow from the line that they were read from, because there are many of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogEntry<'a> {
    /// A ballot.
    Ballot(BallotEntry<'a>),
    /// Any other entry, with its salt if the log's version requires one; see [`Event::is_salted`].
    Event(Box<Event>, Option<Salt>),
}

/// All types of entries except ballots. Variants and fields are in the order of the log format.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[expect(clippy::large_enum_variant, reason = "events are few, and boxed in `LogEntry`")]
pub enum Event {
    /// The contest's properties; at index 0.
    Contest(ContestHeader),
    /// A category; before `opened`.
    Category(Category),
    /// An entry to vote for; before `opened`.
    Entry(Entry),
    /// Voting begins.
    Opened {
        /// The instant.
        at: Instant,
    },
    /// The number of passes that a source has issued.
    Issued {
        /// The way of admission.
        source: String,
        /// The total so far.
        passes: u64,
        /// When they were counted.
        at: Instant,
    },
    /// A text of the definition or the closing instant is changed.
    Amended {
        /// `closes`, `entry:<id>` or `category:<id>`.
        what: String,
        /// The key of the definition that changed.
        key: String,
        /// Its new value.
        to: Amendment,
        /// The ruling's details.
        #[serde(flatten)]
        reason: RulingDetails,
    },
    /// An entry is withdrawn.
    Withdrawn {
        /// The entry.
        entry: EntryId,
        /// The ruling's details.
        #[serde(flatten)]
        reason: RulingDetails,
    },
    /// Ballots are voided: they no longer count.
    Voided {
        /// The ballots.
        ballots: Vec<BallotId>,
        /// The ruling's details.
        #[serde(flatten)]
        reason: RulingDetails,
    },
    /// A withdrawal or void is undone. Exactly one of `entry` and `ballots` is present.
    Reinstated {
        /// The withdrawn entry.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        entry: Option<EntryId>,
        /// The voided ballots.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ballots: Option<Vec<BallotId>>,
        /// The ruling's details.
        #[serde(flatten)]
        reason: RulingDetails,
    },
    /// A juror's scores in a category.
    ///
    /// A later entry of the same juror, category and criterion replaces it.
    Scores {
        /// The juror's panel.
        panel: PanelId,
        /// The juror's name.
        juror: String,
        /// The category.
        category: CategoryId,
        /// The criterion, if the panel has several.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        criterion: Option<String>,
        /// Entries and their scores, decimals of at most four places.
        values: Vec<(EntryId, String)>,
        /// Name of the staff key.
        by: String,
        /// When.
        at: Instant,
    },
    /// Voting has ended.
    Closed {
        /// The instant from which ballots were refused.
        at: Instant,
    },
    /// A juror is recused from an entry: the juror's earlier score for it is dropped. Version 2.
    Recused(Recusal),
    /// A recusal is taken back. Version 2.
    Rejoined(Recusal),
    /// Voting is suspended: there are no ballots until `resumed`. Version 2.
    Suspended(RulingDetails),
    /// Voting is resumed. Version 2.
    Resumed(RulingDetails),
    /// Rulings and scores end.
    Frozen {
        /// Name of the staff key.
        by: String,
        /// When.
        at: Instant,
    },
    /// Rulings and scores are allowed again. Version 2.
    Unfrozen(RulingDetails),
    /// The seed of the draw.
    Drawn {
        /// The public source of the seed.
        source: String,
        /// The seed, lowercase hex.
        seed: String,
        /// Name of the staff key.
        by: String,
        /// When.
        at: Instant,
    },
    /// The panel's choice in a category. A later one replaces it.
    Choice {
        /// The category.
        category: CategoryId,
        /// The winners, zero or more.
        winners: Vec<EntryId>,
        /// Name of the staff key.
        by: String,
        /// A remark.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<String>,
        /// When.
        at: Instant,
    },
    /// The result is final.
    Certified {
        /// SHA-256 of the result document, lowercase hex.
        result: String,
        /// Name of the staff key.
        by: String,
        /// When.
        at: Instant,
    },
    /// Rulings and another certification are allowed again.
    Reopened(RulingDetails),
    /// A statement for the readers of the log.
    Statement {
        /// The statement's kind, for example `tag-key-destroyed`.
        kind: String,
        /// The statement's text.
        text: String,
        /// Name of the staff key.
        by: String,
        /// When.
        at: Instant,
    },
}

impl Event {
    /// Whether the event ends with a salt in a log of version 2.
    ///
    /// The salt prevents that an event is guessed from its public hash. Events with only public
    /// content have no salt.
    #[must_use]
    pub fn is_salted(&self) -> bool {
        !matches!(
            self,
            Self::Contest(_) | Self::Category(_) | Self::Entry(_) | Self::Opened { .. } | Self::Closed { .. }
        )
    }
}

/// The recusal of a juror from an entry, or its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recusal {
    /// The juror's panel.
    pub panel: PanelId,
    /// The juror's name.
    pub juror: String,
    /// The entry.
    pub entry: EntryId,
    /// The reason, never empty.
    pub reason: String,
    /// Name of the staff key.
    pub by: String,
    /// When.
    pub at: Instant,
}

/// The keys at the end of every ruling: author, reason and time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RulingDetails {
    /// Name of the staff key.
    pub by: String,
    /// The reason, never empty.
    pub reason: String,
    /// A remark.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// When.
    pub at: Instant,
}

/// The entry at index 0.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContestHeader {
    /// The log's version, 1 or 2. New logs have [`VERSION`].
    pub v: u32,
    /// The contest's id.
    pub contest: ContestId,
    /// The contest's title.
    pub title: String,
    /// The title in other languages.
    #[serde(default, skip_serializing_if = "Titles::is_empty")]
    pub titles: Titles,
    /// Whether the contest is a rehearsal, which cannot be certified.
    pub test: bool,
    /// IANA name of the time zone.
    pub time_zone: String,
    /// First instant of voting.
    pub opens: Instant,
    /// First instant after voting, unless it is amended.
    pub closes: Instant,
    /// The rules that decide which votes count, and the winners.
    pub rules: Rules,
    /// With `period = "day"`: each day and its first instant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub days: Option<Vec<(String, Instant)>>,
    /// With rounds: the contest whose champions are the entries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<PreviousRound>,
}
