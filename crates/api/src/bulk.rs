//! Casting many ballots in one request, for gateways that collect them elsewhere.

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

/// Maximum number of lines of one request.
const MAX_LINES: usize = 10_000;
/// Largest body of one request, in bytes.
const MAX_BODY_BYTES: usize = 16 << 20;
/// How long a request's body may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a request waits for its ballots' outcomes.
const OUTCOME_TIMEOUT: Duration = Duration::from_secs(30);
/// Lines between two yields to other requests.
const LINES_PER_YIELD: usize = 256;

/// Roles that may cast ballots for voters.
const CASTING_ROLES: &[Role] = &[Role::Gateway, Role::Operator];

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(bulk))
}

refusals! {
    /// Problems that refuse the whole request.
    BulkRefusals: INVALID_REQUEST
}

/// A line: a voter's pass, and the ballot.
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
/// The body has one line of JSON for each ballot, and at most 10,000 lines. A line is the body of a
/// single ballot's request, with `pass` added. The answer has one line for each ballot, in the same
/// order. Each of these lines has `ballot` and `status`, or `problem`. Each ballot is recorded or
/// refused on its own. After a broken connection the whole request can be sent again. The arrival
/// time of all ballots is the time, by the server's clock, at which the last byte arrives.
#[utoipa::path(post, operation_id = "cast_ballots", path = "/v1/contests/{contest}/ballots/bulk", tag = "gateways", security(("key" = [])),
    request_body(content_type = "application/x-ndjson", content = String, description = "One line of JSON for each ballot.", example = json!("{\"pass\":\"...\",\"selections\":[{\"category\":\"photos\",\"entry\":\"photo-01\"}]}")),
    responses((status = 200, content_type = "application/x-ndjson", body = String, description = "one line for each ballot, in order"), BulkRefusals))]
async fn bulk(
    State(service): State<Arc<BallotService>>,
    State(bodies): State<Arc<Bodies>>,
    Path(contest): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let (contest, _) = service.access.contest_and_key(request.headers(), &contest, CASTING_ROLES).await?;
    let body = bodies.read_lines(request, MAX_BODY_BYTES, BODY_TIMEOUT).await?;
    let arrived = service.clock.now();
    service.casting.check_clock()?;
    let lines: Vec<&[u8]> = body.strip_suffix(b"\n").unwrap_or(&body).split(|byte| *byte == b'\n').collect();
    if body.is_empty() || lines.len() > MAX_LINES {
        let detail = format!("the body has {} lines: send 1 to {MAX_LINES}", lines.len());
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
    /// Instant at which the request's last byte arrived.
    arrived: Timestamp,
}

impl BulkRequest<'_> {
    /// Casts one ballot for each line. The answer has one line for each, in order.
    async fn cast(&self, lines: Vec<&[u8]>) -> String {
        let outcome_deadline = Instant::now() + OUTCOME_TIMEOUT;
        let send_deadline = Instant::now() + self.service.deadline;
        let permits = self.service.casting.permits(self.contest.id());
        let mut outcomes = FuturesOrdered::new();
        let mut answer = String::new();
        for (number, line) in lines.into_iter().enumerate() {
            let sent = match self.acquire_permit(&permits, &mut outcomes, &mut answer, send_deadline).await {
                Some(permit) => self.send(line, permit).await,
                None => Err(Problem::new(
                    &problem::UNAVAILABLE,
                    "the server had no free capacity for this line in time: send the line again",
                )),
            };
            outcomes.push_back(self.outcome(sent, outcome_deadline));
            if number % LINES_PER_YIELD == LINES_PER_YIELD - 1 {
                tokio::task::yield_now().await;
            }
        }
        while let Some(outcome) = outcomes.next().await {
            self.write(outcome, &mut answer);
        }
        answer
    }

    /// Acquires a permit for the next line.
    ///
    /// While no permit is free, it writes the outcomes of earlier lines. This frees permits.
    ///
    /// Returns `None` from `send_deadline` on. A single ballot has the same deadline. After it, the
    /// intake could already be sealed, although the contest was open when the line arrived.
    async fn acquire_permit(
        &self,
        permits: &CapacityPermits,
        outcomes: &mut FuturesOrdered<impl Future<Output = Outcome>>,
        answer: &mut String,
        send_deadline: Instant,
    ) -> Option<Permit> {
        let mut permit = pin!(permits.acquire_for_gateway());
        loop {
            if Instant::now() >= send_deadline {
                return None;
            }
            tokio::select! {
                biased;
                permit = &mut permit => return permit,
                Some(outcome) = outcomes.next() => self.write(outcome, answer),
                () = sleep_until(send_deadline) => return None,
            }
        }
    }

    async fn send(&self, line: &[u8], permit: Permit) -> Result<LineProgress, Problem> {
        let Line { pass, selections, replaces, period } = parse(line)?;
        let BallotService { access, casting, .. } = self.service;
        let pass = access.pass(&pass, self.contest, self.arrived)?;
        let request = BallotRequest { selections, replaces, period };
        match casting.prepare(self.contest, pass, request.votes(), self.arrived).await? {
            PreparedBallot::Ready(ballot) => {
                Ok(LineProgress::Sent(Box::new(casting.send(self.contest, *ballot, false, permit)?)))
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
