//! Categories and entries, read from the definition and from the file of entries, and checked
//! together.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
};

use acclaim_tables::did_you_mean;
use acclaim_text::quoted;

use super::{
    contest_table::{title, titles},
    fields::{Field, Table},
    mistakes::{Findings, Place},
    text,
    votes::{MAX_PLACES, votes_per_category},
};
use crate::{
    ballot::{MAX_SELECTIONS_LENGTH, selection_length},
    entry::{Category, Entry, Titles},
    id::{CategoryId, EntryId, InvalidId},
    rules::Rules,
};

/// The maximum number of entries of a contest.
pub const MAX_ENTRIES: usize = 100_000;

/// The maximum number of mistakes for which a similar category is searched.
const MAX_SUGGESTIONS: usize = 100;
/// The maximum number of categories that are compared in such a search.
const MAX_COMPARED: usize = 1_000;

/// Categories during reading: the complete ones in order, and facts about the entries of each one.
pub(super) struct Categories {
    complete: Vec<Category>,
    known: Vec<CategoryInfo>,
    /// The index in `known` by the text of the id, even if the text is not an identifier. So the
    /// entries of a category with a wrong id are not reported as well.
    index: HashMap<String, usize>,
}

struct CategoryInfo {
    id: String,
    place: Place,
    path: String,
    entries: usize,
    longest_id: usize,
    /// The category's own numbers of votes.
    votes: Option<[u32; 2]>,
}

impl Categories {
    /// Reads the categories. If there must be one, an empty list is a mistake.
    pub(super) fn read(root: &mut Table<'_>, required: bool, findings: &mut Findings) -> Self {
        let mut categories = Self { complete: Vec::new(), known: Vec::new(), index: HashMap::new() };
        let tables = root.tables("category", findings);
        if required && tables.as_ref().is_none_or(Vec::is_empty) {
            findings.add(Place::Nowhere, "category", "there is no category; a contest has at least one");
        }
        for table in tables.unwrap_or_default() {
            categories.add(table, findings);
        }
        categories
    }

    pub(super) fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    pub(super) fn is_known(&self, id: &str) -> bool {
        self.index.contains_key(id)
    }

    /// Returns the minimum number of votes of a ballot that votes in every category.
    ///
    /// `least` is the contest's minimum for one category.
    pub(super) fn min_votes(&self, least: u32) -> u64 {
        self.known.iter().map(|known| known.votes.map_or(u64::from(least), |[least, _]| least.into())).sum()
    }

    fn add(&mut self, mut table: Table<'_>, findings: &mut Findings) {
        let (place, path) = (table.place, table.path.clone());
        let id = table.required("id", findings).and_then(|field| {
            let id = field.text(findings)?.into_owned();
            if self.index.contains_key(&id) {
                field.wrong(findings, format!("{} is the id of an earlier category too", quoted(&id)));
            } else {
                self.index.insert(id.clone(), self.known.len());
                let path = path.clone();
                self.known.push(CategoryInfo { id, place, path, entries: 0, longest_id: 0, votes: None });
            }
            field.parsed(findings)
        });
        let (title, titles) = (title(&mut table, findings), titles(&mut table, findings));
        let votes = table.field("votes").and_then(|field| votes_per_category(&field, findings));
        let mut places = |key| table.field(key).and_then(|field| field.number(1..=MAX_PLACES, findings));
        let (champions, winners) = (places("champions"), places("winners"));
        table.finish(findings);
        if let Some(known) = self.known.last_mut().filter(|known| known.path == path) {
            known.votes = votes;
        }
        let (Some(id), Some(title)) = (id, title) else { return };
        let category = Category { id, title, titles, votes, champions, winners };
        if let Err(problem) = text::check_category(&category) {
            findings.add(place, path, problem);
        }
        self.complete.push(category);
    }

    /// Returns the categories of a contest that has no entries yet.
    pub(super) fn without_entries(self, rules: &Rules, findings: &mut Findings) -> Vec<Category> {
        self.check_rules(rules, findings);
        self.complete
    }

    /// Reports the categories whose own numbers contradict the contest's rules.
    fn check_rules(&self, rules: &Rules, findings: &mut Findings) {
        for category in &self.complete {
            let Some((key, reason)) = rules.category_contradiction(category) else { continue };
            let known = self.index.get(category.id.as_str()).and_then(|at| self.known.get(*at));
            if let Some(CategoryInfo { place, path, .. }) = known {
                findings.add(*place, format!("{path}.{key}"), reason);
            }
        }
    }

    /// Runs the checks that need all entries, and returns the categories.
    pub(super) fn finish(self, rules: &Rules, findings: &mut Findings) -> Vec<Category> {
        self.check_rules(rules, findings);
        let size = |votes: u32| usize::try_from(votes).unwrap_or(usize::MAX);
        for known in &self.known {
            let id = &*known.id;
            let [least, most] = known.votes.unwrap_or(rules.ballot.votes_per_category).map(size);
            let votes = most.min(known.entries);
            if known.entries == 0 {
                findings.add(known.place, &*known.path, format!("the category {} has no entry", quoted(id)));
            } else if known.entries < least {
                let problem = format!(
                    "the category {} has fewer entries ({}) than a ballot must vote for ({least})",
                    quoted(id),
                    known.entries,
                );
                findings.add(known.place, &*known.path, problem);
            } else if votes.saturating_mul(selection_length(id.len(), known.longest_id))
                > MAX_SELECTIONS_LENGTH
            {
                let problem = format!(
                    "{votes} votes in the category {} do not fit in a ballot; use shorter ids or fewer votes",
                    quoted(id),
                );
                findings.add(known.place, &*known.path, problem);
            }
        }
        self.complete
    }
}

