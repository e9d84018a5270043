//! The result of a contest, as the document, as a table and as a page, and the document's published schema.

use std::sync::Arc;

use acclaim_report::{Format, Report, SCHEMA_1, SCHEMA_2, html};
use acclaim_store::Phase;
use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, HeaderName, StatusCode, header},
    response::{AppendHeaders, IntoResponse, Response},
};
use bytes::Bytes;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{OneOfBuilder, Ref, RefOr, Schema},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    contests::visible,
    extract::{Path, Query},
    negotiation,
    problem::{self, Problem},
    publication::may_read_result,
    rendered::Key,
    standings::latest,
    state::Api,
};

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(result)).routes(routes!(schema_1)).routes(routes!(schema_2))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    format: Option<String>,
}

/// The document's own schema, which describes it better than a copy would: by the version of its log one of two.
struct ResultDocument;

impl PartialSchema for ResultDocument {
    fn schema() -> RefOr<Schema> {
        let versions = ["/schemas/result-1.json", "/schemas/result-2.json"];
        versions.into_iter().fold(OneOfBuilder::new(), |all, version| all.item(Ref::new(version))).into()
    }
}

impl ToSchema for ResultDocument {}

/// The result: provisional after closing, certified at the end. A document in JSON, unless `Accept` or `format` asks for a table or a page.
#[utoipa::path(get, path = "/v1/contests/{contest}/result", tag = "results",
    params(("contest" = String, Path,), ("format" = Option<String>, Query, description = "`json`, `csv` or `html`; goes before `Accept`")),
    responses(
        (status = 200, description = "the document, the table or the page", content(
            (ResultDocument = "application/json"), (String = "text/csv"), (String = "text/html"))),
        (status = 304, description = "as `If-None-Match` has it"),
        (status = 400, description = "there is no such format"),
        (status = 403, description = "not public"),
        (status = 409, description = "before the closing")))]
async fn result(
    State(api): State<Api>,
    Path(contest): Path<String>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (contest, reader) = visible(&api, &headers, &contest).await?;
    if contest.phase() <= Phase::Open {
        return Err(Problem::new(&problem::NO_RESULT_YET, "the contest is not closed"));
    }
    may_read_result(&contest, reader)?;
    let format = negotiation::wanted(&headers, asked.format.as_deref(), &Format::ALL)?;
    let publication = latest(&api, &contest)?;
    let document = publication
        .result
        .clone()
        .ok_or_else(|| Problem::new(&problem::UNAVAILABLE, "the result is being made"))?;
    let sha256: [u8; 32] = Sha256::digest(&document).into();
    let etag = match format {
        Format::Json => format!("\"{}\"", hex::encode(sha256)),
        other => format!("\"{}-{other}\"", hex::encode(sha256)),
    };
    let always = [(header::ETAG, etag.clone()), (header::VARY, "Accept".to_owned())];
    if headers.get(header::IF_NONE_MATCH).is_some_and(|tag| tag.as_bytes() == etag.as_bytes()) {
        return Ok((StatusCode::NOT_MODIFIED, always).into_response());
    }
    let body = match format {
        Format::Json => document,
        other => written(&api, document, Key { sha256, format: other }).await?,
    };
    let content = [(header::CONTENT_TYPE, format.content_type()), (header::CACHE_CONTROL, "no-cache")];
    Ok((always, content, AppendHeaders(of_pages(format)), Body::from(body)).into_response())
}

/// What a browser is told of a page.
fn of_pages(format: Format) -> Vec<(HeaderName, String)> {
    if format != Format::Html {
        return Vec::new();
    }
    vec![
        (header::CONTENT_SECURITY_POLICY, format!("{}; frame-ancestors 'none'", html::policy())),
        (header::REFERRER_POLICY, "no-referrer".to_owned()),
    ]
}

/// The document in another form, made once for all who ask.
async fn written(api: &Api, document: Bytes, key: Key) -> Result<Bytes, Problem> {
    let rendered = Arc::clone(&api.rendered);
    let made = rendered.get_or_make(key, move || {
        let report = Report::read(&document)?;
        Ok(match key.format {
            Format::Json => document,
            Format::Csv => report.csv().into(),
            Format::Html => report.html().into(),
        })
    });
    made.await.map_err(|error| {
        // The sequencer is of a newer program, as in the midst of an upgrade.
        tracing::error!(%error, "the result cannot be written in another form");
        Problem::new(
            &problem::UNAVAILABLE,
            "this process cannot read the result document; `format=json` gives it as it is",
        )
    })
}

/// JSON Schema (2020-12) of the result document, version 1.
#[utoipa::path(get, path = "/schemas/result-1.json", tag = "results",
    responses((status = 200, content_type = "application/schema+json")))]
async fn schema_1() -> impl IntoResponse {
    schema(SCHEMA_1)
}

/// JSON Schema (2020-12) of the result document, version 2.
#[utoipa::path(get, path = "/schemas/result-2.json", tag = "results",
    responses((status = 200, content_type = "application/schema+json")))]
async fn schema_2() -> impl IntoResponse {
    schema(SCHEMA_2)
}

fn schema(schema: &'static str) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/schema+json"), (header::CACHE_CONTROL, "no-cache")], schema)
}
