//! Live tallies, as the sequencer publishes them.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use acclaim_contest::Phase;
use acclaim_report::Format;
use acclaim_service::{directory::Contest, submission_queue::SubmissionQueue};
use acclaim_store::{Hub, Stores, hub::Publication};
use axum::{
    extract::{ConnectInfo, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    auth::Access,
    compression::Encoding,
    conditional::is_not_modified,
    description::{refusals, shapes},
    extract::{Path, Query},
    limits::Limiter,
    negotiation,
    problem::{self, Problem},
    publication::{check_standings_access, with_pending},
    render_cache::RenderCache,
    shared::shared,
    state::Api,
    tally_events::{TallyStreams, follow, last_event},
};

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(tally)).routes(routes!(tally_stream))
}

/// Returns the contest, if the request may read its tally.
async fn find_readable_contest(
    access: &Access,
    headers: &HeaderMap,
    contest: &str,
) -> Result<Arc<Contest>, Problem> {
    let (contest, reader) = access.find_visible(headers, contest).await?;
    check_standings_access(&contest, reader)?;
    Ok(contest)
}

/// Returns the newest publication of a contest.
pub(crate) fn latest_publication(hub: &Hub, contest: &Contest) -> Result<Arc<Publication>, Problem> {
    hub.latest(contest.id()).ok_or_else(|| {
        if contest.phase() == Phase::Draft {
            Problem::new(&problem::REFUSED, "nothing is counted before the opening").with("code", "not-open")
        } else {
            Problem::new(&problem::UNAVAILABLE, "the log is being read")
        }
    })
}

/// Longest wait of a tally for the figures of recorded ballots.
///
/// They are published within a quarter of a second.
const FIGURES_TIMEOUT: Duration = Duration::from_millis(500);

refusals! {
    /// Problems that refuse a request for the tally.
    TallyRefusals: NOT_PUBLIC, REFUSED
}
refusals! {
    /// Problems that refuse to follow the tally.
    FollowingRefusals: NOT_PUBLIC
}

/// Query of the tally.
#[derive(Deserialize)]
struct TallyQuery {
    format: Option<String>,
    excel: Option<bool>,
}

/// Read the live tally.
///
/// All figures belong to the log's size that the tally names. Every ballot that this process has
/// answered as recorded is in it.
#[utoipa::path(get, operation_id = "read_tally", path = "/v1/contests/{contest}/tally", tag = "results", params(
        ("format" = inline(Option<shapes::TallyFormat>), Query, description = "takes precedence over `Accept`"),
        ("excel" = Option<bool>, Query, description = "whether a table begins with a byte order mark")),
    responses((status = 200, description = "JSON, or CSV by `Accept: text/csv`", content((shapes::Tally = "application/json"), (String = "text/csv"))),
        (status = 304, description = "not changed"), TallyRefusals))]
async fn tally(
    State(access): State<Arc<Access>>,
    State(stores): State<Stores>,
    State(queue): State<Arc<SubmissionQueue>>,
    State(render_cache): State<Arc<RenderCache>>,
    Path(contest): Path<String>,
    Query(query): Query<TallyQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let contest = find_readable_contest(&access, &headers, &contest).await?;
    let format = negotiation::negotiate(&headers, query.format.as_deref(), &[Format::Json, Format::Csv])?;
    let mark = negotiation::byte_order_mark(query.excel, format)?;
    let publication = match stores.hub.current_publication(contest.id(), FIGURES_TIMEOUT).await {
        Some(publication) => publication,
        None => latest_publication(&stores.hub, &contest)?,
    };
    let pending = queue.pending(contest.id());
    let suffix = if mark.is_empty() { "" } else { "-excel" };
    let etag = format!("\"{}-{pending}-{format}{suffix}\"", publication.size);
    let always = [
        (header::ETAG, etag.clone()),
        (header::CACHE_CONTROL, "no-cache".to_owned()),
        (header::VARY, "Accept, Accept-Encoding".to_owned()),
    ];
    if is_not_modified(&headers, &etag) {
        return Ok((StatusCode::NOT_MODIFIED, always).into_response());
    }
    let content_type = [(header::CONTENT_TYPE, format.content_type())];
    let encoding = Encoding::accepted(&headers);
    if format == Format::Json && encoding.is_none() {
        let (before, after) = &publication.tally;
        let body = shared([before.clone(), pending.to_string().into(), after.clone()]);
        return Ok((always, content_type, body).into_response());
    }
    if !mark.is_empty() {
        let body = negotiation::table_with_mark(mark, publication.tally_csv.clone());
        return Ok((always, content_type, body).into_response());
    }
    let content = match format {
        Format::Csv => publication.tally_csv.clone(),
        _ => with_pending(&publication, pending),
    };
    let content = Arc::clone(&render_cache).encode(content, encoding).await;
    Ok(content.answer((always, content_type)))
}

/// An event of the stream.
#[derive(ToSchema)]
#[expect(dead_code, reason = "`tally_events` writes it")]
struct TallyEvent {
    /// `tally`.
    event: String,
    /// `<size>-<pending>`.
    id: String,
    /// The live tally as JSON, as `/tally` answers it.
    data: String,
}

/// Follow the live tally as server-sent events.
///
/// At most a few events are sent per second, each with a whole tally. Without news, a comment is
/// sent every 15 seconds.
#[utoipa::path(get, operation_id = "follow_tally", path = "/v1/contests/{contest}/tally/stream", tag = "results",
    params(("Last-Event-ID" = Option<String>, Header, description = "the id of the last event that the client has: it is not sent again")),
    responses((status = 200, content_type = "text/event-stream", body = TallyEvent, description = "a stream of events, each as described"), FollowingRefusals))]
async fn tally_stream(
    State(access): State<Arc<Access>>,
    State(tally_streams): State<Arc<TallyStreams>>,
    State(limiter): State<Arc<Limiter>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Path(contest): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let contest = find_readable_contest(&access, &headers, &contest).await?;
    let full =
        || Problem::new(&problem::UNAVAILABLE, "too many clients follow the tally: read `/tally` instead");
    let permit = tally_streams.acquire(limiter.limited(peer, &headers)).ok_or_else(full)?;
    Ok(follow(tally_streams, contest, last_event(&headers), permit))
}
