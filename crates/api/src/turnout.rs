//! Turnout: the number of ballots by time, channel and group.

use std::{collections::BTreeMap, sync::Arc};

use acclaim_store::{Stores, ledger::Turnout};
use axum::{
    Json,
    extract::State,
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    auth::{Access, READERS},
    errors::read_problem,
    extract::Path,
    problem::Problem,
    state::Api,
};

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(turnout))
}

/// Recorded ballots by their arrival, including replaced and voided ones.
#[derive(Serialize, ToSchema)]
#[schema(as = Turnout)]
struct Report {
    contest: String,
    ballots: u64,
    /// By minute, for example `2021-03-14T12:05Z`. Minutes without ballots are left out.
    minutes: BTreeMap<String, u64>,
    /// By hour, for example `2021-03-14T12Z`.
    hours: BTreeMap<String, u64>,
    /// By channel; `-` for ballots without one.
    channels: BTreeMap<String, u64>,
    /// By the passes' group; `-` for passes without one.
    groups: BTreeMap<String, u64>,
}

impl Report {
    fn new(contest: String, rows: Vec<Turnout>) -> Self {
        let (minutes, hours) = (BTreeMap::new(), BTreeMap::new());
        let (channels, groups) = (BTreeMap::new(), BTreeMap::new());
        let mut report = Self { contest, ballots: 0, minutes, hours, channels, groups };
        let label = |label: Option<String>| label.unwrap_or_else(|| "-".to_owned());
        for Turnout { minute, channel, group, ballots } in rows {
            let time = Timestamp::from_second(minute.saturating_mul(60)).unwrap_or_default();
            report.ballots += ballots;
            *report.minutes.entry(time.strftime("%Y-%m-%dT%H:%MZ").to_string()).or_default() += ballots;
            *report.hours.entry(time.strftime("%Y-%m-%dT%HZ").to_string()).or_default() += ballots;
            *report.channels.entry(label(channel)).or_default() += ballots;
            *report.groups.entry(label(group)).or_default() += ballots;
        }
        report
    }
}

/// Count the ballots by minute, hour, channel and group.
#[utoipa::path(get, operation_id = "read_turnout", path = "/v1/contests/{contest}/turnout", tag = "staff", security(("key" = [])),
    responses((status = 200, body = Report, description = "recorded ballots")))]
async fn turnout(
    State(access): State<Arc<Access>>,
    State(stores): State<Stores>,
    Path(contest): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (contest, _) = access.contest_and_key(&headers, &contest, READERS).await?;
    let id = contest.id();
    let report = Report::new(id.to_string(), stores.database.turnout(id).await.map_err(read_problem)?);
    Ok(([(header::CACHE_CONTROL, "private, no-store")], Json(report)).into_response())
}
