//! Who asks: passes of voters, keys of staff.

use acclaim_contest::{
    ContestId, Instant,
    pass::{Pass, PassError},
};
use acclaim_store::keys::{PROCESS_KEY, Role, StaffKey};
use axum::http::{HeaderMap, header};
use jiff::Timestamp;

use crate::{
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

/// Checks the pass of a request that arrived at `now`.
pub(crate) fn voter(
    api: &Api,
    headers: &HeaderMap,
    contest: &Contest,
    now: Timestamp,
) -> Result<Pass, Problem> {
    let token =
        bearer(headers).ok_or_else(|| Problem::new(&problem::PASS_MISSING, "no bearer token was sent"))?;
    if token.starts_with(KEY_PREFIX) {
        return Err(Problem::new(&problem::PASS_INVALID, "this is a staff key; voting takes a pass"));
    }
    pass(api, token, contest, now)
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
    let invalid = || Problem::new(&problem::KEY_INVALID, "the key is unknown or was revoked");
    if !token.starts_with(KEY_PREFIX) {
        return Err(invalid());
    }
    let hash = *blake3::hash(token.as_bytes()).as_bytes();
    let key = if api.process_key.is_some_and(|own| blake3::Hash::from(own) == blake3::Hash::from(hash)) {
        StaffKey {
            name: PROCESS_KEY.to_owned(),
            role: Role::Operator,
            contests: None,
            panel: None,
            created: Instant::at_or_before(api.stores.clock.now()),
            revoked: None,
        }
    } else {
        api.stores.database.staff_key(hash).await?.filter(|key| key.revoked.is_none()).ok_or_else(invalid)?
    };
    let covered = contest.map_or(key.contests.is_none(), |contest| key.covers(contest));
    if roles.contains(&key.role) && covered {
        return Ok(key);
    }
    let detail = format!("the key {} has the role {} and does not allow this here", key.name, key.role);
    Err(Problem::new(&problem::KEY_INSUFFICIENT, detail))
}

/// Whether the request carries a staff key that may read what is not public. A wrong key is an error, none is not.
pub(crate) async fn is_reader(api: &Api, headers: &HeaderMap, contest: &ContestId) -> Result<bool, Problem> {
    is_one_of(api, headers, contest, READERS).await
}

/// Whether the request carries a staff key that may read the contest as a draft: jurors prepare.
pub(crate) async fn may_see_draft(
    api: &Api,
    headers: &HeaderMap,
    contest: &ContestId,
) -> Result<bool, Problem> {
    is_one_of(api, headers, contest, SCORE_READERS).await
}

async fn is_one_of(
    api: &Api,
    headers: &HeaderMap,
    contest: &ContestId,
    roles: &[Role],
) -> Result<bool, Problem> {
    match bearer(headers) {
        Some(token) if token.starts_with(KEY_PREFIX) => {
            staff(api, headers, Some(contest), roles).await.map(|_| true)
        }
        _ => Ok(false),
    }
}
