//! Checks texts that voters read: their length and their characters ([`characters`]).
//!
//! Later amendments obey the same limits, so the checks are public.
//!
//! Lengths are counted in characters. A log entry has at most 65,535 bytes. A text can be long in
//! one language, or short in fifty languages, so [`check_entry`] and [`check_category`] also check
//! the encoded length.

use std::io;

use acclaim_text::{characters, quoted};
use serde::Serialize;

use crate::entry::{Category, Entry, MAX_ENTRY_LENGTH};

/// The maximum length of a title, in characters.
pub const MAX_TITLE_LENGTH: usize = 500;
/// The maximum length of a summary, in characters.
pub const MAX_SUMMARY_LENGTH: usize = 5_000;
/// The maximum length of the address of a page or picture, in characters.
pub const MAX_ADDRESS_LENGTH: usize = 2_000;
/// The maximum number of details of an entry.
pub const MAX_DETAILS: usize = 50;
/// The maximum length of the label of a detail, in characters.
pub const MAX_LABEL_LENGTH: usize = 100;
/// The maximum length of the value of a detail, in characters.
pub const MAX_VALUE_LENGTH: usize = 1_000;
/// The maximum number of languages of a title, in addition to the first one.
pub const MAX_LANGUAGES: usize = 50;

/// The maximum length of a category or entry as JSON, in bytes: a log entry without
/// `"type":"category",`.
const MAX_ENCODED_LENGTH: usize = MAX_ENTRY_LENGTH - 32;

/// Checks a title: not empty, at most [`MAX_TITLE_LENGTH`] characters.
///
/// # Errors
/// A message if the text is empty, too long, or has a refused character.
pub fn check_title(text: &str) -> Result<(), String> {
    check(text, MAX_TITLE_LENGTH)
}

/// Checks a summary: not empty, at most [`MAX_SUMMARY_LENGTH`] characters.
///
/// # Errors
/// A message if the text is empty, too long, or has a refused character.
pub fn check_summary(text: &str) -> Result<(), String> {
    check(text, MAX_SUMMARY_LENGTH)
}

/// Checks the address of a page or picture.
///
/// It begins with `http://` or `https://` and has no white space and at most [`MAX_ADDRESS_LENGTH`]
/// characters.
///
/// # Errors
/// A message if the text is empty, too long, not such an address, or has a refused character.
pub fn check_address(text: &str) -> Result<(), String> {
    check(text, MAX_ADDRESS_LENGTH)?;
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    match rest {
        None => Err(format!("must begin with https:// or http://, not {}", quoted(text))),
        Some("") => Err("is not an address: nothing follows https://".to_owned()),
        Some(rest) if rest.contains(char::is_whitespace) => Err("must not contain white space".to_owned()),
        Some(_) => Ok(()),
    }
}

/// Checks the label of a detail: not empty, at most [`MAX_LABEL_LENGTH`] characters.
///
/// # Errors
/// A message if the text is empty, too long, or has a refused character.
pub fn check_label(text: &str) -> Result<(), String> {
    check(text, MAX_LABEL_LENGTH)
}

/// Checks the value of a detail: not empty, at most [`MAX_VALUE_LENGTH`] characters.
///
/// # Errors
/// A message if the text is empty, too long, or has a refused character.
pub fn check_value(text: &str) -> Result<(), String> {
    check(text, MAX_VALUE_LENGTH)
}

/// Checks that a language tag has the form of BCP 47.
///
/// It has 2 to 35 letters, digits and hyphens, and begins with a letter. Each part has 1 to 8
/// characters.
///
/// # Errors
/// A message if the tag has another form.
pub fn check_language(tag: &str) -> Result<(), String> {
    let subtag =
        |part: &str| (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric());
    let plausible = (2..=35).contains(&tag.len())
        && tag.starts_with(|first: char| first.is_ascii_alphabetic())
        && tag.split('-').all(subtag);
    if plausible {
        Ok(())
    } else {
        Err(format!("{} is not a language tag such as fr or zh-Hant", quoted(tag)))
    }
}

/// Checks that an entry fits in an entry of the log.
///
/// # Errors
/// A message with the length of the entry if it is too long.
pub fn check_entry(entry: &Entry) -> Result<(), String> {
    check_encoded(entry, MAX_ENCODED_LENGTH)
}

/// Checks that a category fits in an entry of the log.
///
/// # Errors
/// A message with the length of the category if it is too long.
pub fn check_category(category: &Category) -> Result<(), String> {
    check_encoded(category, MAX_ENCODED_LENGTH)
}

pub(super) fn check_encoded(value: &impl Serialize, max: usize) -> Result<(), String> {
    let mut count = ByteCounter(0);
    // Counting does not fail. The log cannot hold a value that cannot be serialized.
    serde_json::to_writer(&mut count, value).map_err(|error| error.to_string())?;
    if count.0 <= max {
        return Ok(());
    }
    Err(format!("takes {} bytes in the log with all its texts; at most {max} fit", count.0))
}

fn check(text: &str, max: usize) -> Result<(), String> {
    if text.trim().is_empty() {
        return Err("must not be empty".to_owned());
    }
    // A text has at least as many bytes as characters, so most texts need no counting.
    if text.len() > max && text.chars().count() > max {
        return Err(format!("has {} characters; at most {max} are possible", text.chars().count()));
    }
    characters::check(text).map_err(|refused| refused.to_string())
}

/// Counts the bytes that are written.
struct ByteCounter(usize);

impl io::Write for ByteCounter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_length_and_characters_of_titles() {
        assert!(check_title(&"é".repeat(500)).is_ok());
        assert!(check_title(&"é".repeat(501)).is_err());
        assert!(check_title("two\nlines\tand a tab").is_ok());
        for bad in ["", " \n", "a\0", "a\r\nb", "a\u{1b}[2J", "a\u{85}", "a\u{202e}b", "\u{fffd}"] {
            assert!(check_title(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn accepts_only_http_addresses() {
        assert!(check_address("https://example.org/a?b=c#d").is_ok());
        assert!(check_address("http://example.org").is_ok());
        for bad in
            ["example.org", "javascript:alert(1)", "https://", "https://a b", "ftp://a", "HTTPS://a\u{a0}b"]
        {
            assert!(check_address(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn accepts_only_plausible_language_tags() {
        for good in ["fr", "zh-Hant", "es-419", "gsw", "x-klingon", "de-CH-1996"] {
            assert!(check_language(good).is_ok(), "{good}");
        }
        for bad in
            ["", "f", "fr_CH", "fr-", "-fr", "fr--CH", "français", "1fr", "abcdefghi", &"ab-".repeat(12)]
        {
            assert!(check_language(bad).is_err(), "{bad}");
        }
    }
}
