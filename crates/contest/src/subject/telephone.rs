//! Telephone numbers in E.164. Whether a number exists is not checked.

use super::SubjectError;

/// Returns `+` and 7 to 15 digits. The usual separators between digits are removed.
pub(super) fn number(text: &str) -> Result<String, SubjectError> {
    // The zero in `+41 (0)79` is not dialled from abroad. Which number is meant is not guessed.
    if text.contains("(0)") {
        return Err(SubjectError::Telephone);
    }
    let is_separator =
        |c: char| c.is_whitespace() || matches!(c, '-' | '.' | '/' | '(' | ')' | '\u{2010}'..='\u{2015}');
    let number: String = text.chars().filter(|c| !is_separator(*c)).collect();
    match number.strip_prefix('+').map(str::as_bytes) {
        // No country code begins with 0.
        Some(digits @ [b'1'..=b'9', ..])
            if (7..=15).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit) =>
        {
            Ok(number)
        }
        _ => Err(SubjectError::Telephone),
    }
}
