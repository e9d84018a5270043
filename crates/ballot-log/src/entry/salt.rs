//! The salt at the end of staff entries, which prevents guessing an entry from its public hash.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

/// Length of a salt in base64url without padding, in characters.
const TEXT_LENGTH: usize = 22;
const SALT_PREFIX: &str = r#","salt":""#;
const SALT_SUFFIX: &str = r#""}"#;

/// 16 random bytes. The sequencer generates them for one entry and stores them nowhere else.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Salt(pub [u8; 16]);

impl Salt {
    /// Splits a line into the line without salt and the salt; `None` if it does not end with a
    /// salt.
    ///
    /// No text inside an entry can look like this end, because its quotation marks are escaped.
    pub(super) fn split(line: &str) -> Option<(String, Self)> {
        let line = line.strip_suffix(SALT_SUFFIX)?;
        let (rest, text) = line.split_at_checked(line.len().checked_sub(TEXT_LENGTH)?)?;
        let salt = URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()?;
        Some((format!("{}}}", rest.strip_suffix(SALT_PREFIX)?), Self(salt)))
    }

    /// Appends the salt to a line without one.
    pub(super) fn append(self, line: &mut Vec<u8>) {
        line.pop();
        line.extend_from_slice(SALT_PREFIX.as_bytes());
        line.extend_from_slice(URL_SAFE_NO_PAD.encode(self.0).as_bytes());
        line.extend_from_slice(SALT_SUFFIX.as_bytes());
    }
}

/// A salt is secret until its entry is public, so it is not printed.
impl fmt::Debug for Salt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Salt(..)")
    }
}
