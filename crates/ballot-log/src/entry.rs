//! Log entries: what each type holds. `codec` has their canonical bytes.

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
pub use ballot::{BallotEntry, NewBallot, Selections, SelectionsIter};
pub use error::EntryError;
pub use opening::{LoggedDefinition, fold_definition, opening_events};
pub use salt::Salt;
use serde::{Deserialize, Serialize};

/// The version of format and tally rules that a new log declares in its first entry. A log is of one version from its first entry to its
/// last; logs of version 1 are read, replayed and tallied for ever.
pub const VERSION: u32 = 2;

/// One entry of the log. Ballots borrow from the line they were read from; there are many of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogEntry<'a> {
    /// A ballot.
    Ballot(BallotEntry<'a>),
    /// Anything else, with its salt if the log's version asks for one; see [`Event::is_salted`].
    Event(Box<Event>, Option<Salt>),
}

/// Every type of entry but ballots. Variant and field order are those of the log format.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[expect(clippy::large_enum_variant, reason = "events are few, and boxed in `LogEntry`")]
pub enum Event {
    /// Index 0: what the contest is.
    Contest(ContestHeader),
    /// A category; before `opened`.
    Category(Category),
    /// An entry that can be voted for; before `opened`.
    Entry(Entry),
    /// Voting begins.
    Opened {
        /// The instant.
        at: Instant,
    },
    /// How many passes a source has issued.
    Issued {
        /// Which way of admission.
        source: String,
        /// Total so far.
        passes: u64,
        /// When counted.
        at: Instant,
    },
    /// A text or the closing instant changed.
    Amended {
        /// `closes`, `entry:<id>` or `category:<id>`.
        what: String,
        /// The key of the definition that changed.
        key: String,
        /// Its new value.
        to: Amendment,
        /// Who, why, when.
        #[serde(flatten)]
        reason: RulingDetails,
    },
    /// An entry no longer stands.
    Withdrawn {
        /// Which one.
        entry: EntryId,
        /// Who, why, when.
        #[serde(flatten)]
        reason: RulingDetails,
    },
    /// Ballots no longer count.
    Voided {
        /// Which ones.
        ballots: Vec<BallotId>,
        /// Who, why, when.
        #[serde(flatten)]
        reason: RulingDetails,
    },
    /// A withdrawal or void is undone. Exactly one of `entry` and `ballots` is there.
    Reinstated {
        /// The withdrawn entry.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        entry: Option<EntryId>,
        /// The voided ballots.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ballots: Option<Vec<BallotId>>,
        /// Who, why, when.
        #[serde(flatten)]
        reason: RulingDetails,
    },
    /// A juror's scores in a category; a later entry of the same juror, category and criterion replaces.
    Scores {
        /// Which panel.
        panel: PanelId,
        /// Which juror.
        juror: String,
        /// Which category.
        category: CategoryId,
        /// Which criterion, if the panel has several.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        criterion: Option<String>,
        /// Entry and score, a decimal of at most four places.
        values: Vec<(EntryId, String)>,
        /// The staff key's name.
        by: String,
        /// When.
        at: Instant,
    },
    /// Voting has ended.
    Closed {
        /// The instant from which ballots were refused.
        at: Instant,
    },
    /// A juror does not judge an entry: an earlier score of the juror for it is dropped. Version 2.
    Recused(Recusal),
    /// A recusal is taken back. Version 2.
    Rejoined(Recusal),
    /// Voting pauses: no ballot until `resumed`. Version 2.
    Suspended(RulingDetails),
    /// Voting goes on. Version 2.
    Resumed(RulingDetails),
    /// No ruling and no score after it.
    Frozen {
        /// The staff key's name.
        by: String,
        /// When.
        at: Instant,
    },
    /// Rulings and scores may follow again. Version 2.
    Unfrozen(RulingDetails),
    /// The seed of the draw.
    Drawn {
        /// The public source.
        source: String,
        /// Its value, lowercase hex.
        seed: String,
        /// The staff key's name.
        by: String,
        /// When.
        at: Instant,
    },
    /// The panel's choice in a category; a later one replaces.
    Choice {
        /// Which category.
        category: CategoryId,
        /// The winners, none or more.
        winners: Vec<EntryId>,
        /// The staff key's name.
        by: String,
        /// Remark.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<String>,
        /// When.
        at: Instant,
    },
    /// The result is final.
    Certified {
        /// SHA-256 of the result document, lowercase hex.
        result: String,
        /// The staff key's name.
        by: String,
        /// When.
        at: Instant,
    },
    /// Rulings may follow again, and another certification.
    Reopened(RulingDetails),
    /// Something to be known to whoever reads the log.
    Statement {
        /// Such as `tag-key-destroyed`.
        kind: String,
        /// The statement.
        text: String,
        /// The staff key's name.
        by: String,
        /// When.
        at: Instant,
    },
}

impl Event {
    /// Whether the event ends with a salt in a log of version 2, so that its public hash does not let anybody guess it. What everybody
    /// knows has none.
    #[must_use]
    pub fn is_salted(&self) -> bool {
        !matches!(
            self,
            Self::Contest(_) | Self::Category(_) | Self::Entry(_) | Self::Opened { .. } | Self::Closed { .. }
        )
    }
}

/// A juror of a panel and the entry that the juror does not judge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recusal {
    /// Which panel.
    pub panel: PanelId,
    /// Which juror.
    pub juror: String,
    /// Which entry.
    pub entry: EntryId,
    /// Why; never empty.
    pub reason: String,
    /// The staff key's name.
    pub by: String,
    /// When.
    pub at: Instant,
}

/// Who ruled, why and when: the keys that end every ruling.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RulingDetails {
    /// The staff key's name.
    pub by: String,
    /// Why; never empty.
    pub reason: String,
    /// Remark.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// When.
    pub at: Instant,
}

/// The entry at index 0.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContestHeader {
    /// 1 or 2; new logs have [`VERSION`].
    pub v: u32,
    /// The contest's id.
    pub contest: ContestId,
    /// What voters read.
    pub title: String,
    /// The title in other languages.
    #[serde(default, skip_serializing_if = "Titles::is_empty")]
    pub titles: Titles,
    /// A rehearsal, never certifiable.
    pub test: bool,
    /// IANA name.
    pub time_zone: String,
    /// First instant of voting.
    pub opens: Instant,
    /// First instant after voting, unless amended.
    pub closes: Instant,
    /// All that decides what counts and who wins.
    pub rules: Rules,
    /// With `period = "day"`: each day and its first instant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub days: Option<Vec<(String, Instant)>>,
    /// With rounds: the contest that the entries come from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<PreviousRound>,
}
