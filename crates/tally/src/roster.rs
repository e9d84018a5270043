//! Categories and entries of a contest with their running counts, in the order of the definition.
//!
//! Counts take 16 bytes for each entry and channel, however many ballots there are.

use acclaim_contest::{Category, CategoryId, Entry, EntryId, Instant, Rules};
use hashbrown::HashMap;

use crate::ballot_counts::BallotCounts;
use crate::numbers::{CategoryNumber, EntryNumber};
use crate::rulings::Withdrawal;
use crate::sheet_layout::ChannelNumber;

/// A category and what is counted in it.
#[derive(Debug, Clone)]
pub(crate) struct CategoryState {
    pub(crate) id: CategoryId,
    pub(crate) title: String,
    /// Least and most votes of a ballot that votes in it.
    pub(crate) votes: [u32; 2],
    /// How many champions and winners it has.
    pub(crate) champions: u32,
    pub(crate) winners: u32,
    /// In the order of the definition.
    pub(crate) entries: Vec<EntryNumber>,
    /// Ballots with a vote in this category.
    pub(crate) ballots: BallotCounts,
    /// Filled slots of this category: ballots that are not replaced. Where nobody has several sheets, so many voters.
    pub(crate) slots: u64,
    /// The panel's newest choice.
    pub(crate) choice: Option<Choice>,
}

/// A panel's choice as logged.
#[derive(Debug, Clone)]
pub(crate) struct Choice {
    pub(crate) index: u64,
    pub(crate) winners: Vec<EntryNumber>,
    pub(crate) by: String,
    pub(crate) note: Option<String>,
    pub(crate) at: Instant,
}

/// Votes for an entry in a channel.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Votes {
    /// Of ballots that count, also while the entry is withdrawn: they are then reported apart.
    pub(crate) with_rulings: u64,
    /// As they would be had no ballot been voided.
    pub(crate) without_rulings: u64,
}

/// A sheet votes in at most this number of these categories.
#[derive(Debug, Clone)]
pub(crate) struct CategoryLimit {
    /// Ascending.
    pub(crate) categories: Vec<CategoryNumber>,
    pub(crate) most: u32,
}

/// An entry.
#[derive(Debug, Clone)]
pub(crate) struct EntryState {
    pub(crate) id: EntryId,
    pub(crate) title: String,
    pub(crate) category: CategoryNumber,
    pub(crate) withdrawn: Option<Box<Withdrawal>>,
}

/// All categories and entries. The maps are only ever looked into, never iterated: their seed decides nothing.
#[derive(Debug, Clone)]
pub(crate) struct Roster {
    pub(crate) categories: Vec<CategoryState>,
    pub(crate) entries: Vec<EntryState>,
    /// Those of each entry stand together, a channel each.
    pub(crate) votes: Vec<Votes>,
    channels: usize,
    category_numbers: HashMap<CategoryId, CategoryNumber>,
    entry_numbers: HashMap<EntryId, EntryNumber>,
}

impl Roster {
    /// Without any category, for a contest of so many channels, at least one.
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

    /// How many channels there are, at least one.
    pub(crate) fn channels(&self) -> usize {
        self.channels
    }

    /// The votes for an entry, by channel.
    #[expect(clippy::indexing_slicing, reason = "numbers are positions, and nothing is ever taken out")]
    pub(crate) fn votes_by_channel(&self, entry: EntryNumber) -> &[Votes] {
        let first = entry as usize * self.channels;
        &self.votes[first..first + self.channels]
    }

    #[expect(clippy::indexing_slicing, reason = "numbers are positions, and nothing is ever taken out")]
    pub(crate) fn votes_mut(&mut self, entry: EntryNumber, channel: ChannelNumber) -> &mut Votes {
        &mut self.votes[entry as usize * self.channels + channel]
    }

    /// Votes of ballots that count for an entry, in all channels.
    pub(crate) fn votes_of(&self, entry: EntryNumber) -> u64 {
        self.votes_by_channel(entry).iter().map(|votes| votes.with_rulings).sum()
    }

    /// The same had no ballot been voided.
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

    #[expect(clippy::indexing_slicing, reason = "numbers are positions, and nothing is ever taken out")]
    pub(crate) fn category(&self, number: CategoryNumber) -> &CategoryState {
        &self.categories[number as usize]
    }

    #[expect(clippy::indexing_slicing, reason = "numbers are positions, and nothing is ever taken out")]
    pub(crate) fn category_mut(&mut self, number: CategoryNumber) -> &mut CategoryState {
        &mut self.categories[number as usize]
    }

    #[expect(clippy::indexing_slicing, reason = "numbers are positions, and nothing is ever taken out")]
    pub(crate) fn entry(&self, number: EntryNumber) -> &EntryState {
        &self.entries[number as usize]
    }

    #[expect(clippy::indexing_slicing, reason = "numbers are positions, and nothing is ever taken out")]
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

/// Lists are never longer than the log, and admission ends the log before `u32::MAX` entries.
fn position(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
