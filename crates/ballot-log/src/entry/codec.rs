//! The canonical bytes of entries: each entry has one line, and every other spelling is refused.
//!
//! The canonical form is JSON in UTF-8 with the keys in the order of the log format. It has no
//! white space, and absent options are left out. Strings are escaped after RFC 8785, as
//! `serde_json` does it.
//!
//! An event is read, written again and compared. This finds unknown, repeated and misplaced keys
//! and other spellings.

use acclaim_contest::entry::MAX_ENTRY_LENGTH;
use acclaim_text::shortened;

use super::{
    Event, LogEntry, Salt,
    ballot::{self, BallotEntry},
    check::check,
    error::EntryError,
    types::is_type,
};

/// The text before the type's name in every entry.
const TYPE_PREFIX: &str = r#"{"type":""#;

impl<'a> LogEntry<'a> {
    /// Reads an entry from its line, without the newline.
    ///
    /// # Errors
    /// [`EntryError`] for all bytes that [`LogEntry::encode`] cannot return.
    pub fn decode(line: &'a [u8]) -> Result<Self, EntryError> {
        if line.len() > MAX_ENTRY_LENGTH {
            return Err(EntryError::TooLong(line.len()));
        }
        let line = std::str::from_utf8(line).map_err(|_| EntryError::NotUtf8)?;
        if line.starts_with(ballot::PREFIX) {
            return BallotEntry::decode(line).map(Self::Ballot);
        }
        match Salt::split(line) {
            Some((unsalted, salt)) => Ok(Self::Event(Box::new(Event::decode(&unsalted)?), Some(salt))),
            None => Ok(Self::Event(Box::new(Event::decode(line)?), None)),
        }
    }

    /// Writes the entry's line, without a newline.
    ///
    /// # Errors
    /// [`EntryError::TooLong`] and, for an event, [`EntryError::Invalid`].
    pub fn encode(&self) -> Result<Vec<u8>, EntryError> {
        match self {
            Self::Ballot(ballot) => {
                let mut line = Vec::with_capacity(160);
                ballot.as_new().write_with_id(ballot.id, &mut line)?;
                Ok(line)
            }
            Self::Event(event, salt) => event.encode(*salt),
        }
    }
}

impl Event {
    /// Writes the entry's line, without a newline.
    ///
    /// The version of the log and [`Event::is_salted`] decide whether the event has a salt.
    ///
    /// # Errors
    /// [`EntryError::TooLong`]; [`EntryError::Invalid`] for a content that no entry can have, for
    /// example an empty reason.
    pub fn encode(&self, salt: Option<Salt>) -> Result<Vec<u8>, EntryError> {
        check(self)?;
        let mut line =
            serde_json::to_vec(self).map_err(|error| EntryError::Malformed(bounded(&error.to_string())))?;
        if let Some(salt) = salt {
            salt.append(&mut line);
        }
        if line.len() > MAX_ENTRY_LENGTH { Err(EntryError::TooLong(line.len())) } else { Ok(line) }
    }

    fn decode(line: &str) -> Result<Self, EntryError> {
        let event: Self = serde_json::from_str(line).map_err(|error| explain(line, &error))?;
        if event.encode(None)? == line.as_bytes() { Ok(event) } else { Err(EntryError::NotCanonical) }
    }
}

fn explain(line: &str, error: &serde_json::Error) -> EntryError {
    if !error.is_data() {
        return EntryError::NotJson(bounded(&error.to_string()));
    }
    match line.strip_prefix(TYPE_PREFIX).and_then(|rest| rest.split_once('"')) {
        Some((name, _)) if !is_type(name) => EntryError::UnknownType(bounded(name)),
        _ => EntryError::Malformed(bounded(&error.to_string())),
    }
}

/// Shortens a message. It may quote the entry, which may be long.
fn bounded(text: &str) -> String {
    shortened(text, 200).into_owned()
}
