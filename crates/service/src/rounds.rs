//! Rounds: a definition takes its entries from another contest. They are the champions of that
//! contest's certified result on this installation.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use acclaim_contest::{
    Category, ContestId, Definition, Entry, Mistakes, Overrides, Phase, PreviousRound, Rounds,
    id::{CategoryId, EntryId},
};
use acclaim_store::{
    StoreError, Stores,
    certification::{Certification, certification},
    keys::StaffKey,
};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use crate::directory::{Contest, Directory};

/// The part of a result document that names the champions.
#[derive(Deserialize)]
struct Document {
    categories: Vec<CategoryResult>,
}

#[derive(Deserialize)]
struct CategoryResult {
    id: CategoryId,
    #[serde(default)]
    champions: Vec<Champion>,
}

#[derive(Deserialize)]
struct Champion {
    entry: EntryId,
}

/// The reason why a definition gets no entries from another contest.
#[derive(Debug, thiserror::Error)]
pub enum RoundsError {
    /// The definition has mistakes.
    #[error("{}", first_mistake(mistakes))]
    Mistakes {
        /// Key and problem of each mistake; at least one.
        mistakes: Vec<(String, String)>,
        /// Stable code in kebab-case, if the other contest is the cause.
        code: Option<&'static str>,
    },
    /// The result is certified, but its document is not ready yet.
    #[error("the certified result of {0} is being made")]
    ResultPending(ContestId),
    /// A fault of this installation.
    #[error("{0}")]
    Internal(String),
    /// A store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn first_mistake(mistakes: &[(String, String)]) -> String {
    mistakes.first().map_or_else(String::new, |(key, problem)| format!("{key}: {problem}"))
}

/// Returns an error with one mistake that the definition alone does not show.
pub(crate) fn mistake(key: &str, problem: &str, code: Option<&'static str>) -> RoundsError {
    RoundsError::Mistakes { mistakes: vec![(key.to_owned(), problem.to_owned())], code }
}

/// Returns the definition with its entries.
///
/// If its entries come from no other contest, the definition stays unchanged. `key` is the staff
/// key of the request. The answer reveals no draft that the key does not cover.
///
/// # Errors
/// - [`RoundsError::Mistakes`]: the definition gives `rounds.previous`, the other contest cannot be
///   a source, or the complete definition has mistakes.
/// - [`RoundsError::ResultPending`]: the document of the certified result is not ready yet.
/// - [`RoundsError::Internal`]: the stored result does not fit the source's definition, or a task
///   failed.
/// - [`RoundsError::Store`]: a store failed.
pub(crate) async fn resolve(
    stores: &Stores,
    directory: &Directory,
    key: &StaffKey,
    definition: Definition,
) -> Result<Definition, RoundsError> {
    let Some(Rounds { from, previous }) = &definition.rounds else { return Ok(definition) };
    if previous.is_some() {
        return Err(mistake("rounds.previous", "is set by the server: leave it out", None));
    }
    let source_mistake = |code: &'static str, problem: &str| Err(mistake("rounds.from", problem, Some(code)));
    // The source is read again, because this process may have missed a notice.
    directory.refresh(from).await?;
    let known = directory.contest(from);
    let Some(source) = known.filter(|source| source.phase() > Phase::Draft || key.covers(from)) else {
        return source_mistake("unknown", &format!("there is no contest {from} here"));
    };
    if source.record.definition.test {
        return source_mistake(
            "test",
            &format!("{from} is a test contest, which is never certified: choose another contest"),
        );
    }
    let Some(certified) = certification(&*stores.database, from).await? else {
        return source_mistake(
            "not-certified",
            &format!("{from} is not certified: it is {}", source.phase()),
        );
    };
    let document = certified_document(stores, &source, &certified)?;
    let champions: HashMap<CategoryId, HashSet<EntryId>> = document
        .categories
        .into_iter()
        .filter(|category| !category.champions.is_empty())
        .map(|category| {
            (category.id, category.champions.into_iter().map(|champion| champion.entry).collect())
        })
        .collect();
    if champions.is_empty() {
        return source_mistake("no-champions", &format!("{from} has no champions"));
    }
    let categories = categories(&source, &champions, &definition)?;
    let entries = entries(&source, &champions)?;
    let Certification { size, root, result } = certified;
    let previous = Some(PreviousRound { origin: source.origin.clone(), size, root, result });
    let rounds = Some(Rounds { from: from.clone(), previous });
    check_whole(Definition { categories, entries, rounds, ..definition }).await
}

