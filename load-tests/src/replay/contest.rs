//! The contest of a replay, made from the published entries.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use acclaim_contest::id::{MAX_LENGTH, is_id};
use anyhow::{Context as _, Result};
use serde_json::json;

use crate::{
    caps::Caps,
    votes::{Choice, PublishedTotal},
};

/// The id of the contest.
pub(crate) const CONTEST: &str = "replay";
/// The time from the opening to the planned closing.
const OPEN: Duration = Duration::from_secs(86_400);
/// The longest title, in characters. Longer titles are cut off.
const MAX_TITLE_LENGTH: usize = 400;
/// Characters of a made id that are kept free for a number.
const ROOM_FOR_NUMBER: usize = 8;

/// The ids of the files' categories and entries in the contest.
#[derive(Debug)]
pub(crate) struct Names {
    categories: HashMap<String, String>,
    entries: HashMap<Choice, String>,
}

impl Names {
    /// Makes ids for all categories and entries.
    ///
    /// A name that is a valid id stays unchanged. An id is made from any other name. If an entry's
    /// name is not a valid id, or is in two categories, its id begins with its category.
    pub(crate) fn new(published: &[PublishedTotal]) -> Self {
        let mut categories = HashMap::new();
        let mut taken: HashSet<String> = HashSet::new();
        let valid = |published: &&PublishedTotal| is_id(&published.choice.0);
        // Valid ids come first, so that no made id takes the place of one.
        for entry in published.iter().filter(valid).chain(published.iter().filter(|entry| !valid(entry))) {
            let category = &entry.choice.0;
            if !categories.contains_key(category) {
                categories.insert(category.clone(), make_unique(category, &mut taken));
            }
        }

        let mut times: HashMap<&str, u32> = HashMap::new();
        for PublishedTotal { choice: (_, entry), .. } in published {
            *times.entry(entry).or_default() += 1;
        }
        let is_unique_id = |published: &&PublishedTotal| {
            is_id(&published.choice.1) && times.get(&*published.choice.1) == Some(&1)
        };
        let mut taken: HashSet<String> = HashSet::new();
        let mut entries = HashMap::new();
        for PublishedTotal { choice, .. } in published.iter().filter(is_unique_id) {
            taken.insert(choice.1.clone());
            entries.insert(choice.clone(), choice.1.clone());
        }
        for PublishedTotal { choice, .. } in published.iter().filter(|entry| !is_unique_id(entry)) {
            let id = make_unique(&format!("{}-{}", choice.0, choice.1), &mut taken);
            entries.insert(choice.clone(), id);
        }
        Self { categories, entries }
    }

    /// Returns the id of a category.
    ///
    /// # Errors
    /// The published file does not have the category.
    fn category(&self, category: &str) -> Result<&str> {
        let known = self.categories.get(category).map(|id| &**id);
        known.with_context(|| format!("the published file does not have the category `{category}`"))
    }

    /// Returns the ids of a vote's category and entry.
    ///
    /// # Errors
    /// The published file does not have the entry.
    pub(crate) fn of(&self, choice: &Choice) -> Result<(&str, &str)> {
        let category = self.categories.get(&choice.0);
        category.zip(self.entries.get(choice)).map(|(category, entry)| (&**category, &**entry)).with_context(
            || format!("the published file does not have the entry `{}` of `{}`", choice.1, choice.0),
        )
    }
}

/// Makes an id like `text` and adds it to `taken`.
fn make_unique(text: &str, taken: &mut HashSet<String>) -> String {
    let mut id = text.to_owned();
    if !is_id(&id) {
        let fits = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
        let word = |c: char| if fits(c) { c.to_ascii_lowercase() } else { '_' };
        let words = text.trim_start_matches(|c: char| !c.is_ascii_alphanumeric());
        id = words.chars().map(word).take(MAX_LENGTH - ROOM_FOR_NUMBER).collect();
        if id.is_empty() {
            id = "x".to_owned();
        }
    }
    let stem: String = id.chars().take(MAX_LENGTH - ROOM_FOR_NUMBER).collect();
    let mut number = 1_u32;
    while !taken.insert(id.clone()) {
        number += 1;
        id = format!("{stem}-{number}");
    }
    id
}

