//! Recusals as logged: jurors who do not judge an entry, by panel, category and juror.

use std::collections::{BTreeMap, BTreeSet};

use crate::numbers::{CategoryNumber, EntryNumber};

/// A juror of a panel and an entry that the juror does not judge.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RecusalKey {
    /// Position of the panel in the rules.
    pub(crate) panel: usize,
    pub(crate) category: CategoryNumber,
    pub(crate) juror: String,
    pub(crate) entry: EntryNumber,
}

/// See the [module](self).
#[derive(Debug, Clone, Default)]
pub(crate) struct Recusals(BTreeSet<RecusalKey>);

impl Recusals {
    pub(crate) fn has(&self, key: &RecusalKey) -> bool {
        self.0.contains(key)
    }

    pub(crate) fn set(&mut self, key: RecusalKey, recused: bool) {
        if recused {
            self.0.insert(key);
        } else {
            self.0.remove(&key);
        }
    }

    /// The entries of a category that each juror of a panel does not judge.
    ///
    /// The jurors are in byte order, and the entries are ascending.
    pub(crate) fn by_juror(
        &self,
        panel: usize,
        category: CategoryNumber,
    ) -> BTreeMap<&str, Vec<EntryNumber>> {
        let first = |category| RecusalKey { panel, category, juror: String::new(), entry: 0 };
        let mut by_juror: BTreeMap<&str, Vec<EntryNumber>> = BTreeMap::new();
        for key in self.0.range(first(category)..first(category.saturating_add(1))) {
            by_juror.entry(&key.juror).or_default().push(key.entry);
        }
        by_juror
    }
}
