//! How messages repeat a text from outside: cut to a length, and without what would move a cursor or make the message read otherwise than it is.

use std::borrow::Cow;

use crate::characters;

/// The most characters that a message repeats of a name, a title or a value.
pub const MAX_QUOTED: usize = 80;

/// The first `max` characters of a text.
#[must_use]
pub fn first_chars(text: &str, max: usize) -> &str {
    let end = text.char_indices().nth(max).map_or(text.len(), |(end, _)| end);
    text.get(..end).unwrap_or(text)
}

/// The first `max` characters of a text, and `…` if there are more.
#[must_use]
pub fn shortened(text: &str, max: usize) -> Cow<'_, str> {
    match first_chars(text, max) {
        whole if whole.len() == text.len() => Cow::Borrowed(text),
        beginning => Cow::Owned(format!("{beginning}…")),
    }
}

/// As [`shortened`], with escapes for control characters and those that [`characters::check`] refuses, which make it longer. Quotation marks and
/// backslashes stay as they are.
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

/// As [`escaped`] with [`MAX_QUOTED`], in quotation marks.
#[must_use]
pub fn quoted(text: &str) -> String {
    format!("\"{}\"", escaped(text, MAX_QUOTED))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_at_characters_and_says_so() {
        assert_eq!((first_chars("éèê", 2), first_chars("éè", 2), first_chars("", 2)), ("éè", "éè", ""));
        assert_eq!((shortened("éèê", 2), shortened("éè", 2)), ("éè…".into(), "éè".into()));
    }

    #[test]
    fn escapes_what_moves_a_cursor_or_turns_the_text() {
        assert_eq!(escaped("a\n\u{1b}\u{202e}b\"", 9), "a\\n\\u{1b}\\u{202e}b\"");
        assert_eq!(quoted(&"é".repeat(81)), format!("\"{}…\"", "é".repeat(80)));
    }
}
