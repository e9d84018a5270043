//! Passes: the bearer tokens with which voters vote.
//!
//! Checking a pass takes one keyed BLAKE3 and no look-up.
//!
//! A pass is `base64url(body || mac)` without padding. The mac is the first 16 bytes of BLAKE3 over
//! the body, keyed with the pass key that the key id names. The body has these fields, one after
//! the other. Numbers are little-endian. Instants are seconds since 1970.
//!
//! | field | version 1 | version 2 |
//! |---|---|---|
//! | version | 1 byte: 1 | 1 byte: 2 |
//! | id of the pass key | 4 bytes | 4 bytes |
//! | contest: first bytes of BLAKE3 of its id | 8 bytes | 8 bytes |
//! | expiry, exclusive | 8 bytes | 5 bytes |
//! | method of admission | | 1 byte: 1 pass, 2 code, 3 email, 4 sms, 5 oidc, 6 open |
//! | instant of admission | | 5 bytes |
//! | generation | | 4 bytes |
//! | voter tag | 16 bytes | 16 bytes |
//! | channel, then group | each a length byte and that many bytes; absent is length 0 | the same |
//!
//! A pass holds a voter tag and no subject. So a lost pass reveals no name.

mod method;

use std::fmt;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::Timestamp;
use subtle::ConstantTimeEq as _;

pub use self::method::AdmissionMethod;
use crate::{
    id::{ChannelId, ContestId, is_id},
    voter::VoterTag,
};

/// A pass without [`Admission`].
const VERSION_1: u8 = 1;
/// A pass with [`Admission`].
const VERSION_2: u8 = 2;
const MAC_LENGTH: usize = 16;
/// The length of an instant in version 2: enough for every [`Timestamp`] from 1970 on.
const INSTANT_LENGTH: usize = 5;
/// The length of the fixed fields of version 2, which is the longer version.
///
/// These are version, key id, contest, expiry, method, instant of admission, generation, tag, and
/// two length bytes.
const FIXED_LENGTH: usize = 1 + 4 + 8 + INSTANT_LENGTH + 1 + INSTANT_LENGTH + 4 + 16 + 2;
/// The maximum length of a pass in characters, with channel and group at their maximum lengths.
pub const MAX_TEXT_LENGTH: usize = (FIXED_LENGTH + 2 * crate::id::MAX_LENGTH + MAC_LENGTH).div_ceil(3) * 4;

/// One of an installation's pass keys. The newest key mints passes, and all keys verify them.
#[derive(Clone)]
pub struct PassKey {
    /// The id of the key in passes.
    pub id: u32,
    /// 32 random bytes. They are never shown and never logged.
    pub secret: [u8; 32],
}

impl fmt::Debug for PassKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PassKey {{ id: {}, .. }}", self.id)
    }
}

/// The content of a pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pass {
    /// The tag of the voter.
    pub voter: VoterTag,
    /// The channel in which the votes count.
    pub channel: Option<ChannelId>,
    /// A label for turnout statistics, for example a region. It is never in the log.
    pub group: Option<String>,
    /// The first instant at which the pass is refused.
    pub expires: Timestamp,
    /// The admission of the voter. `None` in passes of version 1.
    pub admission: Option<Admission>,
}

/// The voter's admission in a pass of version 2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Admission {
    /// The method of the admission.
    pub method: AdmissionMethod,
    /// The instant of the admission, in whole seconds.
    pub at: Timestamp,
    /// The number of the contest's newest revocation at that instant.
    ///
    /// A revocation refuses the passes of its subjects whose generation is lower than its own
    /// number.
    pub generation: u32,
}

/// Why a pass is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PassError {
    /// The pass was not issued by this installation, or was altered.
    #[error("the pass is not one of this installation's, or was altered")]
    Invalid,
    /// The pass has expired.
    #[error("the pass has expired")]
    Expired,
    /// The pass is genuine, but for another contest.
    #[error("the pass is for another contest")]
    AnotherContest,
}

impl Pass {
    /// Returns the generation that revocations compare.
    ///
    /// It is 0 in passes of version 1. So each revocation of their subject refuses them.
    #[must_use]
    pub fn generation(&self) -> u32 {
        self.admission.map_or(0, |admission| admission.generation)
    }

    /// Returns the pass in the text form that the voter gets.
    ///
    /// The version is 2 if the pass has an admission, and otherwise 1. `None` if the group is not
    /// an identifier, or if an instant is before 1970.
    #[must_use]
    pub fn mint(&self, key: &PassKey, contest: &ContestId) -> Option<String> {
        if self.group.as_deref().is_some_and(|group| !is_id(group)) {
            return None;
        }
        let seconds = |instant: Timestamp| u64::try_from(instant.as_second()).ok().map(u64::to_le_bytes);
        let expires = seconds(self.expires)?;
        let mut bytes = Vec::with_capacity(FIXED_LENGTH + MAC_LENGTH);
        bytes.push(if self.admission.is_some() { VERSION_2 } else { VERSION_1 });
        bytes.extend(key.id.to_le_bytes());
        bytes.extend(contest_mark(contest));
        match self.admission {
            None => bytes.extend(expires),
            Some(Admission { method, at, generation }) => {
                bytes.extend(to_five_bytes(expires)?);
                bytes.push(method.byte());
                bytes.extend(to_five_bytes(seconds(at)?)?);
                bytes.extend(generation.to_le_bytes());
            }
        }
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
    /// The pass does not show whether it was revoked.
    ///
    /// # Errors
    /// [`PassError`], checked in this order: `Invalid`, `AnotherContest`, `Expired`. No content of
    /// a pass with a wrong mac is used.
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
        if !bool::from(mac(key, body).ct_eq(given)) {
            return Err(PassError::Invalid);
        }
        let mark: [u8; 8] = reader.array()?;
        let (expires, admission) = match version {
            VERSION_1 => (instant(reader.array()?)?, None),
            VERSION_2 => {
                let expires = instant(from_five_bytes(reader.array()?))?;
                let [method] = reader.array()?;
                let admission = Admission {
                    method: AdmissionMethod::from_byte(method).ok_or(PassError::Invalid)?,
                    at: instant(from_five_bytes(reader.array()?))?,
                    generation: u32::from_le_bytes(reader.array()?),
                };
                (expires, Some(admission))
            }
            _ => return Err(PassError::Invalid),
        };
        let pass = Self {
            voter: VoterTag(reader.array()?),
            channel: reader.text()?.map(|text| text.parse().map_err(|_| PassError::Invalid)).transpose()?,
            group: reader.text()?.map(str::to_owned),
            expires,
            admission,
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

/// Shortens seconds to the form of version 2. `None` if the number is too large.
fn to_five_bytes(seconds: [u8; 8]) -> Option<[u8; INSTANT_LENGTH]> {
    let [low @ .., 0, 0, 0] = seconds else { return None };
    Some(low)
}

/// Extends seconds to the form of version 1.
fn from_five_bytes([a, b, c, d, e]: [u8; INSTANT_LENGTH]) -> [u8; 8] {
    [a, b, c, d, e, 0, 0, 0]
}

fn instant(seconds: [u8; 8]) -> Result<Timestamp, PassError> {
    let seconds = i64::try_from(u64::from_le_bytes(seconds)).map_err(|_| PassError::Invalid)?;
    Timestamp::from_second(seconds).map_err(|_| PassError::Invalid)
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

/// Reads fields from the front of a body.
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
mod tests;
