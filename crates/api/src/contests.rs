//! Contests: list, read, create, edit, delete.

use std::{sync::Arc, time::Duration};

use acclaim_contest::{
    Phase,
    definition::{Definition, Overrides},
};
use acclaim_service::{
    directory::Directory,
    drafts::{Drafts, PutOutcome},
};
use acclaim_store::{Stores, certification::find_opening_obstacle};
use axum::{
    Json,
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    auth::{Access, ORGANISERS, SCORE_READERS, can_see_draft},
    body::{Bodies, MAX_DEFINITION_BYTES, idempotency_key},
    conditional::{IfMatch, is_not_modified},
    description::{refusals, shapes},
    document::{self, DocumentQuery, Documents},
    errors::contest_not_found,
    extract::{Path, Query, contest_id},
    problem::{self, Problem},
    state::Api,
};

/// How long a definition may take to arrive.
const DEFINITION_DEADLINE: Duration = Duration::from_secs(60);

refusals! {
    /// How a definition is refused.
    DefinitionRefusals: INVALID_DEFINITION, PRECONDITION_FAILED, NOT_A_DRAFT, REFUSED
}
refusals! {
    /// How a deletion is refused.
    DeletionRefusals: NOT_A_DRAFT
}

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(read, put, delete))
}

/// All contests.
#[derive(Serialize, ToSchema)]
#[schema(as = ContestList)]
struct List {
    contests: Vec<ListedContest>,
}

/// A contest in the list.
#[derive(Serialize, ToSchema)]
#[schema(as = ListedContest)]
struct ListedContest {
    #[schema(value_type = shapes::Id)]
    id: String,
    title: String,
    #[serde(skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    titles: acclaim_contest::Titles,
    test: bool,
    #[schema(value_type = shapes::Phase)]
    phase: &'static str,
    /// Whether voting is suspended; absent if not.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    suspended: bool,
    #[schema(value_type = shapes::Instant)]
    opens: String,
    #[schema(value_type = shapes::Instant)]
    closes: String,
}

/// List the contests; drafts only for staff.
#[utoipa::path(get, operation_id = "list_contests", path = "/v1/contests", tag = "contests", responses((status = 200, body = List, description = "by id")))]
async fn list(
    State(access): State<Arc<Access>>,
    State(directory): State<Arc<Directory>>,
    headers: HeaderMap,
) -> Result<Json<List>, Problem> {
    let mut contests = Vec::new();
    let key = access.optional_key(&headers).await?;
    for contest in directory.all() {
        if contest.phase() == Phase::Draft && !can_see_draft(key.as_ref(), contest.id()) {
            continue;
        }
        let definition = &contest.record.definition;
        contests.push(ListedContest {
            id: definition.id.to_string(),
            title: definition.title.clone(),
            titles: definition.titles.clone(),
            test: definition.test,
            phase: contest.phase().public_name(),
            suspended: contest.phase() == Phase::Suspended,
            opens: definition.opens.to_string(),
            closes: contest.record.state.closes.to_string(),
        });
    }
    Ok(Json(List { contests }))
}

/// A contest with its categories and entries, window, phase, rules, and the log's origin and verifier key; with `period = "day"` its days, each
/// with its first instant. `under_correction` is true while it is reopened after a certification.
///
/// With `categories`, `after` or `limit` it has only some of the entries, for pages that need few: `next` is then what `after` of the next request is,
/// absent on the last page, and `entries_in_all` says how many the contest has.
#[utoipa::path(get, operation_id = "read_contest", path = "/v1/contests/{contest}", tag = "contests", params(DocumentQuery),
    responses((status = 200, body = shapes::Contest, description = "the contest"), (status = 304, description = "still the same")))]
async fn read(
    State(access): State<Arc<Access>>,
    State(stores): State<Stores>,
    State(documents): State<Arc<Documents>>,
    Path(contest): Path<String>,
    Query(part): Query<DocumentQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (contest, _) = access.find_contest(&headers, &contest, SCORE_READERS).await?;
    let follows = contest.record.definition.rounds.as_ref().filter(|_| contest.phase() == Phase::Draft);
    if let Some(rounds) = follows {
        // Whether it can open depends on another contest, of which its revision tells nothing.
        let opening_refused = find_opening_obstacle(&*stores.database, rounds).await?;
        return document::answer_once(&contest, StatusCode::OK, opening_refused, &part);
    }
    if is_not_modified(&headers, &document::etag(contest.record.revision)) {
        return Ok((StatusCode::NOT_MODIFIED, document::headers_of(&contest)).into_response());
    }
    document::answer(&documents, &contest, &part, &headers).await
}

/// Create a draft, or edit one (`If-Match`).
#[utoipa::path(put, operation_id = "put_contest", path = "/v1/contests/{contest}", tag = "contests", security(("key" = [])),
    params(("Idempotency-Key" = String, Header,), ("If-Match" = Option<String>, Header, description = "the `ETag` of the draft as it was read, to edit it")),
    request_body(content = shapes::Definition),
    responses((status = 201, body = shapes::Contest, description = "created", headers(("ETag" = String, description = "what `If-Match` names to edit it"))),
        (status = 200, body = shapes::Contest, description = "edited, or the same as before", headers(("ETag" = String))), DefinitionRefusals))]
async fn put(
    State(access): State<Arc<Access>>,
    State(bodies): State<Arc<Bodies>>,
    State(drafts): State<Arc<Drafts>>,
    Path(contest): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let id = contest_id(&contest)?;
    let key = access.staff(request.headers(), Some(&id), ORGANISERS).await?;
    // Both are safe to repeat by their nature; the header is asked of every staff request that changes something.
    idempotency_key(request.headers())?;
    let expected = IfMatch::of(request.headers());
    let body = bodies.read_json(request, MAX_DEFINITION_BYTES, DEFINITION_DEADLINE).await?;
    let definition = tokio::task::spawn_blocking(move || Definition::from_json(&body, &Overrides::default()))
        .await
        .map_err(|error| Problem::new(&problem::INTERNAL, error.to_string()))?
        .map_err(|mistakes| {
            let detail = format!(
                "{} mistakes; the first: {}",
                mistakes.0.len(),
                mistakes.0.first().map_or_else(String::new, ToString::to_string)
            );
            Problem::new(&problem::INVALID_DEFINITION, detail).with("mistakes", json!(mistakes))
        })?;
    let allows = expected.as_ref().map(|expected| |revision: u64| expected.allows(&document::etag(revision)));
    let allows = allows.as_ref().map(|allows| allows as &(dyn Fn(u64) -> bool + Sync));
    let (put, contest) = drafts.put(&key, &id, definition, allows).await?;
    let status = if put == PutOutcome::Created { StatusCode::CREATED } else { StatusCode::OK };
    let contest = contest.ok_or_else(contest_not_found)?;
    document::answer_once(&contest, status, None, &DocumentQuery::default())
}

/// Delete a draft, or a test contest with all that belongs to it.
#[utoipa::path(delete, operation_id = "delete_contest", path = "/v1/contests/{contest}", tag = "contests", security(("key" = [])),
    params(("Idempotency-Key" = String, Header,)), responses((status = 204, description = "gone"), DeletionRefusals))]
async fn delete(
    State(access): State<Arc<Access>>,
    State(drafts): State<Arc<Drafts>>,
    Path(contest): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (contest, _) = access.contest_and_key(&headers, &contest, ORGANISERS).await?;
    let id = contest.id();
    idempotency_key(&headers)?;
    drafts.delete(id).await?;
    Ok((StatusCode::NO_CONTENT, Body::empty()).into_response())
}
