//! Rounds: a definition gets the champions of another contest as its entries, as they are certified on this installation.

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

/// What of a result document says who goes on.
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

/// Why a definition gets no entries of another contest.
#[derive(Debug, thiserror::Error)]
pub enum RoundsError {
    /// The definition has mistakes.
    #[error("{}", first(mistakes))]
    Mistakes {
        /// Key and problem of each; at least one.
        mistakes: Vec<(String, String)>,
        /// Of what the other contest is or lacks: stable, kebab-case.
        code: Option<&'static str>,
    },
    /// The result is certified, and its document not made yet.
    #[error("the certified result of {0} is being made")]
    ResultPending(ContestId),
    /// A fault of this installation.
    #[error("{0}")]
    Internal(String),
    /// A store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn first(mistakes: &[(String, String)]) -> String {
    mistakes.first().map_or_else(String::new, |(key, problem)| format!("{key}: {problem}"))
}

/// One mistake that a definition by itself cannot tell.
pub(crate) fn mistake(key: &str, problem: &str, code: Option<&'static str>) -> RoundsError {
    RoundsError::Mistakes { mistakes: vec![(key.to_owned(), problem.to_owned())], code }
}

/// The definition with its entries, if they come from another contest; as it is if they do not. Asked for by a staff key, which learns of no draft that
/// it is not for.
///
/// # Errors
/// [`RoundsError`]
pub(crate) async fn resolve(
    stores: &Stores,
    directory: &Directory,
    key: &StaffKey,
    definition: Definition,
) -> Result<Definition, RoundsError> {
    let Some(Rounds { from, previous }) = &definition.rounds else { return Ok(definition) };
    if previous.is_some() {
        return Err(mistake("rounds.previous", "is what the engine finds out: leave it out", None));
    }
    let wrong = |code: &'static str, problem: &str| Err(mistake("rounds.from", problem, Some(code)));
    // As it is now, whatever this process has heard of.
    directory.refresh(from).await?;
    let known = directory.contest(from);
    let Some(source) = known.filter(|source| source.phase() > Phase::Draft || key.covers(from)) else {
        return wrong("unknown", &format!("there is no contest {from} here"));
    };
    if source.record.definition.test {
        return wrong("test", &format!("{from} is a test, which is never certified: nothing follows it"));
    }
    let Some(certified) = certification(&*stores.database, from).await? else {
        return wrong("not-certified", &format!("{from} is not certified: it is {}", source.phase()));
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
        return wrong("no-champions", &format!("{from} has no champions"));
    }
    let categories = categories(&source, &champions, &definition)?;
    let entries = entries(&source, &champions)?;
    let Certification { size, root, result } = certified;
    let previous = Some(PreviousRound { origin: source.origin.clone(), size, root, result });
    let rounds = Some(Rounds { from: from.clone(), previous });
    check_whole(Definition { categories, entries, rounds, ..definition }).await
}

/// The document that the contest is certified with.
fn certified_document(
    stores: &Stores,
    source: &Contest,
    certified: &Certification,
) -> Result<Document, RoundsError> {
    let made = stores.hub.latest(source.id()).and_then(|publication| publication.result.clone());
    let document = made.filter(|document| hex::encode(Sha256::digest(document)) == certified.result);
    let document = document.ok_or_else(|| RoundsError::ResultPending(source.id().clone()))?;
    serde_json::from_slice(&document)
        .map_err(|error| RoundsError::Internal(format!("a certified result: {error}")))
}

/// The definition's own, which must be those that have champions; or those of the source that do.
fn categories(
    source: &Arc<Contest>,
    champions: &HashMap<CategoryId, HashSet<EntryId>>,
    definition: &Definition,
) -> Result<Vec<Category>, RoundsError> {
    let theirs = source.record.definition.categories.iter().filter(|known| champions.contains_key(&known.id));
    if definition.categories.is_empty() {
        // Their texts alone: how many votes, champions and winners there are is this contest's to say.
        let texts = |category: &Category| Category {
            votes: None,
            champions: None,
            winners: None,
            ..category.clone()
        };
        return Ok(theirs.map(texts).collect());
    }
    let own: HashSet<&CategoryId> = definition.categories.iter().map(|category| &category.id).collect();
    let from = source.id();
    let missing = theirs.filter(|category| !own.contains(&category.id)).map(|category| {
        (
            "category".to_owned(),
            format!("the category \"{}\" has champions in {from} and is missing", category.id),
        )
    });
    let strange =
        definition.categories.iter().enumerate().filter(|(_, own)| !champions.contains_key(&own.id));
    let strange = strange.map(|(index, category)| {
        (format!("category[{index}]"), format!("the category \"{}\" has no champions in {from}", category.id))
    });
    let found: Vec<_> = missing.chain(strange).collect();
    match found.is_empty() {
        true => Ok(definition.categories.clone()),
        false => Err(RoundsError::Mistakes { mistakes: found, code: None }),
    }
}

/// The champions with the texts they have there, in the order they have there: that of their places would recommend some.
fn entries(
    source: &Arc<Contest>,
    champions: &HashMap<CategoryId, HashSet<EntryId>>,
) -> Result<Vec<Entry>, RoundsError> {
    let is_champion = |entry: &&Entry| {
        champions.get(&entry.category).is_some_and(|champions| champions.contains(&entry.id))
    };
    let entries: Vec<Entry> = source.record.definition.entries.iter().filter(is_champion).cloned().collect();
    let wanted: usize = champions.values().map(HashSet::len).sum();
    if entries.len() == wanted {
        return Ok(entries);
    }
    let detail = format!("the definition of {} lacks champions of its result", source.id());
    Err(RoundsError::Internal(detail))
}

/// Checks what depends on the entries being there, as of any definition.
async fn check_whole(definition: Definition) -> Result<Definition, RoundsError> {
    let checked = tokio::task::spawn_blocking(move || {
        Definition::from_json(definition.to_json().as_bytes(), &Overrides::default())
    });
    let checked = checked.await.map_err(|error| RoundsError::Internal(error.to_string()))?;
    checked.map_err(|Mistakes(found)| {
        let mistakes = found.into_iter().map(|found| (found.key, found.problem)).collect();
        RoundsError::Mistakes { mistakes, code: None }
    })
}
