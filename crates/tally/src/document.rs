//! The live tally: the document that organisers, and by the rule of publication everyone, read while votes come in.

use acclaim_ballot_log::Hash;
use acclaim_contest::{CategoryId, ContestId, Phase, csv_cell::quoted_cell};
use serde::{Serialize, Serializer};

use crate::ballot_counts::BallotCounts;
use crate::numbers::CategoryNumber;
use crate::standings::{ChannelStanding, Standing};
use crate::tally::Tally;

/// The live tally, in the public contract's order of keys, without `pending`: what the intake holds beyond the log is known only when somebody asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TallyDocument {
    /// What comes before `pending`.
    pub head: TallyHead,
    /// What comes behind it.
    pub figures: TallyFigures,
}

/// Of which contest a tally is, and at which point of its log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TallyHead {
    /// Which contest.
    pub contest: ContestId,
    /// Where it stands.
    #[serde(serialize_with = "as_log_name")]
    pub phase: Phase,
    /// Whether voting is suspended; absent if not.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub suspended: bool,
    /// The log that the figures belong to.
    pub log: LogHead,
}

/// The figures of a tally.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TallyFigures {
    /// Ballots by what became of them.
    pub ballots: BallotCounts,
    /// Voters with a recorded ballot.
    pub voters: u64,
    /// Votes that count, in all categories.
    pub votes: u64,
    /// In the order of the definition.
    pub categories: Vec<CategoryTally>,
}

/// Size and root of a log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogHead {
    /// Entries.
    pub size: u64,
    /// Root of the tree over them, base64.
    pub root: Hash,
}

/// A category of the live tally.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CategoryTally {
    /// Which category.
    pub id: CategoryId,
    /// Votes that count.
    pub votes: u64,
    /// Votes of ballots that count, for withdrawn entries.
    pub withdrawn_votes: u64,
    /// Entries in rank order.
    pub standings: Vec<Standing>,
}

fn as_log_name<S: Serializer>(phase: &Phase, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(phase.log_name())
}

impl TallyDocument {
    /// The document as JSON, split where the number belongs that `pending` has: before and after it.
    ///
    /// # Errors
    /// None that happens: texts and integers serialise without fail.
    pub fn json_around_pending(&self) -> serde_json::Result<(Vec<u8>, Vec<u8>)> {
        // Both are objects with members: what closes the first and opens the second makes one of them.
        let mut before = serde_json::to_vec(&self.head)?;
        before.pop();
        before.extend_from_slice(br#","pending":"#);
        let mut after = serde_json::to_vec(&self.figures)?;
        if let Some(opening) = after.first_mut() {
            *opening = b',';
        }
        Ok((before, after))
    }
}

impl Tally {
    /// The live tally; `None` before the log's first entry. `root` is that of the log at [`Tally::size`].
    #[must_use]
    pub fn tally_document(&self, root: &Hash) -> Option<TallyDocument> {
        let header = self.header.as_ref()?;
        let categories: Vec<CategoryTally> =
            self.category_numbers().map(|number| self.category_tally(number)).collect();
        let head = TallyHead {
            contest: header.contest.clone(),
            phase: self.phase,
            suspended: self.phase == Phase::Suspended,
            log: LogHead { size: self.size, root: *root },
        };
        let figures = TallyFigures {
            ballots: self.totals,
            voters: self.voters(),
            votes: categories.iter().map(|category| category.votes).sum(),
            categories,
        };
        Some(TallyDocument { head, figures })
    }

    /// The standings of all categories as CSV with a header, lines ended by CR LF (RFC 4180): `category,entry,title,rank,votes,share,tied`, and with
    /// channels `votes_<channel>,share_<channel>` of each. Texts are as [`quoted_cell`] writes them.
    #[must_use]
    pub fn standings_csv(&self) -> String {
        let mut csv = String::from("category,entry,title,rank,votes,share,tied");
        for channel in self.header.iter().flat_map(|header| &header.rules.channels) {
            csv.push_str(&format!(",votes_{0},share_{0}", channel.id));
        }
        csv.push_str("\r\n");
        for number in self.category_numbers() {
            let category = &self.roster.category(number).id;
            for Standing { entry, rank, votes, share, tied, channels, .. } in self.standings_of(number) {
                let title = self.roster.entry_number(entry.as_str());
                let title = title.map_or("", |entry| self.roster.entry(entry).title.as_str());
                let title = quoted_cell(title);
                csv.push_str(&format!("{category},{entry},{title},{rank},{votes},{share},{tied}"));
                for ChannelStanding { votes, share, .. } in channels {
                    csv.push_str(&format!(",{votes},{share}"));
                }
                csv.push_str("\r\n");
            }
        }
        csv
    }

    /// Every category, in the order of the definition.
    pub(crate) fn category_numbers(&self) -> impl Iterator<Item = CategoryNumber> + use<> {
        0..u32::try_from(self.roster.categories.len()).unwrap_or(u32::MAX)
    }

    fn category_tally(&self, number: CategoryNumber) -> CategoryTally {
        let votes = self.votes_in(number);
        CategoryTally {
            id: self.roster.category(number).id.clone(),
            votes: votes.counted,
            withdrawn_votes: votes.withdrawn,
            standings: self.standings_of(number),
        }
    }
}
