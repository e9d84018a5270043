//! Revoked passes.
//!
//! Each revocation of the installation has a number, its generation, which only grows. A pass
//! contains the generation of the contest's newest revocation when the pass was minted. A revoked
//! voter has a minimum generation: passes of a lower generation are refused.

use std::{fmt, str::FromStr};

use acclaim_contest::{ContestId, Instant, VoterTag};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::{error::Result, request_id::RequestId};

/// The effect of a revocation on later passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PassRevocationMode {
    /// The voter gets a new pass at the next minting.
    Replace,
    /// The voter gets no more passes, until a later revocation changes this.
    Bar,
}

impl PassRevocationMode {
    /// The word in the API, on the command line and in the database.
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

/// A revocation. It is stored until the contest's tag key is destroyed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PassRevocation {
    /// The request's id.
    pub id: RequestId,
    /// Hash of the request's content.
    pub request: [u8; 32],
    /// The effect on later passes.
    pub mode: PassRevocationMode,
    /// The reason. It is not in the log.
    pub reason: String,
    /// When the passes are revoked.
    pub at: Instant,
}

/// The outcome of a revocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PassRevocationOutcome {
    /// The revocation is done, by this request or by an earlier one with the same id.
    Done {
        /// The revocation's number.
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
    /// The voter.
    pub voter: VoterTag,
    /// Generation of the newest revocation of this voter. Passes of a lower generation are refused.
    pub generation: u32,
    /// Whether the voter is barred: no pass is minted for this voter.
    pub is_barred: bool,
}

/// Numbers of a contest's revoked voters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RevokedCounts {
    /// Number of voters that may get new passes.
    pub replaced: u64,
    /// Number of voters that get no more passes.
    pub barred: u64,
    /// Generation of the newest revocation of any of these voters; 0 if there is none.
    pub newest: u32,
}

/// Revoked passes in the database.
#[async_trait]
pub trait PassRevocations: Send + Sync {
    /// Revokes all passes of these voters that were minted before. Durable when it returns.
    ///
    /// `voters` names each voter once. `tag_key` is the contest's wrapped tag key. Revocations
    /// become readable in the order of their generations.
    ///
    /// # Errors
    /// `Conflict` if the contest no longer has this tag key.
    async fn revoke_passes(
        &self,
        id: &ContestId,
        tag_key: &[u8],
        revocation: &PassRevocation,
        voters: &[VoterTag],
    ) -> Result<PassRevocationOutcome>;

    /// The revoked voters of all contests whose newest revocation has a generation above `after`.
    async fn revoked_voters(&self, after: u32) -> Result<Vec<RevokedVoter>>;

    /// The numbers of the contest's revoked voters.
    async fn count_revoked(&self, id: &ContestId) -> Result<RevokedCounts>;

    /// Whether other processes may revoke passes too, so that a result read earlier may be out of
    /// date.
    fn is_shared(&self) -> bool;
}
