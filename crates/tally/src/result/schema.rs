//! The parts of the result document as they are written. The parent module explains them.
//!
//! The order of the fields is the order of the keys.

use acclaim_ballot_log::{Hash, entry::PreviousRound};
use acclaim_contest::{
    CategoryId, ContestId, EntryId, Instant, PanelId,
    id::ChannelId,
    rules::{PanelKind, Rules, WinnersBy},
};
use serde::Serialize;

use crate::{
    ballot_counts::BallotCounts,
    correction::Correction,
    draw::DrawSeed,
    outcome::{Decision, Place, Tie},
    roster::Choice,
    rulings::Withdrawal,
    standings::ChannelStanding,
    undecided::{Undecided, UndecidedReason},
};

#[derive(Debug, Serialize)]
pub(super) struct Document<'a> {
    pub(super) v: u32,
    pub(super) contest: &'a ContestId,
    pub(super) title: &'a str,
    pub(super) status: &'static str,
    pub(super) test: bool,
    pub(super) log: Log<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) opened: Option<Instant>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) closed: Option<Instant>,
    pub(super) rules: &'a Rules,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) previous: Option<&'a PreviousRound>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) draw: Option<&'a DrawSeed>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) corrects: Option<Correction<'a>>,
    pub(super) counts: Counts<'a>,
    pub(super) withdrawn: Vec<WithdrawnEntry<'a>>,
    pub(super) categories: Vec<CategoryResult<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) certify: Option<&'a CertifyRequest>,
}

impl Document<'_> {
    /// The number of champions, of winners, and of categories whose winners are not decided.
    pub(super) fn outcome_counts(&self) -> [usize; 3] {
        let categories = &self.categories;
        [
            categories.iter().map(|category| category.champions.as_ref().map_or(0, Vec::len)).sum(),
            categories.iter().map(|category| category.winners.entries.len()).sum(),
            categories.iter().filter(|category| category.winners.decision == Decision::Undecided).count(),
        ]
    }
}

#[derive(Debug, Serialize)]
pub(super) struct Log<'a> {
    pub(super) origin: &'a str,
    pub(super) size: u64,
    pub(super) root: &'a Hash,
}

#[derive(Debug, Serialize)]
pub(super) struct Counts<'a> {
    pub(super) ballots: BallotCounts,
    pub(super) voters: u64,
    pub(super) incomplete_voters: u64,
    pub(super) votes: u64,
    pub(super) withdrawn_votes: u64,
    pub(super) voided: Vec<VoidedBallots>,
    pub(super) passes: Vec<Passes<'a>>,
}

#[derive(Debug, Serialize)]
pub(super) struct CategoryCounts<'a> {
    pub(super) ballots: BallotCounts,
    pub(super) voters: u64,
    pub(super) votes: u64,
    pub(super) withdrawn_votes: u64,
    pub(super) voided: Vec<VoidedBallots>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) channels: Vec<ChannelCounts<'a>>,
}

#[derive(Debug, Serialize)]
pub(super) struct ChannelCounts<'a> {
    pub(super) channel: &'a ChannelId,
    pub(super) weight: u32,
    pub(super) votes: u64,
    pub(super) withdrawn_votes: u64,
}

#[derive(Debug, Serialize)]
pub(super) struct VoidedBallots {
    pub(super) reason: String,
    pub(super) ballots: u64,
}

#[derive(Debug, Serialize)]
pub(super) struct Passes<'a> {
    pub(super) source: &'a str,
    pub(super) issued: u64,
}

#[derive(Debug, Serialize)]
pub(super) struct WithdrawnEntry<'a> {
    pub(super) category: &'a CategoryId,
    pub(super) entry: &'a EntryId,
    pub(super) title: &'a str,
    pub(super) votes: u64,
    #[serde(flatten)]
    pub(super) withdrawal: &'a Withdrawal,
}

#[derive(Debug, Serialize)]
pub(super) struct CategoryResult<'a> {
    pub(super) id: &'a CategoryId,
    pub(super) title: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) own_rules: Option<OwnRules>,
    pub(super) counts: CategoryCounts<'a>,
    pub(super) standings: Vec<TitledStanding<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) panels: Vec<PanelResult<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ranking: Option<Vec<RankedFigure<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) champions: Option<Vec<Place>>,
    pub(super) winners: Winners<'a>,
    pub(super) ties: Vec<Tie>,
    pub(super) without_rulings: Vec<StandingWithoutRulings<'a>>,
}

