//! Lists of subjects: checked whole, mistakes named by position; files of them, a subject a line.

use std::{collections::HashMap, fmt};

use acclaim_text::shortened;

use super::{SubjectError, SubjectRules};
use crate::csv_cell::unescape_formulas;

/// Refused subjects that are listed; the others are counted.
pub const MAX_LISTED: usize = 100;
/// Characters of a refused subject that are repeated.
const MAX_QUOTED: usize = 80;

/// One person of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The canonical form.
    pub canonical: String,
    /// Where the list has this person, from 0 on, ascending; never empty.
    pub positions: Vec<usize>,
}

/// One text of a list that is no subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedSubject {
    /// Its place, from 0 on.
    pub position: usize,
    /// The text, cut to what helps, with what is invisible written out.
    pub subject: String,
    /// Why.
    pub reason: SubjectError,
}

/// The list has texts that are no subjects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedSubjects {
    /// The first [`MAX_LISTED`] of them, by position.
    pub first: Vec<RefusedSubject>,
    /// How many there are.
    pub count: usize,
}

impl fmt::Display for RefusedSubject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.reason {
            // There is nothing to quote.
            reason @ SubjectError::Empty => write!(f, "{reason}"),
            reason => write!(f, "`{}` {reason}", self.subject),
        }
    }
}

impl SubjectRules {
    /// The persons of a list, in the order of their first places.
    ///
    /// # Errors
    /// [`RefusedSubjects`] if any text is no subject: the list is taken whole or not at all.
    pub fn persons<'s>(
        &self,
        list: impl IntoIterator<Item = &'s str>,
    ) -> Result<Vec<Person>, RefusedSubjects> {
        let mut persons: Vec<Person> = Vec::new();
        let mut places: HashMap<String, usize> = HashMap::new();
        let mut refused = RefusedSubjects { first: Vec::new(), count: 0 };
        for (position, text) in list.into_iter().enumerate() {
            match self.canonical(text) {
                Ok(canonical) => match places.get(&canonical).and_then(|place| persons.get_mut(*place)) {
                    Some(person) => person.positions.push(position),
                    None => {
                        places.insert(canonical.clone(), persons.len());
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

    /// The subjects of a file, a line each, with the numbers of their lines, from 1 on. Blank lines are passed over.
    ///
    /// # Errors
    /// The line, and what is wrong with it, if the file is not text in UTF-8 or UTF-16.
    pub fn lines(&self, content: &[u8]) -> Result<Vec<(usize, String)>, (usize, String)> {
        match self {
            Self::Raw => raw_lines(content),
            Self::Canonical1 { .. } => lines(content),
        }
    }
}

/// Lines that end with LF, CR LF or CR; a byte-order mark and quotation marks around a line are the file's, not the subject's.
fn lines(content: &[u8]) -> Result<Vec<(usize, String)>, (usize, String)> {
    let text = acclaim_tables::decode(content)
        .map_err(|error| (usize::try_from(error.line).unwrap_or(usize::MAX), error.problem))?;
    let one_end = text.replace("\r\n", "\n");
    let numbered = (1..).zip(one_end.split(['\n', '\r']));
    Ok(numbered
        // A subject out of a file of passes may be guarded.
        .map(|(number, line)| (number, unescape_formulas(&unquoted(line.trim())).trim().to_owned()))
        .filter(|(_, line)| !line.is_empty())
        .collect())
}

/// A field that a spreadsheet has quoted, without its quotation marks. What has others inside is no such field.
fn unquoted(line: &str) -> String {
    let inner = line.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    match inner {
        Some(inner) if !inner.replace("\"\"", "").contains('"') => {
            inner.replace("\"\"", "\"").trim().to_owned()
        }
        _ => line.to_owned(),
    }
}

/// As files were read before there was a canonical form: a subject that was read in another way then would be another voter.
fn raw_lines(content: &[u8]) -> Result<Vec<(usize, String)>, (usize, String)> {
    let text = match std::str::from_utf8(content) {
        Ok(text) => text,
        // Says what it seems to be instead.
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

/// A text from outside as a message repeats it.
fn escape_for_message(text: &str) -> String {
    let mut shown = String::new();
    for c in shortened(text.trim(), MAX_QUOTED).chars() {
        match super::characters::is_refused_in_subject(c) {
            true => shown.extend(c.escape_unicode()),
            false => shown.push(c),
        }
    }
    shown
}
