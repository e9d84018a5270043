//! Texts that voters read: how long they may be and what they may hold ([`characters`] says which characters). Whatever is amended later keeps the same bounds, which
//! is why they are public.
//!
//! Lengths are in characters. A log entry has at most 65,535 bytes; [`check_entry`] and its like compare the encoded
//! form with that, for texts can be long in one language or short in fifty.

use std::io;

use acclaim_text::characters;
use acclaim_text::quoted;
use serde::Serialize;

use crate::entry::{Category, Entry, MAX_ENTRY_LENGTH};

/// The longest title.
pub const MAX_TITLE_LENGTH: usize = 500;
/// The longest summary.
pub const MAX_SUMMARY_LENGTH: usize = 5_000;
/// The longest address of a page or picture.
pub const MAX_ADDRESS_LENGTH: usize = 2_000;
/// The most details of an entry.
pub const MAX_DETAILS: usize = 50;
/// The longest label of a detail.
pub const MAX_LABEL_LENGTH: usize = 100;
/// The longest value of a detail.
pub const MAX_VALUE_LENGTH: usize = 1_000;
/// The most languages of a title, beside the first.
pub const MAX_LANGUAGES: usize = 50;

/// The most bytes of a category or entry as JSON: what a log entry holds, less `"type":"category",`.
const MAX_ENCODED_LENGTH: usize = MAX_ENTRY_LENGTH - 32;

/// A title: not empty, at most [`MAX_TITLE_LENGTH`] characters.
///
/// # Errors
/// What is wrong, in words.
pub fn check_title(text: &str) -> Result<(), String> {
    check(text, MAX_TITLE_LENGTH)
}

/// A summary: not empty, at most [`MAX_SUMMARY_LENGTH`] characters.
///
/// # Errors
/// What is wrong, in words.
pub fn check_summary(text: &str) -> Result<(), String> {
    check(text, MAX_SUMMARY_LENGTH)
}

/// The address of a page or picture: `http://` or `https://`, without white space, at most [`MAX_ADDRESS_LENGTH`] characters.
///
/// # Errors
/// What is wrong, in words.
pub fn check_address(text: &str) -> Result<(), String> {
    check(text, MAX_ADDRESS_LENGTH)?;
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    match rest {
        None => Err(format!("must begin with https:// or http://, not {}", quoted(text))),
        Some("") => Err("is no address: nothing follows https://".to_owned()),
        Some(rest) if rest.contains(char::is_whitespace) => Err("must not contain white space".to_owned()),
        Some(_) => Ok(()),
    }
}

/// The label of a detail: not empty, at most [`MAX_LABEL_LENGTH`] characters.
///
/// # Errors
/// What is wrong, in words.
pub fn check_label(text: &str) -> Result<(), String> {
    check(text, MAX_LABEL_LENGTH)
}

/// The value of a detail: not empty, at most [`MAX_VALUE_LENGTH`] characters.
///
/// # Errors
/// What is wrong, in words.
pub fn check_value(text: &str) -> Result<(), String> {
    check(text, MAX_VALUE_LENGTH)
}

/// A language tag that is plausible by its form (BCP 47): letters, digits and hyphens, 2 to 35 of them, beginning with a letter.
///
/// # Errors
/// What is wrong, in words.
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

/// Whether an entry fits an entry of the log.
///
/// # Errors
/// How long it is.
pub fn check_entry(entry: &Entry) -> Result<(), String> {
    check_encoded(entry, MAX_ENCODED_LENGTH)
}

/// Whether a category fits an entry of the log.
///
/// # Errors
/// How long it is.
pub fn check_category(category: &Category) -> Result<(), String> {
    check_encoded(category, MAX_ENCODED_LENGTH)
}

pub(super) fn check_encoded(value: &impl Serialize, most: usize) -> Result<(), String> {
    let mut count = ByteCounter(0);
    // Counting does not fail; should a type ever refuse to be written, it is not one that the log can hold.
    serde_json::to_writer(&mut count, value).map_err(|error| error.to_string())?;
    if count.0 <= most {
        return Ok(());
    }
    Err(format!("takes {} bytes in the log with all its texts; at most {most} fit", count.0))
}

fn check(text: &str, most: usize) -> Result<(), String> {
    if text.trim().is_empty() {
        return Err("must not be empty".to_owned());
    }
    // Bytes are at least as many as characters: most texts are seen to be short enough without counting.
    if text.len() > most && text.chars().count() > most {
        return Err(format!("has {} characters; at most {most} are possible", text.chars().count()));
    }
    characters::check(text).map_err(|refused| refused.to_string())
}

/// Counts what is written.
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
    fn texts_have_bounds() {
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
    fn language_tags_are_plausible() {
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
