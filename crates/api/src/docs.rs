//! The description of the API at `/openapi.json`, and a page to browse it at `/docs/`.
//!
//! The page loads nothing from other servers.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Router,
    extract::Path,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::get,
};
use serde_json::Value;
use utoipa_swagger_ui::{Config, serve};

use crate::{
    compression::StaticContent,
    problem::{self, Problem},
    state::Api,
};

/// Content security policy of the page.
///
/// It allows the page's own scripts and styles, and pictures that are embedded in the style sheet.
/// The page sends requests to this server only.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The files of the page: their names and media types. The empty name is the page itself.
const FILES: [(&str, &str); 7] = [
    ("", "text/html; charset=utf-8"),
    ("swagger-ui.css", "text/css; charset=utf-8"),
    ("index.css", "text/css; charset=utf-8"),
    ("swagger-ui-bundle.js", "text/javascript; charset=utf-8"),
    ("swagger-ui-standalone-preset.js", "text/javascript; charset=utf-8"),
    ("swagger-initializer.js", "text/javascript; charset=utf-8"),
    ("favicon-32x32.png", "image/png"),
];

type Files = BTreeMap<&'static str, (&'static str, StaticContent)>;

/// Returns the routes for a description of the API.
pub(crate) fn routes(description: &Value) -> Router<Api> {
    let description = Arc::new(StaticContent::new(description.to_string()));
    let files = Arc::new(files());
    let page = Arc::clone(&files);
    Router::new()
        .route(
            "/openapi.json",
            get(async move |headers: HeaderMap| {
                description.answer(
                    &headers,
                    [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-cache")],
                )
            }),
        )
        // The redirect is relative: behind a proxy the path before `docs` is unknown.
        .route("/docs", get(async || (StatusCode::PERMANENT_REDIRECT, [(header::LOCATION, "docs/")])))
        .route("/docs/", get(async move |headers: HeaderMap| answer(&page, "", &headers)))
        .route(
            "/docs/{*file}",
            get(async move |Path(file): Path<String>, headers: HeaderMap| answer(&files, &file, &headers)),
        )
}

fn files() -> Files {
    let config = Arc::new(Config::from("../openapi.json"));
    let file = |(name, media_type): &(&'static str, &'static str)| {
        let file = serve(name, Arc::clone(&config)).ok().flatten()?;
        Some((*name, (*media_type, StaticContent::new(file.bytes.into_owned()))))
    };
    FILES.iter().filter_map(file).collect()
}

fn answer(files: &Files, name: &str, request: &HeaderMap) -> Response {
    let name = if name == "index.html" { "" } else { name };
    match files.get(name) {
        Some((media_type, content)) => content.answer(
            request,
            [
                (header::CONTENT_TYPE, *media_type),
                (header::CACHE_CONTROL, "no-cache"),
                (header::CONTENT_SECURITY_POLICY, POLICY),
                (header::REFERRER_POLICY, "no-referrer"),
            ],
        ),
        None => {
            Problem::new(&problem::NOT_FOUND, "the documentation has no file of this name").into_response()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_page_is_there() {
        let files = files();
        assert_eq!(files.len(), FILES.len());
        let response = answer(&files, "index.html", &HeaderMap::new());
        assert_eq!(response.headers()[header::CONTENT_SECURITY_POLICY], POLICY);
        assert_eq!(answer(&files, "oauth2-redirect.html", &HeaderMap::new()).status(), StatusCode::NOT_FOUND);
    }
}
