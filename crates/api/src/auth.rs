//! Authentication: passes of voters and keys of staff.

use std::sync::Arc;

use acclaim_contest::{
    ContestId, Instant, Phase,
    pass::{Pass, PassError},
};
use acclaim_service::{
    directory::{Contest, Directory},
    revoked_passes::RevokedPasses,
    sheet::check_channel,
};
use acclaim_store::{
    Clock, Database, Keyring, Stores,
    keys::{PROCESS_KEY_NAME, Role, StaffKey},
    staff_keys::KEY_PREFIX,
};
use axum::http::{HeaderMap, header};
use jiff::Timestamp;

use crate::{
    errors::contest_not_found,
    extract::contest_id,
    problem::{self, Problem},
};

/// Roles that may run contests.
pub(crate) const ORGANISERS: &[Role] = &[Role::Organiser, Role::Operator];
/// Roles that may read data that is not public.
pub(crate) const READERS: &[Role] = &[Role::Organiser, Role::Auditor, Role::Operator];

/// Roles that may enter scores. Jurors enter only their own.
pub(crate) const SCORERS: &[Role] = &[Role::Organiser, Role::Juror, Role::Operator];
/// Roles that may read scores. Jurors read only their own.
pub(crate) const SCORE_READERS: &[Role] = &[Role::Organiser, Role::Auditor, Role::Juror, Role::Operator];

/// Returns the token of `Authorization: Bearer <token>`.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

/// Checks passes and staff keys.
pub(crate) struct Access {
    database: Arc<dyn Database>,
    clock: Arc<dyn Clock>,
    keyring: Arc<Keyring>,
    directory: Arc<Directory>,
    revoked_passes: Arc<RevokedPasses>,
    /// BLAKE3 hash of a bearer token that this process made for its own requests.
    process_key: Option<[u8; 32]>,
}

impl Access {
    /// Makes the checks over these stores.
    ///
    /// `process_key` is the hash of a token for the process's own requests, with the role operator.
    pub(crate) fn new(
        stores: &Stores,
        keyring: Arc<Keyring>,
        directory: Arc<Directory>,
        revoked_passes: Arc<RevokedPasses>,
        process_key: Option<[u8; 32]>,
    ) -> Self {
        let (database, clock) = (Arc::clone(&stores.database), Arc::clone(&stores.clock));
        Self { database, clock, keyring, directory, revoked_passes, process_key }
    }

    /// Returns the hash of the staff key that a request carries, valid or not.
    ///
    /// `None` also for the process's own key, which cannot be revoked.
    pub(crate) fn key_hash(&self, headers: &HeaderMap) -> Option<[u8; 32]> {
        let token = bearer(headers).filter(|token| token.starts_with(KEY_PREFIX))?;
        let hash = blake3::hash(token.as_bytes());
        (!self.is_process_key(hash)).then(|| *hash.as_bytes())
    }

    fn is_process_key(&self, hash: blake3::Hash) -> bool {
        self.process_key.is_some_and(|own| blake3::Hash::from(own) == hash)
    }

    /// Returns the contest of a request with a pass, and the pass, which is valid now.
    pub(crate) fn contest_and_pass(
        &self,
        headers: &HeaderMap,
        contest: &str,
    ) -> Result<(Arc<Contest>, Pass), Problem> {
        let contest = self.directory.contest(&contest_id(contest)?).ok_or_else(contest_not_found)?;
        let pass = self.voter(headers, &contest, self.clock.now())?;
        Ok((contest, pass))
    }

    /// Checks the pass of a request that arrived at `now`.
    ///
    /// Without a pass of the contest, a draft is answered as if it did not exist.
    pub(crate) fn voter(
        &self,
        headers: &HeaderMap,
        contest: &Contest,
        now: Timestamp,
    ) -> Result<Pass, Problem> {
        let voter = match bearer(headers) {
            None => Err(Problem::new(&problem::PASS_MISSING, "no bearer token was sent")),
            Some(token) if token.starts_with(KEY_PREFIX) => {
                Err(Problem::new(&problem::PASS_INVALID, "this is a staff key: send a pass to vote"))
            }
            Some(token) => self.pass(token, contest, now),
        };
        voter.map_err(|problem| {
            let without_pass =
                [&problem::PASS_MISSING, &problem::PASS_INVALID, &problem::PASS_FOR_ANOTHER_CONTEST];
            match contest.phase() {
                Phase::Draft if without_pass.contains(&problem.kind()) => contest_not_found(),
                _ => problem,
            }
        })
    }

