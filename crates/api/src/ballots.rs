//! Casting a ballot, and reading a ballot's status and receipt.

use std::sync::Arc;

use acclaim_ballot_log::{Checkpoint, Receipt, VerifierKey, proof};
use acclaim_contest::{BallotId, Phase};
use acclaim_service::{
    ballot_progress::{BallotProgress, BallotProgressReader},
    casting::{CastOutcome, rejection_error},
    directory::Contest,
    recorded::find_recorded,
};
use acclaim_store::Stores;
use axum::{
    Json,
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    auth::{Access, SCORE_READERS},
    ballot_service::BallotService,
    casting::{BallotRequest, BallotStatus, RecordedBody},
    description::{refusals, shapes},
    errors::read_problem,
    extract::{Path, Query},
    log::{checkpoint_over, tiles},
    problem::{self, Problem},
    state::Api,
};

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(cast)).routes(routes!(status)).routes(routes!(receipt))
}

refusals! {
    /// Problems that refuse a ballot.
    pub(crate) BallotRefusals: INVALID_SELECTION, ALREADY_VOTED, REPLACED_IS_NOT_STANDING, REFUSED, VOTING_NOT_OPEN, VOTING_SUSPENDED, VOTING_CLOSED,
        QUEUE_FULL, OUTCOME_UNKNOWN
}
refusals! {
    /// Problems that refuse a lookup of a ballot.
    LookupRefusals: BALLOT_NOT_FOUND
}

/// Cast a ballot.
///
/// It is recorded whole or not at all. `201` says that it is in the log for good. The same ballot
/// sent again is answered `200` with its present status, so repeating it after a time-out is safe.
#[utoipa::path(post, operation_id = "cast_ballot", path = "/v1/contests/{contest}/ballots", tag = "voters", request_body = BallotRequest,
    params(("Prefer" = Option<String>, Header, description = "`respond-async`: do not wait until it is recorded")), security(("pass" = [])),
    responses((status = 201, body = RecordedBody, description = "in the log for good", headers(("Location" = String, description = "the address of the ballot's status"))),
        (status = 200, body = BallotStatus, description = "the same ballot again", headers(("Location" = String))),
        (status = 202, body = BallotStatus, description = "accepted; it will be recorded or rejected; in a cluster only",
            headers(("Location" = String), ("Preference-Applied" = Option<String>))), BallotRefusals))]
async fn cast(
    State(service): State<Arc<BallotService>>,
    Path(contest): Path<String>,
    request: Request,
) -> Response {
    let started = std::time::Instant::now();
    let respond_async = prefers_async(request.headers());
    let outcome = service.cast(&contest, request, respond_async).await;
    service.count(&outcome);
    match outcome {
        Ok(CastOutcome::Recorded(recorded)) => {
            service.metrics.recorded_seconds.observe(started.elapsed().as_secs_f64());
            let body = RecordedBody::from(&recorded);
            answer(&service, StatusCode::CREATED, &contest, recorded.ballot, &body)
        }
        Ok(CastOutcome::AlreadyRecorded(recorded, leaf_hash)) => {
            let status = BallotStatus::new(recorded, leaf_hash);
            answer(&service, StatusCode::OK, &contest, status.ballot, &status)
        }
        Ok(CastOutcome::Accepted(ballot)) => {
            let status = BallotStatus::accepted(ballot);
            let mut response = answer(&service, StatusCode::ACCEPTED, &contest, ballot, &status);
            if respond_async {
                response
                    .headers_mut()
                    .insert("preference-applied", HeaderValue::from_static("respond-async"));
            }
            response
        }
        Err(problem) => problem.into_response(),
    }
}

/// Initial size of an answer's buffer, in bytes. Most answers are shorter: the buffer need not
/// grow.
const ANSWER_BYTES: usize = 320;

/// Whether the request asks not to wait for the outcome (`Prefer: respond-async`, RFC 7240).
fn prefers_async(headers: &HeaderMap) -> bool {
    let values = headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
    values
        .flat_map(|value| value.split(','))
        .any(|item| item.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("respond-async"))
}

/// Returns an answer with the address of the ballot's status.
fn answer(
    service: &BallotService,
    status: StatusCode,
    contest: &str,
    ballot: BallotId,
    body: &impl Serialize,
) -> Response {
    let mut json = Vec::with_capacity(ANSWER_BYTES);
    if let Err(error) = serde_json::to_writer(&mut json, body) {
        return Problem::new(&problem::INTERNAL, error.to_string()).into_response();
    }
    let mut response = (status, [(header::CONTENT_TYPE, "application/json")], json).into_response();
    let location = format!("{}/v1/contests/{contest}/ballots/{ballot}", service.base_path);
    if let Ok(location) = HeaderValue::try_from(location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

/// Read a ballot's present status.
#[utoipa::path(get, operation_id = "read_ballot", path = "/v1/contests/{contest}/ballots/{ballot}", tag = "voters",
    params(("ballot" = shapes::BallotId, Path,)), responses((status = 200, body = BallotStatus, description = "its status"), LookupRefusals))]
