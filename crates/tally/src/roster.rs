//! The roster: the categories and entries of a contest with their running counts.
//!
//! Both are in the order of the definition. Counts take 16 bytes for each entry and channel. The
//! number of ballots does not matter.

use acclaim_contest::{Category, CategoryId, Entry, EntryId, Instant, Rules};
use hashbrown::HashMap;

use crate::{
    ballot_counts::BallotCounts,
    numbers::{CategoryNumber, EntryNumber},
    rulings::Withdrawal,
    sheet_layout::ChannelNumber,
};

/// A category and its counts.
#[derive(Debug, Clone)]
pub(crate) struct CategoryState {
    pub(crate) id: CategoryId,
    pub(crate) title: String,
    /// Minimum and maximum number of votes of a ballot that votes in the category.
    pub(crate) votes: [u32; 2],
    /// Number of champions; 0 where the contest has no shortlist.
    pub(crate) champions: u32,
    /// Number of winners.
    pub(crate) winners: u32,
    /// The category's entries, in the order of the definition.
    pub(crate) entries: Vec<EntryNumber>,
    /// Numbers of ballots with a vote in this category.
    pub(crate) ballots: BallotCounts,
    /// Number of filled slots of this category: ballots that are not replaced.
    ///
    /// Where a voter has only one sheet, this is the number of voters.
    pub(crate) slots: u64,
    /// The panel's newest choice.
    pub(crate) choice: Option<Choice>,
}

/// A panel's choice as it is logged.
#[derive(Debug, Clone)]
pub(crate) struct Choice {
    pub(crate) index: u64,
    pub(crate) winners: Vec<EntryNumber>,
    pub(crate) by: String,
    pub(crate) note: Option<String>,
    pub(crate) at: Instant,
}

/// Numbers of votes for an entry in a channel.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Votes {
    /// Votes of ballots that count.
    ///
    /// They are counted also while the entry is withdrawn, and are then reported apart.
    pub(crate) with_rulings: u64,
    /// Votes as they would be if no ballot were voided.
    pub(crate) without_rulings: u64,
}

/// A limit over several categories: a sheet votes in at most `most` of them.
#[derive(Debug, Clone)]
pub(crate) struct CategoryLimit {
    /// The categories, ascending.
    pub(crate) categories: Vec<CategoryNumber>,
    pub(crate) most: u32,
}

/// An entry of the contest.
#[derive(Debug, Clone)]
pub(crate) struct EntryState {
    pub(crate) id: EntryId,
    pub(crate) title: String,
    pub(crate) category: CategoryNumber,
    pub(crate) withdrawn: Option<Box<Withdrawal>>,
}

/// All categories and entries.
///
/// The maps are only looked up, never iterated, so their random seed affects no result.
#[derive(Debug, Clone)]
pub(crate) struct Roster {
    pub(crate) categories: Vec<CategoryState>,
    pub(crate) entries: Vec<EntryState>,
    /// Votes by entry and channel: the channels of one entry are adjacent.
    pub(crate) votes: Vec<Votes>,
    channels: usize,
    category_numbers: HashMap<CategoryId, CategoryNumber>,
    entry_numbers: HashMap<EntryId, EntryNumber>,
}

impl Roster {
    /// Creates a roster without categories. `channels` is the number of channels, at least 1.
    pub(crate) fn new(channels: usize) -> Self {
        Self {
            categories: Vec::new(),
            entries: Vec::new(),
            votes: Vec::new(),
            channels,
            category_numbers: HashMap::new(),
            entry_numbers: HashMap::new(),
        }
    }

    /// The number of channels, at least 1.
    pub(crate) fn channels(&self) -> usize {
        self.channels
    }

    /// The votes for an entry, by channel.
    #[expect(clippy::indexing_slicing, reason = "numbers are positions in a list that never shrinks")]
    pub(crate) fn votes_by_channel(&self, entry: EntryNumber) -> &[Votes] {
        let first = entry as usize * self.channels;
        &self.votes[first..first + self.channels]
    }

    #[expect(clippy::indexing_slicing, reason = "numbers are positions in a list that never shrinks")]
    pub(crate) fn votes_mut(&mut self, entry: EntryNumber, channel: ChannelNumber) -> &mut Votes {
        &mut self.votes[entry as usize * self.channels + channel]
    }

    /// The number of votes for an entry in all channels, of ballots that count.
    pub(crate) fn votes_of(&self, entry: EntryNumber) -> u64 {
        self.votes_by_channel(entry).iter().map(|votes| votes.with_rulings).sum()
    }

    /// The number of votes for an entry in all channels, as if no ballot were voided.
    pub(crate) fn votes_without_rulings(&self, entry: EntryNumber) -> u64 {
        self.votes_by_channel(entry).iter().map(|votes| votes.without_rulings).sum()
    }

    /// The number of the category `id`.
    pub(crate) fn category_number(&self, id: &str) -> Option<CategoryNumber> {
        self.category_numbers.get(id).copied()
    }

    /// The number of the entry `id`.
    pub(crate) fn entry_number(&self, id: &str) -> Option<EntryNumber> {
        self.entry_numbers.get(id).copied()
    }

    #[expect(clippy::indexing_slicing, reason = "numbers are positions in a list that never shrinks")]
    pub(crate) fn category(&self, number: CategoryNumber) -> &CategoryState {
        &self.categories[number as usize]
    }

    #[expect(clippy::indexing_slicing, reason = "numbers are positions in a list that never shrinks")]
    pub(crate) fn category_mut(&mut self, number: CategoryNumber) -> &mut CategoryState {
        &mut self.categories[number as usize]
    }

    #[expect(clippy::indexing_slicing, reason = "numbers are positions in a list that never shrinks")]
    pub(crate) fn entry(&self, number: EntryNumber) -> &EntryState {
        &self.entries[number as usize]
    }

    #[expect(clippy::indexing_slicing, reason = "numbers are positions in a list that never shrinks")]
    pub(crate) fn entry_mut(&mut self, number: EntryNumber) -> &mut EntryState {
        &mut self.entries[number as usize]
    }

    /// Adds an admitted category.
    pub(crate) fn add_category(&mut self, category: &Category, rules: &Rules) {
        let number = position(self.categories.len());
        self.category_numbers.insert(category.id.clone(), number);
        self.categories.push(CategoryState {
            id: category.id.clone(),
            title: category.title.clone(),
            votes: rules.vote_bounds(category),
            champions: rules.champions_in(category).unwrap_or(0),
            winners: rules.winners_in(category),
            entries: Vec::new(),
            ballots: BallotCounts::default(),
            slots: 0,
            choice: None,
        });
    }

    /// Adds an admitted entry to its category.
    pub(crate) fn add_entry(&mut self, entry: &Entry, category: CategoryNumber) {
        let number = position(self.entries.len());
        self.entry_numbers.insert(entry.id.clone(), number);
        self.category_mut(category).entries.push(number);
        self.entries.push(EntryState {
            id: entry.id.clone(),
            title: entry.title.clone(),
            category,
            withdrawn: None,
        });
        self.votes.resize(self.entries.len() * self.channels, Votes::default());
    }
}

/// Converts the length of a list to a position.
///
/// A list is never longer than the log, and admission ends the log before `u32::MAX` entries.
fn position(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
