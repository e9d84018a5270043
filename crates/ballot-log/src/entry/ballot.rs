//! A ballot's line: it is read without allocation, and written in one place.
//!
//! Reader and writer know only the one canonical form:
//!
//! ```text
//! {"type":"ballot","id":"…","voter":"…"[,"channel":"…"][,"period":"…"][,"replaces":"…"],
//!  "at":"…","selections":[["c","e"],…]}   (on one line, without the space)
//! ```
//!
//! None of its texts needs an escape: ids, tags, days and times are plain ASCII, and other texts
//! are refused.

use std::fmt;

use acclaim_contest::{
    BallotId, ContestId, VoterTag, entry::MAX_ENTRY_LENGTH, id::is_id, voter::BallotContent,
};

use super::{
    error::EntryError,
    text::{is_cut_time, is_period},
};

/// The first bytes of every ballot's line. No other line begins with them.
pub(super) const PREFIX: &str = r#"{"type":"ballot""#;

/// A ballot in the log, borrowed from its line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BallotEntry<'a> {
    /// The written id. [`BallotEntry::expected_id`] computes it from the content.
    pub id: BallotId,
    /// The voter.
    pub voter: VoterTag,
    /// The pass's channel, if the contest has channels: an identifier.
    pub channel: Option<&'a str>,
    /// The day or the ballot's number, if the contest has periods: `2021-03-14` or `7`.
    pub period: Option<&'a str>,
    /// The voter's own standing ballot that this one replaces.
    pub replaces: Option<BallotId>,
    /// When the ballot was cast, cut to the contest's precision: `2021-03-14T12:05Z`,
    /// `2021-03-14T12Z` or `2021-03-14`.
    pub at: &'a str,
    /// The ballot's selections.
    pub selections: Selections<'a>,
}

/// The selections of a ballot: one or more pairs of category and entry, both identifiers.
///
/// The pairs are in strictly ascending byte order.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Selections<'a>(&'a str);

/// A ballot to write. It has no id field, because the id follows from its content.
#[derive(Debug, Clone, Copy)]
pub struct NewBallot<'a, S> {
    /// The voter.
    pub voter: VoterTag,
    /// The pass's channel, if the contest has channels.
    pub channel: Option<&'a str>,
    /// The day or the ballot's number, if the contest has periods.
    pub period: Option<&'a str>,
    /// The voter's own standing ballot that this one replaces.
    pub replaces: Option<BallotId>,
    /// When the ballot was cast, cut to the contest's precision.
    pub at: &'a str,
    /// Category and entry of each selection, in strictly ascending byte order.
    pub selections: S,
}

impl<'a, S: Iterator<Item = (&'a str, &'a str)> + Clone> NewBallot<'a, S> {
    /// The id that the ballot has in `contest`.
    #[must_use]
    pub fn id(&self, contest: &ContestId) -> BallotId {
        let Self { voter, channel, period, replaces, .. } = *self;
        BallotContent { contest, voter, channel, period, replaces, selections: self.selections.clone() }.id()
    }

    /// Appends the ballot's line, without a newline, to `out` and returns its id.
    ///
    /// # Errors
    /// The errors of [`super::LogEntry::decode`] for this line, so that every written line can be
    /// read by a verifier. `out` is then unchanged.
    pub fn write(&self, contest: &ContestId, out: &mut Vec<u8>) -> Result<BallotId, EntryError> {
        let id = self.id(contest);
        self.write_with_id(id, out)?;
        Ok(id)
    }

