//! Typed reading of tables.
//!
//! A value that has the wrong type, is out of range, unknown or repeated becomes a mistake. Reading
//! continues after it.

use std::{borrow::Cow, ops::RangeInclusive};

use acclaim_text::quoted;

use super::{
    mistakes::{Findings, Place, clipped, clipped_message},
    supported::is_supported,
    tree::{MAX_ELEMENTS, MAX_KEYS, Node, View},
};

/// A table of the definition.
///
/// The reader takes its keys one by one. [`Table::finish`] reports the keys that were not taken.
#[derive(Debug)]
#[must_use = "a table must be finished, or unknown keys go unnoticed"]
pub(super) struct Table<'t> {
    pub(super) path: String,
    pub(super) place: Place,
    pairs: Vec<(Cow<'t, str>, Node<'t>)>,
    known_keys: Vec<&'static str>,
}

/// A value with its path, for example `entry[3].title`, and its place.
#[derive(Debug)]
pub(super) struct Field<'t> {
    pub(super) path: String,
    pub(super) place: Place,
    node: Node<'t>,
}

impl<'t> Table<'t> {
    /// The outermost table of the file.
    pub(super) fn root(node: Node<'t>, findings: &mut Findings) -> Option<Self> {
        let mut root = Field { path: String::new(), place: Place::Main(node.at), node }.table(findings)?;
        // A table or key that is missing in the whole file has no line.
        root.place = Place::Nowhere;
        Some(root)
    }

