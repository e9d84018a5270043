//! Definitions are UTF-8 with or without a mark; anything else is named.

use std::borrow::Cow;

use acclaim_tables::DecodeError;

/// The text of a definition without its mark. Offsets in it are offsets in the content without the mark as well.
///
/// # Errors
/// [`DecodeError`], also for UTF-16: a definition is written in an editor, which saves UTF-8.
pub(crate) fn decode(content: &[u8]) -> Result<&str, DecodeError> {
    match acclaim_tables::decode(content)? {
        Cow::Borrowed(text) => Ok(text),
        Cow::Owned(_) => {
            let problem = "the file is UTF-16; save it as UTF-8".to_owned();
            Err(DecodeError { at: 0, line: 1, problem })
        }
    }
}
