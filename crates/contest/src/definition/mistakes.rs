//! The mistakes of a definition: all mistakes of a file at once, each with its line and key.

use std::{borrow::Cow, fmt};

use acclaim_text::{MAX_QUOTED, characters, escaped};
use serde::{Deserialize, Serialize};

/// The maximum number of mistakes that are listed. The other mistakes are only counted.
pub const MAX_MISTAKES: usize = 1000;

/// The maximum number of characters of a library's message.
const MAX_MESSAGE_LENGTH: usize = 500;

/// One mistake in a definition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mistake {
    /// The name of the file of entries. Absent if the mistake is in the definition itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The row of the file of entries, as a spreadsheet numbers it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub row: Option<u32>,
    /// The line, from 1.
    ///
    /// Absent if the mistake has no place in a file, for example a missing table or an option of
    /// the command line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// The key, for example `ballot.revision` or `entry[3].category`, with elements counted from 0.
    ///
    /// In a file of entries it is the column's name. May be empty.
    pub key: String,
    /// The problem, and how to correct it.
    pub problem: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.file {
            write!(f, "{file}: ")?;
        }
        match (self.row, self.line) {
            (Some(row), Some(line)) if row != line => write!(f, "row {row} (line {line}): ")?,
            (Some(row), _) => write!(f, "row {row}: ")?,
            (None, Some(line)) => write!(f, "line {line}: ")?,
            (None, None) => {}
        }
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.problem)
    }
}

/// All mistakes of a definition, in the order of their lines. Those of the file of entries come
/// last.
///
/// `Display` writes one mistake per line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub struct Mistakes(pub Vec<Mistake>);

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, mistake) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str("\n")?;
            }
            mistake.fmt(f)?;
        }
        Ok(())
    }
}

impl Mistakes {
    /// Removes files and lines. No file has the text of a stored definition.
    #[must_use]
    pub fn without_places(self) -> Self {
        let without_place = |mistake| Mistake { file: None, row: None, line: None, ..mistake };
        Self(self.0.into_iter().map(without_place).collect())
    }
}

/// The place of a value.
///
/// In the definition it is a byte offset. Lines are counted once at the end, only for reported
/// mistakes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    /// Not in a file.
    Nowhere,
    /// A byte offset in the definition.
    Main(usize),
    /// In the file of entries: the row as a spreadsheet numbers it, and the line if the file has
    /// lines.
    Entries(Option<u32>, Option<u32>),
}

/// Collects mistakes while a definition is read. A reader that returns `None` has added one here.
#[derive(Debug, Default)]
pub(super) struct Findings {
    listed: Vec<(Place, String, String)>,
    unlisted: usize,
    /// Whether the definition was stored before. Then its texts are checked by the rules under
    /// which it was stored.
    is_stored: bool,
}

impl Findings {
    /// Collects the mistakes of a stored definition.
    pub(super) fn for_stored() -> Self {
        Self { is_stored: true, ..Self::default() }
    }

