//! The rules of a contest, as its log carries them. Field order is the canonical order.

mod contradictions;
mod panel_score;

use std::{fmt, str::FromStr};

use acclaim_text::shortened;
pub use contradictions::Contradiction;
pub(crate) use contradictions::MAX_LIST_LENGTH;
pub use panel_score::{MAX_POINTS, ScoreError};
use serde::{Deserialize, Serialize};

use crate::entry::Category;
use crate::id::{CategoryId, ChannelId, InvalidId, PanelId};

/// The most ballots of a voter where they are counted: whoever looks at a voter's ballots looks at all of them.
pub const MAX_BALLOTS_PER_VOTER: u32 = 10_000;

/// All that decides what counts and who wins; fixed from the opening on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rules {
    /// What one voter may cast.
    pub ballot: BallotRules,
    /// Weighted groups of passes; empty if there is but one.
    pub channels: Vec<Channel>,
    /// The shortlist by votes, if the contest has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub champions: Option<ChampionRules>,
    /// The final choice.
    pub winners: WinnerRules,
    /// Jurors whose scores count.
    pub panels: Vec<Panel>,
    /// Where the seed of a draw comes from; required by any `ties = "draw"`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub draw: Option<Draw>,
    /// Who may read what, and when.
    pub publication: Publication,
    /// How many of some categories a sheet votes in. From version 2 of the log on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub limits: Vec<Limit>,
    /// How voters get a pass. From version 2 of the log on, where it is always there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub admission: Option<AdmissionRules>,
}

/// Of some categories a sheet (a voter's ballots in one channel and period) votes in at most a given number: one's own district, and the
/// whole city.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limit {
    /// At least two, each once.
    pub categories: Vec<CategoryId>,
    /// From 1 to one less than there are categories.
    pub most: u32,
}

/// How voters get a pass.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdmissionRules {
    /// At least one: `pass`, `code`, `email`, `sms`, `oidc` or `open`.
    pub methods: Vec<String>,
}

impl Rules {
    /// Least and most different entries of a category that a ballot votes for.
    #[must_use]
    pub fn vote_bounds(&self, category: &Category) -> [u32; 2] {
        category.votes.unwrap_or(self.ballot.votes_per_category)
    }
}

/// What one voter may cast.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BallotRules {
    /// Least and most different entries of a category that a ballot votes for.
    pub votes_per_category: [u32; 2],
    /// Most votes of a voter, over standing ballots, in a channel and period.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub votes_in_all: Option<u32>,
    /// Which voters count.
    pub completion: Completion,
    /// Whether a standing ballot may be replaced.
    pub revision: Revision,
    /// Most replacements of a voter; there if and only if `revision` is [`Revision::Replace`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revisions: Option<u32>,
    /// How often a voter may fill the same category.
    pub period: Period,
    /// Ballots of a voter, at most [`MAX_BALLOTS_PER_VOTER`]; there if and only if `period` is [`Period::Counted`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ballots_per_voter: Option<u32>,
    /// How precisely the log tells the time of casting.
    pub cast_time: CastTime,
}

/// Which voters count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Completion {
    /// Every voter.
    Any,
    /// Only voters with a standing vote in every category.
    All,
}

/// Whether a standing ballot may be replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Revision {
    /// A vote stands.
    Final,
    /// A ballot may replace the voter's own standing one until closing.
    Replace,
}

/// How often a voter may fill the same category.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Period {
    /// Once a contest.
    Once,
    /// Once a day in the contest's time zone.
    Day,
    /// Numbered ballots, so many a voter.
    Counted,
}

/// How precisely the log tells the time of casting.
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
    /// Unique within the contest.
    pub id: ChannelId,
    /// Weight of the channel's shares.
    pub weight: u32,
}

/// The shortlist: the first so many by votes in each category.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChampionRules {
    /// Champions of a category.
    pub count: u32,
    /// Fewest counted votes of a champion.
    pub minimum_votes: u64,
    /// What happens at the cut.
    pub ties: ChampionTies,
}

