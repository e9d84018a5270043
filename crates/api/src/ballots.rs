//! Casting a ballot, and what voters can ask about it afterwards.

use std::borrow::Cow;

use acclaim_ballot_log::{Checkpoint, Hash, LogEntry, NewBallot, Receipt, VerifierKey, leaf_hash, proof};
use acclaim_contest::{
    BallotId, VoterTag,
    ballot::{SelectionError, SelectionReason},
    pass::Pass,
};
use acclaim_store::{
    Phase,
    hub::{BallotOutcome, Rejection},
    intake::{Item, Submitted},
    ledger::{BallotState, RecordedBallot},
};
use axum::{
    Json,
    extract::{Path, Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    auth,
    body::{BALLOT_LIMIT, contest_id, no_contest, parse, read_json},
    desk::{Answer, find_recorded},
    directory::Contest,
    log::{shown_checkpoint, tiles},
    problem::{self, Problem},
    state::Api,
};

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(cast))
        .routes(routes!(status))
        .routes(routes!(receipt))
        .routes(routes!(mine))
}

/// A ballot as a voter sends it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct BallotRequest<'a> {
    /// At least one.
    #[serde(borrow)]
    selections: Vec<SelectionRequest<'a>>,
    /// The voter's own standing ballot that this one takes the place of.
    #[schema(value_type = Option<String>)]
    replaces: Option<Cow<'a, str>>,
    /// The day or the ballot's number, where the contest has periods.
    #[schema(value_type = Option<String>)]
    period: Option<Cow<'a, str>>,
}

/// One vote.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SelectionRequest<'a> {
    #[serde(borrow)]
    #[schema(value_type = String, example = "c01")]
    category: Cow<'a, str>,
    #[serde(borrow)]
    #[schema(value_type = String, example = "p0001")]
    entry: Cow<'a, str>,
}

/// A recorded ballot.
#[derive(Serialize, ToSchema)]
struct Recorded {
    #[schema(value_type = String)]
    ballot: BallotId,
    #[schema(example = "recorded")]
    status: &'static str,
    /// Its place in the log.
    index: u64,
    /// SHA-256, base64.
    leaf_hash: String,
    log: LogHead,
}

/// A size of the log and its root, base64.
#[derive(Serialize, ToSchema)]
pub(crate) struct LogHead {
    pub(crate) size: u64,
    pub(crate) root: String,
}

/// What a ballot is at present; never what it chose.
#[derive(Serialize, ToSchema)]
struct BallotStatus {
    #[schema(value_type = String)]
    ballot: BallotId,
    /// `recorded`, `replaced`, `voided`.
    status: &'static str,
    index: u64,
    leaf_hash: String,
    /// Why it was voided.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl BallotStatus {
    fn new(recorded: RecordedBallot, leaf_hash: Hash) -> Self {
        let (status, reason) = match recorded.state {
            BallotState::Recorded => ("recorded", None),
            BallotState::Replaced => ("replaced", None),
            BallotState::Voided { reason } => ("voided", Some(reason)),
        };
        Self { ballot: recorded.id, status, index: recorded.index, leaf_hash: leaf_hash.to_string(), reason }
    }
}

/// Cast a ballot.
///
/// It is recorded whole or not at all. `201` says that it is in the log, for good. The same ballot sent again is answered `200` with its
/// present status, so that repeating after a time-out is safe.
#[utoipa::path(post, path = "/v1/contests/{contest}/ballots", tag = "voters", request_body = BallotRequest,
    params(("contest" = String, Path,)), security(("pass" = [])),
    responses((status = 201, body = Recorded, description = "in the log, for good"),
        (status = 200, body = BallotStatus, description = "the same ballot again"),
        (status = "default", content_type = "application/problem+json", description = "see /problems")))]
async fn cast(State(api): State<Api>, Path(contest): Path<String>, request: Request) -> Response {
    let arrived = api.stores.clock.now();
    let started = std::time::Instant::now();
    let answer = cast_at(&api, &contest, request, arrived).await;
    let label = match &answer {
        Ok(Cast::Recorded(_)) => "recorded",
        Ok(Cast::Again(_)) => "again",
        Err(problem) => problem.kind().code,
    };
    api.metrics.ballots.with_label_values(&[label]).inc();
    match answer {
        Ok(Cast::Recorded(recorded)) => {
            api.metrics.recorded_seconds.observe(started.elapsed().as_secs_f64());
            with_location(StatusCode::CREATED, &contest, recorded.ballot, Json(recorded))
        }
        Ok(Cast::Again(status)) => with_location(StatusCode::OK, &contest, status.ballot, Json(status)),
        Err(problem) => problem.into_response(),
    }
}

