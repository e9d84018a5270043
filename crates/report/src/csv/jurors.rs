//! How many jurors of a panel do not judge an entry, and how many have still to score it.

use std::collections::{HashMap, HashSet};

use acclaim_contest::rules::{Panel, WinnersFrom};

use crate::document::{Document, category::CategoryResult};

/// A panel's jurors in a category.
pub(super) struct Jurors<'a> {
    /// By entry: those that do not judge it.
    recused: HashMap<&'a str, HashSet<&'a str>>,
    /// By entry: how many have scored others and not this one.
    incomplete: HashMap<&'a str, usize>,
    /// Those that have not scored at all.
    missing: HashSet<&'a str>,
    /// The entries that winners come from; `None` if these are all.
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

    /// How many are recused for an entry, and from how many a score is missing. Nothing is missing of an entry that cannot win.
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