/// What happens to entries tied at the cut of the champions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChampionTies {
    /// All of them are champions.
    Include,
    /// The ones that reached the total first.
    Earliest,
    /// Lots decide.
    Draw,
}

/// The final choice in each category.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WinnerRules {
    /// Winners of a category; with [`WinnersBy::Choice`] what the panel is expected to choose: it may choose fewer or more.
    pub count: u32,
    /// Who can win.
    pub from: WinnersFrom,
    /// What decides.
    pub by: WinnersBy,
    /// Weight of the votes, with [`WinnersBy::Weighted`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub votes_weight: Option<u32>,
    /// Weight of the scores, with [`WinnersBy::Weighted`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scores_weight: Option<u32>,
    /// What happens at the cut.
    pub ties: WinnerTies,
}

/// Who can win.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WinnersFrom {
    /// The champions of the category.
    Champions,
    /// Every entry of the category.
    All,
}

/// What decides who wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WinnersBy {
    /// Counted votes.
    Votes,
    /// The panels' scores.
    Scores,
    /// Votes and scores, weighted.
    Weighted,
    /// The panel's choice, logged with a `choice` entry.
    Choice,
}

/// What happens to entries tied at the cut of the winners.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum WinnerTies {
    /// All share the place and are winners.
    Report,
    /// The one with more votes.
    Votes,
    /// The one with the higher figure at the panel.
    Panel(PanelId),
    /// The one that reached the total first.
    Earliest,
    /// Lots decide.
    Draw,
    /// The one to which more jurors gave the highest value, then the next lower one, and so on. From version 2 of the log on.
    Countback,
}

/// Why a text is not a [`WinnerTies`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidWinnerTies {
    /// Not one of the words.
    #[error("`{0}` is not one of `report`, `votes`, `panel:<id>`, `earliest`, `draw`, `countback`")]
    Unknown(String),
    /// `panel:` before something that is no identifier.
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

/// Jurors whose scores count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Panel {
    /// Unique within the contest.
    pub id: PanelId,
    /// How its figures are made.
    pub kind: PanelKind,
    /// Lowest and highest score, with [`PanelKind::Score`]. Below zero from version 2 of the log on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scale: Option<[i64; 2]>,
    /// Criteria with their weights, with [`PanelKind::Score`]; empty if there is but one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub criteria: Vec<(String, u32)>,
    /// Points of the first, second, ... place, with [`PanelKind::Rank`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub points: Vec<u32>,
    /// So many highest and lowest scores of an entry are dropped.
    pub trim: u32,
    /// Entries with fewer jurors have no figure.
    pub minimum_jurors: u32,
    /// Weight of the panel among the panels.
    pub weight: u32,
    /// Exactly these may score; empty if every juror with a key for the panel may. From version 2 of the log on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub jurors: Vec<String>,
}

/// How a panel's figures are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PanelKind {
    /// Mean of scores on a scale.
    Score,
    /// Sum of points.
    Points,
    /// Ranks turned into points by the table.
    Rank,
}

/// Where the seed of a draw comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Draw {
    /// A public source that does not exist yet when the log is frozen.
    pub source: String,
}

/// Who may read what, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Publication {
    /// Live tallies.
    pub standings: PublishStandings,
    /// Entries of the log.
    pub entries: PublishEntries,
    /// The result document.
    pub result: PublishResult,
}

/// When everyone may read tallies (organisers and auditors always may).
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

/// When everyone may read the log's entries (organisers and auditors always may).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PublishEntries {
    /// As they are recorded.
    Live,
    /// From the closing on.
    AfterClose,
    /// From the first certification on, also while the contest is reopened; those of a test, which is never certified, from the closing on. From version 2
    /// of the log on.
    Certified,
}

/// When everyone may read the result (organisers and auditors from the closing on).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PublishResult {
    /// Provisional from the closing on.
    Closed,
    /// Once certified.
    Certified,
}