/// Returns the definition as JSON: an open contest with these entries and caps.
pub(crate) fn definition(published: &[PublishedTotal], names: &Names, caps: &Caps) -> Result<String> {
    let now = acclaim_cli::clock::now();
    let fraction = Duration::new(0, u32::try_from(now.subsec_nanosecond())?);
    let opens = now.saturating_sub(fraction)?;
    let mut categories = Vec::new();
    let mut entries = Vec::new();
    let mut known = HashSet::new();
    for PublishedTotal { choice, title: text, .. } in published {
        let (category, entry) = names.of(choice)?;
        if known.insert(category) {
            let mut one = json!({"id": category, "title": title(&choice.0, category)});
            if let Some(votes) = caps.votes_in(&choice.0) {
                one["votes"] = json!([1, votes]);
            }
            categories.push(one);
        }
        entries.push(json!({"id": entry, "category": category, "title": title(text, entry)}));
    }
    let mut definition = json!({
        "contest": {"id": CONTEST, "title": "Replay", "time_zone": "UTC",
            "opens": opens.to_string(), "closes": opens.saturating_add(OPEN)?.to_string()},
        "ballot": {"votes_per_category": [1, 1]},
        "winners": {"count": 1, "from": "all", "by": "votes"},
        "category": categories,
        "entry": entries,
    });
    if let Some(votes) = caps.votes_in_all {
        definition["ballot"]["votes_in_all"] = votes.into();
    }
    let limits = caps.limits.iter().map(|limit| {
        let categories = limit.categories.iter().map(|category| names.category(category));
        Ok(json!({"categories": categories.collect::<Result<Vec<_>>>()?, "most": limit.max}))
    });
    let limits = limits.collect::<Result<Vec<_>>>()?;
    if !limits.is_empty() {
        definition["limit"] = limits.into();
    }
    for category in caps.named() {
        names.category(category)?;
    }
    Ok(definition.to_string())
}

/// Returns `text` as a title, or `id` if the text has no readable characters.
fn title(text: &str, id: &str) -> String {
    let title: String = text.trim().chars().filter(|c| !c.is_control()).take(MAX_TITLE_LENGTH).collect();
    if title.trim().is_empty() { id.to_owned() } else { title }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn published(choices: &[(&str, &str)]) -> Vec<PublishedTotal> {
        let row = |(category, entry): &(&str, &str)| PublishedTotal {
            choice: ((*category).to_owned(), (*entry).to_owned()),
            title: String::new(),
            votes: 0,
        };
        choices.iter().map(row).collect()
    }

    fn names(choices: &[(&str, &str)]) -> Vec<(String, String)> {
        let published = published(choices);
        let names = Names::new(&published);
        let of = |published: &PublishedTotal| names.of(&published.choice).unwrap();
        published.iter().map(of).map(|(category, entry)| (category.to_owned(), entry.to_owned())).collect()
    }

    #[track_caller]
    fn check(choices: &[(&str, &str)], expected: &[(&str, &str)]) {
        let names = names(choices);
        let names: Vec<(&str, &str)> =
            names.iter().map(|(category, entry)| (&**category, &**entry)).collect();
        assert_eq!(names, expected);
        assert!(names.iter().all(|(category, entry)| is_id(category) && is_id(entry)), "{names:?}");
    }

    #[test]
    fn keeps_valid_ids() {
        check(&[("150_-_500", "7"), ("from_500", "8")], &[("150_-_500", "7"), ("from_500", "8")]);
    }

    #[test]
    fn prefixes_entry_in_two_categories_with_its_category() {
        check(&[("a", "1"), ("b", "1"), ("b", "2")], &[("a", "a-1"), ("b", "b-1"), ("b", "2")]);
    }

    #[test]
    fn makes_unique_ids_from_other_names() {
        check(
            &[("Sport!", "Łódź"), ("sport_", "sport_-__d_"), ("sport_", "  "), ("sport_", "A")],
            &[
                ("sport_-2", "sport_-__d_-2"),
                ("sport_", "sport_-__d_"),
                ("sport_", "sport_-__"),
                ("sport_", "sport_-a"),
            ],
        );
    }

    #[test]
    fn keeps_long_names_with_equal_beginnings_apart() {
        let (one, two) = ("x".repeat(70) + "1", "x".repeat(70) + "2");
        let names = names(&[("c", &one), ("c", &two)]);
        assert!(names[0].1 != names[1].1 && names.iter().all(|(_, entry)| is_id(entry)), "{names:?}");
    }

    #[test]
    fn refuses_vote_for_unknown_entry() {
        let error = Names::new(&published(&[("a", "1")])).of(&("a".into(), "9".into())).unwrap_err();
        assert!(error.to_string().contains("entry `9` of `a`"), "{error}");
    }
}
