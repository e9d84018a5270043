//! Staff keys and the installation's own keys, in their stored form: hashed or wrapped.

use std::{collections::HashSet, fmt, str::FromStr};

use acclaim_contest::{ContestId, Instant, PanelId};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::{RequestId, error::Result};

/// What a staff key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Manages contests, but not the installation.
    Organiser,
    /// Reads logs and results before they are public.
    Auditor,
    /// Casts ballots for others in bulk.
    Gateway,
    /// Enters scores for one juror, in one panel of one contest.
    Juror,
    /// Manages the installation, and may do everything.
    Operator,
}

impl Role {
    /// The word in the API, on the command line and in the database.
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

/// The name in logs for decisions made on a data directory without a key. No staff key has it.
pub const PROCESS_KEY_NAME: &str = "operator";

/// A staff key without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StaffKey {
    /// The key's name, unique in the installation. Logs have it as `by`.
    pub name: String,
    /// What the key may do.
    pub role: Role,
    /// The contests that the key is for; `None` for all. A juror's key is for exactly one.
    pub contests: Option<Vec<ContestId>>,
    /// The panel of a juror's key. The key's name is then the juror's name in the log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub panel: Option<PanelId>,
    /// When the key was created.
    pub created: Instant,
    /// The instant from which the key is refused; `None` if it does not expire.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Instant>,
    /// When the key was revoked; `None` if it was not.
    pub revoked: Option<Instant>,
}

impl StaffKey {
    /// Whether the key is for this contest.
    #[must_use]
    pub fn covers(&self, contest: &ContestId) -> bool {
        self.contests.as_ref().is_none_or(|contests| contests.contains(contest))
    }

    /// Whether all contests of the key are among these; `None` stands for all contests.
    #[must_use]
    pub fn is_within(&self, contests: Option<&[ContestId]>) -> bool {
        are_within(self.contests.as_deref(), contests)
    }

    /// Whether the key has expired at `now`.
    #[must_use]
    pub fn is_expired(&self, now: Instant) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }

    /// Whether the key is valid at `now`: it is not revoked and has not expired.
    #[must_use]
    pub fn is_valid(&self, now: Instant) -> bool {
        self.revoked.is_none() && !self.is_expired(now)
    }
}

/// Whether all of `contests` are among `others`; `None` stands for all contests.
#[must_use]
pub fn are_within(contests: Option<&[ContestId]>, others: Option<&[ContestId]>) -> bool {
    let Some(others) = others else { return true };
    contests.is_some_and(|contests| contests.iter().all(|contest| others.contains(contest)))
}

/// A request to revoke a staff key.
#[derive(Debug, Clone)]
pub struct KeyRevocationRequest {
    /// The request's id. It is executed once, and its repetition gets the same answer.
    pub id: RequestId,
    /// Name of the key to revoke.
    pub name: String,
    /// The contests of the requesting key; `None` for all. It sees only keys for these contests.
    pub within: Option<Vec<ContestId>>,
    /// When the key is revoked.
    pub at: Instant,
}

/// The outcome of a request to revoke a staff key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyRevocationOutcome {
    /// The key is revoked, by this request or by an earlier one.
    Done(Box<StaffKey>),
    /// No key of this name is visible to the requesting key. Nothing was changed.
    NotFound,
    /// It is the last valid operator's key for all contests. Nothing was changed.
    LastOperator,
    /// The `Idempotency-Key` was used for the key of this name. Nothing was changed.
    IdempotencyKeyUsed(String),
}

impl KeyRevocationRequest {
    /// The revoked key, which the caller then stores as the outcome of the request.
    ///
    /// `before` is the key that a request of the same id revoked. `keys` are all staff keys.
    ///
    /// # Errors
    /// The outcome to return instead if nothing is to be changed.
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
        let is_visible = |key: &&StaffKey| key.name == self.name && key.is_within(self.within.as_deref());
        let key = keys.iter().find(is_visible).ok_or(KeyRevocationOutcome::NotFound)?;
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
    /// Adds a staff key under the BLAKE3 hash of its secret. Durable when it returns.
    ///
    /// A juror's key replaces a revoked or expired key of the same name, contest and panel. So a
    /// juror who lost the key continues under the name in the log.
    ///
    /// # Errors
    /// `Conflict` if another key has the name, revoked or not, or if there is a key of this hash.
    async fn add_staff_key(&self, hash: [u8; 32], key: &StaffKey) -> Result<()>;

    /// All staff keys, in the order of their names.
    async fn staff_keys(&self) -> Result<Vec<StaffKey>>;

    /// The staff key with this hash, revoked or not.
    async fn staff_key(&self, hash: [u8; 32]) -> Result<Option<StaffKey>>;

    /// The hashes of all staff keys that are valid at `now`.
    ///
    /// One read checks any number of keys.
    async fn valid_key_hashes(&self, now: Instant) -> Result<HashSet<[u8; 32]>>;

    /// Revokes a staff key. Durable when it returns.
    ///
    /// # Errors
    /// `Conflict` if no unrevoked key has this name.
    async fn revoke_staff_key(&self, name: &str, at: Instant) -> Result<()>;

    /// Revokes a staff key as [`KeyRevocationRequest::decide`] decides. Durable when it returns.
    ///
    /// A request is executed once. Concurrent requests are decided one after the other, also if two
    /// keys revoke each other.
    async fn revoke_staff_key_once(&self, request: &KeyRevocationRequest) -> Result<KeyRevocationOutcome>;

    /// The installation's values (its name, its wrapped keys), in the order of their names.
    async fn installation_values(&self) -> Result<Vec<(String, Vec<u8>)>>;

    /// Adds a value, which never changes afterwards. Durable when it returns.
    ///
    /// # Errors
    /// `Conflict` if there is a value of this name.
    async fn add_installation_value(&self, name: &str, value: &[u8]) -> Result<()>;
}
