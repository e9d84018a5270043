//! Jurors' scores as logged: the newest list of each juror, category and criterion.

use std::collections::BTreeMap;

use acclaim_contest::Decimal;

use crate::{
    numbers::{CategoryNumber, EntryNumber},
    recusals::RecusalKey,
};

/// A score in ten-thousandths. The decimals in the log have at most four places.
pub(crate) type Score = i64;
/// The score 1 as a [`Score`].
pub(crate) const ONE: Score = Decimal::ONE;

/// The key of a list: the juror who gave it, and what it is for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ListKey {
    /// Position of the panel in the rules.
    pub(crate) panel: usize,
    pub(crate) category: CategoryNumber,
    pub(crate) juror: String,
    /// Position of the criterion in the panel; 0 if the panel has no criteria.
    pub(crate) criterion: usize,
}

/// An admitted list of scores.
#[derive(Debug, Clone)]
pub(crate) struct ScoreList {
    pub(crate) key: ListKey,
    pub(crate) scores: Vec<(EntryNumber, Score)>,
}

/// See the [module](self).
#[derive(Debug, Clone, Default)]
pub(crate) struct Scores {
    lists: BTreeMap<ListKey, Vec<(EntryNumber, Score)>>,
}

/// One juror's lists in a category, each with the position of its criterion.
pub(crate) type JurorLists<'a> = Vec<(usize, &'a [(EntryNumber, Score)])>;

impl Scores {
    /// Replaces an earlier list of the same key. An empty list removes the earlier one.
    pub(crate) fn put(&mut self, ScoreList { key, scores }: ScoreList) {
        if scores.is_empty() {
            self.lists.remove(&key);
        } else {
            self.lists.insert(key, scores);
        }
    }

    /// Removes a juror's scores for an entry.
    pub(crate) fn drop_entry(&mut self, recusal: &RecusalKey) {
        let RecusalKey { panel, category, juror, entry } = recusal;
        let key = |criterion| ListKey { panel: *panel, category: *category, juror: juror.clone(), criterion };
        let mut emptied = Vec::new();
        for (key, scores) in self.lists.range_mut(key(0)..=key(usize::MAX)) {
            scores.retain(|(scored, _)| scored != entry);
            if scores.is_empty() {
                emptied.push(key.clone());
            }
        }
        emptied.iter().for_each(|key| drop(self.lists.remove(key)));
    }

    /// The lists of each juror of a panel who has scored in a category.
    pub(crate) fn by_juror(&self, panel: usize, category: CategoryNumber) -> BTreeMap<&str, JurorLists<'_>> {
        let first = |category| ListKey { panel, category, juror: String::new(), criterion: 0 };
        let mut by_juror: BTreeMap<&str, JurorLists<'_>> = BTreeMap::new();
        for (key, scores) in self.lists.range(first(category)..first(category.saturating_add(1))) {
            by_juror.entry(&key.juror).or_default().push((key.criterion, scores.as_slice()));
        }
        by_juror
    }
}
