//! Passes: the bearer tokens with which voters vote. Checking one takes a single keyed BLAKE3 and no look-up.
//!
//! A pass is `base64url(body || mac)` without padding. The body is, in order: version (1 byte, 1), key id (u32 little-endian),
//! contest (first 8 bytes of BLAKE3 of its id), expiry (u64 little-endian, seconds since 1970, exclusive), voter tag (16 bytes), channel and group
//! (each a length byte and so many bytes, empty for none). The mac is the first 16 bytes of BLAKE3 over the body, keyed with
//! the pass key that the key id names. A pass holds a voter tag and no subject: who finds one learns no name.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::Timestamp;

use crate::id::{ChannelId, ContestId, is_id};
use crate::voter::VoterTag;

const VERSION: u8 = 1;
const MAC_LENGTH: usize = 16;
/// Version, key id, contest, expiry, tag, two length bytes.
const FIXED_LENGTH: usize = 1 + 4 + 8 + 8 + 16 + 2;
/// The longest pass, in characters: both texts at their longest.
pub const MAX_TEXT_LENGTH: usize = (FIXED_LENGTH + 2 * crate::id::MAX_LENGTH + MAC_LENGTH).div_ceil(3) * 4;

/// One of an installation's pass keys. The newest one mints; all of them verify.
#[derive(Clone)]
pub struct PassKey {
    /// Names the key in passes.
    pub id: u32,
    /// 32 random bytes. Never shown, never logged.
    pub secret: [u8; 32],
}

impl fmt::Debug for PassKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PassKey {{ id: {}, .. }}", self.id)
    }
}

/// What a pass says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pass {
    /// Who votes.
    pub voter: VoterTag,
    /// The channel that the votes count in.
    pub channel: Option<ChannelId>,
    /// A label for turnout, such as a region; never in the log.
    pub group: Option<String>,
    /// From this instant on the pass is refused.
    pub expires: Timestamp,
}

/// Why a pass is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PassError {
    /// Not a pass of this installation, or altered.
    #[error("the pass is not one of this installation's, or was altered")]
    Invalid,
    /// Its time is over.
    #[error("the pass has expired")]
    Expired,
    /// Genuine, but for another contest.
    #[error("the pass is for another contest")]
    AnotherContest,
}

impl Pass {
    /// The pass as the voter carries it. `None` if the group is no identifier or the expiry lies before 1970.
    #[must_use]
    pub fn mint(&self, key: &PassKey, contest: &ContestId) -> Option<String> {
        let expires = u64::try_from(self.expires.as_second()).ok()?;
        if self.group.as_deref().is_some_and(|group| !is_id(group)) {
            return None;
        }
        let mut bytes = Vec::with_capacity(FIXED_LENGTH + MAC_LENGTH);
        bytes.push(VERSION);
        bytes.extend(key.id.to_le_bytes());
        bytes.extend(contest_mark(contest));
        bytes.extend(expires.to_le_bytes());
        bytes.extend(self.voter.0);
        for text in [self.channel.as_ref().map(ChannelId::as_str), self.group.as_deref()] {
            let text = text.unwrap_or_default();
            bytes.push(u8::try_from(text.len()).ok()?);
            bytes.extend(text.as_bytes());
        }
        let mac = mac(key, &bytes);
        bytes.extend(mac);
        Some(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// Checks a pass at the time `now` and reads it.
    ///
    /// # Errors
    /// [`PassError`], in this order: `Invalid`, `AnotherContest`, `Expired`. Nothing of a pass whose mac is wrong is trusted.
    pub fn verify(
        text: &str,
        keys: &[PassKey],
        contest: &ContestId,
        now: Timestamp,
    ) -> Result<Self, PassError> {
        if text.len() > MAX_TEXT_LENGTH {
            return Err(PassError::Invalid);
        }
        let mut buffer = [0; MAX_TEXT_LENGTH];
        let length = URL_SAFE_NO_PAD.decode_slice(text, &mut buffer).map_err(|_| PassError::Invalid)?;
        let bytes = buffer.get(..length).ok_or(PassError::Invalid)?;
        let (body, given) = bytes.split_last_chunk::<MAC_LENGTH>().ok_or(PassError::Invalid)?;

        let mut reader = Reader(body);
        let [version] = reader.array()?;
        let key_id = u32::from_le_bytes(reader.array()?);
        let key = keys.iter().find(|key| key.id == key_id).ok_or(PassError::Invalid)?;
        if version != VERSION || !constant_time_eq(&mac(key, body), given) {
            return Err(PassError::Invalid);
        }
        let mark: [u8; 8] = reader.array()?;
        let expires = u64::from_le_bytes(reader.array()?);
        let pass = Self {
            voter: VoterTag(reader.array()?),
            channel: reader.text()?.map(|text| text.parse().map_err(|_| PassError::Invalid)).transpose()?,
            group: reader.text()?.map(str::to_owned),
            expires: i64::try_from(expires)
                .ok()
                .and_then(|seconds| Timestamp::from_second(seconds).ok())
                .ok_or(PassError::Invalid)?,
        };
        if !reader.0.is_empty() || pass.group.as_deref().is_some_and(|group| !is_id(group)) {
            return Err(PassError::Invalid);
        }
        if mark != contest_mark(contest) {
            return Err(PassError::AnotherContest);
        }
        if pass.expires <= now {
            return Err(PassError::Expired);
        }
        Ok(pass)
    }
}

fn contest_mark(contest: &ContestId) -> [u8; 8] {
    let hash = blake3::hash(contest.as_str().as_bytes());
    let mut mark = [0; 8];
    mark.copy_from_slice(&hash.as_bytes()[..8]);
    mark
}

fn mac(key: &PassKey, body: &[u8]) -> [u8; MAC_LENGTH] {
    let hash = blake3::keyed_hash(&key.secret, body);
    let mut mac = [0; MAC_LENGTH];
    mac.copy_from_slice(&hash.as_bytes()[..MAC_LENGTH]);
    mac
}

/// Compares without telling by its time where the difference lies.
fn constant_time_eq(a: &[u8; MAC_LENGTH], b: &[u8; MAC_LENGTH]) -> bool {
    std::hint::black_box(u128::from_le_bytes(*a) ^ u128::from_le_bytes(*b)) == 0
}

/// Takes fields off the front of a body.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn array<const N: usize>(&mut self) -> Result<[u8; N], PassError> {
        let (head, tail) = self.0.split_first_chunk::<N>().ok_or(PassError::Invalid)?;
        self.0 = tail;
        Ok(*head)
    }

