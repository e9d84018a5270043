//! Voter partitions: a log can be folded for a part of the voters at a time.
//!
//! What a voter may do depends only on that voter's own ballots and on staff events. So partitions
//! can be folded on several cores or one after the other, and their figures are added up.

/// The voters whose tags begin with four bytes in one of `of` equal ranges.
///
/// The ids of a voter's ballots begin with the same four bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct VoterPartition {
    number: u32,
    of: u32,
}

impl VoterPartition {
    /// All partitions, if the voters are divided into `of`.
    pub(crate) fn each(of: u32) -> impl Iterator<Item = Self> {
        (0..of).map(move |number| Self { number, of })
    }

    fn holds(self, prefix: [u8; 4]) -> bool {
        (u64::from(u32::from_be_bytes(prefix)) * u64::from(self.of)) >> 32 == u64::from(self.number)
    }
}

/// The part of the ballots that a [`crate::Tally`] folds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// The ballots of all voters.
    All,
    /// The ballots of one partition.
    ///
    /// The figures are a part of the contest's figures. Rules that depend on the whole contest are
    /// not checked.
    Partition(VoterPartition),
    /// No ballots. The tally receives the sum of the partitions' figures.
    Aggregate,
}

impl Scope {
    /// Whether ballots are folded whose ids begin with `prefix`.
    pub(crate) fn holds(self, prefix: [u8; 4]) -> bool {
        match self {
            Self::All => true,
            Self::Partition(partition) => partition.holds(prefix),
            Self::Aggregate => false,
        }
    }

    /// Whether the figures are those of the whole contest.
    pub(crate) fn is_whole(self) -> bool {
        !matches!(self, Self::Partition(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_voter_is_in_one_partition() {
        for of in [1, 2, 3, 7, 1_000] {
            for prefix in [0, 1, 0x7fff_ffff, 0x8000_0000, 0xaaaa_aaaa, u32::MAX] {
                let holding = VoterPartition::each(of)
                    .filter(|partition| partition.holds(prefix.to_be_bytes()))
                    .count();
                assert_eq!(holding, 1, "{prefix} of {of}");
            }
        }
    }
}
