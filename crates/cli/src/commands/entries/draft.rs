//! The draft on the server that gets the imported entries, and the changes to its entries.

use std::collections::{HashMap, HashSet};

use acclaim_contest::{Category, CategoryId, ContestId, Definition, Entry};
use anyhow::{Context as _, Result, anyhow, bail};
use serde_json::Value;

use super::import::Import;
use crate::client::{Client, IdempotencyKey};

/// A draft with its revision.
pub(super) struct Draft {
    pub(super) definition: Definition,
    revision: String,
}

/// The changes that an import makes in a draft.
pub(super) struct Changes {
    pub(super) new: usize,
    pub(super) changed: usize,
    pub(super) same: usize,
    /// The ids of the draft's entries that are missing in the file.
    pub(super) removed: Vec<String>,
}

impl Draft {
    /// Fetches the draft of this id. Returns `None` if there is no such contest.
    ///
    /// # Errors
    /// If the contest is not a draft any more, takes its entries from another contest, or cannot be
    /// read.
    pub(super) fn fetch(client: &Client, contest: &ContestId) -> Result<Option<Self>> {
        let Some(answer) = client.get_if_there(&format!("/v1/contests/{contest}"))? else { return Ok(None) };
        let tag = answer.headers.get("etag").and_then(|tag| tag.to_str().ok());
        let revision = tag.context("the server's answer has no revision of the contest")?.to_owned();
        let contest: Value = answer.json()?;
        let phase = contest.get("phase").and_then(Value::as_str).unwrap_or_default();
        if phase != "draft" {
            bail!("the contest is {phase}: its entries can be changed only in a draft");
        }
        let definition = definition(contest).context("cannot read the server's draft")?;
        if definition.rounds.is_some() {
            bail!("the draft takes its entries from another contest, so none can be imported");
        }
        Ok(Some(Self { definition, revision }))
    }

    /// Replaces the draft's entries in the imported categories, and adds new categories.
    ///
    /// # Errors
    /// If the changed definition has mistakes, or if the server refuses it.
    pub(super) fn put(self, client: &Client, import: &Import) -> Result<()> {
        let mut definition = self.definition;
        let known: HashSet<CategoryId> =
            definition.categories.iter().map(|category| category.id.clone()).collect();
        let new = import.categories.iter().filter(|category| !known.contains(&category.id));
        definition.categories.extend(new.cloned());
        let imported: HashSet<&CategoryId> = import.categories.iter().map(|category| &category.id).collect();
        definition.entries.retain(|entry| !imported.contains(&entry.category));
        definition.entries.extend(import.entries.iter().map(|row| row.entry.clone()));
        definition.check().map_err(|mistakes| {
            anyhow!("nothing was written, because the draft would have mistakes:\n{mistakes}")
        })?;
        let path = format!("/v1/contests/{}", definition.id);
        client.put(&path, &IdempotencyKey::new()?, Some(&self.revision), definition.to_json())?;
        Ok(())
    }
}

/// Reads the definition from the server's answer.
fn definition(mut contest: Value) -> Result<Definition> {
    for entry in contest.get_mut("entries").and_then(Value::as_array_mut).into_iter().flatten() {
        // This field of the answer is not part of the definition.
        entry.as_object_mut().and_then(|entry| entry.remove("withdrawn"));
    }
    let mut take = |key: &str| contest.get_mut(key).map(Value::take).unwrap_or_default();
    let titles = Some(take("titles")).filter(|titles| !titles.is_null());
    Ok(Definition {
        id: serde_json::from_value(take("id"))?,
        title: serde_json::from_value(take("title"))?,
        titles: titles.map(serde_json::from_value).transpose()?.unwrap_or_default(),
        test: serde_json::from_value(take("test"))?,
        time_zone: serde_json::from_value(take("time_zone"))?,
        opens: serde_json::from_value(take("opens"))?,
        closes: serde_json::from_value(take("closes"))?,
        rules: serde_json::from_value(take("rules"))?,
        rounds: serde_json::from_value(take("rounds"))?,
        categories: serde_json::from_value::<Vec<Category>>(take("categories"))?,
        entries: serde_json::from_value::<Vec<Entry>>(take("entries"))?,
    })
}

/// Compares the import with the draft's entries in the same categories.
pub(super) fn changes(import: &Import, draft: &[Entry]) -> Changes {
    let imported: HashSet<&CategoryId> = import.categories.iter().map(|category| &category.id).collect();
    let mut before: HashMap<&str, &Entry> = draft
        .iter()
        .filter(|entry| imported.contains(&entry.category))
        .map(|entry| (entry.id.as_str(), entry))
        .collect();
    let mut changes = Changes { new: 0, changed: 0, same: 0, removed: Vec::new() };
    for row in &import.entries {
        match before.remove(row.entry.id.as_str()) {
            None => changes.new += 1,
            Some(entry) if *entry == row.entry => changes.same += 1,
            Some(_) => changes.changed += 1,
        }
    }
    changes.removed = before.into_keys().map(str::to_owned).collect();
    changes.removed.sort();
    changes
}
