//! Pages for people: the ballot page, its assets, and the explanations of problems. No framework, no inline script, nothing from
//! elsewhere. Links are relative, so that pages work below any path that a proxy publishes them at.

use std::{future::ready, sync::Arc};

use axum::{
    Router,
    extract::Path,
    http::{HeaderMap, HeaderName, header},
    response::{Html, IntoResponse, Response},
    routing::get,
};

use crate::{
    compression::StaticContent,
    problem::{self, Problem},
    state::Api,
};

/// What a page may load: its own script and style, and pictures of entries.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
     img-src 'self' https: http: data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

pub(crate) fn routes() -> Router<Api> {
    Router::new()
        .route("/", get(page(include_str!("page/home.html"))))
        .route("/c/{contest}", get(page(include_str!("page/ballot.html"))))
        .route(
            "/assets/ballot.js",
            get(asset("text/javascript; charset=utf-8", include_str!("page/ballot.js"))),
        )
        .route("/assets/ballot.css", get(asset("text/css; charset=utf-8", include_str!("page/ballot.css"))))
        .route("/problems", get(problems))
        .route("/problems/{code}", get(explanation))
}

type Answer = std::future::Ready<Response>;

/// A handler that answers with a page.
fn page(html: &'static str) -> impl Fn(HeaderMap) -> Answer + Clone + Send + Sync + 'static {
    // The invitation link's fragment stays in the browser, and no referrer tells where it led.
    content(
        html,
        [
            (header::CONTENT_TYPE, "text/html; charset=utf-8"),
            (header::CONTENT_SECURITY_POLICY, POLICY),
            (header::REFERRER_POLICY, "no-referrer"),
            (header::CACHE_CONTROL, "no-cache"),
        ],
    )
}

/// A handler that answers with what a page loads.
fn asset(
    kind: &'static str,
    body: &'static str,
) -> impl Fn(HeaderMap) -> Answer + Clone + Send + Sync + 'static {
    content(body, [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "no-cache")])
}

fn content<const N: usize>(
    content: &'static str,
    headers: [(HeaderName, &'static str); N],
) -> impl Fn(HeaderMap) -> Answer + Clone + Send + Sync + 'static {
    let content = Arc::new(StaticContent::new(content));
    move |request| ready(content.answer(&request, headers.clone()))
}

async fn problems() -> Response {
    let rows: String = problem::ALL
        .iter()
        .map(|kind| {
            format!(
                "<li><a href=\"problems/{0}\">{0}</a> ({1}): {2}</li>",
                kind.code,
                kind.status,
                escaped(kind.title)
            )
        })
        .collect();
    document("Problems", &format!("<ul>{rows}</ul>"))
}

async fn explanation(Path(code): Path<String>) -> Result<Response, Problem> {
    let kind = problem::ALL
        .iter()
        .find(|kind| kind.code == code)
        .ok_or_else(|| Problem::new(&problem::NOT_FOUND, "there is no problem of this code"))?;
    let body = format!("<p>Status {}.</p><p>{}</p>", kind.status, escaped(kind.explanation));
    Ok(document(kind.title, &body))
}

fn document(title: &str, body: &str) -> Response {
    let title = escaped(title);
    let html = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>{title}</title><h1>{title}</h1>{body}</html>"
    );
    ([(header::CONTENT_SECURITY_POLICY, POLICY)], Html(html)).into_response()
}

/// The texts are this program's own; a `<` or backtick in one is still a character, not a tag.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
