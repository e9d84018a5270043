//! Alive, ready, and figures.

use std::net::SocketAddr;

use acclaim_contest::ContestId;
use acclaim_store::{hub::Recording, keys::Role};
use axum::{
    Json,
    extract::{ConnectInfo, State},
    http::{HeaderName, StatusCode, Version, header, request::Parts},
    response::{IntoResponse, Response},
};
use futures_util::future::join_all;
use jiff::SignedDuration;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    description::refusals,
    problem::{self, Problem},
    state::Api,
};

/// A clock further from the intake's makes closing unfair: some replica would refuse what another still takes.
const MAX_SKEW: SignedDuration = SignedDuration::from_millis(250);

/// Refuses ballots while this process's clock is wrong, by every clock of the intake: it would take late ones, or refuse
/// those in time.
pub(crate) fn check_clock(api: &Api) -> Result<(), Problem> {
    if !api.settings.may_accept {
        return Ok(());
    }
    let skew = api.stores.intake.condition().nearest;
    if skew.abs() <= MAX_SKEW {
        return Ok(());
    }
    let detail = "the clock of this process is wrong, so it takes no ballots; another process may";
    Err(Problem::new(&problem::UNAVAILABLE, detail))
}

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(healthz)).routes(routes!(readyz)).routes(routes!(metrics))
}

/// The process is alive.
#[utoipa::path(get, path = "/healthz", tag = "operation", responses((status = 200, body = String, content_type = "text/plain", description = "alive")))]
async fn healthz() -> &'static str {
    "alive\n"
}

/// Whether ballots can be recorded. The rest is for this machine and for operators' keys.
#[derive(Serialize, ToSchema)]
struct Readiness {
    ready: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    reasons: Option<Vec<String>>,
    /// Settings that can lose accepted ballots and that the operator allowed; servers of several that do not answer.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

/// Ready for ballots: the database and the intake answer, recording keeps up, clocks agree. With reasons if not, for this machine and for operators' keys;
/// a request that came through a proxy is another machine's.
#[utoipa::path(get, path = "/readyz", tag = "operation",
    responses((status = 200, body = Readiness, description = "ready"), (status = 503, body = Readiness, description = "not ready")))]
async fn readyz(State(api): State<Api>, request: Parts) -> (StatusCode, Json<Readiness>) {
    let in_full = may_operate(&api, &request).await.is_ok();
    let reasons = reasons(&api).await;
    let ready = reasons.is_empty();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    if !in_full {
        return (status, Json(Readiness { ready, reasons: None, warnings: Vec::new() }));
    }
    let message = |(short, long): (&str, String)| match &*long {
        "" => short.to_owned(),
        long => format!("{short}: {long}"),
    };
    let mut reasons: Vec<String> = reasons.into_iter().map(message).collect();
    reasons.dedup();
    let condition = api.stores.intake.condition();
    let warnings = [condition.weak, condition.away].concat();
    (status, Json(Readiness { ready, reasons: Some(reasons), warnings }))
}

/// What keeps the process from being ready: in a few words, and what only operators shall know.
async fn reasons(api: &Api) -> Vec<(&'static str, String)> {
    let mut reasons = Vec::new();
    if let Err(error) = api.stores.database.installation_values().await {
        reasons.push(("the database does not answer", error.to_string()));
    }
    let condition = api.stores.intake.condition();
    if let Some(why) = condition.refuses {
        reasons.push(("the intake takes no ballots", why));
    }
    for full in condition.full {
        reasons.push(("the intake has no memory left", full));
    }
    if condition.skew.abs() > MAX_SKEW {
        reasons.push(("the clock is not the intake's", format!("{} ms apart", condition.skew.as_millis())));
    }
    match api.stores.database.unleased().await {
        Ok(contests) => {
            let is_known = |id: &ContestId| !api.settings.without.contains(id);
            let unleased = contests.into_iter().filter(is_known);
            reasons.extend(unleased.map(|id| ("no process records a contest", id.to_string())));
        }
        Err(error) => reasons.push(("the database does not answer", error.to_string())),
    }
    for (contest, recording) in api.stores.hub.recording() {
        match recording {
            Recording::Well | Recording::Elsewhere => {}
            Recording::Loading => reasons.push(("a log is being read", contest.to_string())),
            Recording::Rebuilding { done, of } => {
                reasons.push(("the intake is being rebuilt", format!("{contest}: {done} of {of} entries")));
            }
            Recording::Failing(why) => reasons.push(("recording fails", format!("{contest}: {why}"))),
            Recording::Stopped(why) => reasons.push(("recording has stopped", format!("{contest}: {why}"))),
        }
    }
    let now = api.stores.clock.now();
    let bound = SignedDuration::try_from(api.settings.lag_bound).unwrap_or(SignedDuration::MAX);
    let all = api.directory.all();
    let open = all.iter().filter(|contest| contest.phase().is_voting() && !contest.is_left_alone);
    let looks = open.map(|contest| async move {
        (contest.id(), api.stores.intake.backlog(&contest.record.session()).await)
    });
    for (contest, backlog) in join_all(looks).await {
        match backlog {
            Ok(backlog) => {
                let lag = backlog.oldest.map_or(SignedDuration::ZERO, |oldest| now.duration_since(oldest));
                if lag > bound {
                    reasons.push(("recording lags", format!("{contest} by {} s", lag.as_secs())));
                }
            }
            Err(error) => reasons.push(("the intake does not answer", error.to_string())),
        }
    }
    reasons
}

