//! Invisible characters in subjects: two subjects that look the same must not be two persons.
//!
//! These lists never change, because the tag of every voter depends on them. The lists of
//! `acclaim_text::characters` may grow.

/// Removes white space and invisible characters around a text.
///
/// Programs leave a byte order mark, a zero-width space or direction marks there.
pub(super) fn trimmed(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || (is_format(c) && !is_part_of_script(c)))
}

/// Whether a subject must not contain this character.
///
/// These are controls, characters without width, characters that change the direction of writing,
/// and U+FFFD, which replaces bytes that could not be decoded.
pub(super) fn is_refused_in_subject(c: char) -> bool {
    c.is_control() || is_format(c) || c == '\u{fffd}'
}

/// Whether an invisible character is part of the writing of some scripts.
///
/// These are joiners (Persian, Indic scripts) and variation selectors.
pub(super) fn is_part_of_script(c: char) -> bool {
    matches!(c, '\u{200c}' | '\u{200d}' | '\u{180b}'..='\u{180d}' | '\u{180f}' | '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}')
}

/// `Default_Ignorable_Code_Point`, the other format characters, and line and paragraph separators.
fn is_format(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{890}'..='\u{891}' | '\u{8e2}'
        | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
        | '\u{fff0}'..='\u{fffb}' | '\u{110bd}' | '\u{110cd}' | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}
