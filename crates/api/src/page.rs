//! Pages for people: the ballot page, its assets, and the explanations of problems.
//!
//! The pages use no framework and no inline script, and load nothing from other servers, except
//! pictures of entries. Links are relative, so that the pages work below any path of a proxy.

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

/// Content security policy: a page loads its own script and style, and pictures of entries.
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

/// Returns a handler that answers with a page.
fn page(html: &'static str) -> impl Fn(HeaderMap) -> Answer + Clone + Send + Sync + 'static {
    // A browser never sends the fragment of an invitation link. The referrer policy also hides the
    // page's address from other sites.
    static_handler(
        html,
        [
            (header::CONTENT_TYPE, "text/html; charset=utf-8"),
            (header::CONTENT_SECURITY_POLICY, POLICY),
            (header::REFERRER_POLICY, "no-referrer"),
            (header::CACHE_CONTROL, "no-cache"),
        ],
    )
}

/// Returns a handler that answers with an asset of a page.
fn asset(
    media_type: &'static str,
    body: &'static str,
) -> impl Fn(HeaderMap) -> Answer + Clone + Send + Sync + 'static {
    static_handler(body, [(header::CONTENT_TYPE, media_type), (header::CACHE_CONTROL, "no-cache")])
}

/// Returns a handler that answers with fixed content and headers.
fn static_handler<const N: usize>(
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
                escape(kind.title)
            )
        })
        .collect();
    document("Problems", &format!("<ul>{rows}</ul>"))
}

async fn explanation(Path(code): Path<String>) -> Result<Response, Problem> {
    let kind = problem::ALL
        .iter()
        .find(|kind| kind.code == code)
        .ok_or_else(|| Problem::new(&problem::NOT_FOUND, "no problem has this code"))?;
    let body = format!("<p>Status {}.</p><p>{}</p>", kind.status, escape(kind.explanation));
    Ok(document(kind.title, &body))
}

fn document(title: &str, body: &str) -> Response {
    let title = escape(title);
    let html = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>{title}</title><h1>{title}</h1>{body}</html>"
    );
    ([(header::CONTENT_SECURITY_POLICY, POLICY)], Html(html)).into_response()
}

/// Escapes `&`, `<` and `>` in a text of this program, for use between HTML tags.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
