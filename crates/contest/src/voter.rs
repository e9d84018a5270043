//! Voter tags and ballot ids. With them the log identifies a voter and a ballot without a name.

use std::{fmt, str::FromStr, sync::LazyLock};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use blake3::hazmat::{ContextKey, HasherExt as _, hash_derive_key_context};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use zeroize::Zeroize as _;

use crate::id::ContestId;

/// The number of characters of 16 bytes in base64url without padding.
const TEXT_LENGTH: usize = 22;

/// The text is not a voter tag or ballot id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not 16 bytes in base64url without padding (22 characters)")]
pub struct InvalidTag;

macro_rules! sixteen_bytes {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub [u8; 16]);

        impl $name {
            /// Returns the text form in its own buffer. The path of a ballot allocates no memory
            /// for it.
            #[must_use]
            pub fn text(&self) -> TagText {
                let mut buffer = [0; TEXT_LENGTH];
                // 16 bytes make exactly 22 characters.
                let length = URL_SAFE_NO_PAD.encode_slice(self.0, &mut buffer);
                debug_assert_eq!(length, Ok(TEXT_LENGTH));
                TagText(buffer)
            }

            /// Returns the first four bytes, which a voter's tag and ballot ids share.
            #[must_use]
            pub fn prefix(&self) -> [u8; 4] {
                let [a, b, c, d, ..] = self.0;
                [a, b, c, d]
            }

            /// Reads the text form.
            ///
            /// # Errors
            /// [`InvalidTag`] for any text that is not 22 characters of canonical base64url.
            pub fn from_text(text: &[u8]) -> Result<Self, InvalidTag> {
                if text.len() != TEXT_LENGTH {
                    return Err(InvalidTag);
                }
                let mut bytes = [0; 16];
                match URL_SAFE_NO_PAD.decode_slice_unchecked(text, &mut bytes) {
                    Ok(16) => Ok(Self(bytes)),
                    _ => Err(InvalidTag),
                }
            }
        }

        impl FromStr for $name {
            type Err = InvalidTag;

            fn from_str(text: &str) -> Result<Self, InvalidTag> {
                Self::from_text(text.as_bytes())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.text().as_str())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.text().as_str())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
            }
        }
    };
}

sixteen_bytes!(
    /// The identity of a voter in the log.
    ///
    /// It is specific to the contest. Without the contest's tag key it cannot be linked to a
    /// person.
    VoterTag
);
sixteen_bytes!(
    /// The identifier of a ballot.
    ///
    /// It depends on the ballot's content and voter, not on its time. So a retry has the same id.
    BallotId
);

/// The 22 characters of a [`VoterTag`] or [`BallotId`].
#[derive(Clone, Copy)]
pub struct TagText([u8; TEXT_LENGTH]);

impl TagText {
    /// Returns the characters as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // The alphabet of base64url is ASCII.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// A contest's tag key: 32 random bytes that link subjects to tags.
///
/// The key is never shown and never logged.
#[derive(Clone)]
pub struct TagKey(pub [u8; 32]);

impl TagKey {
    /// Returns the tag of the voter with this subject, for example `mailto:ama@example.org`.
    ///
    /// It is the first 16 bytes of the keyed BLAKE3.
    #[must_use]
    pub fn tag(&self, subject: &str) -> VoterTag {
        VoterTag(first_16(blake3::keyed_hash(&self.0, subject.as_bytes()).as_bytes()))
    }
}

/// Erases the key from memory after its last use, because the key may have been destroyed
/// meanwhile.
impl Drop for TagKey {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for TagKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TagKey(..)")
    }
}

/// The content from which a ballot id is computed.
#[derive(Debug, Clone, Copy)]
pub struct BallotContent<'a, S> {
    /// The contest of the ballot.
    pub contest: &'a ContestId,
    /// The tag of the voter.
    pub voter: VoterTag,
    /// The channel of the pass, if the contest has channels.
    pub channel: Option<&'a str>,
    /// The day or number, if the contest has periods.
    pub period: Option<&'a str>,
    /// The voter's own standing ballot that this one replaces.
    pub replaces: Option<BallotId>,
    /// The category and entry of each vote, in byte order.
    pub selections: S,
}

/// The key that BLAKE3's derive-key mode derives from its context. It is the same for every ballot.
static CONTEXT_KEY: LazyLock<ContextKey> = LazyLock::new(|| hash_derive_key_context("acclaim v1 ballot id"));

