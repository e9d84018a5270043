//! Patterns by which real frauds were found.
//!
//! An honest contest hardly reaches any of the thresholds by chance. A pattern leads to a warning,
//! which says where to look. It proves nothing.

use std::collections::BTreeMap;

use acclaim_ballot_log::BallotEntry;

use crate::{Tally, ranked::RankedEntry};

/// Minimum number of totals that share a divisor or have equal gaps. Five totals have four gaps.
const MIN_TOTALS: usize = 5;
/// Minimum shared divisor, and minimum equal gap.
///
/// By chance five totals share a divisor this large in one of thirty thousand categories.
const MIN_STEP: u64 = 10;
/// Minimum number of ballots of a burst, as a multiple of the median.
///
/// A burst has ballots of one time of casting. The median is over all times that have ballots.
const BURST_FACTOR: u64 = 20;
/// Minimum number of ballots of a burst. A burst needs this number and [`BURST_FACTOR`].
const MIN_BURST_BALLOTS: u64 = 500;
/// Minimum number of identical ballots in a row. They count if chance does not explain them.
///
/// See [`is_unlikely`].
const MIN_RUN_LENGTH: u64 = 20;
/// Bits of improbability that a run needs beyond the bits for the number of places where it can
/// begin.
///
/// With 20 bits, chance explains a run in one of a million contests.
const UNLIKELY_BITS: u64 = 20;
/// Maximum number of runs that are kept, and of warnings of each kind.
const MAX_PER_PATTERN: usize = 10;
/// Maximum number of different times of casting: the minutes of two years.
const MAX_TIMES: usize = 1 << 20;

/// Collects the patterns, ballot by ballot. Memory grows only with the number of times of casting.
#[derive(Debug, Default)]
pub(super) struct Patterns {
    /// Number of ballots by time of casting. The times are as precise as in the log.
    by_time: BTreeMap<String, u64>,
    /// The time of the newest ballots, and the number of them that `by_time` does not have yet.
    newest: (String, u64),
    run: Run,
    /// The longest runs, in arbitrary order.
    runs: Vec<Run>,
}

/// A run: ballots in a row with the same votes.
#[derive(Debug, Default, Clone)]
struct Run {
    /// Log index of the first ballot, and of the last.
    first: u64,
    last: u64,
    length: u64,
    /// Category and entry of each vote, as the log writes them.
    votes: String,
}

impl Patterns {
    /// Examines the next ballot.
    pub(super) fn ballot(&mut self, index: u64, ballot: &BallotEntry<'_>) {
        if self.newest.0 != ballot.at {
            self.end_time();
            self.newest.0.clear();
            self.newest.0.push_str(ballot.at);
        }
        self.newest.1 += 1;
        if self.run.votes == ballot.selections.as_str() {
            self.run.last = index;
            self.run.length += 1;
        } else {
            self.end_run();
            self.run.votes.clear();
            self.run.votes.push_str(ballot.selections.as_str());
            (self.run.first, self.run.last, self.run.length) = (index, index, 1);
        }
    }

    fn end_time(&mut self) {
        let (time, count) = &mut self.newest;
        let count = std::mem::take(count);
        if count == 0 || (self.by_time.len() >= MAX_TIMES && !self.by_time.contains_key(time)) {
            return;
        }
        *self.by_time.entry(time.clone()).or_default() += count;
    }

    fn end_run(&mut self) {
        if self.run.length < MIN_RUN_LENGTH {
            return;
        }
        self.runs.push(self.run.clone());
        if self.runs.len() > MAX_PER_PATTERN {
            self.runs.sort_by_key(|run| (std::cmp::Reverse(run.length), run.last));
            self.runs.truncate(MAX_PER_PATTERN);
        }
    }

    /// Returns all warnings, after the log has ended and is counted.
    pub(super) fn warnings(mut self, tally: &Tally) -> Vec<String> {
        self.end_time();
        self.end_run();
        let mut warnings = self.bursts();
        self.runs.sort_by_key(|run| run.last);
        for run in self.runs.iter().filter(|run| is_unlikely(run, tally)) {
            warnings.push(format!(
                "{} ballots in a row, from index {} to {}, have the same votes",
                run.length, run.first, run.last
            ));
        }
        warnings.extend(tally.category_numbers().flat_map(|category| {
            let id = &tally.roster.category(category).id;
            of_totals(&tally.ranked(category))
                .into_iter()
                .map(move |pattern| format!("category {id}: {pattern}"))
        }));
        warnings
    }

