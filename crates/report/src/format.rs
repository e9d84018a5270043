//! The output formats of a result.

use std::{fmt, str::FromStr};

use acclaim_text::shortened;

/// An output format of a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// The result document itself.
    Json,
    /// A table for spreadsheets.
    Csv,
    /// An HTML page for people.
    Html,
}

/// The error for an unknown format name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not one of `json`, `csv`, `html`")]
pub struct UnknownFormat(String);

impl Format {
    /// All formats. The first is the default.
    pub const ALL: [Self; 3] = [Self::Json, Self::Csv, Self::Html];

    /// Returns the name in URLs and on the command line, which is also the file extension.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Csv => "csv",
            Self::Html => "html",
        }
    }

    /// Returns the media type and subtype, as in `Accept`.
    #[must_use]
    pub const fn media_type(self) -> (&'static str, &'static str) {
        match self {
            Self::Json => ("application", "json"),
            Self::Csv => ("text", "csv"),
            Self::Html => ("text", "html"),
        }
    }

    /// Returns the `Content-Type` of an answer in this format.
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Csv => "text/csv; charset=utf-8",
            Self::Html => "text/html; charset=utf-8",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(text: &str) -> Result<Self, UnknownFormat> {
        let known = Self::ALL.into_iter().find(|format| format.name() == text);
        known.ok_or_else(|| UnknownFormat(shortened(text, 40).into_owned()))
    }
}