fn with_location(status: StatusCode, contest: &str, ballot: BallotId, body: impl IntoResponse) -> Response {
    let mut response = (status, body).into_response();
    if let Ok(location) = HeaderValue::try_from(format!("/v1/contests/{contest}/ballots/{ballot}")) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

enum Cast {
    Recorded(Recorded),
    Again(BallotStatus),
}

async fn cast_at(api: &Api, contest: &str, request: Request, arrived: Timestamp) -> Result<Cast, Problem> {
    let deadline = tokio::time::Instant::now() + api.settings.ballot_deadline;
    let contest = api.directory.contest(&contest_id(contest)?).ok_or_else(no_contest)?;
    let pass = auth::voter(api, request.headers(), &contest, arrived)?;
    api.limiter.check_pass(pass.voter)?;
    let body = read_json(request, BALLOT_LIMIT, api.settings.ballot_deadline).await?;
    let request: BallotRequest = parse(&body)?;

    let Written { item, selections } = write_ballot(&contest, &pass, &request, arrived)?;
    let refusal = window(&contest, arrived).err().or_else(|| selections.map_err(invalid_selection).err());
    if let Some(refusal) = refusal {
        // It may be the repetition of one that was recorded before the window closed, or before an entry was withdrawn.
        return match find_recorded(&api.stores, contest.id(), item.ballot).await? {
            Some((recorded, leaf_hash)) => Ok(Cast::Again(BallotStatus::new(recorded, leaf_hash))),
            None => Err(refusal),
        };
    }
    send(api, &contest, item, deadline).await
}

/// Whether the contest takes ballots that arrive at this time.
fn window(contest: &Contest, arrived: Timestamp) -> Result<(), Problem> {
    let instants = |problem: Problem| {
        let definition = &contest.record.definition;
        problem
            .with("opens", definition.opens.to_string())
            .with("closes", contest.record.state.closes.to_string())
    };
    if arrived < contest.opens() {
        Err(instants(Problem::new(&problem::VOTING_NOT_OPEN, "the ballot arrived before the opening")))
    } else if arrived >= contest.closes() || contest.phase() > Phase::Open {
        Err(instants(Problem::new(&problem::VOTING_CLOSED, "the ballot arrived after the closing")))
    } else {
        Ok(())
    }
}

fn invalid_selection(error: SelectionError) -> Problem {
    let mut problem = Problem::new(&problem::INVALID_SELECTION, error.to_string());
    let reason = serde_json::to_value(error.reason).unwrap_or_default();
    for (field, value) in [("category", error.category), ("entry", error.entry)] {
        if let Some(value) = value {
            problem = problem.with(field, value);
        }
    }
    problem.with("reason", reason)
}

/// A ballot with its id and final bytes, and what the slate says of it now.
struct Written {
    item: Item,
    selections: Result<(), SelectionError>,
}

fn write_ballot(
    contest: &Contest,
    pass: &Pass,
    request: &BallotRequest<'_>,
    arrived: Timestamp,
) -> Result<Written, Problem> {
    let rules = &contest.record.definition.rules;
    if request.period.is_some() {
        let problem =
            Problem::new(&problem::INVALID_SELECTION, "the contest has no periods: leave `period` out");
        return Err(problem.with("reason", "wrong-period"));
    }
    let replaces: Option<BallotId> = request
        .replaces
        .as_deref()
        .map(str::parse)
        .transpose()
        .map_err(|error| Problem::new(&problem::MALFORMED, format!("`replaces` is {error}")))?;
    let mut selections: Vec<(&str, &str)> =
        request.selections.iter().map(|selection| (&*selection.category, &*selection.entry)).collect();
    let checked = contest.slate.check(&mut selections);
    match &checked {
        Ok(()) => {}
        // Such a ballot may have been recorded before; every other fault is one for good.
        Err(error) if error.reason == SelectionReason::Withdrawn => {}
        Err(error) => return Err(invalid_selection(error.clone())),
    }
    let ballot = NewBallot {
        voter: pass.voter,
        channel: None,
        period: None,
        replaces,
        at: &rules.ballot.cast_time.cut(arrived),
        selections: selections.iter().copied(),
    };
    let mut entry = Vec::with_capacity(160 + 24 * selections.len());
    let id = ballot.write(contest.id(), &mut entry).map_err(|error| {
        Problem::new(&problem::INVALID_SELECTION, error.to_string()).with("reason", "unwritable")
    })?;
    Ok(Written { item: Item { ballot: id, arrived, entry: Bytes::from(entry) }, selections: checked })
}

/// Sends the ballot to the sequencer and waits for what becomes of it.
async fn send(
    api: &Api,
    contest: &Contest,
    item: Item,
    deadline: tokio::time::Instant,
) -> Result<Cast, Problem> {
    let ballot = item.ballot;
    let full = || Problem::new(&problem::QUEUE_FULL, "too many ballots wait to be recorded");
    let mut ticket = api.desk.cast(contest.id(), item).ok_or_else(full)?;
    match tokio::time::timeout_at(deadline, ticket.answer()).await {
        Ok(Some(Answer::Decided(outcome, size, root))) => match outcome {
            BallotOutcome::Recorded { index, leaf_hash } => Ok(Cast::Recorded(Recorded {
                ballot,
                status: "recorded",
                index,
                leaf_hash: leaf_hash.to_string(),
                log: LogHead { size, root: root.to_string() },
            })),
            BallotOutcome::Same => match find_recorded(&api.stores, contest.id(), ballot).await? {
                Some((recorded, leaf_hash)) => Ok(Cast::Again(BallotStatus::new(recorded, leaf_hash))),
                None => Err(Problem::new(&problem::OUTCOME_UNKNOWN, "the ballot is known but not found")),
            },
            BallotOutcome::Rejected(rejection) => Err(rejected(contest, rejection)),
        },
        Ok(Some(Answer::NotKept(submitted))) => Err(match submitted {
            Submitted::Taken(categories) => rejected(contest, Rejection::AlreadyVoted(categories)),
            Submitted::Full | Submitted::Buffered => full(),
            Submitted::Sealed => rejected(contest, Rejection::OutsideWindow),
        }),
        Ok(Some(Answer::Failed(error))) => Err(error.into()),
        Ok(None) => Err(Problem::new(&problem::UNAVAILABLE, "the server is stopping")),
        Err(_) => Err(Problem::new(&problem::OUTCOME_UNKNOWN, "the ballot was not confirmed in time")),
    }
}

fn rejected(contest: &Contest, rejection: Rejection) -> Problem {
    match rejection {
        Rejection::AlreadyVoted(categories) => {
            let detail = "an earlier ballot fills a category of this one";
            Problem::new(&problem::ALREADY_VOTED, detail).with("categories", categories)
        }
        Rejection::ReplacedIsNotStanding(standing) => {
            let problem = Problem::new(
                &problem::REPLACED_IS_NOT_STANDING,
                "`replaces` does not name the standing ballot",
            );
            match standing {
                Some(standing) => problem.with("standing", standing.to_string()),
                None => problem,
            }
        }
        Rejection::OutsideWindow => window(contest, Timestamp::MAX)
            .err()
            .unwrap_or_else(|| Problem::new(&problem::VOTING_CLOSED, "the ballot arrived after the closing")),
        Rejection::Refused(code, detail) => Problem::new(&problem::REFUSED, detail).with("code", code),
    }
}

/// What a ballot is at present.
#[utoipa::path(get, path = "/v1/contests/{contest}/ballots/{ballot}", tag = "voters",
    params(("contest" = String, Path,), ("ballot" = String, Path,)),
    responses((status = 200, body = BallotStatus), (status = 404, description = "no such ballot")))]
