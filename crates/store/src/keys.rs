//! Staff keys, and the installation's own secrets as they are kept: hashed, or wrapped.

use std::{collections::HashSet, fmt, str::FromStr};

use acclaim_contest::{ContestId, Instant, PanelId};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::error::Result;

/// What a staff key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Runs contests: everything but the installation.
    Organiser,
    /// Reads logs and results before they are public.
    Auditor,
    /// Casts ballots for others in bulk.
    Gateway,
    /// Enters the own scores, in one panel of one contest.
    Juror,
    /// Runs the installation; may do everything.
    Operator,
}

impl Role {
    /// The word on the wire, on the command line and in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Organiser => "organiser",
            Self::Auditor => "auditor",
            Self::Gateway => "gateway",
            Self::Juror => "juror",
            Self::Operator => "operator",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        [Self::Organiser, Self::Auditor, Self::Gateway, Self::Juror, Self::Operator]
            .into_iter()
            .find(|role| role.as_str() == text)
            .ok_or_else(|| format!("`{text}` is not one of organiser, auditor, gateway, juror, operator"))
    }
}

/// The name by which logs know what was decided on a data directory without a key: no staff key has it.
pub const PROCESS_KEY: &str = "operator";

/// A staff key without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StaffKey {
    /// Unique in the installation; written as `by` into logs.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// The contests it is for; `None` for all. Exactly one for a juror.
    pub contests: Option<Vec<ContestId>>,
    /// A juror's panel; the key's name is then the juror's in the log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub panel: Option<PanelId>,
    /// When it was made.
    pub created: Instant,
    /// From when on it is refused; `None` if it does not expire.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Instant>,
    /// Since when it is refused.
    pub revoked: Option<Instant>,
}

impl StaffKey {
    /// Whether the key is for this contest.
    #[must_use]
    pub fn covers(&self, contest: &ContestId) -> bool {
        self.contests.as_ref().is_none_or(|contests| contests.contains(contest))
    }

    /// Whether the key has expired at `now`.
    #[must_use]
    pub fn is_expired(&self, now: Instant) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }

    /// Whether the key is taken at `now`: it is not revoked and has not expired.
    #[must_use]
    pub fn is_valid(&self, now: Instant) -> bool {
        self.revoked.is_none() && !self.is_expired(now)
    }
}

/// What came of revoking a staff key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Revocation {
    /// It is revoked.
    Done,
    /// It is the last valid one of an operator of all contests. Nothing was changed.
    Last,
}

/// Keys in the database.
#[async_trait]
pub trait Keys: Send + Sync {
    /// Adds a staff key by the BLAKE3 hash of its secret. Durable when it returns. A juror's takes the place of a revoked or expired one of the same name,
    /// contest and panel: a juror who lost the key goes on under the name that the log knows.
    ///
    /// # Errors
    /// `Conflict` if the name is in use otherwise, revoked or not, or if there is a key of this hash.
    async fn add_staff_key(&self, hash: [u8; 32], key: &StaffKey) -> Result<()>;

    /// All staff keys, by name.
    async fn staff_keys(&self) -> Result<Vec<StaffKey>>;

    /// The staff key with this hash, revoked or not.
    async fn staff_key(&self, hash: [u8; 32]) -> Result<Option<StaffKey>>;

    /// The hashes of all staff keys that are valid at `now`: one reading tells of any number of them whether they still are.
    async fn valid_key_hashes(&self, now: Instant) -> Result<HashSet<[u8; 32]>>;

    /// Revokes a staff key. Durable when it returns.
    ///
    /// # Errors
    /// `Conflict` if no key that is not revoked has this name.
    async fn revoke_staff_key(&self, name: &str, at: Instant) -> Result<()>;

    /// As [`Keys::revoke_staff_key`], unless the key is the last one of an operator of all contests that is valid at `at`, also when two such keys revoke
    /// each other at once.
    ///
    /// # Errors
    /// As [`Keys::revoke_staff_key`].
    async fn revoke_staff_key_unless_last(&self, name: &str, at: Instant) -> Result<Revocation>;

    /// The installation's values (its name, its wrapped keys), by name.
    async fn installation_values(&self) -> Result<Vec<(String, Vec<u8>)>>;

    /// Adds a value; values are never changed. Durable when it returns.
    ///
    /// # Errors
    /// `Conflict` if there is one of this name.
    async fn add_installation_value(&self, name: &str, value: &[u8]) -> Result<()>;
}
