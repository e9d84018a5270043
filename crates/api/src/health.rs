//! Liveness, readiness and metrics.

use std::{net::SocketAddr, sync::Arc};

use acclaim_service::{directory::Directory, readiness, submission_queue::SubmissionQueue};
use acclaim_store::{Stores, hub::Recording, keys::Role};
use axum::{
    Json,
    extract::{ConnectInfo, FromRef, State},
    http::{HeaderName, StatusCode, Version, header, request::Parts},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    auth::Access,
    description::refusals,
    limits::Limiter,
    metrics::Metrics,
    problem::{self, Problem},
    state::Api,
};

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(healthz)).routes(routes!(readyz)).routes(routes!(metrics))
}

/// The process is alive.
#[utoipa::path(get, path = "/healthz", tag = "operation", responses((status = 200, body = String, content_type = "text/plain", description = "alive")))]
async fn healthz() -> &'static str {
    "alive\n"
}

/// Whether ballots can be recorded.
///
/// Only a request from the server's machine or with an operator's key gets `reasons` and
/// `warnings`.
#[derive(Serialize, ToSchema)]
struct Readiness {
    ready: bool,
    /// Why the server is not ready. Empty if it is ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    reasons: Option<Vec<String>>,
    /// Settings that the operator allowed although they can lose accepted ballots. If there are
    /// several intake servers, also the servers that do not answer.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

/// Whether the server is ready for ballots.
///
/// It is ready if the database and the intake answer, recording keeps up and the clocks agree. Only
/// a request from the server's machine or with an operator's key gets the reasons. A request that
/// came through a proxy counts as a request from another machine.
#[utoipa::path(get, path = "/readyz", tag = "operation",
    responses((status = 200, body = Readiness, description = "ready"), (status = 503, body = Readiness, description = "not ready")))]
async fn readyz(
    State(access): State<OperatorAccess>,
    State(readiness): State<Arc<readiness::Readiness>>,
    State(stores): State<Stores>,
    request: Parts,
) -> (StatusCode, Json<Readiness>) {
    let is_allowed = access.check(&request).await.is_ok();
    let reasons = readiness.reasons().await;
    let ready = reasons.is_empty();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    if !is_allowed {
        return (status, Json(Readiness { ready, reasons: None, warnings: Vec::new() }));
    }
    let mut reasons: Vec<String> = reasons.iter().map(ToString::to_string).collect();
    reasons.dedup();
    let intake_status = stores.intake.status();
    let warnings = [intake_status.weak, intake_status.away].concat();
    (status, Json(Readiness { ready, reasons: Some(reasons), warnings }))
}

/// Marks requests that came to the operation listener.
///
/// Each of them may read reasons and metrics without a key.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OperationListener;

/// Headers by which a proxy shows that it forwards a request.
///
/// Headers that begin with [`FORWARDED_PREFIX`] show it too.
const FORWARDING_HEADERS: [HeaderName; 3] =
    [header::FORWARDED, header::VIA, HeaderName::from_static("x-real-ip")];
const FORWARDED_PREFIX: &str = "x-forwarded";

/// Checks whether a request may read reasons and metrics.
#[derive(Clone)]
struct OperatorAccess {
    access: Arc<Access>,
    limiter: Arc<Limiter>,
    /// See [`Settings`](crate::Settings::has_operation_listener).
    has_operation_listener: bool,
}

impl FromRef<Api> for OperatorAccess {
    fn from_ref(api: &Api) -> Self {
        Self {
            access: Arc::clone(&api.access),
            limiter: Arc::clone(&api.limiter),
            has_operation_listener: api.settings.has_operation_listener,
        }
    }
}

impl OperatorAccess {
    /// Allows requests that came to the operation listener, requests from this machine, and
    /// requests with an operator's key.
    async fn check(&self, request: &Parts) -> Result<(), Problem> {
        if request.extensions.get::<OperationListener>().is_none() && !self.is_this_machine(request) {
            self.access.staff(&request.headers, None, &[Role::Operator]).await?;
        }
        Ok(())
    }

