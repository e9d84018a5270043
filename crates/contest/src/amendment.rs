//! Reads amendments: which `what`, `key` and `to` belong together, and what they change.

use serde::{Deserialize, Serialize};

use crate::{entry::Titles, time::Instant};

/// The new value of an amended key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Amendment {
    /// `closes`, `title`, `summary`, `image`, `url`. An empty text removes an optional value.
    Text(String),
    /// `titles`
    Titles(Titles),
    /// `details`
    Details(Vec<(String, String)>),
}

/// An amendment after reading. It does not show whether the contest has its category or entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DefinitionAmendment<'a> {
    /// The new first instant after voting.
    Closes(Instant),
    /// An amendment of a category, by its id.
    Category(&'a str, TitleAmendment<'a>),
    /// An amendment of an entry, by its id.
    Entry(&'a str, EntryAmendment<'a>),
}

/// An amendment of a title.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TitleAmendment<'a> {
    /// The title, which is not empty.
    Title(&'a str),
    /// All titles in other languages.
    Titles(&'a Titles),
}

/// An amendment of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryAmendment<'a> {
    /// A title.
    Title(TitleAmendment<'a>),
    /// The summary. An empty text removes it.
    Summary(&'a str),
    /// The address of the picture. An empty text removes it.
    Image(&'a str),
    /// The address of the page. An empty text removes it.
    Url(&'a str),
    /// All details.
    Details(&'a [(String, String)]),
}

/// Why an amendment cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.as_str())]
pub enum InvalidAmendment {
    /// `what` is nothing that can be amended.
    Target,
    /// `what` has no such key, or the value has the wrong type.
    Mismatch,
    /// The new closing is not an instant.
    NotAnInstant,
    /// The title is empty.
    EmptyTitle,
}

impl InvalidAmendment {
    /// Returns the message.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Target => "`what` is not `closes`, `entry:<id>` or `category:<id>`",
            Self::Mismatch => "`what`, `key` and `to` do not fit together",
            Self::NotAnInstant => "`to` is not an instant",
            Self::EmptyTitle => "the title must not be empty",
        }
    }
}

impl<'a> DefinitionAmendment<'a> {
    /// Reads an amendment.
    ///
    /// # Errors
    /// [`InvalidAmendment`] if `what`, `key` or `to` is wrong, or if they do not belong together.
    pub fn read(what: &'a str, key: &str, to: &'a Amendment) -> Result<Self, InvalidAmendment> {
        if what == "closes" {
            return match (key, to) {
                ("closes", Amendment::Text(text)) => {
                    text.parse().map(Self::Closes).map_err(|_| InvalidAmendment::NotAnInstant)
                }
                _ => Err(InvalidAmendment::Mismatch),
            };
        }
        match what.split_once(':') {
            Some(("category", id)) => Ok(Self::Category(id, TitleAmendment::read(key, to)?)),
            Some(("entry", id)) => Ok(Self::Entry(id, EntryAmendment::read(key, to)?)),
            _ => Err(InvalidAmendment::Target),
        }
    }
}

impl<'a> TitleAmendment<'a> {
    fn read(key: &str, to: &'a Amendment) -> Result<Self, InvalidAmendment> {
        match (key, to) {
            ("title", Amendment::Text(text)) if text.is_empty() => Err(InvalidAmendment::EmptyTitle),
            ("title", Amendment::Text(text)) => Ok(Self::Title(text)),
            ("titles", Amendment::Titles(titles)) => Ok(Self::Titles(titles)),
            _ => Err(InvalidAmendment::Mismatch),
        }
    }

    /// Changes a title.
    pub(crate) fn apply(self, title: &mut String, titles: &mut Titles) {
        match self {
            Self::Title(text) => text.clone_into(title),
            Self::Titles(all) => titles.clone_from(all),
        }
    }
}

impl<'a> EntryAmendment<'a> {
    fn read(key: &str, to: &'a Amendment) -> Result<Self, InvalidAmendment> {
        match (key, to) {
            ("summary", Amendment::Text(text)) => Ok(Self::Summary(text)),
            ("image", Amendment::Text(text)) => Ok(Self::Image(text)),
            ("url", Amendment::Text(text)) => Ok(Self::Url(text)),
            ("details", Amendment::Details(details)) => Ok(Self::Details(details)),
            _ => TitleAmendment::read(key, to).map(Self::Title),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_only_matching_target_key_and_value() {
        let text = |text: &str| Amendment::Text(text.to_owned());
        let titles = Amendment::Titles(Titles::from([("fr".to_owned(), "Ah".to_owned())]));
        let details = Amendment::Details(Vec::new());
        let read = |what, key, to: &Amendment| DefinitionAmendment::read(what, key, to).map(|_| ());
        for (what, key, to) in [
            ("closes", "closes", &text("2021-03-31T22:00:00Z")),
            ("category:a", "title", &text("A")),
            ("category:a", "titles", &titles),
            ("entry:a", "title", &text("A")),
            ("entry:a", "titles", &titles),
            ("entry:a", "summary", &text("")),
            ("entry:a", "image", &text("")),
            ("entry:a", "url", &text("")),
            ("entry:a", "details", &details),
        ] {
            assert_eq!(read(what, key, to), Ok(()), "{what} {key}");
        }
        for (what, key, to, error) in [
            ("closes", "closes", &text("soon"), InvalidAmendment::NotAnInstant),
            ("closes", "opens", &text("2021-03-31T22:00:00Z"), InvalidAmendment::Mismatch),
            ("closes", "closes", &details, InvalidAmendment::Mismatch),
            ("opens", "opens", &text("2021-03-31T22:00:00Z"), InvalidAmendment::Target),
            ("panel:a", "title", &text("A"), InvalidAmendment::Target),
            ("entry", "title", &text("A"), InvalidAmendment::Target),
            ("category:a", "title", &text(""), InvalidAmendment::EmptyTitle),
            ("entry:a", "title", &text(""), InvalidAmendment::EmptyTitle),
            ("category:a", "summary", &text("A"), InvalidAmendment::Mismatch),
            ("category:a", "titles", &details, InvalidAmendment::Mismatch),
            ("entry:a", "titles", &details, InvalidAmendment::Mismatch),
            ("entry:a", "details", &text("A"), InvalidAmendment::Mismatch),
            ("entry:a", "id", &text("A"), InvalidAmendment::Mismatch),
        ] {
            assert_eq!(read(what, key, to), Err(error), "{what} {key}");
        }
    }
}
