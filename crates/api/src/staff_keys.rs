//! Staff keys over HTTP: operators list, make and revoke them.
//!
//! An operator's key for some contests handles only keys for these contests.

use std::{sync::Arc, time::Duration};

use acclaim_contest::{ContestId, Instant, PanelId};
use acclaim_store::{
    Keyring, RequestId, Stores,
    keys::{KeyRevocationOutcome, KeyRevocationRequest, Role, StaffKey, are_within},
    staff_keys::{self, CreatedKey, NewKey, NewKeyError, SecretSource},
};
use axum::{
    Json,
    extract::{Request, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    auth::Access,
    body::{Bodies, MAX_STAFF_BODY_BYTES, idempotency_key, parse},
    description::{refusals, shapes},
    extract::Path,
    problem::{self, Problem},
    state::Api,
};

const BODY_TIMEOUT: Duration = Duration::from_secs(10);

refusals! {
    /// Problems that refuse a request for a new key.
    CreationRefusals: INVALID_REQUEST, REFUSED, IDEMPOTENCY_KEY_USED
}
refusals! {
    /// Problems that refuse a request to revoke a key.
    RevocationRefusals: KEY_NOT_FOUND, REFUSED, IDEMPOTENCY_KEY_USED
}

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(revoke))
}

/// A staff key without its secret.
#[derive(Serialize, ToSchema)]
struct KeyDescription {
    /// Unique in the installation. Logs have it as `by`.
    name: String,
    #[schema(value_type = shapes::Role)]
    role: Role,
    /// The contests of the key; null for all.
    #[schema(value_type = Option<Vec<String>>)]
    contests: Option<Vec<ContestId>>,
    /// A juror's panel.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    panel: Option<PanelId>,
    #[schema(value_type = shapes::Instant)]
    created: Instant,
    /// The instant from which it is refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<shapes::Instant>)]
    expires: Option<Instant>,
    /// The instant of the revocation; null if it is not revoked.
    #[schema(value_type = Option<shapes::Instant>, required = true)]
    revoked: Option<Instant>,
}

impl From<StaffKey> for KeyDescription {
    fn from(key: StaffKey) -> Self {
        let StaffKey { name, role, contests, panel, created, expires, revoked } = key;
        Self { name, role, contests, panel, created, expires, revoked }
    }
}

/// Staff keys, by name.
#[derive(Serialize, ToSchema)]
struct KeyList {
    keys: Vec<KeyDescription>,
}

/// A new staff key.
#[derive(Serialize, ToSchema)]
struct NewKeyAnswer {
    /// The bearer token. Only this answer has it: the server stores its hash.
    key: String,
    #[serde(flatten)]
    description: KeyDescription,
}

/// The staff key to make.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"role": "auditor", "contests": ["photo-2031"]}))]
struct NewKeyRequest {
    #[schema(value_type = shapes::Role)]
    role: Role,
    /// Contests of the key. Absent: all contests.
    #[schema(value_type = Option<Vec<shapes::Id>>)]
    contests: Option<Vec<String>>,
    /// A juror's panel in the contest.
    #[schema(value_type = Option<shapes::Id>)]
    panel: Option<String>,
    /// Its name, which the log records with the key's decisions. For a juror, the juror's name in
    /// the log. Absent: a name made from the role.
    name: Option<String>,
    /// The instant from which it is refused: `2027-05-01T00:00:00Z`. Absent: it does not expire.
    expires: Option<String>,
}

/// List the staff keys, without their secrets.
///
/// A key for some contests sees only the keys for these contests.
#[utoipa::path(get, operation_id = "list_keys", path = "/v1/keys", tag = "staff", security(("key" = [])), responses((status = 200, body = KeyList, description = "by name")))]
async fn list(
    State(access): State<Arc<Access>>,
    State(stores): State<Stores>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let operator = access.operator(&headers).await?;
    let keys = stores.database.staff_keys().await?;
    let keys = keys.into_iter().filter(|key| key.is_within(operator.contests.as_deref()));
    Ok(secret(StatusCode::OK, KeyList { keys: keys.map(KeyDescription::from).collect() }))
}

/// Make a staff key. Only this answer has the key.
///
/// A repeated request is answered with the same key, as long as the key is valid. A key for some
/// contests makes only keys for these contests.
#[utoipa::path(post, operation_id = "create_key", path = "/v1/keys", tag = "staff", request_body = NewKeyRequest, security(("key" = [])),
    params(("Idempotency-Key" = String, Header,)),
    responses((status = 201, body = NewKeyAnswer, description = "the new key"), CreationRefusals))]
