//! The rules of a contest, as the log stores them. The field order is the canonical order.

mod contradictions;
mod panel_score;

use std::{fmt, str::FromStr};

use acclaim_text::shortened;
use serde::{Deserialize, Serialize};

pub use self::contradictions::Contradiction;
pub(crate) use self::contradictions::MAX_LIST_LENGTH;
pub use self::panel_score::{MAX_POINTS, ScoreError};
use crate::{
    entry::Category,
    id::{CategoryId, ChannelId, InvalidId, PanelId},
};

/// The maximum number of ballots of a voter with [`Period::Counted`].
///
/// Code that reads a voter's ballots reads all of them, so their number is limited.
pub const MAX_BALLOTS_PER_VOTER: u32 = 10_000;

/// The rules that decide which ballots count and which entries win. Fixed from the opening on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rules {
    /// The ballots that one voter may cast.
    pub ballot: BallotRules,
    /// Weighted groups of passes. Empty if there is only one group.
    pub channels: Vec<Channel>,
    /// The shortlist by votes, if the contest has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub champions: Option<ChampionRules>,
    /// The final choice.
    pub winners: WinnerRules,
    /// The panels of jurors whose scores count.
    pub panels: Vec<Panel>,
    /// The source of the seed of a draw. Required by each `ties = "draw"`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub draw: Option<Draw>,
    /// The access to standings, log entries and result.
    pub publication: Publication,
    /// Limits on the number of categories in which a sheet votes. From version 2 of the log on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub limits: Vec<Limit>,
    /// The methods by which voters get a pass. From version 2 of the log on, where it is always
    /// present.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub admission: Option<AdmissionRules>,
}

/// A limit: a sheet votes in at most `most` of these categories.
///
/// A sheet is all ballots of a voter in one channel and period. For example, a voter votes for the
/// whole city and for one district.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limit {
    /// The categories: at least two, each once.
    pub categories: Vec<CategoryId>,
    /// The maximum, from 1 to one less than the number of categories.
    pub most: u32,
}

/// The methods by which voters get a pass.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdmissionRules {
    /// At least one of `pass`, `code`, `email`, `sms`, `oidc` and `open`.
    pub methods: Vec<String>,
}

impl Rules {
    /// Returns the minimum and maximum number of different entries of a category in a ballot.
    #[must_use]
    pub fn vote_bounds(&self, category: &Category) -> [u32; 2] {
        category.votes.unwrap_or(self.ballot.votes_per_category)
    }
}

/// The ballots that one voter may cast.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BallotRules {
    /// The minimum and maximum number of different entries of a category in a ballot.
    pub votes_per_category: [u32; 2],
    /// The maximum number of votes in all standing ballots of a voter in one channel and period.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub votes_in_all: Option<u32>,
    /// The voters whose votes count.
    pub completion: Completion,
    /// Whether a standing ballot may be replaced.
    pub revision: Revision,
    /// The maximum number of replacements of a voter. Present if and only if `revision` is
    /// [`Revision::Replace`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revisions: Option<u32>,
    /// How often a voter may vote in the same category.
    pub period: Period,
    /// The maximum number of ballots of a voter, at most [`MAX_BALLOTS_PER_VOTER`].
    ///
    /// Present if and only if `period` is [`Period::Counted`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ballots_per_voter: Option<u32>,
    /// The precision of the time of casting in the log.
    pub cast_time: CastTime,
}

/// The voters whose votes count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Completion {
    /// All voters.
    Any,
    /// Only voters with a standing vote in every category.
    All,
}

/// Whether a standing ballot may be replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Revision {
    /// A ballot cannot be replaced.
    Final,
    /// A ballot may replace the voter's own standing ballot until the closing.
    Replace,
}

/// How often a voter may vote in the same category.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Period {
    /// Once in the contest.
    Once,
    /// Once a day, in the contest's time zone.
    Day,
    /// Numbered ballots, up to a maximum per voter.
    Counted,
}

/// The precision of the time of casting in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CastTime {
    /// `2021-03-14T12:05Z`
    Minute,
    /// `2021-03-14T12Z`
    Hour,
    /// `2021-03-14`
    Day,
}

/// A weighted group of passes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Channel {
    /// The identifier, unique within the contest.
    pub id: ChannelId,
    /// The weight of the channel's shares.
    pub weight: u32,
}

/// The shortlist: the entries with the most votes in each category.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChampionRules {
    /// The number of champions of a category.
    pub count: u32,
    /// The minimum number of counted votes of a champion.
    pub minimum_votes: u64,
    /// The rule for ties at the cut.
    pub ties: ChampionTies,
}

/// The rule for entries that are tied at the cut of the champions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChampionTies {
    /// All tied entries are champions.
    Include,
    /// The entries that reached the total first are champions.
    Earliest,
    /// A draw decides.
    Draw,
}

/// The final choice in each category.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WinnerRules {
    /// The number of winners of a category.
    ///
    /// With [`WinnersBy::Choice`] it is the expected number, and the panel may choose fewer or
    /// more.
    pub count: u32,
    /// The entries that can win.
    pub from: WinnersFrom,
    /// The criterion that decides.
    pub by: WinnersBy,
    /// The weight of the votes, with [`WinnersBy::Weighted`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub votes_weight: Option<u32>,
    /// The weight of the scores, with [`WinnersBy::Weighted`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scores_weight: Option<u32>,
    /// The rule for ties at the cut.
    pub ties: WinnerTies,
}

