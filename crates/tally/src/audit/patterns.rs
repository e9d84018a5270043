//! Patterns by which real frauds were found. Each threshold is one that honest contests of some size hardly reach.

use std::collections::BTreeMap;

use acclaim_ballot_log::BallotEntry;

use crate::Tally;

/// Totals of at least so many entries must share a divisor to be worth a word.
const TOTALS: usize = 5;
/// A shared divisor from here on.
const DIVISOR: u64 = 10;
/// Ballots of one minute, as a multiple of the median minute, from here on,
const BURST: u64 = 20;
/// and at least so many.
const BURST_BALLOTS: u64 = 500;
/// Identical sheets in a row from here on.
const RUN: u64 = 100;

/// Gathers, ballot by ballot. Memory grows with the minutes of voting only.
#[derive(Debug, Default)]
pub(super) struct Patterns {
    /// Ballots by time of casting, as precise as the log tells it.
    by_time: BTreeMap<String, u64>,
    /// The newest ballot's sheet.
    sheet: Vec<u8>,
    run: u64,
    longest_run: u64,
}

impl Patterns {
    pub(super) fn ballot(&mut self, ballot: &BallotEntry<'_>) {
        match self.by_time.get_mut(ballot.at) {
            Some(count) => *count += 1,
            None => drop(self.by_time.insert(ballot.at.to_owned(), 1)),
        }
        let mut sheet = Vec::with_capacity(self.sheet.len());
        for (category, entry) in ballot.selections.iter() {
            sheet.extend_from_slice(category.as_bytes());
            sheet.push(b'/');
            sheet.extend_from_slice(entry.as_bytes());
            sheet.push(b' ');
        }
        self.run = if sheet == self.sheet { self.run + 1 } else { 1 };
        self.longest_run = self.longest_run.max(self.run);
        self.sheet = sheet;
    }

    pub(super) fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        let mut counts: Vec<u64> = self.by_time.values().copied().collect();
        counts.sort_unstable();
        let median = counts.get(counts.len() / 2).copied().unwrap_or(0);
        let busiest = self.by_time.iter().max_by_key(|(_, count)| **count);
        if let Some((time, count)) = busiest.filter(|(_, count)| **count >= BURST_BALLOTS.max(median * BURST))
        {
            warnings.push(format!("{count} ballots were cast at {time}, where the median is {median}"));
        }
        if self.longest_run >= RUN {
            warnings.push(format!("{} ballots in a row are the same sheet", self.longest_run));
        }
        warnings
    }
}

/// What the totals of each category look like.
pub(super) fn of_totals(tally: &Tally) -> Vec<String> {
    let mut warnings = Vec::new();
    let Some(document) = tally.tally_document(&acclaim_ballot_log::hash::empty_root(), 0) else {
        return warnings;
    };
    for category in document.categories {
        let totals: Vec<u64> =
            category.standings.iter().map(|entry| entry.votes).filter(|votes| *votes > 0).collect();
        if totals.len() < TOTALS {
            continue;
        }
        let divisor = totals.iter().copied().fold(0, greatest_common_divisor);
        if divisor >= DIVISOR {
            warnings.push(format!("category {}: all totals are multiples of {divisor}", category.id));
        }
        let mut gaps = totals.iter().zip(totals.iter().skip(1)).map(|(a, b)| a - b);
        let first = gaps.next().unwrap_or(0);
        if first > 1 && gaps.all(|gap| gap == first) {
            warnings
                .push(format!("category {}: every rank is {first} votes behind the one before", category.id));
        }
    }
    warnings
}

fn greatest_common_divisor(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}