/// Entries during reading.
pub(super) struct Entries {
    complete: Vec<Entry>,
    ids: HashSet<String>,
    count: usize,
    unknown_categories: usize,
}

/// An entry from either file. A value that is `None` was missing or wrong and has been reported.
pub(super) struct UncheckedEntry<'t> {
    /// The place of the entry.
    pub(super) place: Place,
    /// The path, for example `entry[3]`. Empty for a row of the file of entries.
    pub(super) path: String,
    pub(super) id: Option<(Place, Cow<'t, str>)>,
    pub(super) category: Option<(Place, Cow<'t, str>)>,
    pub(super) title: Option<String>,
    pub(super) titles: Titles,
    pub(super) summary: Option<String>,
    pub(super) image: Option<String>,
    pub(super) url: Option<String>,
    pub(super) details: Vec<(String, String)>,
}

impl Entries {
    pub(super) fn read(root: &mut Table<'_>, categories: &mut Categories, findings: &mut Findings) -> Self {
        let mut entries = Self { complete: Vec::new(), ids: HashSet::new(), count: 0, unknown_categories: 0 };
        for table in root.tables("entry", findings).unwrap_or_default() {
            let candidate = read_entry(table, findings);
            entries.add(candidate, categories, findings);
        }
        entries
    }

    /// Adds one entry. Returns `false` without reading it if there are already [`MAX_ENTRIES`].
    pub(super) fn add(
        &mut self,
        candidate: UncheckedEntry<'_>,
        categories: &mut Categories,
        findings: &mut Findings,
    ) -> bool {
        if self.count == MAX_ENTRIES {
            findings.add(candidate.place, "entry", format!("there are more than {MAX_ENTRIES} entries"));
            return false;
        }
        self.count += 1;
        let path = candidate.path;
        let key = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
        let mut report =
            |(place, name): (Place, &str), problem: String| findings.add(place, key(name), problem);
        let mut id_length = 0;
        let id = candidate.id.and_then(|(place, text)| {
            id_length = text.len();
            if !self.ids.insert(text.to_string()) {
                report((place, "id"), format!("{} is the id of an earlier entry too", quoted(&text)));
            }
            text.parse::<EntryId>().map_err(|error: InvalidId| report((place, "id"), error.to_string())).ok()
        });
        let category = candidate.category.and_then(|(place, text)| {
            let known = categories.index.get(&*text).and_then(|at| categories.known.get_mut(*at));
            if let Some(known) = known {
                known.entries += 1;
                known.longest_id = known.longest_id.max(id_length);
            } else if !categories.index.is_empty() {
                self.unknown_categories += 1;
                // Comparing each wrong row with every category would take too long.
                let compared = if self.unknown_categories <= MAX_SUGGESTIONS { MAX_COMPARED } else { 0 };
                let known = categories.known.iter().take(compared).map(|known| &*known.id);
                let nearest = did_you_mean(&text, known);
                report((place, "category"), format!("there is no category {}{nearest}", quoted(&text)));
            }
            text.parse::<CategoryId>().ok()
        });
        let (Some(id), Some(category), Some(title)) = (id, category, candidate.title) else { return true };
        let UncheckedEntry { titles, summary, image, url, details, .. } = candidate;
        let entry = Entry { id, category, title, titles, summary, image, url, details };
        if let Err(problem) = text::check_entry(&entry) {
            findings.add(candidate.place, path, problem);
        }
        self.complete.push(entry);
        true
    }

    pub(super) fn finish(self, findings: &mut Findings) -> Vec<Entry> {
        if self.count == 0 {
            findings.add(Place::Nowhere, "entry", "there is no entry; a contest has at least one");
        }
        self.complete
    }
}

fn read_entry<'t>(mut table: Table<'t>, findings: &mut Findings) -> UncheckedEntry<'t> {
    let mut id_of = |key, table: &mut Table<'t>| {
        let field = table.required(key, findings)?;
        Some((field.place, field.text(findings)?))
    };
    let (id, category) = (id_of("id", &mut table), id_of("category", &mut table));
    let (title, titles) = (title(&mut table, findings), titles(&mut table, findings));
    let summary = table.field("summary").and_then(|field| field.checked(findings, text::check_summary));
    let image = table.field("image").and_then(|field| field.checked(findings, text::check_address));
    let url = table.field("url").and_then(|field| field.checked(findings, text::check_address));
    let details = table.field("details").map(|field| details(&field, findings)).unwrap_or_default();
    let (place, path) = (table.place, table.path.clone());
    table.finish(findings);
    UncheckedEntry { place, path, id, category, title, titles, summary, image, url, details }
}

fn details(field: &Field<'_>, findings: &mut Findings) -> Vec<(String, String)> {
    let elements = field.elements(text::MAX_DETAILS, findings).unwrap_or_default();
    let detail = |element: Field<'_>| {
        let [label, value] = element.pair("[label, value], such as [\"country\", \"Ghana\"]", findings)?;
        let label = label.checked(findings, text::check_label);
        let value = value.checked(findings, text::check_value);
        Some((label?, value?))
    };
    elements.into_iter().filter_map(detail).collect()
}