    fn text(&mut self) -> Result<Option<&'a str>, PassError> {
        let [length] = self.array()?;
        let (head, tail) = self.0.split_at_checked(usize::from(length)).ok_or(PassError::Invalid)?;
        self.0 = tail;
        let text = std::str::from_utf8(head).map_err(|_| PassError::Invalid)?;
        Ok((!text.is_empty()).then_some(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> PassKey {
        PassKey { id: 7, secret: [9; 32] }
    }

    fn contest() -> ContestId {
        "photo-2021".parse().unwrap()
    }

    fn pass() -> Pass {
        Pass {
            voter: VoterTag([3; 16]),
            channel: Some("fan".parse().unwrap()),
            group: Some("africa".to_owned()),
            expires: "2021-04-01T00:00:00Z".parse().unwrap(),
        }
    }

    #[test]
    fn a_pass_comes_back_as_it_was_minted() {
        let now = "2021-03-31T23:59:59.999Z".parse().unwrap();
        let older = PassKey { id: 6, secret: [1; 32] };
        for pass in [pass(), Pass { channel: None, group: None, ..pass() }] {
            let text = pass.mint(&key(), &contest()).unwrap();
            assert!(text.len() <= MAX_TEXT_LENGTH);
            assert_eq!(Pass::verify(&text, &[older.clone(), key()], &contest(), now), Ok(pass));
        }
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let now = "2021-03-01T00:00:00Z".parse().unwrap();
        let bytes = URL_SAFE_NO_PAD.decode(pass().mint(&key(), &contest()).unwrap()).unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let text = URL_SAFE_NO_PAD.encode(flipped);
            assert_eq!(Pass::verify(&text, &[key()], &contest(), now), Err(PassError::Invalid), "bit {bit}");
        }
    }

    #[test]
    fn a_group_that_is_no_identifier_is_refused() {
        let now = "2021-03-01T00:00:00Z".parse().unwrap();
        let text = Pass { group: Some("africa".to_owned()), ..pass() }.mint(&key(), &contest()).unwrap();
        let mut bytes = URL_SAFE_NO_PAD.decode(text).unwrap();
        bytes.truncate(bytes.len() - MAC_LENGTH);
        let at = bytes.len() - "africa".len();
        bytes[at] = b'`';
        bytes.extend(mac(&key(), &bytes.clone()));
        let text = URL_SAFE_NO_PAD.encode(bytes);
        assert_eq!(Pass::verify(&text, &[key()], &contest(), now), Err(PassError::Invalid));
    }

    #[test]
    fn other_contests_times_and_keys_are_refused_by_name() {
        let text = pass().mint(&key(), &contest()).unwrap();
        let before = "2021-03-01T00:00:00Z".parse().unwrap();
        let other = "photo-2022".parse().unwrap();
        assert_eq!(Pass::verify(&text, &[key()], &other, before), Err(PassError::AnotherContest));
        assert_eq!(Pass::verify(&text, &[key()], &contest(), pass().expires), Err(PassError::Expired));
        assert_eq!(Pass::verify(&text, &[], &contest(), before), Err(PassError::Invalid));
        for garbage in ["", "x", "....", &"A".repeat(4096), "é"] {
            assert_eq!(Pass::verify(garbage, &[key()], &contest(), before), Err(PassError::Invalid));
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[A-Za-z0-9_-]{0,300}") {
            let now = "2021-03-01T00:00:00Z".parse().unwrap();
            proptest::prop_assert!(Pass::verify(&text, &[key()], &contest(), now).is_err());
        }
    }
}