    /// Returns the text to which the checks apply.
    pub(super) fn text_to_check<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if self.is_stored { characters::replace_newly_refused(text) } else { Cow::Borrowed(text) }
    }

    pub(super) fn add(&mut self, place: Place, key: impl Into<String>, problem: impl Into<String>) {
        if self.listed.len() < MAX_MISTAKES {
            self.listed.push((place, key.into(), problem.into()));
        } else {
            self.unlisted += 1;
        }
    }

    /// Counts mistakes if the list is full, and returns `true`.
    ///
    /// Returns `false` and counts nothing if the list has space.
    pub(super) fn count_unlisted(&mut self, mistakes: usize) -> bool {
        let full = self.listed.len() >= MAX_MISTAKES;
        if full {
            self.unlisted += mistakes;
        }
        full
    }

    /// Whether a mistake is known at the value of `path`, at a table that contains it, or at one of
    /// its elements.
    pub(super) fn has_mistake_at(&self, path: &str) -> bool {
        let is_inside = |inner: &str, outer: &str| {
            inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        };
        let is_element = |key: &str| key.strip_prefix(path).is_some_and(|rest| rest.starts_with('['));
        // A list of tables is not wrong as a whole if one of its keys is wrong. The reader of the
        // list knows whether an element was left out.
        let is_list = matches!(path, "channel" | "panel");
        self.listed
            .iter()
            .any(|(_, key, _)| !key.is_empty() && (is_inside(path, key) || (!is_list && is_element(key))))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.listed.is_empty()
    }

    /// Returns the mistakes in order, with their lines in `main` and the name of the file of
    /// entries.
    pub(super) fn finish(mut self, main: &[u8], entries: Option<&str>) -> Mistakes {
        self.listed.sort_by_key(|(place, ..)| *place);
        let name = entries.unwrap_or_default();
        let mut main = Lines::new(main);
        let mut mistakes: Vec<_> = self
            .listed
            .into_iter()
            .map(|(place, key, problem)| match place {
                Place::Nowhere => Mistake { file: None, row: None, line: None, key, problem },
                Place::Main(at) => Mistake { file: None, row: None, line: main.of(at), key, problem },
                Place::Entries(row, line) => Mistake { file: Some(name.to_owned()), row, line, key, problem },
            })
            .collect();
        if self.unlisted > 0 {
            let problem = format!("and {} more", self.unlisted);
            mistakes.push(Mistake { file: None, row: None, line: None, key: String::new(), problem });
        }
        Mistakes(mistakes)
    }
}

/// Counts the lines up to increasing offsets, in one pass for all of them.
struct Lines<'a> {
    content: &'a [u8],
    at: usize,
    line: u32,
}

impl<'a> Lines<'a> {
    fn new(content: &'a [u8]) -> Self {
        Self { content, at: 0, line: 1 }
    }

    fn of(&mut self, offset: usize) -> Option<u32> {
        let passed = self.content.get(self.at..offset).unwrap_or_default();
        let newlines = passed.iter().filter(|&&byte| byte == b'\n').count();
        self.line = self.line.saturating_add(u32::try_from(newlines).unwrap_or(u32::MAX));
        self.at = self.at.max(offset);
        Some(self.line)
    }
}

/// Escapes a library's message, which may quote a text of the definition, and cuts it.
///
/// The limit is long enough to keep the advice in the message.
pub(super) fn clipped_message(message: &str) -> String {
    escaped(message, MAX_MESSAGE_LENGTH)
}

/// Escapes and cuts a text of the definition for a message.
pub(super) fn clipped(text: &str) -> String {
    escaped(text, MAX_QUOTED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_mistakes_in_line_order_up_to_the_limit() {
        let mut findings = Findings::default();
        findings.add(Place::Entries(Some(3), Some(4)), "title", "x");
        findings.add(Place::Main(5), "b", "x");
        findings.add(Place::Main(0), "a", "x");
        findings.add(Place::Nowhere, "n", "x");
        for _ in 0..1030 {
            findings.add(Place::Main(9), "c", "x");
        }
        let mistakes = findings.finish(b"a\nb\n\nc\nddd", Some("e.csv"));
        let text = mistakes.to_string();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[..4], ["n: x", "line 1: a: x", "line 4: b: x", "line 5: c: x"]);
        assert_eq!(lines.len(), MAX_MISTAKES + 1);
        assert_eq!(lines[MAX_MISTAKES - 1..], ["e.csv: row 3 (line 4): title: x", "and 34 more"]);
    }

    #[test]
    fn shortens_and_escapes_outside_text() {
        assert_eq!(acclaim_text::quoted("a\u{1b}[2Jé\u{202e}"), r#""a\u{1b}[2Jé\u{202e}""#);
        assert_eq!(clipped(&"é".repeat(100)), format!("{}…", "é".repeat(80)));
    }
}