/// The entries that can win.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WinnersFrom {
    /// The champions of the category.
    Champions,
    /// All entries of the category.
    All,
}

/// The criterion that decides which entries win.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WinnersBy {
    /// Counted votes.
    Votes,
    /// The panels' scores.
    Scores,
    /// Votes and scores, with weights.
    Weighted,
    /// The panel's choice, logged with a `choice` entry.
    Choice,
}

/// The rule for entries that are tied at the cut of the winners.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum WinnerTies {
    /// All tied entries share the place and are winners.
    Report,
    /// The entry with more votes wins.
    Votes,
    /// The entry with the higher figure of the panel wins.
    Panel(PanelId),
    /// The entry that reached the total first wins.
    Earliest,
    /// A draw decides.
    Draw,
    /// The entry to which more jurors gave the highest value wins.
    ///
    /// If these are equal, the next lower value is compared, and so on. From version 2 of the log
    /// on.
    Countback,
}

/// Why a text is not a [`WinnerTies`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidWinnerTies {
    /// The text is none of the words.
    #[error("`{0}` is not one of `report`, `votes`, `panel:<id>`, `earliest`, `draw`, `countback`")]
    Unknown(String),
    /// `panel:` stands before a text that is not an identifier.
    #[error(transparent)]
    Panel(#[from] InvalidId),
}

impl FromStr for WinnerTies {
    type Err = InvalidWinnerTies;

    fn from_str(text: &str) -> Result<Self, InvalidWinnerTies> {
        Ok(match text {
            "report" => Self::Report,
            "votes" => Self::Votes,
            "earliest" => Self::Earliest,
            "draw" => Self::Draw,
            "countback" => Self::Countback,
            _ => match text.strip_prefix("panel:") {
                Some(id) => Self::Panel(id.parse()?),
                None => return Err(InvalidWinnerTies::Unknown(shortened(text, 80).into_owned())),
            },
        })
    }
}

impl fmt::Display for WinnerTies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Report => f.write_str("report"),
            Self::Votes => f.write_str("votes"),
            Self::Panel(id) => write!(f, "panel:{id}"),
            Self::Earliest => f.write_str("earliest"),
            Self::Draw => f.write_str("draw"),
            Self::Countback => f.write_str("countback"),
        }
    }
}

impl TryFrom<String> for WinnerTies {
    type Error = InvalidWinnerTies;

    fn try_from(text: String) -> Result<Self, InvalidWinnerTies> {
        text.parse()
    }
}

impl From<WinnerTies> for String {
    fn from(ties: WinnerTies) -> Self {
        ties.to_string()
    }
}

/// A panel of jurors whose scores count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Panel {
    /// The identifier, unique within the contest.
    pub id: PanelId,
    /// How the panel's figures are computed.
    pub kind: PanelKind,
    /// The lowest and highest score, with [`PanelKind::Score`]. Below zero only from version 2 of
    /// the log on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scale: Option<[i64; 2]>,
    /// The criteria with their weights, with [`PanelKind::Score`]. Empty if there is only one
    /// criterion.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub criteria: Vec<(String, u32)>,
    /// The points of the first, second, ... place, with [`PanelKind::Rank`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub points: Vec<u32>,
    /// This number of highest scores and of lowest scores of an entry is dropped.
    pub trim: u32,
    /// The minimum number of jurors. An entry with fewer jurors has no figure.
    pub minimum_jurors: u32,
    /// The weight of the panel among the panels.
    pub weight: u32,
    /// The jurors who may score. If the list is empty, every juror with a key for the panel may.
    ///
    /// From version 2 of the log on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub jurors: Vec<String>,
}

/// How a panel's figures are computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PanelKind {
    /// The mean of scores on a scale.
    Score,
    /// The sum of points.
    Points,
    /// Ranks, converted to points with the panel's table.
    Rank,
}

/// The source of the seed of a draw.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Draw {
    /// A public source that does not exist yet when the log is frozen.
    pub source: String,
}

/// The access to standings, log entries and result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Publication {
    /// The access to live tallies.
    pub standings: PublishStandings,
    /// The access to the entries of the log.
    pub entries: PublishEntries,
    /// The access to the result document.
    pub result: PublishResult,
}

/// When everybody may read the tallies. Organisers and auditors always may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PublishStandings {
    /// Never.
    Organisers,
    /// Live.
    Public,
    /// From the closing on.
    AfterClose,
}

/// When everybody may read the entries of the log. Organisers and auditors always may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PublishEntries {
    /// As the entries are recorded.
    Live,
    /// From the closing on.
    AfterClose,
    /// From the first certification on, also while the contest is reopened.
    ///
    /// A test is never certified, so its entries are public from the closing on. From version 2 of
    /// the log on.
    Certified,
}

/// When everybody may read the result. Organisers and auditors may from the closing on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PublishResult {
    /// From the closing on, as a provisional result.
    Closed,
    /// From the certification on.
    Certified,
}
