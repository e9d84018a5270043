//! Voter tags and ballot ids: how the log knows a voter and a ballot without knowing who voted.

use std::{fmt, str::FromStr, sync::LazyLock};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use blake3::hazmat::{ContextKey, HasherExt as _, hash_derive_key_context};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use zeroize::Zeroize as _;

use crate::id::ContestId;

/// Characters of 16 bytes in base64url without padding.
const TEXT_LENGTH: usize = 22;

/// Why a text is not a voter tag or ballot id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not 16 bytes in base64url without padding (22 characters)")]
pub struct InvalidTag;

macro_rules! sixteen_bytes {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub [u8; 16]);

        impl $name {
            /// The text form, in a buffer of its own: no allocation on the path of a ballot.
            #[must_use]
            pub fn text(&self) -> TagText {
                let mut buffer = [0; TEXT_LENGTH];
                // 16 bytes make exactly 22 characters.
                let written = URL_SAFE_NO_PAD.encode_slice(self.0, &mut buffer);
                debug_assert_eq!(written, Ok(TEXT_LENGTH));
                TagText(buffer)
            }

            /// The first four bytes, which a voter's tag and ballot ids share.
            #[must_use]
            pub fn prefix(&self) -> [u8; 4] {
                let [a, b, c, d, ..] = self.0;
                [a, b, c, d]
            }

            /// Reads the text form.
            ///
            /// # Errors
            /// [`InvalidTag`] for anything but 22 characters of canonical base64url.
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
    /// A voter as the log knows one: specific to the contest, and without the contest's key tied to nobody.
    VoterTag
);
sixteen_bytes!(
    /// Names a ballot by its content and voter, not by its time: a retry has the same id.
    BallotId
);

/// The 22 characters of a [`VoterTag`] or [`BallotId`].
#[derive(Clone, Copy)]
pub struct TagText([u8; TEXT_LENGTH]);

impl TagText {
    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // The alphabet of base64url is ASCII.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// A contest's tag key: 32 random bytes that tie subjects to tags. Never shown, never logged.
#[derive(Clone)]
pub struct TagKey(pub [u8; 32]);

impl TagKey {
    /// The tag of the voter known by `subject` (such as `mailto:ama@example.org`): the first 16 bytes of the keyed BLAKE3.
    #[must_use]
    pub fn tag(&self, subject: &str) -> VoterTag {
        VoterTag(first_16(blake3::keyed_hash(&self.0, subject.as_bytes()).as_bytes()))
    }
}

/// Gone from memory with its last use: a key may have been destroyed meanwhile.
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

/// What a ballot id is computed over.
#[derive(Debug, Clone, Copy)]
pub struct BallotContent<'a, S> {
    /// The contest.
    pub contest: &'a ContestId,
    /// Who votes.
    pub voter: VoterTag,
    /// The pass's channel, if the contest has channels.
    pub channel: Option<&'a str>,
    /// The day or number, if the contest has periods.
    pub period: Option<&'a str>,
    /// The voter's own standing ballot that this one replaces.
    pub replaces: Option<BallotId>,
    /// Category and entry of each vote, in byte order.
    pub selections: S,
}

/// The key that BLAKE3's derive-key mode makes of its context, the same for every ballot.
static CONTEXT_KEY: LazyLock<ContextKey> = LazyLock::new(|| hash_derive_key_context("acclaim v1 ballot id"));

impl<'s, S: Iterator<Item = (&'s str, &'s str)>> BallotContent<'_, S> {
    /// The ballot id: the tag's first 4 bytes, then 12 bytes of BLAKE3 in derive-key mode over the length-prefixed fields.
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

/// Length-prefixed fields on their way into the hasher, which is slow with many small pieces.
struct FieldHasher {
    hasher: blake3::Hasher,
    gathered: [u8; 512],
    length: usize,
}

impl FieldHasher {
    fn new() -> Self {
        Self { hasher: blake3::Hasher::new_from_context_key(&CONTEXT_KEY), gathered: [0; 512], length: 0 }
    }

    fn add(&mut self, field: &[u8]) {
        // Fields are identifiers, days and 16-byte ids: far below 4 GiB.
        self.gather(&u32::try_from(field.len()).unwrap_or(u32::MAX).to_le_bytes());
        self.gather(field);
    }

    fn gather(&mut self, bytes: &[u8]) {
        if let Some(room) = self.gathered.get_mut(self.length..self.length + bytes.len()) {
            room.copy_from_slice(bytes);
            self.length += bytes.len();
        } else {
            self.flush();
            self.hasher.update(bytes);
        }
    }

    fn flush(&mut self) {
        self.hasher.update(self.gathered.get(..self.length).unwrap_or_default());
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

    /// Tags and ids of the published vectors of the log format.
    #[test]
    fn tags_and_ids_are_those_of_the_vectors() {
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
    fn an_id_of_many_fields_is_that_of_its_bytes() {
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
    fn a_tag_has_one_spelling() {
        assert!("3py_Y3DapPeT9B0eMT_u7g".parse::<VoterTag>().is_ok());
        // The last character carries two spare bits: other spellings of the same bytes are refused.
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
