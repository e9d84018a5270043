//! The route that returns a voter's own ballots, and the categories that are left to vote in.

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
    OpenApiRouter::new().routes(routes!(read_own_votes))
}

/// A voter's own ballots.
#[derive(Serialize, ToSchema)]
#[schema(as = OwnVotes)]
struct OwnVotesBody {
    contest: String,
    /// The channel of the pass, if the contest has channels.
    #[serde(skip_serializing_if = "Option::is_none")]
    channel: Option<String>,
    /// The period to vote in now, if the contest has periods. With one ballot a day, it is today.
    /// With numbered ballots, it is the smallest number with a category left. Absent if there is
    /// no such period.
    #[serde(skip_serializing_if = "Option::is_none")]
    period: Option<String>,
    /// With numbered ballots: the count of numbers with a category left.
    #[serde(skip_serializing_if = "Option::is_none")]
    ballots_left: Option<u32>,
    /// The newest ballots of this channel that fill categories. Replaced ballots fill none. There
    /// are at most 500 ballots, in the order of the log.
    ballots: Vec<OwnBallotBody>,
    /// The value of `before` that lists older ballots. Absent if there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    older: Option<u64>,
    /// The categories that the voter can still vote in, in this channel and period. If the voter
    /// has more ballots than the server reads for one answer, `period`, `ballots_left` and `left`
    /// are absent. Categories may then still be left.
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
    /// The ballot's day or number, if the contest has periods.
    #[serde(skip_serializing_if = "Option::is_none")]
    period: Option<String>,
    /// The ballot's line in the log. Its hash is `leaf_hash`.
    entry: String,
    /// The category of each vote, and the entry that the vote is for.
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
    /// Lists only ballots whose log index is smaller than this number.
    #[param(maximum = 9007199254740991_u64)]
    before: Option<u64>,
}

/// Read the voter's own ballots that fill categories, and the categories left to vote in.
#[utoipa::path(get, operation_id = "read_own_votes", path = "/v1/contests/{contest}/votes/mine", tag = "voters", security(("pass" = [])),
    params(OwnVotesQuery), responses((status = 200, body = OwnVotesBody, description = "the voter's ballots, and the categories left")))]
async fn read_own_votes(
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
    let body = OwnVotesBody {
        contest: contest.id().to_string(),
        channel: pass.channel.map(|channel| channel.to_string()),
        period: own.next.period,
        ballots_left: own.next.ballots_left,
        ballots: own.ballots.into_iter().map(OwnBallotBody::from).collect(),
        older: own.older,
        left: own.next.left,
    };
    Ok(([(header::CACHE_CONTROL, "private, no-store")], Json(body)).into_response())
}