async fn status(
    State(api): State<Api>,
    Path((contest, ballot)): Path<(String, String)>,
) -> Result<Json<BallotStatus>, Problem> {
    let (recorded, leaf_hash) = find(&api, &contest, &ballot).await?;
    Ok(Json(BallotStatus::new(recorded, leaf_hash)))
}

async fn find(api: &Api, contest: &str, ballot: &str) -> Result<(RecordedBallot, Hash), Problem> {
    let contest = api.directory.contest(&contest_id(contest)?).ok_or_else(no_contest)?;
    let not_found = || Problem::new(&problem::BALLOT_NOT_FOUND, "no ballot of this id is recorded");
    let ballot: BallotId = ballot.parse().map_err(|_| not_found())?;
    find_recorded(&api.stores, contest.id(), ballot).await?.ok_or_else(not_found)
}

/// The receipt: a proof that the ballot is in the log (tlog-proof).
#[utoipa::path(get, path = "/v1/contests/{contest}/ballots/{ballot}/proof", tag = "voters",
    params(("contest" = String, Path,), ("ballot" = String, Path,)),
    responses((status = 200, body = String, content_type = "text/plain")))]
async fn receipt(
    State(api): State<Api>,
    Path((contest, ballot)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let (recorded, _) = find(&api, &contest, &ballot).await?;
    let contest = api.directory.contest(&contest_id(&contest)?).ok_or_else(no_contest)?;
    let note = shown_checkpoint(&api, &contest).await?;
    let internal = |error: &dyn std::fmt::Display| Problem::new(&problem::INTERNAL, error.to_string());
    let key: VerifierKey = contest.verifier_key.parse().map_err(|error| internal(&error))?;
    let checkpoint = Checkpoint::open(&note, &key).map_err(|error| internal(&error))?;
    if recorded.index >= checkpoint.size {
        return Err(Problem::new(&problem::UNAVAILABLE, "no checkpoint covers the ballot yet"));
    }
    let needed = proof::tiles_for_inclusion(recorded.index, checkpoint.size);
    let tiles = tiles(&api, &contest, needed).await?;
    let path = proof::inclusion(recorded.index, checkpoint.size, &|tile| tiles.get(&tile).cloned())
        .map_err(|error| internal(&error))?;
    let receipt = Receipt { index: recorded.index, path, checkpoint: note };
    Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], receipt.to_string()).into_response())
}

