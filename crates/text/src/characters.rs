//! The characters that displayed texts may contain.
//!
//! Displayed texts are titles, names, reasons and statements. A direction override makes a text
//! look different from the stored text: a page could show another name than the name that is
//! counted. A control character moves a terminal's cursor. U+FFFD shows that a character was lost
//! before the text arrived here. All code that accepts a new displayed text calls [`check`]. Texts
//! that are already in a log or a database are read unchanged, because the rules of a log never
//! change.
//!
//! Right-to-left text needs none of the refused characters. [`check`] accepts Arabic, Hebrew and
//! Persian, with their joiners (U+200C, U+200D) and marks (U+200E, U+200F, U+061C).

use std::borrow::Cow;

use unicode_normalization::UnicodeNormalization as _;

/// U+FFFD, which decoders insert for bytes that they cannot decode.
const REPLACEMENT: char = '\u{fffd}';

/// A character that a displayed text must not contain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must not contain {} at character {position}: {}", name(*character), advice(*character))]
pub struct RefusedCharacter {
    /// The refused character.
    pub character: char,
    /// The position of the character in the text, counted in characters from 1.
    pub position: usize,
}

/// Checks that a displayed text contains only allowed characters.
///
/// These are refused: control characters except newline and tab, direction overrides, embeddings
/// and isolates, and U+FFFD.
///
/// # Errors
/// [`RefusedCharacter`] for the first refused character.
pub fn check(text: &str) -> Result<(), RefusedCharacter> {
    let refused = text.chars().zip(1..).find(|(character, _)| is_refused(*character));
    refused.map_or(Ok(()), |(character, position)| Err(RefusedCharacter { character, position }))
}

/// Whether [`check`] refuses this character.
#[must_use]
pub fn is_refused(character: char) -> bool {
    is_refused_control(character) || is_direction_control(character) || character == REPLACEMENT
}

/// Replaces direction controls and U+FFFD with question marks.
///
/// A stored text is checked by the rules under which it was stored. These rules refused control
/// characters, but accepted direction controls and U+FFFD. After the replacement, [`check`] also
/// accepts them.
#[must_use]
pub fn replace_newly_refused(text: &str) -> Cow<'_, str> {
    let is_newly_refused = |character| is_direction_control(character) || character == REPLACEMENT;
    if text.contains(is_newly_refused) {
        Cow::Owned(text.replace(is_newly_refused, "?"))
    } else {
        Cow::Borrowed(text)
    }
}

/// Returns a simplified form of a code (a short text), for comparison with another code.
///
/// Compatibility characters become their plain forms (NFKC), in lower case. Invisible characters
/// and characters that are neither letters nor digits are removed.
#[must_use]
pub fn skeleton(text: &str) -> String {
    let is_kept = |character: &char| character.is_alphanumeric() && !is_invisible(*character);
    text.nfkc().filter(is_kept).flat_map(char::to_lowercase).nfkc().collect()
}

/// Whether a character is always invisible, beside any other characters.
///
/// These are format characters, variation selectors and fillers.
#[must_use]
pub fn is_invisible(character: char) -> bool {
    matches!(character,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
        | '\u{ffa0}' | '\u{fff0}'..='\u{fff8}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

fn is_refused_control(character: char) -> bool {
    character.is_control() && !matches!(character, '\n' | '\t')
}

fn is_direction_control(character: char) -> bool {
    matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Formats a character as its code point: `U+200B`.
#[must_use]
pub fn code_point(character: char) -> String {
    format!("U+{:04X}", u32::from(character))
}

fn name(character: char) -> String {
    let code = code_point(character);
    let name = match character {
        '\u{202a}' => "left-to-right embedding",
        '\u{202b}' => "right-to-left embedding",
        '\u{202c}' => "pop directional formatting",
        '\u{202d}' => "left-to-right override",
        '\u{202e}' => "right-to-left override",
        '\u{2066}' => "left-to-right isolate",
        '\u{2067}' => "right-to-left isolate",
        '\u{2068}' => "first strong isolate",
        '\u{2069}' => "pop directional isolate",
        REPLACEMENT => "replacement character",
        _ => return format!("the control character {code}"),
    };
    format!("{code} ({name})")
}

fn advice(character: char) -> &'static str {
    match character {
        REPLACEMENT => "a character was lost there, write it again",
        _ if is_direction_control(character) => {
            "it changes the direction in which the text is read, leave it out"
        }
        _ => "leave it out",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_control_and_direction_characters() {
        let refused = ('\u{202a}'..='\u{202e}')
            .chain('\u{2066}'..='\u{2069}')
            .chain('\u{80}'..='\u{9f}')
            .chain(['\u{fffd}', '\0', '\r', '\u{1b}', '\u{7f}']);
        for character in refused {
            let expected = RefusedCharacter { character, position: 3 };
            assert_eq!(check(&format!("é\n{character}b{character}")), Err(expected), "{character:?}");
        }
    }

    #[test]
    fn error_names_character_and_position() {
        for (text, expected) in [
            (
                "Müll\u{202e}er",
                "must not contain U+202E (right-to-left override) at character 5: it changes the direction in which the text is read, leave it out",
            ),
            (
                "Caf\u{fffd}",
                "must not contain U+FFFD (replacement character) at character 4: a character was lost there, write it again",
            ),
            ("\u{85}", "must not contain the control character U+0085 at character 1: leave it out"),
        ] {
            assert_eq!(check(text).unwrap_err().to_string(), expected);
        }
    }

    #[test]
    fn accepts_right_to_left_text() {
        for text in [
            "قرية متصلة",
            "כפר מחובר",
            "می\u{200c}خواهم",
            "\u{200f}(א)\u{200e}",
            "\u{61c}١",
            "👩\u{200d}🌾",
            "a\tb\nc",
        ] {
            assert_eq!(check(text), Ok(()), "{text:?}");
        }
    }

    #[test]
    fn replaces_only_newly_refused_characters() {
        assert_eq!(replace_newly_refused("a\u{202e}b\u{fffd}"), "a?b?");
        assert_eq!(replace_newly_refused("a\u{85}\u{200f}"), "a\u{85}\u{200f}");
    }

    #[test]
    fn skeletons_of_texts_that_look_alike_are_equal() {
        for text in [
            "tag-key",
            " Tag_Key\n",
            "ｔａｇ－ｋｅｙ",
            "t\u{ad}ag-k\u{200b}ey",
            "tag\u{3164}key",
            "𝐭𝐚𝐠 𝓴𝓮𝔂",
            "TAG\u{2060}-\u{212a}EY",
            "t\u{336}ag-key",
        ] {
            assert_eq!(skeleton(text), "tagkey", "{text:?}");
        }
        for text in ["tag-keys", "tag-kéy", "та-key", ""] {
            assert_ne!(skeleton(text), "tagkey", "{text:?}");
        }
    }
}
