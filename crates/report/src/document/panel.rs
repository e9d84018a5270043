//! The figures of a panel in one category, and the progress of its jurors.

use acclaim_contest::{EntryId, PanelId, rules::PanelKind};
use serde::Deserialize;

use super::figure::{Figure, Fraction};

/// The result of a panel in one category.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PanelResult {
    /// The panel's id.
    pub panel: PanelId,
    /// The kind of scores from which the figures are made.
    pub kind: PanelKind,
    /// The number of jurors who have scored in the category.
    pub jurors: u64,
    /// Jurors who have not scored, though they judge an entry that can win. Version 2.
    ///
    /// The rules name these jurors, or the jurors have recused themselves for other entries.
    #[serde(default)]
    pub missing: Vec<String>,
    /// Jurors who have scored, each with the entries they have yet to score. Version 2.
    ///
    /// Only entries that can win are listed.
    #[serde(default)]
    pub incomplete: Vec<JurorEntries>,
    /// Recused jurors, each with the entries that the juror does not judge. Version 2.
    #[serde(default)]
    pub recused: Vec<JurorEntries>,
    /// The figures, in rank order.
    pub figures: Vec<PanelFigure>,
    /// Entries with fewer jurors than the rules require.
    pub without_figure: Vec<WithoutFigure>,
}

/// A juror, with some entries of a category. Version 2.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JurorEntries {
    /// The juror's name.
    pub juror: String,
    /// The entries' ids.
    pub entries: Vec<EntryId>,
}

/// A panel's figure for an entry.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PanelFigure {
    /// The entry's id.
    pub entry: EntryId,
    /// The title that voters read.
    pub title: String,
    /// The rank at this panel, from 1. Equal entries have the same rank.
    pub rank: u64,
    /// The mean of the scores, or the sum of the points.
    pub figure: Figure,
    /// The figure as an exact fraction.
    pub exact: Fraction,
    /// The number of jurors whose scores make up the figure.
    pub jurors: u64,
    /// The number of jurors who do not judge the entry. Version 2.
    #[serde(default)]
    pub recused: u64,
    /// Whether other entries have the same rank.
    pub tied: bool,
}

/// An entry for which a panel has no figure.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WithoutFigure {
    /// The entry's id.
    pub entry: EntryId,
    /// The title that voters read.
    pub title: String,
    /// The number of jurors who have scored the entry.
    pub jurors: u64,
    /// The number of jurors who do not judge the entry. Version 2.
    #[serde(default)]
    pub recused: u64,
}
