//! The result of a contest: as a document, a table and a page, with the document's published
//! schema.

use std::sync::{Arc, LazyLock};

use acclaim_contest::{Phase, Zone};
use acclaim_report::{Format, Report, SCHEMA_1, SCHEMA_2, html};
use acclaim_store::{Stores, hub::Publication};
use axum::{
    extract::State,
    http::{HeaderMap, HeaderName, StatusCode, header},
    response::{AppendHeaders, IntoResponse, Response},
};
use bytes::Bytes;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    auth::Access,
    compression::{Encoding, StaticContent},
    conditional::is_not_modified,
    description::{refusals, shapes},
    extract::{Path, Query},
    negotiation,
    problem::{self, Problem},
    publication::check_result_access,
    render_cache::{Key, RenderCache},
    standings::latest_publication,
    state::Api,
};

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(result)).routes(routes!(schema_1)).routes(routes!(schema_2))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ResultQuery {
    format: Option<String>,
    version: Option<String>,
    excel: Option<bool>,
}

/// Header of a certified result whose contest was reopened since.
const CORRECTION_HEADER: (&str, &str) = ("acclaim-result", "under-correction");
/// The same in words, for the page.
const CORRECTION_NOTICE: &str = "This result was certified, and the contest has been reopened since: it is being corrected. It stands until another \
    result is certified.";

/// A version of a contest's result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    /// The certified result, or the result that was certified before the contest was reopened.
    Certified,
    /// The present result of the log, not certified.
    Provisional,
}

refusals! {
    /// Problems that refuse a request for the result.
    ResultRefusals: NOT_PUBLIC, NO_RESULT_YET
}

/// Read the result: provisional after closing, certified at the end.
///
/// It is a JSON document, unless `Accept` or `format` asks for a table or a page.
///
/// While a contest is reopened, the result that was certified before stays readable. It has the
/// header `Acclaim-Result: under-correction`, and the page has a notice. Organisers and auditors
/// then get the provisional result, unless they ask for `version=certified`.
#[utoipa::path(get, operation_id = "read_result", path = "/v1/contests/{contest}/result", tag = "results",
    params(("format" = inline(Option<shapes::ResultFormat>), Query, description = "takes precedence over `Accept`"),
        ("version" = inline(Option<shapes::ResultVersion>), Query, description = "the version, if a contest was reopened and has both"),
        ("excel" = Option<bool>, Query, description = "whether a table begins with a byte order mark")),
    responses(
        (status = 200, description = "the document, the table or the page", headers(
            ("Acclaim-Result" = Option<String>, description = "`under-correction` while the contest is reopened after a certification")), content(
            (shapes::ResultDocument = "application/json"), (String = "text/csv"), (String = "text/html"))),
        (status = 304, description = "not changed"), ResultRefusals))]
async fn result(
    State(access): State<Arc<Access>>,
    State(stores): State<Stores>,
    State(render_cache): State<Arc<RenderCache>>,
    Path(contest): Path<String>,
    Query(query): Query<ResultQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (contest, reader) = access.find_visible(&headers, &contest).await?;
    if contest.phase() <= Phase::Open {
        return Err(Problem::new(&problem::NO_RESULT_YET, "the contest is not closed"));
    }
    let version = query.version.as_deref().map(version).transpose()?;
    let format = negotiation::negotiate(&headers, query.format.as_deref(), &Format::ALL);
    let publication = latest_publication(&stores.hub, &contest);
    let has_former = publication.as_ref().is_ok_and(|publication| publication.former.is_some());
    // The publication can be newer than this process's state of the contest.
    let is_certified = contest.phase() == Phase::Certified && !has_former;
    if version == Some(Version::Provisional) || !(is_certified || has_former) {
        check_result_access(&contest, reader)?;
    }
    let (format, publication) = (format?, publication?);
    let mark = negotiation::byte_order_mark(query.excel, format)?;
    let SelectedDocument { document, under_correction } =
        choose(&publication, is_certified, version, reader)?;
    let sha256: [u8; 32] = Sha256::digest(&document).into();
    let notice = if under_correction { "-under-correction" } else { "" };
    let etag = match format {
        Format::Json => format!("\"{}{notice}\"", hex::encode(sha256)),
        other => format!(
            "\"{}-{other}{notice}{}\"",
            hex::encode(sha256),
            if mark.is_empty() { "" } else { "-excel" }
        ),
    };
    let mut always = vec![
        (header::ETAG, etag.clone()),
        (header::VARY, "Accept, Accept-Encoding".to_owned()),
        (header::CACHE_CONTROL, "no-cache".to_owned()),
    ];
    if under_correction {
        let (name, value) = CORRECTION_HEADER;
        always.push((HeaderName::from_static(name), value.to_owned()));
    }
    let always = AppendHeaders(always);
    if is_not_modified(&headers, &etag) {
        return Ok((StatusCode::NOT_MODIFIED, always).into_response());
    }
    let body = match format {
        Format::Json => document,
        other => {
            let key = Key::Form { sha256, format: other, under_correction };
            let zone = Zone::from_name(&contest.record.definition.time_zone);
            render(&render_cache, document, zone, key).await?
        }
    };
    let content_type = [(header::CONTENT_TYPE, format.content_type())];
    if !mark.is_empty() {
        return Ok((always, content_type, negotiation::table_with_mark(mark, body)).into_response());
    }
    let content = Arc::clone(&render_cache).encode(body, Encoding::accepted(&headers)).await;
    Ok(content.answer((always, content_type, AppendHeaders(page_headers(format)))))
}

