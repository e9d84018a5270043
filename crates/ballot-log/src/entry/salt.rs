//! The salt that ends an entry of staff, so that the entry cannot be guessed from its public hash.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

/// Characters of a salt in base64url without padding.
const TEXT_LENGTH: usize = 22;
const SALT_PREFIX: &str = r#","salt":""#;
const SALT_SUFFIX: &str = r#""}"#;

/// 16 random bytes, drawn by the sequencer for one entry and kept nowhere else.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Salt(pub [u8; 16]);

impl Salt {
    /// Splits a line that ends with a salt into the line without it and the salt; `None` if it does not end so. No text inside an entry can
    /// look like the end: its quotation marks are escaped.
    pub(super) fn split(line: &str) -> Option<(String, Self)> {
        let line = line.strip_suffix(SALT_SUFFIX)?;
        let (rest, text) = line.split_at_checked(line.len().checked_sub(TEXT_LENGTH)?)?;
        let salt = URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()?;
        Some((format!("{}}}", rest.strip_suffix(SALT_PREFIX)?), Self(salt)))
    }

    /// Puts the salt at the end of a line without one.
    pub(super) fn append(self, line: &mut Vec<u8>) {
        line.pop();
        line.extend_from_slice(SALT_PREFIX.as_bytes());
        line.extend_from_slice(URL_SAFE_NO_PAD.encode(self.0).as_bytes());
        line.extend_from_slice(SALT_SUFFIX.as_bytes());
    }
}

/// A salt is a secret until its entry is public.
impl fmt::Debug for Salt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Salt(..)")
    }
}
