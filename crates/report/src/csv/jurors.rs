//! Counts of a panel's jurors for an entry: recused jurors and jurors with no score yet.

use std::collections::{HashMap, HashSet};

use acclaim_contest::rules::{Panel, WinnersFrom};

use crate::document::{Document, category::CategoryResult};

/// The jurors of one panel in one category.
pub(super) struct Jurors<'a> {
    /// By entry: the jurors who do not judge it.
    recused: HashMap<&'a str, HashSet<&'a str>>,
    /// By entry: the number of jurors who have scored other entries and not this one.
    incomplete: HashMap<&'a str, usize>,
    /// The jurors who have not scored any entry.
    missing: HashSet<&'a str>,
    /// The entries that can win; `None` if all entries can.
    candidates: Option<HashSet<&'a str>>,
}

impl<'a> Jurors<'a> {
    pub(super) fn new(document: &Document, category: &'a CategoryResult, panel: &Panel) -> Self {
        let mut recused: HashMap<&str, HashSet<&str>> = HashMap::new();
        let mut incomplete: HashMap<&str, usize> = HashMap::new();
        let mut missing = HashSet::new();
        for result in category.panels.iter().filter(|result| result.panel == panel.id) {
            missing.extend(result.missing.iter().map(String::as_str));
            for one in &result.recused {
                for entry in &one.entries {
                    recused.entry(entry.as_str()).or_default().insert(&one.juror);
                }
            }
            for entry in result.incomplete.iter().flat_map(|one| &one.entries) {
                *incomplete.entry(entry.as_str()).or_default() += 1;
            }
        }
        let champions = match document.rules.winners.from {
            WinnersFrom::Champions => category.champions.as_ref(),
            WinnersFrom::All => None,
        };
        let candidates =
            champions.map(|champions| champions.iter().map(|place| place.entry.as_str()).collect());
        Self { recused, incomplete, missing, candidates }
    }

    /// Returns two counts for an entry: recused jurors, and jurors whose score is missing.
    ///
    /// No score is missing for an entry that cannot win.
    pub(super) fn cells(&self, entry: &str) -> [String; 2] {
        let recused = self.recused.get(entry);
        let missing = match &self.candidates {
            Some(candidates) if !candidates.contains(entry) => 0,
            _ => {
                let recused_too = recused.map_or(0, |recused| recused.intersection(&self.missing).count());
                self.missing.len() - recused_too + self.incomplete.get(entry).copied().unwrap_or(0)
            }
        };
        [recused.map_or(0, HashSet::len).to_string(), missing.to_string()]
    }
}
