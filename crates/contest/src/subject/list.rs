//! Lists of subjects, checked as a whole, and files of them with one subject a line.

use std::{collections::HashMap, fmt};

use acclaim_text::shortened;

use super::{SubjectError, SubjectRules};
use crate::csv_cell::unescape_formulas;

/// The maximum number of refused subjects that are listed. The others are counted.
pub const MAX_LISTED: usize = 100;
/// The maximum number of characters of a refused subject that a message quotes.
const MAX_QUOTED: usize = 80;

/// One person of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The canonical form of the subject.
    pub canonical: String,
    /// The positions of the person in the list, from 0, ascending. Never empty.
    pub positions: Vec<usize>,
}

/// One text of a list that is not a subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedSubject {
    /// The position in the list, from 0.
    pub position: usize,
    /// The text, shortened, with escapes for invisible characters.
    pub subject: String,
    /// The reason.
    pub reason: SubjectError,
}

/// The list has texts that are not subjects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedSubjects {
    /// The first [`MAX_LISTED`] refused subjects, by position.
    pub first: Vec<RefusedSubject>,
    /// The number of refused subjects.
    pub count: usize,
}

impl fmt::Display for RefusedSubject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.reason {
            // An empty text is not quoted.
            reason @ SubjectError::Empty => write!(f, "{reason}"),
            reason => write!(f, "`{}` {reason}", self.subject),
        }
    }
}

impl SubjectRules {
    /// Returns the persons of a list, in the order of their first positions.
    ///
    /// # Errors
    /// [`RefusedSubjects`] if any text is not a subject. A list is accepted as a whole or not at
    /// all.
    pub fn persons<'s>(
        &self,
        list: impl IntoIterator<Item = &'s str>,
    ) -> Result<Vec<Person>, RefusedSubjects> {
        let mut persons: Vec<Person> = Vec::new();
        let mut indexes: HashMap<String, usize> = HashMap::new();
        let mut refused = RefusedSubjects { first: Vec::new(), count: 0 };
        for (position, text) in list.into_iter().enumerate() {
            match self.canonical(text) {
                Ok(canonical) => match indexes.get(&canonical).and_then(|index| persons.get_mut(*index)) {
                    Some(person) => person.positions.push(position),
                    None => {
                        indexes.insert(canonical.clone(), persons.len());
                        persons.push(Person { canonical, positions: vec![position] });
                    }
                },
                Err(reason) => {
                    refused.count += 1;
                    if refused.first.len() < MAX_LISTED {
                        refused.first.push(RefusedSubject {
                            position,
                            subject: escape_for_message(text),
                            reason,
                        });
                    }
                }
            }
        }
        if refused.count > 0 { Err(refused) } else { Ok(persons) }
    }

    /// Reads the subjects of a file, one a line, with their line numbers from 1. Blank lines are
    /// skipped.
    ///
    /// # Errors
    /// The line number, and a message, if the file is not text in UTF-8 or UTF-16. In a contest
    /// with raw subjects, also a line that is a row of a table.
    pub fn lines(&self, content: &[u8]) -> Result<Vec<(usize, String)>, (usize, String)> {
        match self {
            Self::Raw => raw_lines(content),
            Self::Canonical1 { .. } => lines(content),
        }
    }
}

/// Reads lines that end with LF, CR LF or CR.
///
/// A byte order mark, and quotation marks around a line, belong to the file and not to the subject.
fn lines(content: &[u8]) -> Result<Vec<(usize, String)>, (usize, String)> {
    let text = acclaim_tables::decode(content)
        .map_err(|error| (usize::try_from(error.line).unwrap_or(usize::MAX), error.problem))?;
    let normalized = text.replace("\r\n", "\n");
    let numbered = (1..).zip(normalized.split(['\n', '\r']));
    Ok(numbered
        // A subject from a file of passes may have formula escapes.
        .map(|(number, line)| (number, unescape_formulas(&remove_quotes(line.trim())).trim().to_owned()))
        .filter(|(_, line)| !line.is_empty())
        .collect())
}

/// Removes the quotation marks of a field that a spreadsheet quoted.
///
/// A text with other quotation marks inside is not such a field.
fn remove_quotes(line: &str) -> String {
    let inner = line.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    match inner {
        Some(inner) if !inner.replace("\"\"", "").contains('"') => {
            inner.replace("\"\"", "\"").trim().to_owned()
        }
        _ => line.to_owned(),
    }
}

/// Reads lines as before the canonical form existed. Another result would be another voter.
fn raw_lines(content: &[u8]) -> Result<Vec<(usize, String)>, (usize, String)> {
    let text = match std::str::from_utf8(content) {
        Ok(text) => text,
        // The error of this function names the encoding.
        Err(_) => return lines(content),
    };
    let numbered = (1..).zip(text.lines().map(str::trim)).filter(|(_, line)| !line.is_empty());
    numbered
        .map(|(number, line)| match line.contains([',', ';']) {
            true => Err((number, format!("`{}` {}", escape_for_message(line), SubjectError::TableRow))),
            false => Ok((number, line.to_owned())),
        })
        .collect()
}

/// Shortens and escapes a text from outside for a message.
fn escape_for_message(text: &str) -> String {
    let mut escaped = String::new();
    for c in shortened(text.trim(), MAX_QUOTED).chars() {
        match super::characters::is_refused_in_subject(c) {
            true => escaped.extend(c.escape_unicode()),
            false => escaped.push(c),
        }
    }
    escaped
}
