//! Who asks: passes of voters, keys of staff.

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

/// Who may run contests.
pub(crate) const ORGANISERS: &[Role] = &[Role::Organiser, Role::Operator];
/// Who may read what is not public.
pub(crate) const READERS: &[Role] = &[Role::Organiser, Role::Auditor, Role::Operator];

/// Who may enter scores; jurors their own.
pub(crate) const SCORERS: &[Role] = &[Role::Organiser, Role::Juror, Role::Operator];
/// Who may read scores; jurors their own.
pub(crate) const SCORE_READERS: &[Role] = &[Role::Organiser, Role::Auditor, Role::Juror, Role::Operator];

/// The token of `Authorization: Bearer <token>`.
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
    /// BLAKE3 hash of a bearer token that this process made for itself.
    process_key: Option<[u8; 32]>,
}

impl Access {
    /// By these stores. `process_key` is the hash of a token that is an operator's, for the process's own requests.
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

    /// The hash of the staff key that a request carries, valid or not; `None` for the process's own key, which cannot be revoked.
    pub(crate) fn key_hash(&self, headers: &HeaderMap) -> Option<[u8; 32]> {
        let token = bearer(headers).filter(|token| token.starts_with(KEY_PREFIX))?;
        let hash = blake3::hash(token.as_bytes());
        (!self.is_process_key(hash)).then(|| *hash.as_bytes())
    }

    fn is_process_key(&self, hash: blake3::Hash) -> bool {
        self.process_key.is_some_and(|own| blake3::Hash::from(own) == hash)
    }

    /// The contest that a request with a pass is for, and its pass, which is valid now.
    pub(crate) fn contest_and_pass(
        &self,
        headers: &HeaderMap,
        contest: &str,
    ) -> Result<(Arc<Contest>, Pass), Problem> {
        let contest = self.directory.contest(&contest_id(contest)?).ok_or_else(contest_not_found)?;
        let pass = self.voter(headers, &contest, self.clock.now())?;
        Ok((contest, pass))
    }

    /// Checks the pass of a request that arrived at `now`. Without one of the contest nobody is told that there is a draft.
    pub(crate) fn voter(
        &self,
        headers: &HeaderMap,
        contest: &Contest,
        now: Timestamp,
    ) -> Result<Pass, Problem> {
        let voter = match bearer(headers) {
            None => Err(Problem::new(&problem::PASS_MISSING, "no bearer token was sent")),
            Some(token) if token.starts_with(KEY_PREFIX) => {
                Err(Problem::new(&problem::PASS_INVALID, "this is a staff key; voting takes a pass"))
            }
            Some(token) => self.pass(token, contest, now),
        };
        voter.map_err(|problem| {
            let strangers =
                [&problem::PASS_MISSING, &problem::PASS_INVALID, &problem::PASS_FOR_ANOTHER_CONTEST];
            match contest.phase() {
                Phase::Draft if strangers.contains(&problem.kind()) => contest_not_found(),
                _ => problem,
            }
        })
    }

    /// Checks a pass.
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

    /// Checks a staff key that must have one of `roles` and cover `contest`, whether or not there is such a contest.
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

    /// The staff key of a token.
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

    /// The operator's key of a request, for all contests or for some.
    pub(crate) async fn operator(&self, headers: &HeaderMap) -> Result<StaffKey, Problem> {
        let token =
            bearer(headers).ok_or_else(|| Problem::new(&problem::KEY_MISSING, "no bearer token was sent"))?;
        let key = self.key(token).await?;
        if key.role == Role::Operator { Ok(key) } else { Err(insufficient(&key)) }
    }

    /// The contest that a request without a pass is for, and the staff key that it may carry. A key of one of `roles` may see it as a draft.
    ///
    /// Who may not see a draft is answered as if there were no contest of this id, whatever is sent with the request: also a key that is unknown, revoked, expired
    /// or of another contest. How long that takes tells nothing either: the key is looked up before the contest is, and where there is none.
    pub(crate) async fn find_contest(
        &self,
        headers: &HeaderMap,
        contest: &str,
        roles: &[Role],
    ) -> Result<(Arc<Contest>, Option<StaffKey>), Problem> {
        let key = self.optional_key(headers).await;
        let found = contest_id(contest).ok().and_then(|id| self.directory.contest(&id));
        let may_see = |contest: &Contest| {
            let key = key.as_ref().ok().and_then(Option::as_ref);
            let sees = |key: &StaffKey| roles.contains(&key.role) && key.covers(contest.id());
            contest.phase() > Phase::Draft || key.is_some_and(sees)
        };
        match (found.filter(|contest| may_see(contest)), key) {
            (Some(contest), key) => Ok((contest, key?)),
            // The key cannot be looked up at the moment.
            (None, Err(problem))
                if ![&problem::KEY_INVALID, &problem::KEY_EXPIRED].contains(&problem.kind()) =>
            {
                Err(problem)
            }
            (None, _) => Err(contest_not_found()),
        }
    }

    /// The contest that a request of staff is for, and its key, which must have one of `roles`.
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

    /// The staff key that a request may carry where none is needed. A wrong key is an error, none is not.
    pub(crate) async fn optional_key(&self, headers: &HeaderMap) -> Result<Option<StaffKey>, Problem> {
        match bearer(headers) {
            Some(token) if token.starts_with(KEY_PREFIX) => self.key(token).await.map(Some),
            _ => Ok(None),
        }
    }

    /// A contest that the request may know of, and whether it may read what is not public.
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

/// The key, if it has one of `roles` and covers `contest`, or all contests.
fn allowed(key: StaffKey, contest: Option<&ContestId>, roles: &[Role]) -> Result<StaffKey, Problem> {
    let covered = contest.map_or(key.contests.is_none(), |contest| key.covers(contest));
    if roles.contains(&key.role) && covered {
        return Ok(key);
    }
    Err(insufficient(&key))
}

fn insufficient(key: &StaffKey) -> Problem {
    let detail = format!("the key {} has the role {} and does not allow this here", key.name, key.role);
    Problem::new(&problem::KEY_INSUFFICIENT, detail)
}

fn invalid_key() -> Problem {
    Problem::new(&problem::KEY_INVALID, "the key is unknown or was revoked")
}

/// Whether a key may read what is not public of a contest. Whose may not reads what is public, as anyone does.
pub(crate) fn is_reader(key: Option<&StaffKey>, contest: &ContestId) -> bool {
    key.is_some_and(|key| READERS.contains(&key.role) && key.covers(contest))
}

/// Whether a key may read a contest as a draft: jurors prepare.
pub(crate) fn can_see_draft(key: Option<&StaffKey>, contest: &ContestId) -> bool {
    key.is_some_and(|key| SCORE_READERS.contains(&key.role) && key.covers(contest))
}
