//! Many ballots in one request, for gateways that collect them elsewhere.

use std::{borrow::Cow, pin::pin, sync::Arc, time::Duration};

use acclaim_service::{
    casting::{CastOutcome, PendingBallot, PreparedBallot},
    directory::Contest,
    submission_queue::{CapacityPermits, Permit},
};
use acclaim_store::keys::Role;
use axum::{
    extract::{Request, State},
    http::header,
    response::{IntoResponse, Response},
};
use futures_util::{StreamExt as _, stream::FuturesOrdered};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;
use tokio::time::{Instant, sleep_until};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    ballot_service::BallotService,
    body::{Bodies, objects, parse},
    casting::{self, BallotRequest, BallotStatus, RecordedBody},
    description::refusals,
    extract::Path,
    problem::{self, Problem},
    state::Api,
};

/// Lines of one request.
const MAX_LINES: usize = 10_000;
/// Bytes of one request.
const MAX_BODY_BYTES: usize = 16 << 20;
/// How long a request's body may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a request waits for its ballots' outcomes.
const OUTCOME_TIMEOUT: Duration = Duration::from_secs(30);
/// Lines between two pauses in which other requests have their turn.
const LINES_PER_YIELD: usize = 256;

/// Who may cast for others.
const GATEWAYS: &[Role] = &[Role::Gateway, Role::Operator];

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(bulk))
}

refusals! {
    /// How all lines are refused at once.
    BulkRefusals: INVALID_REQUEST
}

/// A line: whose ballot, and the ballot.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line<'a> {
    #[serde(borrow)]
    pass: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "objects")]
    selections: Vec<casting::SelectionRequest<'a>>,
    replaces: Option<Cow<'a, str>>,
    period: Option<Cow<'a, str>>,
}

/// Cast many ballots.
///
/// A line of JSON each, as for one ballot with `pass` added, up to 10,000. Answered with a line each, in order: `ballot` and `status`, or `problem`. Each ballot is
/// recorded or refused for itself; after a broken connection the whole request can be sent again. They arrive, by the clock, when the last byte does.
#[utoipa::path(post, operation_id = "cast_ballots", path = "/v1/contests/{contest}/ballots/bulk", tag = "gateways", security(("key" = [])),
    request_body(content_type = "application/x-ndjson", content = String, description = "Lines of JSON.", example = json!("{\"pass\":\"...\",\"selections\":[{\"category\":\"photos\",\"entry\":\"photo-01\"}]}")),
    responses((status = 200, content_type = "application/x-ndjson", body = String, description = "a line for each, in order"), BulkRefusals))]
async fn bulk(
    State(service): State<Arc<BallotService>>,
    State(bodies): State<Arc<Bodies>>,
    Path(contest): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let (contest, _) = service.access.contest_and_key(request.headers(), &contest, GATEWAYS).await?;
    let body = bodies.read_lines(request, MAX_BODY_BYTES, BODY_TIMEOUT).await?;
    let arrived = service.clock.now();
    service.casting.check_clock()?;
    let lines: Vec<&[u8]> = body.strip_suffix(b"\n").unwrap_or(&body).split(|byte| *byte == b'\n').collect();
    if body.is_empty() || lines.len() > MAX_LINES {
        let detail = format!("the body has {} lines: 1 to {MAX_LINES} are taken", lines.len());
        return Err(Problem::new(&problem::INVALID_REQUEST, detail));
    }
    let answer = BulkRequest { service: &service, contest: &contest, arrived }.cast(lines).await;
    Ok(([(header::CONTENT_TYPE, "application/x-ndjson")], answer).into_response())
}

enum LineProgress {
    Sent(Box<PendingBallot>),
    Done(Box<CastOutcome>),
}

type Outcome = Result<CastOutcome, Problem>;

/// The ballots of one request.
struct BulkRequest<'a> {
    service: &'a BallotService,
    contest: &'a Contest,
    /// When the request's last byte came.
    arrived: Timestamp,
}

impl BulkRequest<'_> {
    /// Casts a ballot a line; the answer has a line for each, in order.
    async fn cast(&self, lines: Vec<&[u8]>) -> String {
        let deadline = Instant::now() + OUTCOME_TIMEOUT;
        let last_sending = Instant::now() + self.service.deadline;
        let permits = self.service.casting.permits(self.contest.id());
        let mut outcomes = FuturesOrdered::new();
        let mut answer = String::new();
        for (number, line) in lines.into_iter().enumerate() {
            let sent = match self.acquire_permit(&permits, &mut outcomes, &mut answer, last_sending).await {
                Some(room) => self.send(line, room).await,
                None => Err(Problem::new(&problem::UNAVAILABLE, "there was no room for the line in time")),
            };
            outcomes.push_back(self.outcome(sent, deadline));
            if number % LINES_PER_YIELD == LINES_PER_YIELD - 1 {
                tokio::task::yield_now().await;
            }
        }
        while let Some(outcome) = outcomes.next().await {
            self.write(outcome, &mut answer);
        }
        answer
    }

    /// Room for the next line. While there is none, the outcomes of earlier lines are written,
    /// which makes room. `None` from `last` on: a line that is sent later than any single ballot
    /// could meet the seal of a contest that was open at the line's arrival.
    async fn acquire_permit(
        &self,
        permits: &CapacityPermits,
        outcomes: &mut FuturesOrdered<impl Future<Output = Outcome>>,
        answer: &mut String,
        last: Instant,
    ) -> Option<Permit> {
        let mut room = pin!(permits.acquire_for_gateway());
        loop {
            if Instant::now() >= last {
                return None;
            }
            tokio::select! {
                biased;
                room = &mut room => return room,
                Some(outcome) = outcomes.next() => self.write(outcome, answer),
                () = sleep_until(last) => return None,
            }
        }
    }

    async fn send(&self, line: &[u8], room: Permit) -> Result<LineProgress, Problem> {
        let Line { pass, selections, replaces, period } = parse(line)?;
        let BallotService { access, casting, .. } = self.service;
        let pass = access.pass(&pass, self.contest, self.arrived)?;
        let request = BallotRequest { selections, replaces, period };
        match casting.prepare(self.contest, pass, request.votes(), self.arrived).await? {
            PreparedBallot::Ready(ballot) => {
                Ok(LineProgress::Sent(Box::new(casting.send(self.contest, *ballot, false, room)?)))
            }
            PreparedBallot::Done(cast) => Ok(LineProgress::Done(cast)),
        }
    }

    async fn outcome(&self, sent: Result<LineProgress, Problem>, deadline: Instant) -> Outcome {
        match sent? {
            LineProgress::Sent(sent) => {
                let end = pin!(sleep_until(deadline));
                Ok(self.service.casting.outcome(self.contest, *sent, end).await?)
            }
            LineProgress::Done(cast) => Ok(*cast),
        }
    }

    /// Adds a line to the answer.
    fn write(&self, outcome: Outcome, answer: &mut String) {
        self.service.count(&outcome);
        let value = match outcome {
            Ok(CastOutcome::Recorded(recorded)) => json!(RecordedBody::from(&recorded)),
            Ok(CastOutcome::AlreadyRecorded(recorded, leaf_hash)) => {
                json!(BallotStatus::new(recorded, leaf_hash))
            }
            Ok(CastOutcome::Accepted(ballot)) => json!(BallotStatus::accepted(ballot)),
            Err(problem) => json!({"problem": self.service.base_path.document(&problem)}),
        };
        answer.push_str(&value.to_string());
        answer.push('\n');
    }
}
