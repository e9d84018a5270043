//! Revoking the passes of subjects. Ballots that were cast stand.

use std::collections::HashSet;

use acclaim_contest::{ContestId, Instant, VoterTag};
use acclaim_store::{
    RequestId, StoreError,
    pass_revocations::{Mode, PassRevocation, Revoked},
};
use axum::{
    Json,
    extract::{Request, State},
    http::header,
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    BODY_DEADLINE, SamePerson, SubjectKind, changed, key_used,
    subjects::{Voter, voters_to_revoke},
};
use crate::{
    auth::{self, ORGANISERS},
    body::{STAFF_LIMIT, idempotency_key, parse, read_json},
    commands::text,
    description::{refusals, shapes},
    extract::Path,
    problem::{self, Problem},
    state::Api,
};

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
    mode: Mode,
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
    mode: Mode,
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
pub(super) async fn revoke(
    State(api): State<Api>,
    Path(contest): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let (contest, key) = auth::staff_of(&api, request.headers(), &contest, ORGANISERS).await?;
    let id = RequestId::new(&key.name, &idempotency_key(request.headers())?);
    let body = read_json(&api, request, STAFF_LIMIT, BODY_DEADLINE).await?;
    let wanted: RevocationRequest = parse(&body)?;
    let gone = "no voter of a subject can be found any more: the contest's tag key is gone";
    let tag_key = contest.tag_key.as_ref().ok_or_else(|| Problem::new(&problem::TAG_KEY_DESTROYED, gone))?;
    let reason = text("reason", wanted.reason)?;
    let voters =
        voters_to_revoke(&api, &contest, &wanted.subjects, wanted.subjects_are.map(Into::into)).await?;
    let mut seen = HashSet::new();
    let tags = voters.iter().map(|voter| tag_key.tag(&voter.canonical)).filter(|tag| seen.insert(*tag));
    let tags: Vec<VoterTag> = tags.collect();
    let at = Instant::at_or_before(api.stores.clock.now());
    let (request, mode) = (*blake3::hash(&body).as_bytes(), wanted.mode);
    let revocation = PassRevocation { id, request, mode, reason, at };
    let wrapped = contest.record.tag_key.clone().unwrap_or_default();
    let (generation, at) = match store(&api, contest.id().clone(), wrapped, revocation, tags).await {
        // This process has not heard of it yet.
        Err(StoreError::Conflict(_)) => {
            api.directory.renew(contest.id()).await?;
            return Err(changed());
        }
        Err(error) => return Err(error.into()),
        Ok(Revoked::KeyUsed) => return Err(key_used()),
        Ok(Revoked::Done { generation, at }) => (generation, at),
    };
    let mut answer = Revocation {
        generation,
        mode,
        at,
        revoked: Vec::with_capacity(voters.len()),
        same_person: Vec::new(),
    };
    for Voter { subject, canonical, positions } in voters {
        if positions.len() > 1 {
            answer.same_person.push(SamePerson { canonical: canonical.clone(), positions });
        }
        answer.revoked.push(RevokedSubject { subject, canonical });
    }
    Ok(([(header::CACHE_CONTROL, "private, no-store")], Json(answer)).into_response())
}

/// Stores a revocation, and has this process know it. In a task of its own: a client that goes away must not keep the process from knowing what was stored.
async fn store(
    api: &Api,
    contest: ContestId,
    tag_key: Vec<u8>,
    revocation: PassRevocation,
    tags: Vec<VoterTag>,
) -> Result<Revoked, StoreError> {
    let api = api.clone();
    let storing = tokio::spawn(async move {
        let pending = api.revoked_passes.begin();
        let revoked = api.stores.database.revoke_passes(&contest, &tag_key, &revocation, &tags).await;
        match &revoked {
            Ok(Revoked::Done { generation, .. }) => pending.done(&tags, *generation),
            Ok(Revoked::KeyUsed) | Err(StoreError::Conflict(_) | StoreError::Unavailable(_)) => {
                pending.nothing();
            }
            // Dropped, it leaves a doubt.
            Err(_) => {}
        }
        revoked
    });
    storing.await.unwrap_or_else(|error| Err(StoreError::Unknown(error.to_string())))
}
