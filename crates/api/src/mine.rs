//! The voter's own ballots, and the categories that are left.

use std::sync::Arc;

use acclaim_contest::MAX_SAFE_INTEGER;
use acclaim_service::own_votes::{OwnBallot, OwnVotes};
use axum::{
    Json,
    extract::State,
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    auth::Access,
    casting::BallotStatus,
    description::shapes,
    extract::{Path, Query},
    limits::Limiter,
    problem::{self, Problem},
    state::Api,
};

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(mine))
}

/// A voter's own ballots.
#[derive(Serialize, ToSchema)]
#[schema(as = OwnVotes)]
struct OwnVotesBody {
    contest: String,
    /// The channel of the pass, if the contest has channels.
    #[serde(skip_serializing_if = "Option::is_none")]
    channel: Option<String>,
    /// If the contest has periods: the period to vote in now. This is today, or the smallest number
    /// with a category left. Absent if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    period: Option<String>,
    /// With numbered ballots: how many numbers have a category left.
    #[serde(skip_serializing_if = "Option::is_none")]
    ballots_left: Option<u32>,
    /// The newest ballots of this channel that fill categories, at most 500, in the order of the
    /// log.
    ballots: Vec<OwnBallotBody>,
    /// The `before` of a request for older ballots. Absent if there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    older: Option<u64>,
    /// Categories without a ballot, in this channel and period. Absent, like `period` and
    /// `ballots_left`, for a voter with more ballots than one answer looks through. Categories may
    /// then still be left.
    #[serde(skip_serializing_if = "Option::is_none")]
    left: Option<Vec<String>>,
}

/// A ballot with its selections.
#[derive(Serialize, ToSchema)]
#[schema(as = OwnBallot)]
struct OwnBallotBody {
    #[serde(flatten)]
    status: BallotStatus,
    /// Present if the contest has channels.
    #[serde(skip_serializing_if = "Option::is_none")]
    channel: Option<String>,
    /// If the contest has periods: the day, or the ballot's number.
    #[serde(skip_serializing_if = "Option::is_none")]
    period: Option<String>,
    /// The log entry, whose hash is `leaf_hash`.
    entry: String,
    /// Category and entry of each vote.
    #[schema(value_type = Vec<shapes::Pair>)]
    selections: Vec<(String, String)>,
}

impl From<OwnBallot> for OwnBallotBody {
    fn from(own: OwnBallot) -> Self {
        let OwnBallot { recorded, leaf_hash, channel, period, entry, selections } = own;
        Self { status: BallotStatus::new(recorded, leaf_hash), channel, period, entry, selections }
    }
}

/// Query for a page of ballots.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct OwnVotesQuery {
    /// Lists the ballots below this index of the log.
    #[param(maximum = 9007199254740991_u64)]
    before: Option<u64>,
}

/// Read the voter's own ballots that fill categories, and the categories left.
#[utoipa::path(get, operation_id = "read_own_votes", path = "/v1/contests/{contest}/votes/mine", tag = "voters", security(("pass" = [])),
    params(OwnVotesQuery), responses((status = 200, body = OwnVotesBody, description = "the voter's ballots, and the categories left")))]
async fn mine(
    State(access): State<Arc<Access>>,
    State(limiter): State<Arc<Limiter>>,
    State(own_votes): State<Arc<OwnVotes>>,
    Path(contest): Path<String>,
    Query(query): Query<OwnVotesQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (contest, pass) = access.contest_and_pass(&headers, &contest)?;
    limiter.check_pass(pass.voter)?;
    if query.before.is_some_and(|before| before > MAX_SAFE_INTEGER) {
        return Err(Problem::new(
            &problem::INVALID_PARAMETER,
            format!("`before` is more than {MAX_SAFE_INTEGER}"),
        ));
    }
    let own = own_votes.list(&contest, &pass, query.before).await?;
    let mine = OwnVotesBody {
        contest: contest.id().to_string(),
        channel: pass.channel.map(|channel| channel.to_string()),
        period: own.next.period,
        ballots_left: own.next.ballots_left,
        ballots: own.ballots.into_iter().map(OwnBallotBody::from).collect(),
        older: own.older,
        left: own.next.left,
    };
    Ok(([(header::CACHE_CONTROL, "private, no-store")], Json(mine)).into_response())
}