/// A voter's own ballots.
#[derive(Serialize, ToSchema)]
struct Mine {
    contest: String,
    ballots: Vec<MyBallot>,
    /// Categories without a ballot.
    left: Vec<String>,
}

/// A ballot with what it chose.
#[derive(Serialize, ToSchema)]
struct MyBallot {
    #[serde(flatten)]
    status: BallotStatus,
    /// The log entry, whose hash is `leaf_hash`.
    entry: String,
    /// Category and entry of each vote.
    #[schema(value_type = Vec<Vec<String>>)]
    selections: Vec<(String, String)>,
}

/// The voter's own ballots that fill categories, and the categories left.
#[utoipa::path(get, path = "/v1/contests/{contest}/votes/mine", tag = "voters", security(("pass" = [])),
    params(("contest" = String, Path,)), responses((status = 200, body = Mine)))]
async fn mine(
    State(api): State<Api>,
    Path(contest): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let contest = api.directory.contest(&contest_id(&contest)?).ok_or_else(no_contest)?;
    let pass = auth::voter(&api, &headers, &contest, api.stores.clock.now())?;
    api.limiter.check_pass(pass.voter)?;
    let ballots = ballots_of(&api, &contest, pass.voter).await?;
    let filled =
        |category: &str| ballots.iter().any(|ballot| ballot.selections.iter().any(|(c, _)| c == category));
    let left = contest
        .record
        .definition
        .categories
        .iter()
        .filter(|category| !filled(category.id.as_str()))
        .map(|category| category.id.to_string())
        .collect();
    let mine = Mine { contest: contest.id().to_string(), ballots, left };
    Ok(([(header::CACHE_CONTROL, "private, no-store")], Json(mine)).into_response())
}

/// The ballots that fill a voter's slots: all but the replaced ones.
async fn ballots_of(api: &Api, contest: &Contest, voter: VoterTag) -> Result<Vec<MyBallot>, Problem> {
    let mut mine = Vec::new();
    for recorded in api.stores.database.ballots_with_prefix(contest.id(), voter.prefix()).await? {
        if recorded.state == BallotState::Replaced {
            continue;
        }
        let entries = api.stores.database.entries(contest.id(), recorded.index, 1).await?;
        let Some(line) = entries.first() else { continue };
        // Another voter's tag can begin alike.
        if let Ok(LogEntry::Ballot(ballot)) = LogEntry::decode(line)
            && ballot.voter == voter
        {
            mine.push(MyBallot {
                status: BallotStatus::new(recorded, leaf_hash(line)),
                entry: String::from_utf8_lossy(line).into_owned(),
                selections: ballot.selections.iter().map(|(c, e)| (c.to_owned(), e.to_owned())).collect(),
            });
        }
    }
    Ok(mine)
}
