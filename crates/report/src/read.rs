//! Reading a document that somebody was handed: bounded, strict, and with an error that names the place.
//!
//! A key that the schema does not have is refused: a report that silently left out what a document says would be worse than none. Version 1 is what the log's
//! `v` 1 comes to, and version 2 what `v` 2 comes to: a key of version 2 is refused in a document of version 1.

mod version_1;

use acclaim_contest::Zone;
use acclaim_text::shortened;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use self::version_1::VersionOne;
use crate::{
    contradiction::{Contradiction, check},
    document::Document,
};

/// The largest document that is read, in bytes: one of a hundred thousand entries has a fifth of it.
pub const MAX_DOCUMENT_BYTES: usize = 128 << 20;

/// The longest part of an error that repeats the document, in characters.
const MAX_QUOTED_LENGTH: usize = 300;

/// What is named where no key is.
const WHOLE: &str = "the document";

/// Why bytes are not a result document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// Nothing was read of it.
    #[error("the document is larger than {MAX_DOCUMENT_BYTES} bytes")]
    TooLarge,
    /// Another schema than this program knows.
    #[error("`v` is {0}: this program reads result documents of versions 1 to {newest}", newest = acclaim_tally::result::VERSION)]
    Version(u64),
    /// Not JSON, or not of the schema: where and why.
    #[error("{at}: {why}")]
    Malformed {
        /// Path of the key, such as `categories[3].standings[0].rank`; `the document` for the whole.
        at: String,
        /// What is wrong with it.
        why: String,
    },
    /// One part of it contradicts another.
    #[error(transparent)]
    Contradiction(#[from] Contradiction),
}

/// A document that was read.
#[derive(Debug, Clone)]
pub struct Report {
    pub(crate) document: Document,
    /// SHA-256 of its bytes, lowercase hex.
    pub(crate) sha256: String,
}

impl Report {
    /// Reads a document.
    ///
    /// # Errors
    /// [`ReadError`]; its text is short whatever the bytes are.
    pub fn read(bytes: &[u8]) -> Result<Self, ReadError> {
        if bytes.len() > MAX_DOCUMENT_BYTES {
            return Err(ReadError::TooLarge);
        }
        // Of another version nothing else is known, so it is asked first.
        let Version { v } = parse(bytes)?;
        if !(1..=u64::from(acclaim_tally::result::VERSION)).contains(&v) {
            return Err(ReadError::Version(v));
        }
        let document: Document = parse(bytes)?;
        if document.v == 1 {
            let VersionOne { .. } = parse(bytes)?;
        }
        check(&document)?;
        let sha256 = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Self { document, sha256 })
    }

    /// The same report, whose page tells times by the contest's time zone too.
    #[must_use]
    pub fn in_time_zone(mut self, zone: Option<Zone>) -> Self {
        self.document.time_zone = zone;
        self
    }

    /// What it says.
    #[must_use]
    pub fn document(&self) -> &Document {
        &self.document
    }
}

#[derive(Deserialize)]
#[serde(expecting = "an object with the key `v`")]
struct Version {
    v: u64,
}

fn parse<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, ReadError> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let read = serde_path_to_error::deserialize(&mut json).map_err(|error| ReadError::Malformed {
        at: match error.path().to_string().as_str() {
            "." => WHOLE.to_owned(),
            path => shorten_quote(path),
        },
        why: shorten_quote(&error.inner().to_string()),
    })?;
    let rest = json.end();
    rest.map_err(|error| ReadError::Malformed { at: WHOLE.to_owned(), why: error.to_string() })?;
    Ok(read)
}

/// The beginning of a text that may repeat what the document says.
fn shorten_quote(text: &str) -> String {
    shortened(text, MAX_QUOTED_LENGTH).into_owned()
}
