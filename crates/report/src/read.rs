//! Reads a document from outside: bounded and strict, with an error that names the place.
//!
//! A key that is not in the schema is refused. A report must not silently omit a part of its
//! document. A log of version 1 gives a document of version 1, and a log of version 2 gives one of
//! version 2. A key of version 2 is refused in a document of version 1.

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

/// The largest document that is read, in bytes (128 MiB).
///
/// A document with a hundred thousand entries has a fifth of this size.
pub const MAX_DOCUMENT_BYTES: usize = 128 << 20;

/// The longest part of an error that may quote the document, in characters.
const MAX_QUOTED_LENGTH: usize = 300;

/// The name of the place in an error that concerns no single key.
const WHOLE: &str = "the document";

/// The reason why bytes are not a result document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The document is too large. No part of it was read.
    #[error("the document is larger than {MAX_DOCUMENT_BYTES} bytes")]
    TooLarge,
    /// This program does not know the schema of this version.
    #[error("`v` is {0}: this program reads result documents of versions 1 to {newest}", newest = acclaim_tally::result::VERSION)]
    Version(u64),
    /// The bytes are not JSON, or do not follow the schema.
    #[error("{at}: {why}")]
    Malformed {
        /// The path of the key, for example `categories[3].standings[0].rank`.
        ///
        /// `the document` stands for the whole document.
        at: String,
        /// The problem at this place.
        why: String,
    },
    /// One part of the document contradicts another.
    #[error(transparent)]
    Contradiction(#[from] Contradiction),
}

/// A result document that was read and checked, ready to be written for people.
#[derive(Debug, Clone)]
pub struct Report {
    pub(crate) document: Document,
    /// SHA-256 of the document's bytes, lowercase hex.
    pub(crate) sha256: String,
}

impl Report {
    /// Reads a document and checks it against the schema of its version.
    ///
    /// # Errors
    /// - [`ReadError::TooLarge`]: the document is larger than [`MAX_DOCUMENT_BYTES`].
    /// - [`ReadError::Version`]: `v` is not a version that this program reads.
    /// - [`ReadError::Malformed`]: the bytes are not JSON, or do not follow the schema.
    /// - [`ReadError::Contradiction`]: one part of the document contradicts another.
    ///
    /// The text of the error is short for any input.
    pub fn read(bytes: &[u8]) -> Result<Self, ReadError> {
        if bytes.len() > MAX_DOCUMENT_BYTES {
            return Err(ReadError::TooLarge);
        }
        // The schema depends on the version, so the version is read first.
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

    /// Sets the contest's time zone. The page then also shows times in this zone.
    #[must_use]
    pub fn in_time_zone(mut self, zone: Option<Zone>) -> Self {
        self.document.time_zone = zone;
        self
    }

    /// Returns the parsed document.
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
    let parsed = serde_path_to_error::deserialize(&mut json).map_err(|error| ReadError::Malformed {
        at: match error.path().to_string().as_str() {
            "." => WHOLE.to_owned(),
            path => shorten_quote(path),
        },
        why: shorten_quote(&error.inner().to_string()),
    })?;
    let rest = json.end();
    rest.map_err(|error| ReadError::Malformed { at: WHOLE.to_owned(), why: error.to_string() })?;
    Ok(parsed)
}

/// Shortens a text that may quote the document.
fn shorten_quote(text: &str) -> String {
    shortened(text, MAX_QUOTED_LENGTH).into_owned()
}