/// Returns the document of the certified result.
fn certified_document(
    stores: &Stores,
    source: &Contest,
    certified: &Certification,
) -> Result<Document, RoundsError> {
    let published = stores.hub.latest(source.id()).and_then(|publication| publication.result.clone());
    let document = published.filter(|document| hex::encode(Sha256::digest(document)) == certified.result);
    let document = document.ok_or_else(|| RoundsError::ResultPending(source.id().clone()))?;
    serde_json::from_slice(&document)
        .map_err(|error| RoundsError::Internal(format!("a certified result: {error}")))
}

/// Returns the categories of the new contest.
///
/// If the definition has categories, they must be exactly the categories with champions. Otherwise
/// the categories of the source that have champions are taken.
fn categories(
    source: &Arc<Contest>,
    champions: &HashMap<CategoryId, HashSet<EntryId>>,
    definition: &Definition,
) -> Result<Vec<Category>, RoundsError> {
    let source_categories =
        source.record.definition.categories.iter().filter(|known| champions.contains_key(&known.id));
    if definition.categories.is_empty() {
        // Only the texts are taken. The new contest sets its own numbers of votes, champions and
        // winners.
        let without_counts = |category: &Category| Category {
            votes: None,
            champions: None,
            winners: None,
            ..category.clone()
        };
        return Ok(source_categories.map(without_counts).collect());
    }
    let own: HashSet<&CategoryId> = definition.categories.iter().map(|category| &category.id).collect();
    let from = source.id();
    let missing = source_categories.filter(|category| !own.contains(&category.id)).map(|category| {
        (
            "category".to_owned(),
            format!("the category \"{}\" has champions in {from} and is missing", category.id),
        )
    });
    let extra = definition.categories.iter().enumerate().filter(|(_, own)| !champions.contains_key(&own.id));
    let extra = extra.map(|(index, category)| {
        (format!("category[{index}]"), format!("the category \"{}\" has no champions in {from}", category.id))
    });
    let problems: Vec<_> = missing.chain(extra).collect();
    match problems.is_empty() {
        true => Ok(definition.categories.clone()),
        false => Err(RoundsError::Mistakes { mistakes: problems, code: None }),
    }
}

/// Returns the champions with their texts, in the order of the source's definition.
///
/// The order of their places would recommend the entries that come first.
fn entries(
    source: &Arc<Contest>,
    champions: &HashMap<CategoryId, HashSet<EntryId>>,
) -> Result<Vec<Entry>, RoundsError> {
    let is_champion = |entry: &&Entry| {
        champions.get(&entry.category).is_some_and(|champions| champions.contains(&entry.id))
    };
    let entries: Vec<Entry> = source.record.definition.entries.iter().filter(is_champion).cloned().collect();
    let expected: usize = champions.values().map(HashSet::len).sum();
    if entries.len() == expected {
        return Ok(entries);
    }
    let detail = format!("the definition of {} lacks champions of its result", source.id());
    Err(RoundsError::Internal(detail))
}

/// Checks the complete definition, including the rules that depend on its entries.
async fn check_whole(definition: Definition) -> Result<Definition, RoundsError> {
    let checked = tokio::task::spawn_blocking(move || {
        Definition::from_json(definition.to_json().as_bytes(), &Overrides::default())
    });
    let checked = checked.await.map_err(|error| RoundsError::Internal(error.to_string()))?;
    checked.map_err(|Mistakes(problems)| {
        let mistakes = problems.into_iter().map(|mistake| (mistake.key, mistake.problem)).collect();
        RoundsError::Mistakes { mistakes, code: None }
    })
}
