//! Patterns by which real frauds were found. Each threshold is one that honest contests hardly reach by chance; what is found is a
//! warning, a place to look at, and proves nothing.

use std::collections::BTreeMap;

use acclaim_ballot_log::BallotEntry;

use crate::Tally;
use crate::ranked::RankedEntry;

/// So many totals must share a divisor, or lie at equal distances, to be worth a word: four equal gaps.
const MIN_TOTALS: usize = 5;
/// A shared divisor, or gap, from here on. By chance five totals share one this large in one category of thirty thousand.
const MIN_STEP: u64 = 10;
/// Ballots of one time of casting, as a multiple of the median of the times that have ballots,
const BURST_FACTOR: u64 = 20;
/// and at least so many.
const MIN_BURST_BALLOTS: u64 = 500;
/// Identical sheets in a row from here on, if chance does not explain them, see [`is_unlikely`].
const MIN_RUN_LENGTH: u64 = 20;
/// Bits of unlikeliness that a run must have beyond those of there being so many places where it could begin: one contest in a
/// million.
const UNLIKELY_BITS: u64 = 20;
/// Runs that are kept, and warnings of each kind that are told.
const MAX_PER_PATTERN: usize = 10;
/// Times of casting that are told apart: two years' minutes.
const MAX_TIMES: usize = 1 << 20;

/// Gathers, ballot by ballot. Memory grows with the times of voting only.
#[derive(Debug, Default)]
pub(super) struct Patterns {
    /// Ballots by time of casting, as precise as the log tells it.
    by_time: BTreeMap<String, u64>,
    /// The time of the newest ballots, and how many of them are not in `by_time` yet.
    newest: (String, u64),
    run: Run,
    /// The longest runs, in no particular order.
    runs: Vec<Run>,
}

/// Ballots in a row with the same votes.
#[derive(Debug, Default, Clone)]
struct Run {
    /// Index of the first ballot and of the last.
    first: u64,
    last: u64,
    length: u64,
    /// Category and entry of each vote, as the log has them.
    votes: String,
}

impl Patterns {
    /// Looks at the next ballot.
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

    /// All warnings, once the log has ended and is counted.
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

/// Whether chance does not explain a run. If a share `p` of the ballots has the same votes, a run of `r` begins at one of `n`
/// ballots by chance with a probability of at most `n * p^r`. `p` is taken as that of the sheet's rarest vote among ballots that were not replaced, which
/// is more than that of the sheet; bits are rounded to the run's favour, so that a sheet of half of all voters is never unlikely.
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

/// What the totals of a category look like.
fn of_totals(ranked: &[RankedEntry]) -> Vec<String> {
    let mut totals: Vec<u64> = ranked.iter().map(|place| place.votes).filter(|votes| *votes > 0).collect();
    // With channels ranks go by shares.
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
        assert_eq!(patterns_of(&[5_000, 4_200, 1_300, 700]), [""; 0], "too few to say");
        assert_eq!(patterns_of(&[5_000, 4_200, 1_300, 700, 101, 0, 0]), [""; 0]);
        assert_eq!(
            patterns_of(&[9, 8, 7, 6, 5, 4, 3, 2, 1]),
            [""; 0],
            "small totals are equal apart by chance"
        );
        assert_eq!(patterns_of(&[]), [""; 0]);
    }
}