    /// Checks a pass: its signature, expiry and contest, its revocation and its channel.
    pub(crate) fn pass(&self, token: &str, contest: &Contest, now: Timestamp) -> Result<Pass, Problem> {
        let verified = Pass::verify(token, self.keyring.pass_keys(), contest.id(), now);
        let pass = verified.map_err(|error| match error {
            PassError::Invalid => Problem::new(&problem::PASS_INVALID, error.to_string()),
            PassError::Expired => Problem::new(&problem::PASS_EXPIRED, error.to_string()),
            PassError::AnotherContest => Problem::new(&problem::PASS_FOR_ANOTHER_CONTEST, error.to_string()),
        })?;
        self.check_revoked(&pass)?;
        check_channel(contest, &pass)?;
        Ok(pass)
    }

    /// Refuses a pass that was revoked, as far as this process knows.
    pub(crate) fn check_revoked(&self, pass: &Pass) -> Result<(), Problem> {
        Ok(self.revoked_passes.check(pass)?)
    }

    /// Checks that the staff key of a request has one of `roles` and covers `contest`.
    ///
    /// `contest` need not exist. Without `contest` the key must cover all contests.
    pub(crate) async fn staff(
        &self,
        headers: &HeaderMap,
        contest: Option<&ContestId>,
        roles: &[Role],
    ) -> Result<StaffKey, Problem> {
        let token =
            bearer(headers).ok_or_else(|| Problem::new(&problem::KEY_MISSING, "no bearer token was sent"))?;
        allowed(self.key(token).await?, contest, roles)
    }

    /// Returns the valid staff key of a token.
    async fn key(&self, token: &str) -> Result<StaffKey, Problem> {
        if !token.starts_with(KEY_PREFIX) {
            return Err(invalid_key());
        }
        let hash = blake3::hash(token.as_bytes());
        if self.is_process_key(hash) {
            return Ok(StaffKey {
                name: PROCESS_KEY_NAME.to_owned(),
                role: Role::Operator,
                contests: None,
                panel: None,
                created: Instant::at_or_before(self.clock.now()),
                expires: None,
                revoked: None,
            });
        }
        let key = self.database.staff_key(*hash.as_bytes()).await?;
        let key = key.filter(|key| key.revoked.is_none()).ok_or_else(invalid_key)?;
        match key.expires.filter(|_| key.is_expired(Instant::at_or_before(self.clock.now()))) {
            None => Ok(key),
            Some(expired) => {
                let detail =
                    format!("the key {} expired at {expired}: an operator can make another one", key.name);
                Err(Problem::new(&problem::KEY_EXPIRED, detail).with("expired", expired.to_string()))
            }
        }
    }

    /// Returns the staff key of a request, which must have the role operator.
    ///
    /// The key may cover all contests or only some.
    pub(crate) async fn operator(&self, headers: &HeaderMap) -> Result<StaffKey, Problem> {
        let token =
            bearer(headers).ok_or_else(|| Problem::new(&problem::KEY_MISSING, "no bearer token was sent"))?;
        let key = self.key(token).await?;
        if key.role == Role::Operator { Ok(key) } else { Err(insufficient(&key)) }
    }

