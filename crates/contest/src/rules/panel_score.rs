//! Checks which scores a panel accepts.

use super::{Panel, PanelKind};
use crate::{decimal::Decimal, id::PanelId};

/// The maximum number of points that a juror gives an entry, and the maximum rank.
pub const MAX_POINTS: i64 = 1_000_000;

/// Why a panel does not accept a score.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScoreError {
    /// A rank with decimal places.
    #[error("{0} is not a rank: a rank is a whole number")]
    NotWhole(Decimal),
    /// A score outside the panel's scale, points below zero, a rank below one, or more than
    /// [`MAX_POINTS`].
    #[error("{score} is not from {lowest} to {highest}, as the panel {panel} scores")]
    OutOfRange {
        /// The score.
        score: Decimal,
        /// The lowest score that the panel accepts.
        lowest: i64,
        /// The highest score that the panel accepts.
        highest: i64,
        /// The panel.
        panel: PanelId,
    },
}

impl Panel {
    /// Checks that a juror of the panel can give an entry this score.
    ///
    /// # Errors
    /// [`ScoreError::NotWhole`] for a rank with decimal places, [`ScoreError::OutOfRange`] for a
    /// score outside the panel's range.
    pub fn check_score(&self, score: Decimal) -> Result<(), ScoreError> {
        let [lowest, highest] = match (self.kind, self.scale) {
            (PanelKind::Score, Some(scale)) => scale,
            (PanelKind::Rank, _) if !score.is_whole() => return Err(ScoreError::NotWhole(score)),
            (PanelKind::Rank, _) => [1, MAX_POINTS],
            (PanelKind::Score | PanelKind::Points, _) => [0, MAX_POINTS],
        };
        let range = lowest * Decimal::ONE..=highest * Decimal::ONE;
        match range.contains(&score.ten_thousandths()) {
            true => Ok(()),
            false => Err(ScoreError::OutOfRange { score, lowest, highest, panel: self.id.clone() }),
        }
    }
}
