//! Values of the command line that replace values of a definition.

use crate::id::ContestId;

/// Values of the command line that replace values of the file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overrides {
    /// Replaces `contest.id`.
    pub id: Option<ContestId>,
    /// Replaces `contest.test`.
    pub test: Option<bool>,
    /// Replaces `contest.opens`, in the same format. The caller has already resolved `now`.
    pub opens: Option<String>,
    /// Replaces `contest.closes`, in the same format.
    pub closes: Option<String>,
    /// Replaces `details`: the additional columns of the file of entries that voters see.
    pub details: Option<Vec<String>>,
}