fn version(word: &str) -> Result<Version, Problem> {
    match word {
        "certified" => Ok(Version::Certified),
        "provisional" => Ok(Version::Provisional),
        _ => {
            let detail = "`version` is neither `certified` nor `provisional`";
            Err(Problem::new(&problem::INVALID_PARAMETER, detail))
        }
    }
}

/// The document that a request gets.
struct SelectedDocument {
    document: Bytes,
    /// Whether it was certified and the contest was reopened since.
    under_correction: bool,
}

/// Chooses among the documents of a publication. The caller has checked the access.
///
/// Without `version`, readers get the newest document. Others get the certified document, or the
/// newest if none was certified.
fn choose(
    publication: &Publication,
    is_certified: bool,
    version: Option<Version>,
    reader: bool,
) -> Result<SelectedDocument, Problem> {
    let none = |detail| Problem::new(&problem::NO_RESULT_YET, detail);
    let newest = || {
        let unavailable = || Problem::new(&problem::UNAVAILABLE, "the result is being made");
        let document = publication.result.clone().ok_or_else(unavailable)?;
        Ok(SelectedDocument { document, under_correction: false })
    };
    let former =
        publication.former.clone().map(|document| SelectedDocument { document, under_correction: true });
    match version {
        Some(Version::Provisional) if is_certified => {
            Err(none("the result is certified: there is no provisional one beside it"))
        }
        Some(Version::Certified) if !is_certified => {
            former.ok_or_else(|| none("no result of this contest has been certified"))
        }
        None if !reader && !is_certified => former.map_or_else(newest, Ok),
        _ => newest(),
    }
}

/// Returns the headers of a page.
fn page_headers(format: Format) -> Vec<(HeaderName, String)> {
    if format != Format::Html {
        return Vec::new();
    }
    vec![
        (
            header::CONTENT_SECURITY_POLICY,
            format!("{}; frame-ancestors 'none'", html::content_security_policy()),
        ),
        (header::REFERRER_POLICY, "no-referrer".to_owned()),
    ]
}

/// Returns the document in another format, made once for all requests.
async fn render(
    render_cache: &Arc<RenderCache>,
    document: Bytes,
    zone: Option<Zone>,
    key: Key,
) -> Result<Bytes, Problem> {
    let rendering = Arc::clone(render_cache).get_or_make(key, move || {
        let report = Report::read(&document)?.in_time_zone(zone);
        Ok(match key {
            Key::Form { format: Format::Csv, .. } => report.csv().into(),
            Key::Form { format: Format::Html, under_correction: true, .. } => {
                report.html_with_notice(CORRECTION_NOTICE).into()
            }
            Key::Form { format: Format::Html, .. } => report.html().into(),
            Key::Form { format: Format::Json, .. } | Key::Encoded { .. } => document,
        })
    });
    rendering.await.map_err(|error| {
        // The sequencer runs a newer program, for example during an upgrade.
        tracing::error!(%error, "result: rendering failed");
        Problem::new(
            &problem::UNAVAILABLE,
            "this process cannot read the result document; `format=json` gives it as it is",
        )
    })
}

/// Read the JSON Schema (2020-12) of the result document, version 1.
#[utoipa::path(get, operation_id = "read_schema_1", path = "/schemas/result-1.json", tag = "results",
    responses((status = 200, content_type = "application/schema+json", body = Object, description = "the schema"), (status = 304, description = "not changed")))]
async fn schema_1(headers: HeaderMap) -> Response {
    static CONTENT: LazyLock<StaticContent> = LazyLock::new(|| StaticContent::new(SCHEMA_1));
    CONTENT.answer(&headers, SCHEMA_HEADERS)
}

/// Read the JSON Schema (2020-12) of the result document, version 2.
#[utoipa::path(get, operation_id = "read_schema_2", path = "/schemas/result-2.json", tag = "results",
    responses((status = 200, content_type = "application/schema+json", body = Object, description = "the schema"), (status = 304, description = "not changed")))]
async fn schema_2(headers: HeaderMap) -> Response {
    static CONTENT: LazyLock<StaticContent> = LazyLock::new(|| StaticContent::new(SCHEMA_2));
    CONTENT.answer(&headers, SCHEMA_HEADERS)
}

const SCHEMA_HEADERS: [(HeaderName, &str); 2] =
    [(header::CONTENT_TYPE, "application/schema+json"), (header::CACHE_CONTROL, "no-cache")];