impl<'s, S: Iterator<Item = (&'s str, &'s str)>> BallotContent<'_, S> {
    /// Returns the ballot id.
    ///
    /// It is the first 4 bytes of the tag, and then 12 bytes of BLAKE3 in derive-key mode over the
    /// length-prefixed fields.
    #[must_use]
    pub fn id(self) -> BallotId {
        let mut fields = FieldHasher::new();
        fields.add(self.contest.as_str().as_bytes());
        fields.add(&self.voter.0);
        fields.add(self.channel.unwrap_or_default().as_bytes());
        fields.add(self.period.unwrap_or_default().as_bytes());
        fields.add(self.replaces.as_ref().map_or(&[][..], |id| &id.0));
        for (category, entry) in self.selections {
            fields.add(category.as_bytes());
            fields.add(entry.as_bytes());
        }
        let mut id = [0; 16];
        let (head, tail) = id.split_at_mut(4);
        head.copy_from_slice(&self.voter.prefix());
        tail.copy_from_slice(&first_16(&fields.hash())[..12]);
        BallotId(id)
    }
}

/// Collects length-prefixed fields for the hasher, which is slow with many small pieces.
struct FieldHasher {
    hasher: blake3::Hasher,
    buffer: [u8; 512],
    length: usize,
}

impl FieldHasher {
    fn new() -> Self {
        Self { hasher: blake3::Hasher::new_from_context_key(&CONTEXT_KEY), buffer: [0; 512], length: 0 }
    }

    fn add(&mut self, field: &[u8]) {
        // Fields are identifiers, days and 16-byte ids, which are far smaller than 4 GiB.
        self.push(&u32::try_from(field.len()).unwrap_or(u32::MAX).to_le_bytes());
        self.push(field);
    }

    fn push(&mut self, bytes: &[u8]) {
        if let Some(free) = self.buffer.get_mut(self.length..self.length + bytes.len()) {
            free.copy_from_slice(bytes);
            self.length += bytes.len();
        } else {
            self.flush();
            self.hasher.update(bytes);
        }
    }

    fn flush(&mut self) {
        self.hasher.update(self.buffer.get(..self.length).unwrap_or_default());
        self.length = 0;
    }

    fn hash(mut self) -> [u8; 32] {
        self.flush();
        *self.hasher.finalize().as_bytes()
    }
}

fn first_16(hash: &[u8; 32]) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash[..16]);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The tags and ids of the published test vectors of the log format.
    #[test]
    fn tags_and_ids_match_test_vectors() {
        let key = TagKey(std::array::from_fn(|i| u8::try_from(i).unwrap()));
        let ama = key.tag("mailto:ama@example.org");
        assert_eq!(ama.to_string(), "3py_Y3DapPeT9B0eMT_u7g");
        assert_eq!(key.tag("mailto:li@example.org").to_string(), "GLjvQZ2qmDNcU-SONvFzyQ");

        let contest: ContestId = "photo-2021".parse().unwrap();
        let content = |replaces, entry| BallotContent {
            contest: &contest,
            voter: ama,
            channel: None,
            period: None,
            replaces,
            selections: [("photos", entry)].into_iter(),
        };
        let first = content(None, "p1").id();
        assert_eq!(first.to_string(), "3py_YyrYERCq8DPssH3bdw");
        assert_eq!(content(Some(first), "p3").id().to_string(), "3py_Y7b8Q_zLqsin0E59FA");
    }

    #[test]
    fn id_of_many_fields_hashes_all_bytes() {
        let contest: ContestId = "photo-2021".parse().unwrap();
        let names: Vec<String> = (0..60).map(|number| format!("category-{number}")).collect();
        let selections = names.iter().map(|name| (name.as_str(), "an-entry"));
        let voter = VoterTag([7; 16]);
        let content = BallotContent {
            contest: &contest,
            voter,
            channel: None,
            period: None,
            replaces: None,
            selections,
        };
        let mut bytes = Vec::new();
        let fields = ["photo-2021".as_bytes(), &voter.0, b"", b"", b""].into_iter();
        for field in fields.chain(names.iter().flat_map(|name| [name.as_bytes(), b"an-entry"])) {
            bytes.extend(u32::try_from(field.len()).unwrap().to_le_bytes());
            bytes.extend(field);
        }
        let expected = blake3::derive_key("acclaim v1 ballot id", &bytes);
        let id = content.id();
        assert_eq!((&id.0[..4], &id.0[4..]), (&voter.0[..4], &expected[..12]));
    }

    #[test]
    fn rejects_other_spellings_of_tag() {
        assert!("3py_Y3DapPeT9B0eMT_u7g".parse::<VoterTag>().is_ok());
        // The last character has two spare bits. Other spellings of the same bytes are refused.
        for bad in [
            "3py_Y3DapPeT9B0eMT_u7h",
            "3py_Y3DapPeT9B0eMT_u7g=",
            "3py/Y3DapPeT9B0eMT+u7g",
            "",
            "3py_Y3DapPeT9B0eMT_u7",
        ] {
            assert_eq!(bad.parse::<VoterTag>(), Err(InvalidTag), "{bad}");
        }
    }
}
