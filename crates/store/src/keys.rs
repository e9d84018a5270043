//! Staff keys, and the installation's own secrets as they are kept: hashed, or wrapped.

use std::{collections::HashSet, fmt, str::FromStr};

use acclaim_contest::{ContestId, Instant, PanelId};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::{RequestId, error::Result};

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
pub const PROCESS_KEY_NAME: &str = "operator";

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

    /// Whether the key is for no contest but these; `None` stands for all.
    #[must_use]
    pub fn is_within(&self, contests: Option<&[ContestId]>) -> bool {
        are_within(self.contests.as_deref(), contests)
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

/// Whether contests are all among others; `None` stands for all contests.
#[must_use]
pub fn are_within(contests: Option<&[ContestId]>, others: Option<&[ContestId]>) -> bool {
    let Some(others) = others else { return true };
    contests.is_some_and(|contests| contests.iter().all(|contest| others.contains(contest)))
}

/// A request to revoke a staff key.
#[derive(Debug, Clone)]
pub struct KeyRevocationRequest {
    /// Which request: it is done once, and its repetition is answered as it was.
    pub id: RequestId,
    /// The key's name.
    pub name: String,
    /// The contests of the key that asks; `None` for all. It sees only keys that are for these alone.
    pub within: Option<Vec<ContestId>>,
    /// When.
    pub at: Instant,
}

/// What came of a request to revoke a staff key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyRevocationOutcome {
    /// The key is revoked, by this request or before.
    Done(Box<StaffKey>),
    /// There is no key of this name that the asking key sees. Nothing was changed.
    NotFound,
    /// It is the last valid one of an operator of all contests. Nothing was changed.
    LastOperator,
    /// The `Idempotency-Key` was used for the key of this name. Nothing was changed.
    IdempotencyKeyUsed(String),
}

impl KeyRevocationRequest {
    /// The key as it is after the request, which then has to be stored as what came of the request; or why nothing is to be changed. `before` is the key that
    /// a request of the same id revoked.
    ///
    /// # Errors
    /// What the request is answered with instead.
    pub fn decide(
        &self,
        before: Option<StaffKey>,
        keys: &[StaffKey],
    ) -> std::result::Result<StaffKey, KeyRevocationOutcome> {
        if let Some(key) = before {
            let is_same = key.name == self.name;
            return Err(if is_same {
                KeyRevocationOutcome::Done(Box::new(key))
            } else {
                KeyRevocationOutcome::IdempotencyKeyUsed(key.name)
            });
        }
        let seen = |key: &&StaffKey| key.name == self.name && key.is_within(self.within.as_deref());
        let key = keys.iter().find(seen).ok_or(KeyRevocationOutcome::NotFound)?;
        let makes_keys =
            |key: &&StaffKey| key.role == Role::Operator && key.contests.is_none() && key.is_valid(self.at);
        let is_last = makes_keys(&key) && keys.iter().filter(makes_keys).count() == 1;
        if is_last {
            return Err(KeyRevocationOutcome::LastOperator);
        }
        Ok(StaffKey { revoked: key.revoked.or(Some(self.at)), ..key.clone() })
    }
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

    /// Revokes a staff key as [`KeyRevocationRequest::decide`] has it, once for the request, also when two keys revoke each other at once. Durable when it returns.
    async fn revoke_staff_key_once(&self, request: &KeyRevocationRequest) -> Result<KeyRevocationOutcome>;

    /// The installation's values (its name, its wrapped keys), by name.
    async fn installation_values(&self) -> Result<Vec<(String, Vec<u8>)>>;

    /// Adds a value; values are never changed. Durable when it returns.
    ///
    /// # Errors
    /// `Conflict` if there is one of this name.
    async fn add_installation_value(&self, name: &str, value: &[u8]) -> Result<()>;
}
