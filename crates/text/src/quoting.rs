//! How messages quote a text from outside: cut to a length, with escapes for unsafe characters.
//!
//! Unsafe characters move the cursor, or make the message read differently from what is stored.

use std::borrow::Cow;

use crate::characters;

/// The maximum number of characters of a name, a title or a value that a message quotes.
pub const MAX_QUOTED: usize = 80;

/// Returns the first `max` characters of a text.
#[must_use]
pub fn first_chars(text: &str, max: usize) -> &str {
    let end = text.char_indices().nth(max).map_or(text.len(), |(end, _)| end);
    text.get(..end).unwrap_or(text)
}

/// Returns the first `max` characters of a text, followed by `…` if the text is longer.
#[must_use]
pub fn shortened(text: &str, max: usize) -> Cow<'_, str> {
    match first_chars(text, max) {
        whole if whole.len() == text.len() => Cow::Borrowed(text),
        beginning => Cow::Owned(format!("{beginning}…")),
    }
}

/// Like [`shortened`], with escapes for control characters and characters that
/// [`characters::check`] refuses.
///
/// The escapes make the result longer than `max`. Quotation marks and backslashes stay unchanged.
#[must_use]
pub fn escaped(text: &str, max: usize) -> String {
    let mut escaped = String::new();
    for character in shortened(text, max).chars() {
        if character.is_control() || characters::is_refused(character) {
            escaped.extend(character.escape_default());
        } else {
            escaped.push(character);
        }
    }
    escaped
}

/// Like [`escaped`] with [`MAX_QUOTED`], in quotation marks.
#[must_use]
pub fn quoted(text: &str) -> String {
    format!("\"{}\"", escaped(text, MAX_QUOTED))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_at_character_boundary_and_marks_the_cut() {
        assert_eq!((first_chars("éèê", 2), first_chars("éè", 2), first_chars("", 2)), ("éè", "éè", ""));
        assert_eq!((shortened("éèê", 2), shortened("éè", 2)), ("éè…".into(), "éè".into()));
    }

    #[test]
    fn escapes_control_and_direction_characters() {
        assert_eq!(escaped("a\n\u{1b}\u{202e}b\"", 9), "a\\n\\u{1b}\\u{202e}b\"");
        assert_eq!(quoted(&"é".repeat(81)), format!("\"{}…\"", "é".repeat(80)));
    }
}
