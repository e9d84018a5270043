//! The forms in which a result is told.

use std::{fmt, str::FromStr};

use acclaim_text::shortened;

/// A form of a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// The document itself.
    Json,
    /// A table for spreadsheets.
    Csv,
    /// A page for people.
    Html,
}

/// No form has this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not one of `json`, `csv`, `html`")]
pub struct UnknownFormat(String);

impl Format {
    /// All of them; the first is what one gets without asking.
    pub const ALL: [Self; 3] = [Self::Json, Self::Csv, Self::Html];

    /// The name in addresses and on the command line; also the ending of a file's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Csv => "csv",
            Self::Html => "html",
        }
    }

    /// Type and subtype, as in `Accept`.
    #[must_use]
    pub const fn media_type(self) -> (&'static str, &'static str) {
        match self {
            Self::Json => ("application", "json"),
            Self::Csv => ("text", "csv"),
            Self::Html => ("text", "html"),
        }
    }

    /// The `Content-Type` of what is written in it.
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
