//! Alive, ready, and figures.

use std::net::SocketAddr;

use acclaim_store::{Phase, hub::Recording, keys::Role};
use axum::{
    Json,
    extract::{ConnectInfo, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use jiff::SignedDuration;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    auth,
    problem::{self, Problem},
    state::Api,
};

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(healthz)).routes(routes!(readyz)).routes(routes!(metrics))
}

/// The process is alive.
#[utoipa::path(get, path = "/healthz", tag = "operation", responses((status = 200, body = String)))]
async fn healthz() -> &'static str {
    "alive\n"
}

/// Whether ballots can be recorded.
#[derive(Serialize, ToSchema)]
struct Readiness {
    ready: bool,
    /// Why not.
    reasons: Vec<String>,
}

/// Ready for ballots: the database answers and recording keeps up. With reasons if not.
#[utoipa::path(get, path = "/readyz", tag = "operation",
    responses((status = 200, body = Readiness), (status = 503, body = Readiness)))]
async fn readyz(State(api): State<Api>) -> (StatusCode, Json<Readiness>) {
    let reasons = reasons(&api).await;
    let ready = reasons.is_empty();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(Readiness { ready, reasons }))
}

async fn reasons(api: &Api) -> Vec<String> {
    let mut reasons = Vec::new();
    if let Err(error) = api.stores.database.installation_values().await {
        reasons.push(format!("the database does not answer: {error}"));
    }
    for (contest, recording) in api.stores.hub.recording() {
        match recording {
            Recording::Well => {}
            Recording::Loading => reasons.push(format!("{contest}: the log is being read")),
            Recording::Failing(why) => reasons.push(format!("{contest}: recording fails: {why}")),
            Recording::Stopped(why) => reasons.push(format!("{contest}: recording has stopped: {why}")),
        }
    }
    let now = api.stores.clock.now();
    let bound = SignedDuration::try_from(api.settings.lag_bound).unwrap_or(SignedDuration::MAX);
    for contest in api.directory.all().iter().filter(|contest| contest.phase() == Phase::Open) {
        match api.stores.intake.backlog(contest.id()).await {
            Ok(backlog) => {
                let lag = backlog.oldest.map_or(SignedDuration::ZERO, |oldest| now.duration_since(oldest));
                if lag > bound {
                    reasons.push(format!("{}: recording lags by {} s", contest.id(), lag.as_secs()));
                }
            }
            Err(error) => reasons.push(format!("{}: the intake does not answer: {error}", contest.id())),
        }
    }
    reasons
}

/// Figures for Prometheus; for this machine, and for operators' keys.
#[utoipa::path(get, path = "/metrics", tag = "operation", responses((status = 200, body = String, content_type = "text/plain")))]
async fn metrics(
    State(api): State<Api>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let forwarded = headers.contains_key("x-forwarded-for") || headers.contains_key("forwarded");
    if !peer.ip().to_canonical().is_loopback() || forwarded {
        auth::staff(&api, &headers, None, &[Role::Operator]).await?;
    }
    for contest in api.directory.all() {
        let label = [contest.id().as_str()];
        let backlog = api.stores.intake.backlog(contest.id()).await?;
        api.metrics.backlog.with_label_values(&label).set(i64::try_from(backlog.items).unwrap_or(i64::MAX));
        let size = api.stores.hub.latest(contest.id()).map_or(0, |latest| latest.size);
        api.metrics.log_size.with_label_values(&label).set(i64::try_from(size).unwrap_or(i64::MAX));
    }
    for (contest, recording) in api.stores.hub.recording() {
        let well = i64::from(recording == Recording::Well);
        api.metrics.recording.with_label_values(&[contest.as_str()]).set(well);
    }
    let text = api.metrics.render().map_err(|error| Problem::new(&problem::INTERNAL, error.to_string()))?;
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response())
}
