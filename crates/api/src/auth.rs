//! Who asks: passes of voters, keys of staff.

use acclaim_contest::{
    ContestId, Instant,
    pass::{Pass, PassError},
};
use acclaim_store::{
    Phase,
    keys::{PROCESS_KEY, Role, StaffKey},
};
use axum::http::{HeaderMap, header};
use jiff::Timestamp;

use crate::{
    body::no_contest,
    directory::Contest,
    problem::{self, Problem},
    sheet::check_channel,
    state::Api,
};

/// Begins every staff key, so that passes and keys are told apart without a look-up.
pub(crate) const KEY_PREFIX: &str = "ack_";

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

/// Checks the pass of a request that arrived at `now`. Without one of the contest nobody is told that there is a draft.
pub(crate) fn voter(
    api: &Api,
    headers: &HeaderMap,
    contest: &Contest,
    now: Timestamp,
) -> Result<Pass, Problem> {
    let voter = match bearer(headers) {
        None => Err(Problem::new(&problem::PASS_MISSING, "no bearer token was sent")),
        Some(token) if token.starts_with(KEY_PREFIX) => {
            Err(Problem::new(&problem::PASS_INVALID, "this is a staff key; voting takes a pass"))
        }
        Some(token) => pass(api, token, contest, now),
    };
    voter.map_err(|problem| {
        let strangers = [&problem::PASS_MISSING, &problem::PASS_INVALID, &problem::PASS_FOR_ANOTHER_CONTEST];
        match contest.phase() {
            Phase::Draft if strangers.contains(&problem.kind()) => no_contest(),
            _ => problem,
        }
    })
}

/// Checks a pass.
pub(crate) fn pass(api: &Api, token: &str, contest: &Contest, now: Timestamp) -> Result<Pass, Problem> {
    let verified = Pass::verify(token, api.keyring.pass_keys(), contest.id(), now);
    let pass = verified.map_err(|error| match error {
        PassError::Invalid => Problem::new(&problem::PASS_INVALID, error.to_string()),
        PassError::Expired => Problem::new(&problem::PASS_EXPIRED, error.to_string()),
        PassError::AnotherContest => Problem::new(&problem::PASS_FOR_ANOTHER_CONTEST, error.to_string()),
    })?;
    check_channel(contest, &pass)?;
    Ok(pass)
}

/// Checks a staff key that must have one of `roles` and cover `contest`.
pub(crate) async fn staff(
    api: &Api,
    headers: &HeaderMap,
    contest: Option<&ContestId>,
    roles: &[Role],
) -> Result<StaffKey, Problem> {
    let token =
        bearer(headers).ok_or_else(|| Problem::new(&problem::KEY_MISSING, "no bearer token was sent"))?;
    let key = key(api, token).await?;
    let covered = contest.map_or(key.contests.is_none(), |contest| key.covers(contest));
    if roles.contains(&key.role) && covered {
        return Ok(key);
    }
    let detail = format!("the key {} has the role {} and does not allow this here", key.name, key.role);
    Err(Problem::new(&problem::KEY_INSUFFICIENT, detail))
}

/// The staff key of a token.
async fn key(api: &Api, token: &str) -> Result<StaffKey, Problem> {
    let invalid = || Problem::new(&problem::KEY_INVALID, "the key is unknown or was revoked");
    if !token.starts_with(KEY_PREFIX) {
        return Err(invalid());
    }
    let hash = *blake3::hash(token.as_bytes()).as_bytes();
    if api.process_key.is_some_and(|own| blake3::Hash::from(own) == blake3::Hash::from(hash)) {
        return Ok(StaffKey {
            name: PROCESS_KEY.to_owned(),
            role: Role::Operator,
            contests: None,
            panel: None,
            created: Instant::at_or_before(api.stores.clock.now()),
            revoked: None,
        });
    }
    api.stores.database.staff_key(hash).await?.filter(|key| key.revoked.is_none()).ok_or_else(invalid)
}

/// The staff key that a request may carry where none is needed. A wrong key is an error, none is not.
pub(crate) async fn reading(api: &Api, headers: &HeaderMap) -> Result<Option<StaffKey>, Problem> {
    match bearer(headers) {
        Some(token) if token.starts_with(KEY_PREFIX) => key(api, token).await.map(Some),
        _ => Ok(None),
    }
}

/// Whether a key may read what is not public of a contest. Whose may not reads what is public, as anyone does.
pub(crate) fn is_reader(key: Option<&StaffKey>, contest: &ContestId) -> bool {
    key.is_some_and(|key| READERS.contains(&key.role) && key.covers(contest))
}

/// Whether a key may read a contest as a draft: jurors prepare.
pub(crate) fn may_see_draft(key: Option<&StaffKey>, contest: &ContestId) -> bool {
    key.is_some_and(|key| SCORE_READERS.contains(&key.role) && key.covers(contest))
}
