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

/// Time that a definition may take to arrive.
const DEFINITION_DEADLINE: Duration = Duration::from_secs(60);

refusals! {
    /// Problems that refuse a definition.
    DefinitionRefusals: INVALID_DEFINITION, PRECONDITION_FAILED, NOT_A_DRAFT, REFUSED
}
refusals! {
    /// Problems that refuse a deletion.
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
    /// Present and `true` while voting is suspended.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    suspended: bool,
    #[schema(value_type = shapes::Instant)]
    opens: String,
    #[schema(value_type = shapes::Instant)]
    closes: String,
}

/// List the contests. Only staff sees drafts.
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

/// Read a contest.
///
/// It has the categories and entries, window, phase, rules, and the log's origin and verifier key.
/// With `period = "day"` it also has the days, each with its first instant. `under_correction` is
/// true while the contest is reopened after a certification.
///
/// With `categories`, `after` or `limit` the answer has only a part of the entries. `next` is then
/// the `after` of the next request. It is absent on the last page. `entries_in_all` is the number
/// of entries of the contest.
#[utoipa::path(get, operation_id = "read_contest", path = "/v1/contests/{contest}", tag = "contests", params(DocumentQuery),
    responses((status = 200, body = shapes::Contest, description = "the contest"), (status = 304, description = "not changed")))]
async fn read(
    State(access): State<Arc<Access>>,
    State(stores): State<Stores>,
    State(documents): State<Arc<Documents>>,
    Path(contest): Path<String>,
    Query(query): Query<DocumentQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (contest, _) = access.find_contest(&headers, &contest, SCORE_READERS).await?;
    let draft_rounds = contest.record.definition.rounds.as_ref().filter(|_| contest.phase() == Phase::Draft);
    if let Some(rounds) = draft_rounds {
        // Whether the draft can open depends on another contest. Its own revision does not show
        // that.
        let opening_refused = find_opening_obstacle(&*stores.database, rounds).await?;
        return document::answer_once(&contest, StatusCode::OK, opening_refused, &query);
    }
    if is_not_modified(&headers, &document::etag(contest.record.revision)) {
        return Ok((StatusCode::NOT_MODIFIED, document::headers_of(&contest)).into_response());
    }
    document::answer(&documents, &contest, &query, &headers).await
}

/// Create a draft, or edit one (`If-Match`).
#[utoipa::path(put, operation_id = "put_contest", path = "/v1/contests/{contest}", tag = "contests", security(("key" = [])),
    params(("Idempotency-Key" = String, Header,), ("If-Match" = Option<String>, Header, description = "to edit a draft: its `ETag` as it was read")),
    request_body(content = shapes::Definition),
    responses((status = 201, body = shapes::Contest, description = "created", headers(("ETag" = String, description = "send it as `If-Match` to edit the draft"))),
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
    // Both changes are safe to repeat anyway. The header is required of every staff request that
    // changes something.
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

/// Delete a draft, or a test contest with all its data.
#[utoipa::path(delete, operation_id = "delete_contest", path = "/v1/contests/{contest}", tag = "contests", security(("key" = [])),
    params(("Idempotency-Key" = String, Header,)), responses((status = 204, description = "deleted"), DeletionRefusals))]
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