/// Marks requests that came to the listener for operation, which answers everyone in full.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OperationListener;

/// Headers by which a proxy tells that a request is not its own; besides those that begin with [`FORWARDED_PREFIX`].
const FORWARDING_HEADERS: [HeaderName; 3] =
    [header::FORWARDED, header::VIA, HeaderName::from_static("x-real-ip")];
const FORWARDED_PREFIX: &str = "x-forwarded";

/// Allows the request if it came to the listener for operation, from this machine, or with an operator's key.
async fn may_operate(api: &Api, request: &Parts) -> Result<(), Problem> {
    if request.extensions.get::<OperationListener>().is_none() && !is_this_machine(api, request) {
        api.access.staff(&request.headers, None, &[Role::Operator]).await?;
    }
    Ok(())
}

/// Whether a request was sent by this machine itself, and not by a proxy on it. Where operation has a listener of its own, that one is for this machine.
fn is_this_machine(api: &Api, request: &Parts) -> bool {
    let Some(ConnectInfo(peer)) = request.extensions.get::<ConnectInfo<SocketAddr>>() else { return false };
    // Proxies that add no header are told by their version: nginx sends HTTP/1.0 unless it is configured.
    let is_proxied = request.version < Version::HTTP_11
        || api.limiter.is_proxy(*peer)
        || FORWARDING_HEADERS.iter().any(|name| request.headers.contains_key(name))
        || request.headers.keys().any(|name| name.as_str().starts_with(FORWARDED_PREFIX));
    peer.ip().to_canonical().is_loopback() && !is_proxied && !api.settings.has_operation_listener
}

refusals! {
    /// How a question for the figures is refused.
    MetricsRefusals: KEY_MISSING, KEY_INVALID, KEY_EXPIRED, KEY_INSUFFICIENT
}

/// Figures for Prometheus; for this machine, and for operators' keys.
#[utoipa::path(get, path = "/metrics", tag = "operation", security((), ("key" = [])),
    responses((status = 200, body = String, content_type = "text/plain", description = "figures"), MetricsRefusals))]
async fn metrics(State(api): State<Api>, request: Parts) -> Result<Response, Problem> {
    may_operate(&api, &request).await?;
    // Whoever asks at the same moment finds no half of it.
    let _alone = api.metrics.scrape.lock();
    // Contests may have been deleted.
    for gauges in [&api.metrics.backlog, &api.metrics.log_size, &api.metrics.recording] {
        gauges.reset();
    }
    for contest in api.directory.all() {
        let label = [contest.id().as_str()];
        // As last seen: figures are wanted above all when the intake does not answer.
        let pending = api.queue.pending(contest.id());
        api.metrics.backlog.with_label_values(&label).set(i64::try_from(pending).unwrap_or(i64::MAX));
        let size = api.stores.hub.latest(contest.id()).map_or(0, |latest| latest.size);
        api.metrics.log_size.with_label_values(&label).set(i64::try_from(size).unwrap_or(i64::MAX));
    }
    for (contest, recording) in api.stores.hub.recording() {
        let well = i64::from(matches!(recording, Recording::Well | Recording::Elsewhere));
        api.metrics.recording.with_label_values(&[contest.as_str()]).set(well);
    }
    let condition = api.stores.intake.condition();
    api.metrics.weak_settings.set(i64::try_from(condition.weak.len()).unwrap_or(i64::MAX));
    api.metrics.full_servers.set(i64::try_from(condition.full.len()).unwrap_or(i64::MAX));
    api.metrics.skew_seconds.set(condition.skew.as_secs_f64());
    let repairs = api.stores.hub.repairs();
    api.metrics.repairs.inc_by(repairs.saturating_sub(api.metrics.repairs.get()));
    api.metrics.forged.inc_by(condition.forged.saturating_sub(api.metrics.forged.get()));
    let text = api.metrics.render().map_err(|error| Problem::new(&problem::INTERNAL, error.to_string()))?;
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use acclaim_store::{Database, Hub, Intake, Keyring, Stores};
    use acclaim_store_sqlite::{DataDirectory, LocalIntake};
    use acclaim_test_support::{Faults, FaultyIntake, ManualClock};
    use jiff::Timestamp;

    use super::*;
    use crate::Settings;

    #[tokio::test]
    async fn a_process_whose_clock_is_not_the_intakes_takes_no_ballots() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataDirectory::lock(folder.path()).unwrap();
        let secret = data.secret().unwrap();
        let database: Arc<dyn Database> = Arc::new(data.database().unwrap());
        let keyring = Arc::new(Keyring::open(&*database, secret, Some("test")).await.unwrap());
        let intake =
            Arc::new(FaultyIntake::new(Arc::new(LocalIntake::default()), Arc::new(Faults::default())));
        let stores = Stores {
            database,
            intake: Arc::clone(&intake) as Arc<dyn Intake>,
            shown: Arc::new(data.shown().unwrap()),
            hub: Arc::new(Hub::default()),
            clock: Arc::new(ManualClock::at(Timestamp::UNIX_EPOCH)),
        };
        let settings = Settings { may_accept: true, ..Settings::default() };
        let api = Api::new(stores, keyring, settings, None).await.unwrap();
        for (millis, is_taken) in [(0, true), (250, true), (-250, true), (251, false), (-251, false)] {
            intake.set_skew(SignedDuration::from_millis(millis));
            assert_eq!(check_clock(&api).is_ok(), is_taken, "{millis}");
        }
    }
}
