//! Patterns by which real frauds were found. Each threshold is one that honest contests hardly reach by chance; what is found is a
//! warning, a place to look at, and proves nothing.

use std::collections::BTreeMap;

use acclaim_ballot_log::BallotEntry;

use crate::Tally;
use crate::roster::EntryNumber;
use crate::standings::Ranked;

/// So many totals must share a divisor, or lie at equal distances, to be worth a word: four equal gaps.
const TOTALS: usize = 5;
/// A shared divisor, or gap, from here on. By chance five totals share one this large in one category of thirty thousand.
const STEP: u64 = 10;
/// Ballots of one time of casting, as a multiple of the median of the times that have ballots,
const BURST: u64 = 20;
/// and at least so many.
const BURST_BALLOTS: u64 = 500;
/// Identical sheets in a row from here on, if chance does not explain them, see [`Patterns::unlikely`].
const RUN: u64 = 20;
/// Bits of unlikeliness that a run must have beyond those of there being so many places where it could begin: one contest in a
/// million.
const UNLIKELY_BITS: u64 = 20;
/// Runs that are kept, and warnings of each kind that are told.
const MOST: usize = 10;

/// Gathers, ballot by ballot. Memory grows with the times of voting only.
#[derive(Debug, Default)]
pub(super) struct Patterns {
    /// Ballots by time of casting, as precise as the log tells it.
    by_time: BTreeMap<String, u64>,
    /// Votes of each entry in all ballots, whatever became of them.
    votes: Vec<u64>,
    run: Run,
    /// The longest runs, in no particular order.
    runs: Vec<Run>,
}

/// Ballots in a row with the same votes.
#[derive(Debug, Default, Clone, Copy)]
struct Run {
    /// Number of the last ballot among the ballots.
    last: u32,
    length: u64,
}

impl Patterns {
    /// Looks at the ballot that `tally` has taken in last.
    pub(super) fn ballot(&mut self, ballot: &BallotEntry<'_>, tally: &Tally) {
        match self.by_time.get_mut(ballot.at) {
            Some(count) => *count += 1,
            None => drop(self.by_time.insert(ballot.at.to_owned(), 1)),
        }
        let Some(last) = tally.ballots.len().checked_sub(1) else { return };
        self.votes.resize(tally.roster.entries.len(), 0);
        for entry in tally.ballots.selections(last) {
            if let Some(votes) = self.votes.get_mut(*entry as usize) {
                *votes += 1;
            }
        }
        let same = last > 0 && tally.ballots.selections(last) == tally.ballots.selections(last - 1);
        if same {
            self.run = Run { last, length: self.run.length + 1 };
        } else {
            self.end_run();
            self.run = Run { last, length: 1 };
        }
    }

    fn end_run(&mut self) {
        if self.run.length < RUN {
            return;
        }
        self.runs.push(self.run);
        if self.runs.len() > MOST {
            self.runs.sort_by_key(|run| (std::cmp::Reverse(run.length), run.last));
            self.runs.truncate(MOST);
        }
    }

    /// All warnings, once the log has ended.
    pub(super) fn warnings(mut self, tally: &Tally) -> Vec<String> {
        self.end_run();
        let mut warnings = self.bursts();
        self.runs.sort_by_key(|run| run.last);
        for run in self.runs.iter().filter(|run| self.unlikely(run, tally)) {
            let first = run.last - u32::try_from(run.length - 1).unwrap_or(run.last);
            let [first, last] = [first, run.last].map(|ballot| tally.ballots.record(ballot).index);
            warnings.push(format!(
                "{} ballots in a row, from index {first} to {last}, have the same votes",
                run.length
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
        let threshold = BURST_BALLOTS.max(median * BURST);
        let bursts = self.by_time.iter().filter(|(_, count)| **count >= threshold).take(MOST);
        bursts
            .map(|(time, count)| format!("{count} ballots were cast at {time}, where the median is {median}"))
            .collect()
    }

    /// Whether chance does not explain a run. If a share `p` of the ballots has the same votes, a run of `r` begins at one of `n`
    /// ballots by chance with a probability of at most `n * p^r`. `p` is taken as that of the sheet's rarest vote, which is more
    /// than that of the sheet; bits are rounded to the run's favour, so that a sheet of half of all voters is never unlikely.
    fn unlikely(&self, run: &Run, tally: &Tally) -> bool {
        let ballots = u64::from(tally.ballots.len()).max(1);
        let rarest = tally.ballots.selections(run.last).iter().map(|entry| self.votes_of(*entry)).min();
        let rarest = rarest.unwrap_or(ballots).clamp(1, ballots);
        let bits = run.length * u64::from((ballots / rarest).ilog2());
        bits > UNLIKELY_BITS + u64::from(ballots.ilog2())
    }

    fn votes_of(&self, entry: EntryNumber) -> u64 {
        self.votes.get(entry as usize).copied().unwrap_or(0)
    }
}

/// What the totals of a category look like; they are in rank order.
fn of_totals(ranked: &[Ranked]) -> Vec<String> {
    let totals: Vec<u64> = ranked.iter().map(|place| place.votes).filter(|votes| *votes > 0).collect();
    let mut patterns = Vec::new();
    let divisor = totals.iter().copied().fold(0, greatest_common_divisor);
    if totals.len() >= TOTALS && divisor >= STEP {
        patterns.push(format!("all totals are multiples of {divisor}"));
    }
    let gaps: Vec<u64> = totals.iter().zip(totals.iter().skip(1)).map(|(a, b)| a - b).collect();
    let mut rows = gaps.chunk_by(|a, b| a == b).filter_map(|row| Some((row.len() + 1, *row.first()?)));
    if let Some((ranks, gap)) = rows.find(|(ranks, gap)| *ranks >= TOTALS && *gap >= STEP) {
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
        let place = |(entry, votes): (u32, &u64)| Ranked { entry, rank: 1, votes: *votes, tied: false };
        of_totals(&(0..).zip(totals).map(place).collect::<Vec<_>>())
    }

    #[test]
    fn totals_made_up_by_rule_are_noticed_and_others_are_not() {
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
