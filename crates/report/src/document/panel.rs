//! What a panel gave in one category, and which of its jurors judged.

use acclaim_contest::{EntryId, PanelId, rules::PanelKind};
use serde::Deserialize;

use super::figure::{Figure, Fraction};

/// What a panel gave in a category.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PanelResult {
    /// Which panel.
    pub panel: PanelId,
    /// How its figures are made.
    pub kind: PanelKind,
    /// Jurors that entered anything in the category.
    pub jurors: u64,
    /// Jurors that the rules name and that have neither scored nor recused themselves. Version 2.
    #[serde(default)]
    pub missing: Vec<String>,
    /// Jurors that have scored, and the entries that they have not scored. Version 2.
    #[serde(default)]
    pub incomplete: Vec<JurorEntries>,
    /// Jurors, and the entries that they do not judge. Version 2.
    #[serde(default)]
    pub recused: Vec<JurorEntries>,
    /// In rank order.
    pub figures: Vec<PanelFigure>,
    /// Entries with fewer jurors than the rules ask for.
    pub without_figure: Vec<WithoutFigure>,
}

/// A juror and entries of a category. Version 2.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JurorEntries {
    /// Which juror.
    pub juror: String,
    /// Which entries.
    pub entries: Vec<EntryId>,
}

/// A panel's figure of an entry.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PanelFigure {
    /// Which entry.
    pub entry: EntryId,
    /// What voters read.
    pub title: String,
    /// At this panel.
    pub rank: u64,
    /// Mean of scores, or sum of points.
    pub figure: Figure,
    /// The same as a fraction.
    pub exact: Fraction,
    /// Jurors that it is made of.
    pub jurors: u64,
    /// Jurors that do not judge the entry. Version 2.
    #[serde(default)]
    pub recused: u64,
    /// Whether others have the same rank.
    pub tied: bool,
}

/// An entry without a figure of a panel.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WithoutFigure {
    /// Which entry.
    pub entry: EntryId,
    /// What voters read.
    pub title: String,
    /// Jurors that there were.
    pub jurors: u64,
    /// Jurors that do not judge the entry. Version 2.
    #[serde(default)]
    pub recused: u64,
}