    pub(super) fn write_with_id(&self, id: BallotId, out: &mut Vec<u8>) -> Result<(), EntryError> {
        let start = out.len();
        let mut text = |parts: &[&str]| parts.iter().for_each(|part| out.extend_from_slice(part.as_bytes()));
        text(&[PREFIX, r#","id":""#, id.text().as_str(), r#"","voter":""#, self.voter.text().as_str(), "\""]);
        if let Some(channel) = self.channel {
            text(&[r#","channel":""#, channel, "\""]);
        }
        if let Some(period) = self.period {
            text(&[r#","period":""#, period, "\""]);
        }
        if let Some(replaces) = self.replaces {
            text(&[r#","replaces":""#, replaces.text().as_str(), "\""]);
        }
        text(&[r#","at":""#, self.at, r#"","selections":["#]);
        for (position, (category, entry)) in self.selections.clone().enumerate() {
            text(&[if position == 0 { "" } else { "," }, "[\"", category, "\",\"", entry, "\"]"]);
        }
        text(&["]}"]);

        let written = out.get(start..).unwrap_or_default();
        let checked = if written.len() > MAX_ENTRY_LENGTH {
            Err(EntryError::TooLong(written.len()))
        } else {
            // Only `str`s were written.
            std::str::from_utf8(written)
                .map_err(|_| EntryError::NotUtf8)
                .and_then(BallotEntry::decode)
                .map(|_| ())
        };
        if checked.is_err() {
            out.truncate(start);
        }
        checked
    }
}

impl<'a> BallotEntry<'a> {
    /// Reads a line that begins with [`PREFIX`].
    pub(super) fn decode(line: &'a str) -> Result<Self, EntryError> {
        let mut rest = LineReader(line);
        rest.take(PREFIX)?;
        rest.take(r#","id":""#)?;
        let id = BallotId::from_text(rest.text()?.as_bytes())
            .map_err(|_| EntryError::Invalid("`id` is not 16 bytes in base64url"))?;
        rest.take(r#","voter":""#)?;
        let voter = VoterTag::from_text(rest.text()?.as_bytes())
            .map_err(|_| EntryError::Invalid("`voter` is not 16 bytes in base64url"))?;
        let channel = rest.option(r#","channel":""#)?;
        let period = rest.option(r#","period":""#)?;
        let replaces = rest
            .option(r#","replaces":""#)?
            .map(|text| BallotId::from_text(text.as_bytes()))
            .transpose()
            .map_err(|_| EntryError::Invalid("`replaces` is not 16 bytes in base64url"))?;
        rest.take(r#","at":""#)?;
        let at = rest.text()?;
        rest.take(r#","selections":["#)?;
        let selections = rest.selections()?;
        rest.take("]}")?;
        if !rest.0.is_empty() {
            return Err(EntryError::NotCanonical);
        }
        if channel.is_some_and(|channel| !is_id(channel)) {
            return Err(EntryError::Invalid("`channel` is not an identifier"));
        }
        if period.is_some_and(|period| !is_period(period)) {
            return Err(EntryError::Invalid("`period` is neither a day nor a number from 1 on"));
        }
        if !is_cut_time(at) {
            return Err(EntryError::Invalid("`at` is not a time cut to the minute, hour or day"));
        }
        Ok(Self { id, voter, channel, period, replaces, at, selections })
    }

    /// The id of a ballot with this content in `contest`.
    ///
    /// A verifier refuses a ballot with another `id`.
    #[must_use]
    pub fn expected_id(&self, contest: &ContestId) -> BallotId {
        self.as_new().id(contest)
    }

    /// The same ballot in the encoder's form.
    #[must_use]
    pub fn as_new(&self) -> NewBallot<'a, SelectionsIter<'a>> {
        let Self { voter, channel, period, replaces, at, selections, .. } = *self;
        NewBallot { voter, channel, period, replaces, at, selections: selections.iter() }
    }
}

impl<'a> Selections<'a> {
    /// Category and entry of each selection.
    #[must_use]
    pub fn iter(self) -> SelectionsIter<'a> {
        SelectionsIter(LineReader(self.0))
    }

    /// The text in the log: `["c","e"],["d","f"]`.
    #[must_use]
    pub fn as_str(self) -> &'a str {
        self.0
    }

    /// Number of selections, at least one.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "never empty")]
    pub fn len(self) -> usize {
        // Identifiers contain no bracket.
        self.0.bytes().filter(|b| *b == b'[').count()
    }
}

impl<'a> IntoIterator for Selections<'a> {
    type Item = (&'a str, &'a str);
    type IntoIter = SelectionsIter<'a>;

    fn into_iter(self) -> SelectionsIter<'a> {
        self.iter()
    }
}

impl fmt::Debug for Selections<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(*self).finish()
    }
}

/// An iterator over the selections of a ballot.
#[derive(Debug, Clone)]
pub struct SelectionsIter<'a>(LineReader<'a>);

impl<'a> Iterator for SelectionsIter<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        // The text was checked when it was read, so an error can only be its end.
        let pair = self.0.pair().ok()?;
        self.0.skip(",");
        Some(pair)
    }
}

/// The unread rest of a line.
#[derive(Debug, Clone)]
struct LineReader<'a>(&'a str);

impl<'a> LineReader<'a> {
    fn take(&mut self, literal: &str) -> Result<(), EntryError> {
        if self.skip(literal) { Ok(()) } else { Err(EntryError::NotCanonical) }
    }

    fn skip(&mut self, literal: &str) -> bool {
        let rest = self.0.strip_prefix(literal);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }

    /// Reads a text and its closing quote. The caller checks its characters.
    fn text(&mut self) -> Result<&'a str, EntryError> {
        let (text, rest) = self.0.split_once('"').ok_or(EntryError::NotCanonical)?;
        self.0 = rest;
        Ok(text)
    }

    fn option(&mut self, key: &str) -> Result<Option<&'a str>, EntryError> {
        if self.skip(key) { self.text().map(Some) } else { Ok(None) }
    }

    fn pair(&mut self) -> Result<(&'a str, &'a str), EntryError> {
        self.take("[\"")?;
        let category = self.text()?;
        self.take(",\"")?;
        let entry = self.text()?;
        self.take("]")?;
        Ok((category, entry))
    }

    fn selections(&mut self) -> Result<Selections<'a>, EntryError> {
        let start = self.0;
        let mut last = ("", "");
        loop {
            let (category, entry) = self.pair()?;
            if !is_id(category) || !is_id(entry) {
                return Err(EntryError::Invalid("`selections` has a text that is not an identifier"));
            }
            if (category, entry) <= last {
                return Err(EntryError::Invalid("`selections` are not in byte order, each once"));
            }
            last = (category, entry);
            if !self.skip(",") {
                break;
            }
        }
        let length = start.len() - self.0.len();
        start.get(..length).map(Selections).ok_or(EntryError::NotCanonical)
    }
}
