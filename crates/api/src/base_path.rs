//! The base path below which a proxy publishes the server, for example `/vote`.
//!
//! The server accepts requests with and without the base path: some proxies leave it in the path,
//! others remove it. Addresses in the server's answers begin with it.

use std::{fmt, str::FromStr};

use acclaim_text::shortened;
use axum::{
    Router,
    body::Body,
    extract::Request,
    http::{HeaderValue, StatusCode, Uri, header, uri::PathAndQuery},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Collected};
use serde_json::Value;
use tower::ServiceExt as _;

use crate::problem::{self, DOCUMENT_START, PROBLEM_TYPE, Problem};

/// First segments of the server's own paths.
///
/// A base path must not begin with one of them: it could not be distinguished from the server's own
/// path.
const OWN_PATHS: [&str; 10] =
    ["v1", "c", "assets", "docs", "problems", "schemas", "openapi.json", "healthz", "readyz", "metrics"];

/// A base path. The default is none: the server's addresses then begin at `/`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BasePath(String);

/// The reason why a text is not a base path.
#[derive(Debug, thiserror::Error)]
#[error("`{path}` is not a base path: {reason}")]
pub struct BasePathError {
    path: String,
    reason: &'static str,
}

impl FromStr for BasePath {
    type Err = BasePathError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let path = text.strip_suffix('/').unwrap_or(text);
        let error = |reason| BasePathError { path: shortened(text, 80).into_owned(), reason };
        if path.is_empty() {
            return Ok(Self::default());
        }
        let Some(segments) = path.strip_prefix('/') else {
            return Err(error("it must begin with `/`, for example `/vote`"));
        };
        let is_segment = |segment: &str| {
            let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
            !segment.is_empty() && segment.bytes().all(is_plain) && segment != "." && segment != ".."
        };
        if !segments.split('/').all(is_segment) {
            return Err(error(
                "each part between slashes must consist of letters, digits, `-`, `_`, `.` and `~`, and must not be `.` or `..`",
            ));
        }
        if segments.split('/').next().is_some_and(|first| OWN_PATHS.contains(&first)) {
            return Err(error(
                "its first part is reserved for the server's own paths: choose another, for example `/vote`",
            ));
        }
        Ok(Self(path.to_owned()))
    }
}

/// Writes the path without a slash at its end, for example `/vote`. Writes nothing if there is no
/// base path.
impl fmt::Display for BasePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl BasePath {
    /// Whether there is no base path.
    pub(crate) fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns a router that answers below this path and without it.
    pub(crate) fn serve(&self, router: Router) -> Router {
        if self.is_root() {
            return router;
        }
        let base = self.clone();
        Router::new().fallback(move |request: Request| {
            let (base, router) = (base.clone(), router.clone());
            async move { base.answer(router, request).await }
        })
    }

    async fn answer(&self, router: Router, mut request: Request) -> Response {
        let path = request.uri().path_and_query().map_or("", PathAndQuery::as_str);
        match path.strip_prefix(&*self.0) {
            // The redirect adds the slash at the end. Without it, the page's relative links lead to
            // wrong addresses.
            Some(rest) if rest.is_empty() || rest.starts_with('?') => return self.redirect(rest),
            Some(rest) if rest.starts_with('/') => {
                let mut parts = request.uri().clone().into_parts();
                parts.path_and_query = rest.parse().ok();
                if let Ok(uri) = Uri::from_parts(parts) {
                    *request.uri_mut() = uri;
                }
            }
            _ => {}
        }
        let Ok(response) = router.oneshot(request).await;
        response
    }

    fn redirect(&self, query: &str) -> Response {
        let location = HeaderValue::try_from(format!("{self}/{query}"));
        let location = location.unwrap_or(HeaderValue::from_static("/"));
        (StatusCode::PERMANENT_REDIRECT, [(header::LOCATION, location)]).into_response()
    }

