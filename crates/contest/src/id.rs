//! Identifiers that people choose: `[a-z0-9][a-z0-9_.-]{0,63}`.

use std::{borrow::Borrow, fmt, str::FromStr, sync::Arc};

use acclaim_text::shortened;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use unicode_normalization::{UnicodeNormalization as _, char::is_combining_mark};

/// The maximum length of an identifier, in bytes.
pub const MAX_LENGTH: usize = 64;

/// The maximum number of characters of an identifier made from a title.
const MAX_SLUG: usize = 48;

/// Letters without a decomposition, and their replacements.
const LETTERS: [(char, &str); 9] = [
    ('ß', "ss"),
    ('æ', "ae"),
    ('œ', "oe"),
    ('ø', "o"),
    ('đ', "d"),
    ('ð', "d"),
    ('ł', "l"),
    ('þ', "th"),
    ('ı', "i"),
];

/// The text is not an identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an identifier: 1 to 64 of a-z, 0-9, `_`, `.`, `-`, beginning with a letter or digit")]
pub struct InvalidId(pub String);

/// Whether `text` is an identifier.
#[must_use]
pub fn is_id(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() <= MAX_LENGTH
        && bytes.first().is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        && bytes.iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_.-".contains(b))
}

/// Makes an identifier from a title.
///
/// Letters and digits are kept in lower case without marks. `-` replaces all other characters. The
/// result is empty if the title has no letters or digits that an identifier can have.
#[must_use]
pub fn slug(title: &str) -> String {
    let mut slug = String::new();
    for character in title.to_lowercase().nfkd() {
        if slug.len() >= MAX_SLUG {
            break;
        }
        match LETTERS.iter().find(|(letter, _)| *letter == character) {
            Some((_, letters)) => slug.push_str(letters),
            None if character.is_ascii_alphanumeric() => slug.push(character),
            // Marks of letters, and apostrophes, leave no gap.
            None if is_combining_mark(character) || matches!(character, '\'' | '’') => {}
            None if slug.is_empty() || slug.ends_with('-') => {}
            None => slug.push('-'),
        }
    }
    slug.trim_end_matches('-').to_owned()
}

macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Returns the identifier as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                if is_id(text) { Ok(Self(text.into())) } else { Err(InvalidId(shortened(text, 80).into_owned())) }
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.0, f)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
            }
        }
    };
}

identifier!(
    /// The identifier of a contest within an installation.
    ContestId
);
identifier!(
    /// The identifier of a category within a contest.
    CategoryId
);
identifier!(
    /// The identifier of an entry (project, photo, nominee) within a contest.
    EntryId
);
identifier!(
    /// The identifier of a channel within a contest.
    ChannelId
);
identifier!(
    /// The identifier of a panel of jurors within a contest.
    PanelId
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_only_short_lowercase_identifiers() {
        for good in ["a", "0", "c01", "p0001", "150_-_500", "wsis-prizes.2021"] {
            assert!(good.parse::<EntryId>().is_ok(), "{good}");
        }
        let long = "a".repeat(65);
        for bad in ["", "-a", ".a", "_a", "A", "a b", "é", "a/b", "a\"", "a\0", &long] {
            assert!(bad.parse::<EntryId>().is_err(), "{bad}");
        }
    }
}