async fn status(
    State(access): State<Arc<Access>>,
    State(ballot_progress): State<Arc<BallotProgressReader>>,
    Path((contest, ballot)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Json<BallotStatus>, Problem> {
    let contest = find_opened_contest(&access, &headers, &contest).await?;
    let ballot: BallotId = ballot.parse().map_err(|_| not_found())?;
    Ok(Json(
        match ballot_progress.find(&contest, ballot).await.map_err(read_problem)?.ok_or_else(not_found)? {
            BallotProgress::InLog(recorded, leaf_hash) => BallotStatus::new(recorded, leaf_hash),
            BallotProgress::Accepted => BallotStatus::accepted(ballot),
            BallotProgress::Rejected(rejection) => {
                let reason = Problem::from(rejection_error(&contest, rejection)).kind().code.to_owned();
                BallotStatus::rejected(ballot, reason)
            }
        },
    ))
}

/// Returns a contest that has a log. A draft has no ballots.
async fn find_opened_contest(
    access: &Access,
    headers: &HeaderMap,
    contest: &str,
) -> Result<Arc<Contest>, Problem> {
    let (contest, _) = access.find_contest(headers, contest, SCORE_READERS).await?;
    if contest.phase() == Phase::Draft { Err(not_found()) } else { Ok(contest) }
}

fn not_found() -> Problem {
    Problem::new(&problem::BALLOT_NOT_FOUND, "no ballot with this id is known")
}

/// Query of a receipt.
#[derive(Deserialize)]
struct ReceiptQuery {
    with: Option<String>,
}

impl ReceiptQuery {
    fn leaf_hash(&self) -> Result<bool, Problem> {
        match self.with.as_deref() {
            None => Ok(false),
            Some("leaf-hash") => Ok(true),
            Some(_) => Err(Problem::new(&problem::INVALID_PARAMETER, "`with` must be `leaf-hash`")),
        }
    }
}

/// Read a ballot's receipt: a proof that the ballot is in the log (tlog-proof).
///
/// The receipt is under a checkpoint with witnesses' cosignatures if such a checkpoint covers the
/// ballot.
///
/// With `with=leaf-hash` the receipt also has the ballot's leaf hash, as extra data. It is then
/// checked without other data.
#[utoipa::path(get, operation_id = "read_receipt", path = "/v1/contests/{contest}/ballots/{ballot}/proof", tag = "voters",
    params(("ballot" = shapes::BallotId, Path,), ("with" = inline(Option<shapes::ReceiptExtra>), Query, description = "extra data in the receipt")),
    responses((status = 200, body = String, content_type = "text/plain", description = "the receipt"), LookupRefusals))]
async fn receipt(
    State(access): State<Arc<Access>>,
    State(stores): State<Stores>,
    Path((contest, ballot)): Path<(String, String)>,
    Query(query): Query<ReceiptQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let contest = find_opened_contest(&access, &headers, &contest).await?;
    let with_leaf_hash = query.leaf_hash()?;
    let ballot: BallotId = ballot.parse().map_err(|_| not_found())?;
    let found = find_recorded(&stores, contest.id(), ballot).await.map_err(read_problem)?;
    let (recorded, leaf_hash) = found.ok_or_else(not_found)?;
    let note = checkpoint_over(&stores, &contest, recorded.index).await?;
    let internal = |error: &dyn std::fmt::Display| Problem::new(&problem::INTERNAL, error.to_string());
    let key: VerifierKey = contest.verifier_key.parse().map_err(|error| internal(&error))?;
    let checkpoint = Checkpoint::open(&note, &key).map_err(|error| internal(&error))?;
    if recorded.index >= checkpoint.size {
        return Err(Problem::new(&problem::UNAVAILABLE, "no checkpoint covers the ballot yet"));
    }
    let needed = proof::tiles_for_inclusion(recorded.index, checkpoint.size);
    let tiles = tiles(&stores, &contest, needed).await?;
    let path = proof::inclusion(recorded.index, checkpoint.size, &|tile| tiles.get(&tile).cloned())
        .map_err(|error| internal(&error))?;
    let extra = with_leaf_hash.then(|| leaf_hash.0.to_vec());
    let receipt = Receipt { extra, index: recorded.index, path, checkpoint: note };
    Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], receipt.to_string()).into_response())
}