    /// Returns a problem document whose `type` is below this path.
    pub(crate) fn document(&self, problem: &Problem) -> Value {
        let mut document = serde_json::to_value(problem).unwrap_or_default();
        if let Some(kind) = document.get_mut("type") {
            *kind = format!("{self}{}", problem.kind().path).into();
        }
        document
    }

    /// Returns the answer. If it is a problem document, its `type` gets this path as a prefix.
    pub(crate) async fn publish(&self, response: Response) -> Response {
        let is_problem = |response: &Response| {
            response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind == PROBLEM_TYPE)
        };
        if self.is_root() || !is_problem(&response) {
            return response;
        }
        let (parts, body) = response.into_parts();
        let Ok(document) = body.collect().await.map(Collected::to_bytes) else {
            return Problem::new(&problem::INTERNAL, "the problem document cannot be written")
                .into_response();
        };
        let document = match document.strip_prefix(DOCUMENT_START) {
            Some(rest) => Bytes::from([DOCUMENT_START, self.0.as_bytes(), rest].concat()),
            None => document,
        };
        Response::from_parts(parts, Body::from(document))
    }
}

#[cfg(test)]
mod tests {
    use axum::routing::get;

    use super::*;

    fn base() -> BasePath {
        "/prizes/vote/".parse().unwrap()
    }

    #[test]
    fn refuses_invalid_and_conflicting_base_paths() {
        for (text, path) in [
            ("", ""),
            ("/", ""),
            ("/vote", "/vote"),
            ("/vote/", "/vote"),
            ("/a/v1", "/a/v1"),
            ("/~a.b_c-d", "/~a.b_c-d"),
        ] {
            assert_eq!(text.parse::<BasePath>().unwrap().to_string(), path);
        }
        for text in [
            "vote",
            "//",
            "/vote//",
            "/a//b",
            "/a/../b",
            "/.",
            "/a b",
            "/a?b",
            "/a%20b",
            "/v1",
            "/c/x",
            "/docs/",
            "/readyz",
            "https://a/vote",
        ] {
            assert!(text.parse::<BasePath>().is_err(), "{text}");
        }
    }

    async fn get_from(path: &str) -> (StatusCode, String, String) {
        let router = Router::new()
            .route("/", get(|| async { "home" }))
            .route("/a/{b}", get(|uri: Uri| async move { uri.to_string() }));
        let request = Request::get(path).body(Body::empty()).unwrap();
        let response = base().serve(router).oneshot(request).await.unwrap();
        let location =
            response.headers().get("location").map_or("", |value| value.to_str().unwrap()).to_owned();
        let status = response.status();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, location, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn serves_requests_with_and_without_base_path() {
        for path in ["/prizes/vote/a/x%2Fy?z=/prizes/vote", "/a/x%2Fy?z=/prizes/vote"] {
            assert_eq!(
                get_from(path).await,
                (StatusCode::OK, String::new(), "/a/x%2Fy?z=/prizes/vote".to_owned())
            );
        }
        assert_eq!(get_from("/prizes/vote/").await.2, "home");
        for path in
            ["/prizes/voted", "/prizes", "/vote/a/x", "/prizes/vote//a/x", "/prizes/vote/prizes/vote/a/x"]
        {
            assert_eq!(get_from(path).await.0, StatusCode::NOT_FOUND, "{path}");
        }
        for (path, location) in [("/prizes/vote", "/prizes/vote/"), ("/prizes/vote?a=b", "/prizes/vote/?a=b")]
        {
            assert_eq!(get_from(path).await.1, location);
        }
    }

    #[tokio::test]
    async fn prefixes_problem_types_with_base_path() {
        let problem = || Problem::new(&problem::TOO_LARGE, "much").with("limit", 7);
        let published = base().publish(problem().into_response()).await.into_body().collect().await.unwrap();
        let published: Value = serde_json::from_slice(&published.to_bytes()).unwrap();
        assert_eq!(published, base().document(&problem()));
        assert_eq!(
            (&published["type"], &published["limit"]),
            (&"/prizes/vote/problems/too-large".into(), &7.into())
        );
    }
}
