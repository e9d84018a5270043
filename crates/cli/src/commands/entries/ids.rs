//! Ids made from titles. A title always gets the same id, in any order of the rows.

use std::collections::{HashMap, HashSet};

use acclaim_contest::{Entry, EntryId, id::slug, juror};

use super::import::Import;

/// Returns the id of an entry until its own id is made.
#[expect(clippy::expect_used, reason = "one letter is an identifier")]
pub(super) fn placeholder_id() -> EntryId {
    "x".parse().expect("an identifier")
}

/// Gives an id to every row without its own id: the id of the draft's entry of the same title, or
/// an id made from the title.
///
/// Two rows with the same id are a mistake.
pub(super) fn assign_ids(import: &mut Import, draft: &[Entry]) {
    let mut draft_entries: HashMap<(String, String), Vec<&Entry>> = HashMap::new();
    for entry in draft {
        draft_entries.entry(key(entry)).or_default().push(entry);
    }
    let mut rows_by_key: HashMap<(String, String), usize> = HashMap::new();
    import.entries.iter().for_each(|row| *rows_by_key.entry(key(&row.entry)).or_default() += 1);
    let imported_categories: HashSet<&str> =
        import.categories.iter().map(|category| category.id.as_str()).collect();
    let stays = |entry: &&Entry| !imported_categories.contains(entry.category.as_str());
    let mut taken: HashMap<String, u32> =
        draft.iter().filter(stays).map(|entry| (entry.id.to_string(), 0)).collect();
    // Ids of the file and of the draft come first, so that no id made later is one of them.
    let mut is_given = Vec::with_capacity(import.entries.len());
    for row in &mut import.entries {
        let same = draft_entries.get(&key(&row.entry)).map_or(&[][..], Vec::as_slice);
        let same_content = same
            .iter()
            .find(|known| known.details == row.entry.details && known.summary == row.entry.summary);
        let only = match same {
            [only] if rows_by_key.get(&key(&row.entry)) == Some(&1) => Some(only),
            _ => None,
        };
        if let (false, Some(known)) = (row.has_own_id, same_content.or(only)) {
            row.entry.id = known.id.clone();
        }
        let has_id = row.has_own_id || same_content.or(only).is_some();
        if has_id && let Some(earlier) = taken.insert(row.entry.id.to_string(), row.number) {
            import.mistakes.push((row.number, String::new(), same_entry(&row.entry, earlier)));
        }
        is_given.push(has_id);
    }
    let mut slugs: HashMap<String, usize> = HashMap::new();
    let without = || import.entries.iter().zip(&is_given).filter(|(_, has_id)| !**has_id);
    without().for_each(|(row, _)| *slugs.entry(slug(&row.entry.title)).or_default() += 1);
    for (row, has_id) in import.entries.iter_mut().zip(is_given) {
        if has_id {
            continue;
        }
        let entry = &row.entry;
        let content = format!("{}\0{}\0{:?}", entry.category, entry.title, entry.details);
        let is_shared = slugs.get(&slug(&entry.title)).is_some_and(|count| *count > 1);
        let id = id_from_title(&entry.title, &content, |id| is_shared || taken.contains_key(id));
        if let Some(earlier) = taken.insert(id.clone(), row.number) {
            import.mistakes.push((row.number, String::new(), same_entry(entry, earlier)));
        }
        if let Ok(id) = id.parse() {
            row.entry.id = id;
        }
    }
}

/// Returns what two rows of the same entry share: the category and the normalised title.
fn key(entry: &Entry) -> (String, String) {
    (entry.category.to_string(), juror::normalize_name(&entry.title))
}

fn same_entry(entry: &Entry, earlier: u32) -> String {
    let title = &entry.title;
    match earlier {
        0 => format!(
            "{title:?} gets the id {}, which an entry of another category in the draft has; give it another id in a column, and name the column with --id-column",
            entry.id
        ),
        earlier => format!(
            "{title:?} is the same entry as in row {earlier}: delete one of the rows, or name a column with --details in which they differ"
        ),
    }
}

/// Returns an id made from a title.
///
/// If that id is taken, or if no letter of the title can be in an id, it gets digits that are made
/// from `content`.
pub(super) fn id_from_title(title: &str, content: &str, is_taken: impl Fn(&str) -> bool) -> String {
    let slug = slug(title);
    let hash = blake3::hash(content.as_bytes()).to_hex();
    let digits = |count: usize| hash.get(..count).unwrap_or_default().to_owned();
    match slug.as_str() {
        "" => format!("entry-{}", digits(8)),
        slug if is_taken(slug) => format!("{slug}-{}", digits(6)),
        slug => slug.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_made_from_titles() {
        for (title, id) in [
            ("The Long Road", "the-long-road"),
            ("Ünïcörns & Straße", "unicorns-strasse"),
            ("Gear Heads, Jr.", "gear-heads-jr"),
            ("Village's  way", "villages-way"),
            ("Azadi \"Tower\", dusk.jpg", "azadi-tower-dusk-jpg"),
        ] {
            assert_eq!(id_from_title(title, title, |_| false), id);
        }
        let persian = id_from_title("میدان", "میدان", |_| false);
        assert!(persian.starts_with("entry-") && persian.len() == 14, "{persian}");
        assert!(id_from_title("A", "one", |_| true) != id_from_title("A", "two", |_| true));
        assert!(id_from_title(&"long ".repeat(100), "", |_| true).len() <= 64);
    }
}
