//! The live tally: the document that shows the counts while votes come in.
//!
//! Organisers read it. Everyone else reads it where the rules of publication allow it.

use acclaim_ballot_log::Hash;
use acclaim_contest::{CategoryId, ContestId, Phase, csv_cell::quoted_cell};
use serde::{Serialize, Serializer};

use crate::{
    ballot_counts::BallotCounts,
    numbers::CategoryNumber,
    standings::{ChannelStanding, Standing},
    tally::Tally,
};

/// The live tally, without `pending`. Its keys have the order of the public contract.
///
/// `pending` is the number of ballots that the intake holds beyond the log. It is known only when a
/// client asks for it, so it is not part of this type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TallyDocument {
    /// The keys before `pending`.
    pub head: TallyHead,
    /// The keys after `pending`.
    pub figures: TallyFigures,
}

/// The contest of a tally, and the point of its log that the tally belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TallyHead {
    /// The contest's id.
    pub contest: ContestId,
    /// The contest's phase, by its name in the log.
    #[serde(serialize_with = "as_log_name")]
    pub phase: Phase,
    /// Whether voting is suspended; absent if it is not.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub suspended: bool,
    /// The log that the figures belong to.
    pub log: LogHead,
}

/// The figures of a tally.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TallyFigures {
    /// Numbers of ballots by class.
    pub ballots: BallotCounts,
    /// Number of voters with a recorded ballot.
    pub voters: u64,
    /// Number of votes that count, in all categories.
    pub votes: u64,
    /// The categories, in the order of the definition.
    pub categories: Vec<CategoryTally>,
}

/// The size and the root of a log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogHead {
    /// Number of entries in the log.
    pub size: u64,
    /// Root of the Merkle tree over them, in base64.
    pub root: Hash,
}

/// A category of the live tally.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CategoryTally {
    /// The category's id.
    pub id: CategoryId,
    /// Number of votes that count.
    pub votes: u64,
    /// Number of votes for withdrawn entries, of ballots that count.
    pub withdrawn_votes: u64,
    /// The standing entries in rank order.
    pub standings: Vec<Standing>,
}

fn as_log_name<S: Serializer>(phase: &Phase, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(phase.log_name())
}

impl TallyDocument {
    /// Writes the document as JSON in two parts: the bytes before and after the number of
    /// `pending`.
    ///
    /// # Errors
    /// The error of `serde_json`. It does not occur, because texts and integers always serialise.
    pub fn json_around_pending(&self) -> serde_json::Result<(Vec<u8>, Vec<u8>)> {
        // Both parts are JSON objects with members. The first part loses its closing brace. In the
        // second part a comma replaces the opening brace. Together they form one object.
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
    /// The live tally; `None` before the log's first entry.
    ///
    /// `root` is the root of the log at [`Tally::size`].
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

    /// Writes the standings of all categories as CSV.
    ///
    /// The header is `category,entry,title,rank,votes,share,tied`. With channels it continues with
    /// `votes_<channel>,share_<channel>` for each channel. Each line ends with CR LF (RFC 4180).
    /// [`quoted_cell`] writes the titles.
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

    /// The numbers of all categories, in the order of the definition.
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