    /// Whether a client on this machine sent the request.
    ///
    /// False for a request that a proxy on this machine forwarded. False for every request if
    /// health and metrics have their own listener.
    fn is_this_machine(&self, request: &Parts) -> bool {
        let Some(ConnectInfo(peer)) = request.extensions.get::<ConnectInfo<SocketAddr>>() else {
            return false;
        };
        // A proxy that adds no header is recognized by the request's HTTP version: nginx sends
        // HTTP/1.0 unless it is configured otherwise.
        let is_proxied = request.version < Version::HTTP_11
            || self.limiter.is_proxy(*peer)
            || FORWARDING_HEADERS.iter().any(|name| request.headers.contains_key(name))
            || request.headers.keys().any(|name| name.as_str().starts_with(FORWARDED_PREFIX));
        peer.ip().to_canonical().is_loopback() && !is_proxied && !self.has_operation_listener
    }
}

refusals! {
    /// Problems that refuse a request for the metrics.
    MetricsRefusals: KEY_MISSING, KEY_INVALID, KEY_EXPIRED, KEY_INSUFFICIENT
}

/// Metrics for Prometheus.
///
/// Only a request from the server's machine or with an operator's key gets them.
#[utoipa::path(get, path = "/metrics", tag = "operation", security((), ("key" = [])),
    responses((status = 200, body = String, content_type = "text/plain", description = "the metrics"), MetricsRefusals))]
async fn metrics(
    State(access): State<OperatorAccess>,
    State(source): State<MetricsSource>,
    request: Parts,
) -> Result<Response, Problem> {
    access.check(&request).await?;
    let text = source.render().map_err(|error| Problem::new(&problem::INTERNAL, error.to_string()))?;
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response())
}

/// The sources of the metrics.
#[derive(Clone)]
struct MetricsSource {
    metrics: Arc<Metrics>,
    directory: Arc<Directory>,
    queue: Arc<SubmissionQueue>,
    stores: Stores,
}

impl FromRef<Api> for MetricsSource {
    fn from_ref(api: &Api) -> Self {
        Self {
            metrics: Arc::clone(&api.metrics),
            directory: Arc::clone(&api.directory),
            queue: Arc::clone(&api.queue),
            stores: api.stores.clone(),
        }
    }
}

impl MetricsSource {
    fn render(&self) -> Result<Vec<u8>, prometheus::Error> {
        let Self { metrics, stores, .. } = self;
        // A concurrent scrape must not see a half-written state.
        let _guard = metrics.scrape.lock();
        self.update_contest_gauges();
        let intake_status = stores.intake.status();
        metrics.weak_settings.set(i64::try_from(intake_status.weak.len()).unwrap_or(i64::MAX));
        metrics.full_servers.set(i64::try_from(intake_status.full.len()).unwrap_or(i64::MAX));
        metrics.skew_seconds.set(intake_status.skew.as_secs_f64());
        let repairs = stores.hub.repairs();
        metrics.repairs.inc_by(repairs.saturating_sub(metrics.repairs.get()));
        metrics.forged.inc_by(intake_status.forged.saturating_sub(metrics.forged.get()));
        metrics.render()
    }

    fn update_contest_gauges(&self) {
        let Self { metrics, directory, queue, stores } = self;
        // Removes the gauges of deleted contests.
        for gauges in [&metrics.backlog, &metrics.log_size, &metrics.recording] {
            gauges.reset();
        }
        for contest in directory.all() {
            let label = [contest.id().as_str()];
            // The value is the last known one: metrics are needed most when the intake does not
            // answer.
            let pending = queue.pending(contest.id());
            metrics.backlog.with_label_values(&label).set(i64::try_from(pending).unwrap_or(i64::MAX));
            let size = stores.hub.latest(contest.id()).map_or(0, |latest| latest.size);
            metrics.log_size.with_label_values(&label).set(i64::try_from(size).unwrap_or(i64::MAX));
        }
        for (contest, recording) in stores.hub.recording() {
            let value = i64::from(matches!(recording, Recording::Healthy | Recording::Elsewhere));
            metrics.recording.with_label_values(&[contest.as_str()]).set(value);
        }
    }
}
