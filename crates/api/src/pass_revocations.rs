//! Revoking the passes of subjects. Ballots that were cast stand.

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
    /// How a revocation is refused.
    RevocationRefusals: INVALID_REQUEST, REFUSED, IDEMPOTENCY_KEY_USED, TAG_KEY_DESTROYED
}

/// Whose passes to revoke, and why.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"subjects": ["ama@example.org"], "mode": "replace", "reason": "the mail was forwarded"}))]
struct RevocationRequest {
    /// As for minting, in any spelling; or what minting without names answered, such as `pass:...`.
    subjects: Vec<String>,
    /// What subjects without a scheme are: as for minting.
    subjects_are: Option<SubjectKind>,
    /// `replace`: minting again gives the voter a new pass. `bar`: the voter gets none any more, unless a later revocation with `replace` says otherwise.
    #[schema(value_type = shapes::RevocationMode)]
    mode: PassRevocationMode,
    /// Why. It is kept until the contest's tag key is destroyed, and never in the log.
    #[schema(value_type = shapes::Text)]
    reason: String,
}

/// Passes that are revoked.
#[derive(Serialize, ToSchema)]
#[schema(as = PassRevocation)]
struct Revocation {
    /// Its number in the installation. Passes of these voters that were minted before are refused.
    generation: u32,
    #[schema(value_type = shapes::RevocationMode)]
    mode: PassRevocationMode,
    #[schema(value_type = shapes::Instant)]
    at: Instant,
    /// Each person once, in the order asked for.
    revoked: Vec<RevokedSubject>,
    /// Persons who are more than once in the list.
    same_person: Vec<SamePerson>,
}

/// One voter whose passes are revoked.
#[derive(Serialize, ToSchema)]
struct RevokedSubject {
    /// As the list has it, where it has this person first.
    subject: String,
    /// What is compared: who has the same one is the same voter.
    canonical: String,
}

/// Revoke all passes of subjects that were minted until now.
///
/// Every process refuses them within a second. Ballots that were cast with them stand. Whether a subject had a pass is not looked for: it is not known. A repeated
/// request is answered as before and revokes nothing that was minted since.
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
    let wanted: RevocationRequest = parse(&body)?;
    if contest.tag_key.is_none() {
        return Err(passes_problem(PassesError::TagKeyDestroyed, ListPurpose::Revoking));
    }
    let reason = text("reason", wanted.reason)?;
    let RevocationRequest { subjects, subjects_are, mode, .. } = wanted;
    let asked = RequestIdentity { id, hash: *blake3::hash(&body).as_bytes() };
    let request =
        service::RevocationRequest { subjects, subjects_are: subjects_are.map(Into::into), mode, reason };
    let service::RevokedList { generation, at, voters } = passes
        .revoke(&contest, asked, request)
        .await
        .map_err(|error| passes_problem(error, ListPurpose::Revoking))?;
    let same_person = voters.iter().filter_map(SamePerson::of).collect();
    let revoked = |Voter { subject, canonical, .. }| RevokedSubject { subject, canonical };
    let revoked = voters.into_iter().map(revoked).collect();
    let answer = Revocation { generation, mode, at, revoked, same_person };
    Ok(([(header::CACHE_CONTROL, "private, no-store")], Json(answer)).into_response())
}