    fn bursts(&self) -> Vec<String> {
        let mut counts: Vec<u64> = self.by_time.values().copied().collect();
        counts.sort_unstable();
        let median = counts.get(counts.len() / 2).copied().unwrap_or(0);
        let threshold = MIN_BURST_BALLOTS.max(median * BURST_FACTOR);
        let bursts = self.by_time.iter().filter(|(_, count)| **count >= threshold).take(MAX_PER_PATTERN);
        bursts
            .map(|(time, count)| format!("{count} ballots were cast at {time}, where the median is {median}"))
            .collect()
    }
}

/// Whether chance does not explain a run.
///
/// Let a part `p` of the ballots have the same votes. By chance a run of `r` of them begins at one
/// of `n` ballots with a probability of at most `n * p^r`. Here `p` is the part of ballots with the
/// run's rarest vote, among ballots that were not replaced. This is at least the part with all of
/// these votes. Bits are rounded in favour of the run, so votes that more than half of the ballots
/// have are never unlikely.
fn is_unlikely(run: &Run, tally: &Tally) -> bool {
    let counts = tally.ballot_counts();
    let ballots = (counts.recorded - counts.replaced).max(1);
    let votes = |entry: &str| {
        tally.roster.entry_number(entry).map_or(0, |number| tally.roster.votes_without_rulings(number))
    };
    let entries = run.votes.split('"').skip(3).step_by(4);
    let rarest = entries.map(votes).min().unwrap_or(ballots).clamp(1, ballots);
    let bits = run.length * u64::from((ballots / rarest).ilog2());
    bits > UNLIKELY_BITS + u64::from(ballots.ilog2())
}

/// Describes the patterns in the totals of a category.
fn of_totals(ranked: &[RankedEntry]) -> Vec<String> {
    let mut totals: Vec<u64> = ranked.iter().map(|place| place.votes).filter(|votes| *votes > 0).collect();
    // With channels the ranks follow the shares, so the totals are sorted here.
    totals.sort_unstable_by(|a, b| b.cmp(a));
    let mut patterns = Vec::new();
    let divisor = totals.iter().copied().fold(0, greatest_common_divisor);
    if totals.len() >= MIN_TOTALS && divisor >= MIN_STEP {
        patterns.push(format!("all totals are multiples of {divisor}"));
    }
    let gaps: Vec<u64> = totals.iter().zip(totals.iter().skip(1)).map(|(a, b)| a - b).collect();
    let mut rows = gaps.chunk_by(|a, b| a == b).filter_map(|row| Some((row.len() + 1, *row.first()?)));
    if let Some((ranks, gap)) = rows.find(|(ranks, gap)| *ranks >= MIN_TOTALS && *gap >= MIN_STEP) {
        patterns.push(format!("{ranks} ranks in a row are {gap} votes apart"));
    }
    patterns
}

fn greatest_common_divisor(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patterns_of(totals: &[u64]) -> Vec<String> {
        let place = |(entry, votes): (u32, &u64)| RankedEntry { entry, rank: 1, votes: *votes, tied: false };
        of_totals(&(0..).zip(totals).map(place).collect::<Vec<_>>())
    }

    #[test]
    fn warns_of_regular_totals_only() {
        assert_eq!(patterns_of(&[5_000, 4_200, 1_300, 700, 100]), ["all totals are multiples of 100"]);
        assert_eq!(patterns_of(&[917, 903, 889, 875, 861, 400]), ["5 ranks in a row are 14 votes apart"]);
        assert_eq!(patterns_of(&[5_000, 4_200, 1_300, 700]), [""; 0], "too few totals");
        assert_eq!(patterns_of(&[5_000, 4_200, 1_300, 700, 101, 0, 0]), [""; 0]);
        assert_eq!(
            patterns_of(&[9, 8, 7, 6, 5, 4, 3, 2, 1]),
            [""; 0],
            "small totals have equal gaps by chance"
        );
        assert_eq!(patterns_of(&[]), [""; 0]);
    }
}
