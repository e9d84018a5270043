//! Folding for a part of the voters. What one voter may do depends on that voter's own ballots and on staff's events alone, so that a log can be
//! folded share by share, on several cores or one after the other, and the figures added up.

/// Those voters whose tags' first four bytes, which begin the ids of their ballots too, lie in one of so many equal ranges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct VoterPartition {
    number: u32,
    of: u32,
}

impl VoterPartition {
    /// All shares of a partition.
    pub(crate) fn each(of: u32) -> impl Iterator<Item = Self> {
        (0..of).map(move |number| Self { number, of })
    }

    fn holds(self, prefix: [u8; 4]) -> bool {
        (u64::from(u32::from_be_bytes(prefix)) * u64::from(self.of)) >> 32 == u64::from(self.number)
    }
}

/// Whose ballots a [`crate::Tally`] folds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Everyone's.
    All,
    /// Those of a share. Its figures are part of the contest's: what depends on the whole is not judged.
    Partition(VoterPartition),
    /// Nobody's: it is given the figures that the shares come to.
    Aggregate,
}

impl Scope {
    /// Whether the ballots whose ids begin so are folded.
    pub(crate) fn holds(self, prefix: [u8; 4]) -> bool {
        match self {
            Self::All => true,
            Self::Partition(share) => share.holds(prefix),
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
                let holding =
                    VoterPartition::each(of).filter(|share| share.holds(prefix.to_be_bytes())).count();
                assert_eq!(holding, 1, "{prefix} of {of}");
            }
        }
    }
}
