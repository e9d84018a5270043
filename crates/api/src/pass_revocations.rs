//! Revocation of the passes of subjects. Ballots that were cast stay recorded.

use std::sync::Arc;

use acclaim_contest::Instant;
use acclaim_service::passes::{self as service, Passes, PassesError, RequestIdentity, Voter};
use acclaim_store::{RequestId, pass_revocations::PassRevocationMode};
use axum::{
    Json,
    extract::{Request, State},
    http::header,
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    auth::{Access, ORGANISERS},
    body::{Bodies, MAX_STAFF_BODY_BYTES, idempotency_key, parse},
    commands::text,
    description::{refusals, shapes},
    errors::{ListPurpose, passes_problem},
    extract::Path,
    passes::{BODY_TIMEOUT, SamePerson, SubjectKind},
    problem::Problem,
    state::Api,
};

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(revoke))
}

refusals! {
    /// Problems that refuse a revocation.
    RevocationRefusals: INVALID_REQUEST, REFUSED, IDEMPOTENCY_KEY_USED, TAG_KEY_DESTROYED
}

/// The subjects whose passes to revoke, and the reason.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"subjects": ["ama@example.org"], "mode": "replace", "reason": "the mail was forwarded"}))]
struct RevocationRequest {
    /// Subjects as for minting, in any spelling. Also the subjects that minting without names
    /// answered, for example `pass:...`.
    subjects: Vec<String>,
    /// The kind of subjects without a scheme, as for minting.
    subjects_are: Option<SubjectKind>,
    /// `replace`: minting again gives the voter a new pass. `bar`: the voter gets no new pass until
    /// a later revocation with `replace`.
    #[schema(value_type = shapes::RevocationMode)]
    mode: PassRevocationMode,
    /// The reason. It is stored until the contest's tag key is destroyed, and is never in the log.
    #[schema(value_type = shapes::Text)]
    reason: String,
}

/// Passes that were revoked.
#[derive(Serialize, ToSchema)]
#[schema(as = PassRevocation)]
struct Revocation {
    /// The revocation's number in the installation. Passes of these voters that were minted before
    /// it are refused.
    generation: u32,
    #[schema(value_type = shapes::RevocationMode)]
    mode: PassRevocationMode,
    #[schema(value_type = shapes::Instant)]
    at: Instant,
    /// Each person once, in the order of the request.
    revoked: Vec<RevokedSubject>,
    /// Persons that are in the list more than once.
    same_person: Vec<SamePerson>,
}

/// One voter whose passes are revoked.
#[derive(Serialize, ToSchema)]
struct RevokedSubject {
    /// The first spelling of this person in the list.
    subject: String,
    /// The subject in canonical form. Subjects with the same form are the same voter.
    canonical: String,
}

/// Revoke all passes of subjects that were minted until now.
///
/// Every process refuses them within a second. Ballots that were cast with them stay recorded. The
/// server does not check whether a subject had a pass, because it does not know. A repeated request
/// gets the same answer and revokes no pass that was minted since.
#[utoipa::path(post, operation_id = "revoke_passes", path = "/v1/contests/{contest}/passes/revocations", tag = "staff", request_body = RevocationRequest, security(("key" = [])),
    params(("Idempotency-Key" = String, Header,)), responses((status = 200, body = Revocation, description = "revoked"), RevocationRefusals))]
async fn revoke(
    State(access): State<Arc<Access>>,
    State(bodies): State<Arc<Bodies>>,
    State(passes): State<Arc<Passes>>,
    Path(contest): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let (contest, key) = access.contest_and_key(request.headers(), &contest, ORGANISERS).await?;
    let id = RequestId::new(&key.name, &idempotency_key(request.headers())?);
    let body = bodies.read_json(request, MAX_STAFF_BODY_BYTES, BODY_TIMEOUT).await?;
    let revocation: RevocationRequest = parse(&body)?;
    if contest.tag_key.is_none() {
        return Err(passes_problem(PassesError::TagKeyDestroyed, ListPurpose::Revoking));
    }
    let reason = text("reason", revocation.reason)?;
    let RevocationRequest { subjects, subjects_are, mode, .. } = revocation;
    let identity = RequestIdentity { id, hash: *blake3::hash(&body).as_bytes() };
    let request =
        service::RevocationRequest { subjects, subjects_are: subjects_are.map(Into::into), mode, reason };
    let service::RevokedList { generation, at, voters } = passes
        .revoke(&contest, identity, request)
        .await
        .map_err(|error| passes_problem(error, ListPurpose::Revoking))?;
    let same_person = voters.iter().filter_map(SamePerson::of).collect();
    let revoked = |Voter { subject, canonical, .. }| RevokedSubject { subject, canonical };
    let revoked = voters.into_iter().map(revoked).collect();
    let answer = Revocation { generation, mode, at, revoked, same_person };
    Ok(([(header::CACHE_CONTROL, "private, no-store")], Json(answer)).into_response())
}