#[derive(Debug, Serialize)]
pub(super) struct TitledStanding<'a> {
    pub(super) entry: EntryId,
    pub(super) title: &'a str,
    pub(super) rank: u64,
    pub(super) votes: u64,
    pub(super) share: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) exact: Option<String>,
    pub(super) tied: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) channels: Vec<ChannelStanding>,
}

#[derive(Debug, Serialize)]
pub(super) struct PanelResult<'a> {
    pub(super) panel: &'a PanelId,
    pub(super) kind: PanelKind,
    pub(super) jurors: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) missing: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) incomplete: Vec<JurorEntries>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) recused: Vec<JurorEntries>,
    pub(super) figures: Vec<RankedFigure<'a>>,
    pub(super) without_figure: Vec<WithoutFigure<'a>>,
}

#[derive(Debug, Serialize)]
pub(super) struct RankedFigure<'a> {
    pub(super) entry: &'a EntryId,
    pub(super) title: &'a str,
    pub(super) rank: u64,
    pub(super) figure: String,
    pub(super) exact: String,
    /// Present only in the figures of a panel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) jurors: Option<u64>,
    #[serde(skip_serializing_if = "is_zero")]
    pub(super) recused: u64,
    pub(super) tied: bool,
}

#[derive(Debug, Serialize)]
pub(super) struct WithoutFigure<'a> {
    pub(super) entry: &'a EntryId,
    pub(super) title: &'a str,
    pub(super) jurors: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub(super) recused: u64,
}

#[derive(Debug, Serialize)]
pub(super) struct StandingWithoutRulings<'a> {
    pub(super) entry: &'a EntryId,
    pub(super) rank: u64,
    pub(super) votes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) share: Option<String>,
    pub(super) tied: bool,
}

#[derive(Debug, Serialize)]
pub(super) struct Winners<'a> {
    pub(super) by: WinnersBy,
    pub(super) decision: Decision,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) undecided: Vec<UndecidedNote>,
    pub(super) entries: Vec<Place>,
    pub(super) no_longer_eligible: Vec<EntryId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) choice: Option<ChoiceNote<'a>>,
}

/// The request by which an organiser certifies a result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CertifyRequest {
    /// Size of the log.
    pub size: u64,
    /// Root of the log, in base64.
    pub root: Hash,
    /// SHA-256 of the document in its certified form, in lowercase hex.
    pub result: String,
}

/// A reason why winners are not decided: as a word, and as a sentence.
#[derive(Debug, Serialize)]
pub(super) struct UndecidedNote {
    reason: UndecidedReason,
    text: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    panel: Option<PanelId>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    jurors: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    entries: Vec<EntryId>,
}

impl UndecidedNote {
    pub(super) fn new(undecided: Undecided) -> Self {
        let Undecided { reason, panel, jurors, entries } = undecided;
        Self { reason, text: reason.text(), panel, jurors, entries }
    }
}

/// The notes about a panel's jurors in a category.
#[derive(Debug, Default)]
pub(super) struct JurorNotes {
    pub(super) missing: Vec<String>,
    pub(super) incomplete: Vec<JurorEntries>,
    pub(super) recused: Vec<JurorEntries>,
}

/// A juror and entries of a category.
#[derive(Debug, Serialize)]
pub(super) struct JurorEntries {
    pub(super) juror: String,
    pub(super) entries: Vec<EntryId>,
}

/// A category's own numbers, where it has any.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct OwnRules {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) votes: Option<[u32; 2]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) champions: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) winners: Option<u32>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes fields by reference")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

#[derive(Debug, Serialize)]
pub(super) struct ChoiceNote<'a> {
    pub(super) index: u64,
    pub(super) by: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) note: Option<&'a str>,
    pub(super) at: Instant,
}

impl<'a> ChoiceNote<'a> {
    pub(super) fn new(choice: &'a Choice) -> Self {
        let Choice { index, by, note, at, .. } = choice;
        Self { index: *index, by, note: note.as_deref(), at: *at }
    }
}