async fn create(
    State(access): State<Arc<Access>>,
    State(bodies): State<Arc<Bodies>>,
    State(stores): State<Stores>,
    State(keyring): State<Arc<Keyring>>,
    request: Request,
) -> Result<Response, Problem> {
    let operator = access.operator(request.headers()).await?;
    let request_id = RequestId::new(&operator.name, &idempotency_key(request.headers())?);
    let body = bodies.read_json(request, MAX_STAFF_BODY_BYTES, BODY_TIMEOUT).await?;
    let new_key = read(parse(&body)?)?;
    if !are_within(new_key.contests.as_deref(), operator.contests.as_deref()) {
        let own = operator.contests.unwrap_or_default();
        let own = own.iter().map(ContestId::as_str).collect::<Vec<_>>().join(", ");
        let detail = format!(
            "`contests`: the key {} is for {own}: it makes keys only for these contests",
            operator.name
        );
        return Err(Problem::new(&problem::KEY_INSUFFICIENT, detail).with("field", "contests"));
    }
    if let Some(own) = operator.expires.filter(|own| new_key.expires.is_none_or(|expires| expires > *own)) {
        let detail = format!(
            "`expires`: the key {} is valid until {own}: it makes keys that are valid no longer than that",
            operator.name
        );
        return Err(Problem::new(&problem::KEY_INSUFFICIENT, detail).with("field", "expires"));
    }
    let now = Instant::at_or_before(stores.clock.now());
    let origin = SecretSource::Request(&keyring, &request_id);
    let CreatedKey { token, key } =
        staff_keys::create(&*stores.database, new_key, origin, now).await.map_err(|error| match error {
            // A key for some contests may not learn where the name is used.
            NewKeyError::NameInUse { .. } if operator.contests.is_some() => {
                let detail =
                    "the name is in use by another key, perhaps one that was revoked: take another name";
                Problem::new(&problem::REFUSED, detail).with("code", "name-in-use")
            }
            error => refused(error),
        })?;
    Ok(secret(StatusCode::CREATED, NewKeyAnswer { key: token, description: key.into() }))
}

/// Revoke a staff key. Every process refuses it at once, and its open answers end.
///
/// A repeated request gets the same answer. The last valid key of an operator of all contests is
/// not revoked: no other key could make a new one over HTTP.
#[utoipa::path(delete, operation_id = "revoke_key", path = "/v1/keys/{name}", tag = "staff", security(("key" = [])),
    params(("name" = String, Path, description = "The key's name, percent-encoded"), ("Idempotency-Key" = String, Header,)),
    responses((status = 200, body = KeyDescription, description = "revoked"), RevocationRefusals))]
async fn revoke(
    State(access): State<Arc<Access>>,
    State(stores): State<Stores>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let operator = access.operator(&headers).await?;
    let id = RequestId::new(&operator.name, &idempotency_key(&headers)?);
    let at = Instant::at_or_before(stores.clock.now());
    let request = KeyRevocationRequest { id, name, within: operator.contests, at };
    match stores.database.revoke_staff_key_once(&request).await? {
        KeyRevocationOutcome::Done(key) => Ok(secret(StatusCode::OK, KeyDescription::from(*key))),
        KeyRevocationOutcome::NotFound => {
            let detail = format!("the key {} sees no key {:?}", operator.name, request.name);
            Err(Problem::new(&problem::KEY_NOT_FOUND, detail))
        }
        KeyRevocationOutcome::LastOperator => {
            let detail = "this is the last valid key of an operator of all contests: make another one first";
            Err(Problem::new(&problem::REFUSED, detail).with("code", "last-operator"))
        }
        KeyRevocationOutcome::IdempotencyKeyUsed(other) => {
            let detail = format!("the staff key has used this Idempotency-Key for the key {other:?}");
            Err(Problem::new(&problem::IDEMPOTENCY_KEY_USED, detail))
        }
    }
}

fn read(request: NewKeyRequest) -> Result<NewKey, Problem> {
    let NewKeyRequest { role, contests, panel, name, expires } = request;
    let contest = |(place, id): (usize, &String)| {
        id.parse().map_err(|error: acclaim_contest::id::InvalidId| {
            Problem::invalid(&format!("contests[{place}]"), error)
        })
    };
    Ok(NewKey {
        role,
        contests: contests.map(|ids| ids.iter().enumerate().map(contest).collect()).transpose()?,
        panel: panel
            .map(|id| {
                id.parse().map_err(|error: acclaim_contest::id::InvalidId| Problem::invalid("panel", error))
            })
            .transpose()?,
        name,
        expires: expires
            .map(|text| {
                text.parse().map_err(|_| {
                    Problem::invalid("expires", "is not an instant: write it like 2027-05-01T00:00:00Z")
                })
            })
            .transpose()?,
    })
}

/// Returns the problem of a key that is not made.
fn refused(error: NewKeyError) -> Problem {
    let detail = error.to_string();
    match error {
        NewKeyError::Store(error) => error.into(),
        NewKeyError::Randomness(_) => Problem::new(&problem::UNAVAILABLE, detail),
        NewKeyError::Invalid { field, .. } => Problem::invalid(field, &detail),
        NewKeyError::NameInUse { advice, .. } => {
            Problem::new(&problem::REFUSED, detail).with("code", "name-in-use").with("advice", advice)
        }
        NewKeyError::IdempotencyKeyUsed(_) => Problem::new(&problem::IDEMPOTENCY_KEY_USED, detail),
        NewKeyError::RevokedSince { .. } => {
            Problem::new(&problem::REFUSED, detail).with("code", "revoked-since")
        }
    }
}

/// Returns an answer that no cache keeps.
fn secret(status: StatusCode, body: impl Serialize) -> Response {
    (status, [(header::CACHE_CONTROL, "private, no-store")], Json(body)).into_response()
}
