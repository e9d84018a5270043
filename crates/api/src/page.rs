//! Pages for people: the ballot page, its assets, and the explanations of problems. No framework, no inline script, nothing from
//! elsewhere.

use axum::{
    Router,
    extract::Path,
    http::header,
    response::{Html, IntoResponse, Response},
    routing::get,
};

use crate::{
    problem::{self, Problem},
    state::Api,
};

/// What a page may load: its own script and style, and pictures of entries.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
     img-src 'self' https: http: data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

pub(crate) fn routes() -> Router<Api> {
    Router::new()
        .route("/", get(|| page(include_str!("page/home.html"))))
        .route("/c/{contest}", get(|| page(include_str!("page/ballot.html"))))
        .route(
            "/assets/ballot.js",
            get(|| asset("text/javascript; charset=utf-8", include_str!("page/ballot.js"))),
        )
        .route(
            "/assets/ballot.css",
            get(|| asset("text/css; charset=utf-8", include_str!("page/ballot.css"))),
        )
        .route("/problems", get(problems))
        .route("/problems/{code}", get(explanation))
}

async fn page(html: &'static str) -> Response {
    // The invitation link's fragment stays in the browser, and no referrer tells where it led.
    let headers = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    (headers, Html(html)).into_response()
}

async fn asset(kind: &'static str, body: &'static str) -> Response {
    ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "no-cache")], body).into_response()
}

async fn problems() -> Response {
    let rows: String = problem::ALL
        .iter()
        .map(|kind| {
            format!(
                "<li><a href=\"/problems/{0}\">{0}</a> ({1}): {2}</li>",
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