    /// Returns the contest of a request without a pass, and the staff key that the request may
    /// carry.
    ///
    /// A key with one of `roles` also sees a draft. Every other request for a draft gets the same
    /// answer as for an id without a contest. This holds for any content of the request, also for a
    /// key that is unknown, revoked, expired or for another contest. The time of the answer does
    /// not reveal a draft either: the key is looked up before the contest, and also if there is no
    /// contest.
    pub(crate) async fn find_contest(
        &self,
        headers: &HeaderMap,
        contest: &str,
        roles: &[Role],
    ) -> Result<(Arc<Contest>, Option<StaffKey>), Problem> {
        let key = self.optional_key(headers).await;
        let existing = contest_id(contest).ok().and_then(|id| self.directory.contest(&id));
        let may_see = |contest: &Contest| {
            let key = key.as_ref().ok().and_then(Option::as_ref);
            let may_read_draft = |key: &StaffKey| roles.contains(&key.role) && key.covers(contest.id());
            contest.phase() > Phase::Draft || key.is_some_and(may_read_draft)
        };
        match (existing.filter(|contest| may_see(contest)), key) {
            (Some(contest), key) => Ok((contest, key?)),
            // The lookup of the key failed.
            (None, Err(problem))
                if ![&problem::KEY_INVALID, &problem::KEY_EXPIRED].contains(&problem.kind()) =>
            {
                Err(problem)
            }
            (None, _) => Err(contest_not_found()),
        }
    }

    /// Returns the contest of a staff request and its key, which must have one of `roles`.
    pub(crate) async fn contest_and_key(
        &self,
        headers: &HeaderMap,
        contest: &str,
        roles: &[Role],
    ) -> Result<(Arc<Contest>, StaffKey), Problem> {
        let (contest, key) = self.find_contest(headers, contest, &[SCORE_READERS, roles].concat()).await?;
        let missing = || match bearer(headers) {
            None => Problem::new(&problem::KEY_MISSING, "no bearer token was sent"),
            Some(_) => invalid_key(),
        };
        let key = allowed(key.ok_or_else(missing)?, Some(contest.id()), roles)?;
        Ok((contest, key))
    }

    /// Returns the staff key that a request may carry on a route that needs none.
    ///
    /// A wrong key is an error, a missing key is not.
    pub(crate) async fn optional_key(&self, headers: &HeaderMap) -> Result<Option<StaffKey>, Problem> {
        match bearer(headers) {
            Some(token) if token.starts_with(KEY_PREFIX) => self.key(token).await.map(Some),
            _ => Ok(None),
        }
    }

    /// Returns a contest that the request may see, and whether it may read data that is not public.
    pub(crate) async fn find_visible(
        &self,
        headers: &HeaderMap,
        contest: &str,
    ) -> Result<(Arc<Contest>, bool), Problem> {
        let (contest, key) = self.find_contest(headers, contest, SCORE_READERS).await?;
        let reader = is_reader(key.as_ref(), contest.id());
        Ok((contest, reader))
    }
}

/// Returns the key if it has one of `roles` and covers `contest`.
///
/// Without `contest` the key must cover all contests.
fn allowed(key: StaffKey, contest: Option<&ContestId>, roles: &[Role]) -> Result<StaffKey, Problem> {
    let covered = contest.map_or(key.contests.is_none(), |contest| key.covers(contest));
    if roles.contains(&key.role) && covered {
        return Ok(key);
    }
    Err(insufficient(&key))
}

fn insufficient(key: &StaffKey) -> Problem {
    let detail = format!("the key {} with the role {} does not allow this request", key.name, key.role);
    Problem::new(&problem::KEY_INSUFFICIENT, detail)
}

fn invalid_key() -> Problem {
    Problem::new(&problem::KEY_INVALID, "the key is unknown or was revoked")
}

/// Whether a key may read data of a contest that is not public.
///
/// A key without this right reads what is public.
pub(crate) fn is_reader(key: Option<&StaffKey>, contest: &ContestId) -> bool {
    key.is_some_and(|key| READERS.contains(&key.role) && key.covers(contest))
}

/// Whether a key may read a contest as a draft. Jurors may, to prepare.
pub(crate) fn can_see_draft(key: Option<&StaffKey>, contest: &ContestId) -> bool {
    key.is_some_and(|key| SCORE_READERS.contains(&key.role) && key.covers(contest))
}
