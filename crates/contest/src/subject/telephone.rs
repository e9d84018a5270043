//! Telephone numbers in E.164. Which numbers exist is not looked up.

use super::SubjectError;

/// `+` and 7 to 15 digits, of a number that may be written with what people put between digits.
pub(super) fn number(text: &str) -> Result<String, SubjectError> {
    // The nought in `+41 (0)79` is not dialled from abroad, and which one is meant is not for us to say.
    if text.contains("(0)") {
        return Err(SubjectError::Telephone);
    }
    let is_between =
        |c: char| c.is_whitespace() || matches!(c, '-' | '.' | '/' | '(' | ')' | '\u{2010}'..='\u{2015}');
    let number: String = text.chars().filter(|c| !is_between(*c)).collect();
    match number.strip_prefix('+').map(str::as_bytes) {
        // No country's code begins with 0.
        Some(digits @ [b'1'..=b'9', ..])
            if (7..=15).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit) =>
        {
            Ok(number)
        }
        _ => Err(SubjectError::Telephone),
    }
}
