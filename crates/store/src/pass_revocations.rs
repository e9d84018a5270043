//! Revoked passes. Each revocation of the installation has a number, its generation, which only grows. A pass says which generation was the contest's newest
//! when the pass was minted, and a revoked voter has a least generation: passes of a lower one are refused.

use std::{fmt, str::FromStr};

use acclaim_contest::{ContestId, Instant, VoterTag};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::{error::Result, request_id::RequestId};

/// What a revocation says of passes to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PassRevocationMode {
    /// Minting again gives the voter a new pass.
    Replace,
    /// The voter gets no pass any more, unless a later revocation says otherwise.
    Bar,
}

impl PassRevocationMode {
    /// The word on the wire, on the command line and in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Replace => "replace",
            Self::Bar => "bar",
        }
    }
}

impl fmt::Display for PassRevocationMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for PassRevocationMode {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        [Self::Replace, Self::Bar]
            .into_iter()
            .find(|mode| mode.as_str() == text)
            .ok_or_else(|| format!("`{text}` is not one of replace, bar"))
    }
}

/// A revocation, as it is stored until the contest's tag key is destroyed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PassRevocation {
    /// What names the request.
    pub id: RequestId,
    /// Hash of the request's content.
    pub request: [u8; 32],
    /// What it says of passes to come.
    pub mode: PassRevocationMode,
    /// Why. Not in the log.
    pub reason: String,
    /// When.
    pub at: Instant,
}

/// What came of a revocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PassRevocationOutcome {
    /// It is done, now or by the same request before.
    Done {
        /// Its number.
        generation: u32,
        /// When it was done.
        at: Instant,
    },
    /// The staff key has used the `Idempotency-Key` for another revocation. Nothing was changed.
    IdempotencyKeyUsed,
}

/// A voter whose passes were revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RevokedVoter {
    /// Whose passes.
    pub voter: VoterTag,
    /// The newest revocation that names the voter: passes of a lower generation are refused.
    pub generation: u32,
    /// Whether no pass is minted for the voter.
    pub is_barred: bool,
}

/// The revoked voters of a contest in numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RevokedCounts {
    /// Those who may have new passes.
    pub replaced: u64,
    /// Those who get none.
    pub barred: u64,
    /// The newest revocation of any of them; 0 if there is none.
    pub newest: u32,
}

/// Revoked passes in the database.
#[async_trait]
pub trait PassRevocations: Send + Sync {
    /// Revokes all passes of these voters, each named once, that were minted before. Generations grow in the order in which revocations become readable.
    /// Durable when it returns.
    ///
    /// # Errors
    /// `Conflict` if the contest has no such tag key any more.
    async fn revoke_passes(
        &self,
        id: &ContestId,
        tag_key: &[u8],
        revocation: &PassRevocation,
        voters: &[VoterTag],
    ) -> Result<PassRevocationOutcome>;

    /// The revoked voters of all contests whose newest revocation has a generation above `after`.
    async fn revoked_voters(&self, after: u32) -> Result<Vec<RevokedVoter>>;

    /// The contest's revoked voters in numbers.
    async fn count_revoked(&self, id: &ContestId) -> Result<RevokedCounts>;

    /// Whether other processes may revoke passes too, so that what was read before ages.
    fn is_shared(&self) -> bool;
}