    /// Takes the value of a key, if it is there.
    pub(super) fn field(&mut self, key: &'static str) -> Option<Field<'t>> {
        self.known_keys.push(key);
        let position = self.pairs.iter().position(|(name, _)| name == key)?;
        let (_, node) = self.pairs.swap_remove(position);
        Some(Field { path: self.path_of(key), place: Place::Main(node.at), node })
    }

    /// Takes the value of a required key. A missing key is reported.
    pub(super) fn required(&mut self, key: &'static str, findings: &mut Findings) -> Option<Field<'t>> {
        let field = self.field(key);
        if field.is_none() {
            findings.add(self.place, self.path_of(key), "is missing");
        }
        field
    }

    /// Takes the table under a key. It is empty if the key is absent or not a table.
    pub(super) fn table_or_empty(&mut self, key: &'static str, findings: &mut Findings) -> Self {
        self.field(key).and_then(|field| field.table(findings)).unwrap_or_else(|| Self {
            path: self.path_of(key),
            place: self.place,
            pairs: Vec::new(),
            known_keys: Vec::new(),
        })
    }

    /// Takes the elements of an array of tables, if it is there.
    ///
    /// Elements that are not tables are reported and left out.
    pub(super) fn tables(&mut self, key: &'static str, findings: &mut Findings) -> Option<Vec<Self>> {
        let elements = self.field(key)?.elements(MAX_ELEMENTS, findings)?;
        Some(elements.into_iter().filter_map(|element| element.table(findings)).collect())
    }

    /// Returns all pairs of a table with free keys.
    pub(super) fn into_pairs(self) -> Vec<(String, Field<'t>)> {
        let path = self.path;
        let field = |name: &str, node: Node<'t>| Field {
            path: join(&path, &clipped(name)),
            place: Place::Main(node.at),
            node,
        };
        self.pairs.into_iter().map(|(name, node)| (name.to_string(), field(&name, node))).collect()
    }

    /// Reports the keys that were not taken.
    pub(super) fn finish(self, findings: &mut Findings) {
        // A file with only unknown keys must not cost time for messages that are not listed.
        if findings.count_unlisted(self.pairs.len()) {
            return;
        }
        for (name, node) in &self.pairs {
            let hint = match &**name {
                "entries_csv" | "details" => {
                    "it belongs at the top of the file, before the first table".to_owned()
                }
                _ => format!("the keys here are {}", self.known_keys.join(", ")),
            };
            findings.add(Place::Main(node.at), self.path_of(&clipped(name)), format!("unknown key; {hint}"));
        }
    }

    fn path_of(&self, key: &str) -> String {
        join(&self.path, key)
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

impl<'t> Field<'t> {
    /// Reports a mistake at this value.
    pub(super) fn wrong(&self, findings: &mut Findings, problem: impl Into<String>) {
        findings.add(self.place, &*self.path, problem);
    }

    fn report_wrong_type<T>(&self, findings: &mut Findings, expected: &str, view: &View<'_>) -> Option<T> {
        match view {
            View::Broken(cause) => self.wrong(findings, cause.as_str()),
            _ => self.wrong(findings, format!("must be {expected}, not {}", view.name())),
        }
        None
    }

    /// Returns the place of the first element of a list. In TOML this is the head of its table.
    pub(super) fn first_element(&self) -> Option<Place> {
        let View::Array { elements, .. } = self.node.view() else { return None };
        elements.first().map(|element| Place::Main(element.at))
    }

    /// Reads any text.
    pub(super) fn text(&self, findings: &mut Findings) -> Option<Cow<'t, str>> {
        match self.node.view() {
            View::Text(text) => Some(text),
            other => self.report_wrong_type(findings, "text in quotes", &other),
        }
    }

    /// Reads a text and checks it with `check`.
    pub(super) fn checked(
        &self,
        findings: &mut Findings,
        check: impl FnOnce(&str) -> Result<(), String>,
    ) -> Option<String> {
        let text = self.text(findings)?;
        match check(&findings.text_to_check(&text)) {
            Ok(()) => Some(text.into_owned()),
            Err(problem) => {
                self.wrong(findings, problem);
                None
            }
        }
    }

    /// Reads and parses a text, for example an identifier.
    pub(super) fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(
        &self,
        findings: &mut Findings,
    ) -> Option<T> {
        let text = self.text(findings)?;
        match text.parse() {
            Ok(value) => Some(value),
            Err(problem) => {
                self.wrong(findings, clipped_message(&problem.to_string()));
                None
            }
        }
    }

    /// Reads a time: a text, or TOML's own notation without quotes.
    pub(super) fn time(&self, findings: &mut Findings) -> Option<String> {
        match self.node.view() {
            View::Text(text) => Some(text.into_owned()),
            View::Time(text) => Some(text),
            other => self.report_wrong_type(findings, "a date and time", &other),
        }
    }

    pub(super) fn boolean(&self, findings: &mut Findings) -> Option<bool> {
        match self.node.view() {
            View::Boolean(value) => Some(value),
            other => self.report_wrong_type(findings, "true or false", &other),
        }
    }

    /// Reads a whole number from 0 in a range, which must fit the type.
    pub(super) fn number<T: TryFrom<i64>>(
        &self,
        range: RangeInclusive<u64>,
        findings: &mut Findings,
    ) -> Option<T> {
        let [start, end] = [*range.start(), *range.end()].map(|end| i64::try_from(end).unwrap_or(i64::MAX));
        self.integer(start..=end, findings)
    }

    /// Reads a whole number in a range, which must fit the type.
    pub(super) fn integer<T: TryFrom<i64>>(
        &self,
        range: RangeInclusive<i64>,
        findings: &mut Findings,
    ) -> Option<T> {
        let expected = format!("a whole number from {} to {}", range.start(), range.end());
        match self.node.view() {
            View::Integer(Some(value)) if range.contains(&value) => T::try_from(value).ok(),
            View::Integer(Some(value)) => {
                self.wrong(findings, format!("must be {expected}, not {value}"));
                None
            }
            View::Integer(None) => {
                self.wrong(findings, format!("must be {expected}"));
                None
            }
            other => self.report_wrong_type(findings, &expected, &other),
        }
    }

    /// Reads one of the given words.
    pub(super) fn word<T: Copy>(&self, words: &[(&str, T)], findings: &mut Findings) -> Option<T> {
        let text = self.text(findings)?;
        let Some((word, value)) = words.iter().find(|(word, _)| *word == text) else {
            let all: Vec<_> = words.iter().map(|(word, _)| format!("\"{word}\"")).collect();
            self.wrong(findings, format!("must be {}, not {}", join_with_or(&all), quoted(&text)));
            return None;
        };
        self.check_supported(&self.path, word, findings);
        Some(*value)
    }

    /// Reports `word` of `key` at this value if this version does not support it.
    pub(super) fn check_supported(&self, key: &str, word: &str, findings: &mut Findings) {
        if !is_supported(key, word) {
            let name = key.rsplit('.').next().unwrap_or(key);
            self.wrong(findings, format!("{name} = \"{word}\" is not supported yet"));
        }
    }

    pub(super) fn table(&self, findings: &mut Findings) -> Option<Table<'t>> {
        let (pairs, count) = match self.node.view() {
            View::Table { pairs, count } => (pairs, count),
            other => return self.report_wrong_type(findings, "a table", &other),
        };
        if count > pairs.len() {
            self.wrong(findings, format!("has {count} keys; at most {MAX_KEYS} are possible"));
        }
        let mut unique: Vec<(Cow<'t, str>, Node<'t>)> = Vec::with_capacity(pairs.len());
        for (name, node) in pairs {
            // Comparing so few keys is faster than hashing them.
            if unique.iter().all(|(earlier, _)| *earlier != name) {
                unique.push((name, node));
            } else {
                let path = join(&self.path, &clipped(&name));
                findings.add(Place::Main(node.at), path, "is there more than once");
            }
        }
        Some(Table { path: self.path.clone(), place: self.place, pairs: unique, known_keys: Vec::new() })
    }

    /// Reads a list of at most `max` elements.
    pub(super) fn elements(&self, max: usize, findings: &mut Findings) -> Option<Vec<Field<'t>>> {
        let (elements, count) = match self.node.view() {
            View::Array { elements, count } => (elements, count),
            other => return self.report_wrong_type(findings, "a list", &other),
        };
        if count > max {
            self.wrong(findings, format!("has {count} elements; at most {max} are possible"));
        }
        let field = |(i, node): (usize, Node<'t>)| Field {
            path: format!("{}[{i}]", self.path),
            place: Place::Main(node.at),
            node,
        };
        Some(elements.into_iter().take(max).enumerate().map(field).collect())
    }

    /// Reads a list of exactly two elements.
    pub(super) fn pair(&self, expected: &str, findings: &mut Findings) -> Option<[Field<'t>; 2]> {
        let View::Array { elements, count: 2 } = self.node.view() else {
            self.wrong(findings, format!("must be {expected}"));
            return None;
        };
        let mut fields = elements.into_iter().enumerate().map(|(i, node)| Field {
            path: format!("{}[{i}]", self.path),
            place: Place::Main(node.at),
            node,
        });
        Some([fields.next()?, fields.next()?])
    }
}

/// Joins words as `a, b or c`.
fn join_with_or(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}
