//! Decodes definitions: UTF-8, with or without a byte order mark. Other encodings are refused by
//! name.

use std::borrow::Cow;

use acclaim_tables::DecodeError;

/// Returns the text of a definition without its byte order mark.
///
/// Offsets in the text are offsets in the content after the mark.
///
/// # Errors
/// [`DecodeError`] for every other encoding, including UTF-16. A definition is written in an
/// editor, which saves UTF-8.
pub(crate) fn decode(content: &[u8]) -> Result<&str, DecodeError> {
    match acclaim_tables::decode(content)? {
        Cow::Borrowed(text) => Ok(text),
        Cow::Owned(_) => {
            let problem = "the file is UTF-16; save it as UTF-8".to_owned();
            Err(DecodeError { at: 0, line: 1, problem })
        }
    }
}
