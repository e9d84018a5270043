//! Cross-origin requests (CORS, Fetch standard): pages of other sites may read public data.
//!
//! Public data is contests, tallies, results and logs. Pages of other sites may do nothing else:
//! they may send no pass and no staff key, and change nothing.

use acclaim_text::shortened;
use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header},
    response::{IntoResponse as _, Response},
};

/// Headers that a page may send, besides those that CORS allows to every page.
const REQUEST_HEADERS: HeaderValue = HeaderValue::from_static("If-None-Match, Last-Event-ID, Cache-Control");
/// Headers of answers that a page may read, besides those that CORS allows to every page.
const RESPONSE_HEADERS: HeaderValue = HeaderValue::from_static("ETag, Retry-After, Acclaim-Result");
const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD");
/// Time that a browser may cache a permission, in seconds.
const MAX_AGE: HeaderValue = HeaderValue::from_static("3600");

/// Paths of public data. Health, metrics and pages are not among them.
const PATHS: [&str; 3] = ["/v1/", "/schemas/", "/openapi.json"];

/// The sites whose pages may read public data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origins {
    /// All sites.
    Any,
    /// These sites, each as a browser sends it: `https://www.example.org`.
    Listed(Vec<HeaderValue>),
}

/// A text that is not an origin.
#[derive(Debug, thiserror::Error)]
#[error(
    "`{0}` is not an origin: write `*` alone, or scheme and host, and the port if it is not the default, for example https://www.example.org"
)]
pub struct OriginError(String);

impl Origins {
    /// Reads a list of origins; `*` alone stands for all.
    ///
    /// # Errors
    /// [`OriginError`] names the first text that is not an origin.
    pub fn read(list: &[String]) -> Result<Self, OriginError> {
        if let [any] = list
            && any == "*"
        {
            return Ok(Self::Any);
        }
        let origin = |text: &String| {
            let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
            let is_origin = host.is_some_and(|host| {
                let is_plain = |byte: u8| {
                    byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-._:[]".contains(&byte)
                };
                !host.is_empty() && host.bytes().all(is_plain)
            });
            let value = HeaderValue::try_from(text.as_str()).ok().filter(|_| is_origin);
            value.ok_or_else(|| OriginError(shortened(text, 80).into_owned()))
        };
        list.iter().map(origin).collect::<Result<_, _>>().map(Self::Listed)
    }

    /// Returns the permissions of pages of other sites in the answer to a request.
    ///
    /// `None` if the request is not for public data.
    ///
    /// An answer that a cache may keep is the same whether or not a page sent the request: the
    /// cache may give it to a page of another site.
    pub(crate) fn allow<B>(&self, request: &Request<B>) -> Option<CorsGrant> {
        let origin = request.headers().get(header::ORIGIN);
        let is_public = PATHS.iter().any(|path| request.uri().path().starts_with(path));
        let is_read = [Method::GET, Method::HEAD].contains(request.method());
        let has_credential = request.headers().contains_key(header::AUTHORIZATION);
        let is_preflight = *request.method() == Method::OPTIONS
            && origin.is_some()
            && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
        if !is_public || !(is_read || is_preflight) {
            return None;
        }
        let (origin, varies) = match self {
            Self::Any => (Some(HeaderValue::from_static("*")), false),
            Self::Listed(list) => (origin.filter(|origin| list.contains(origin)).cloned(), !list.is_empty()),
        };
        Some(CorsGrant { origin, varies, is_preflight, has_credential })
    }
}

/// The permissions of pages of other sites in an answer: see [`Origins::allow`].
pub(crate) struct CorsGrant {
    /// The allowed origin; `None` if pages of the requesting site may read nothing.
    origin: Option<HeaderValue>,
    /// Whether the answer to another site's page differs (`Vary: Origin`).
    varies: bool,
    is_preflight: bool,
    /// Whether the request has a credential.
    ///
    /// Pages of other sites may then read only an answer that caches may give to everyone.
    has_credential: bool,
}

impl CorsGrant {
    /// Returns the answer to a preflight request; `None` if this is the request itself.
    pub(crate) fn preflight(&self) -> Option<Response> {
        if !self.is_preflight {
            return None;
        }
        let mut response = (StatusCode::NO_CONTENT, Body::empty()).into_response();
        let headers = response.headers_mut();
        if self.origin.is_some() {
            headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
            headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, REQUEST_HEADERS);
            headers.insert(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE);
        }
        Some(response)
    }

    /// Sets the headers of an answer.
    pub(crate) fn set_headers(self, headers: &mut HeaderMap) {
        let is_public = |value: &HeaderValue| value.as_bytes().starts_with(b"public");
        if self.has_credential && !headers.get(header::CACHE_CONTROL).is_some_and(is_public) {
            return;
        }
        if self.varies {
            headers.append(header::VARY, HeaderValue::from_static("Origin"));
        }
        if let Some(origin) = self.origin {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, RESPONSE_HEADERS);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn build_request(method: &str, path: &str, headers: &[(&str, &str)]) -> Request<()> {
        let mut request = Request::builder().method(method).uri(path).header("origin", "https://a.example");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap()
    }

    #[test]
    fn allows_cross_origin_reads_of_public_data_only() {
        let allows = |request: &Request<()>| Origins::Any.allow(request).and_then(|allowed| allowed.origin);
        for path in ["/v1/contests", "/v1/contests/a/tally?x=y", "/schemas/result-1.json", "/openapi.json"] {
            assert_eq!(allows(&build_request("GET", path, &[])).unwrap(), "*", "{path}");
        }
        for request in [
            build_request("POST", "/v1/contests/a/ballots", &[]),
            build_request("DELETE", "/v1/contests/a", &[]),
            build_request("GET", "/metrics", &[]),
            build_request("GET", "/readyz", &[]),
            build_request("GET", "/c/a", &[]),
            build_request("OPTIONS", "/metrics", &[("access-control-request-method", "GET")]),
            build_request("OPTIONS", "/v1/contests", &[]),
        ] {
            assert!(allows(&request).is_none(), "{request:?}");
        }
        let mut own = build_request("GET", "/v1/contests", &[]);
        own.headers_mut().remove("origin");
        assert_eq!(allows(&own).unwrap(), "*", "a cache may give the answer to a page");
    }

    #[test]
    fn allows_authorized_answers_only_if_cached_publicly() {
        let is_readable = |cache: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
            let request =
                build_request("GET", "/v1/contests/a/log/tile/0/000", &[("authorization", "Bearer x")]);
            Origins::Any.allow(&request).unwrap().set_headers(&mut headers);
            headers.contains_key("access-control-allow-origin")
        };
        assert!(is_readable("public, max-age=31536000, immutable"));
        assert!(!is_readable("private, no-store") && !is_readable("no-cache"));
    }

    #[test]
    fn preflight_allows_reads_without_credentials() {
        let preflight = build_request(
            "OPTIONS",
            "/v1/contests/a/ballots",
            &[("access-control-request-method", "POST"), ("access-control-request-headers", "authorization")],
        );
        let allowed = Origins::Any.allow(&preflight).unwrap();
        let mut response = allowed.preflight().unwrap();
        allowed.set_headers(response.headers_mut());
        assert_eq!(response.status(), StatusCode::NO_CONTENT);
        let header = |name: &str| response.headers()[name].to_str().unwrap().to_ascii_lowercase();
        assert_eq!(header("access-control-allow-methods"), "get, head");
        assert!(!header("access-control-allow-headers").contains("authorization"));
        assert!(!response.headers().contains_key("access-control-allow-credentials"));
    }

    #[test]
    fn allows_only_listed_origins() {
        let list = |origins: &[&str]| {
            Origins::read(&origins.iter().map(|&origin| origin.to_owned()).collect::<Vec<_>>())
        };
        let cors_headers_of = |request: &Request<()>, origins: &[&str]| {
            let mut headers = HeaderMap::new();
            list(origins).unwrap().allow(request).unwrap().set_headers(&mut headers);
            let header = |name: &str| headers.get(name).map(|value| value.to_str().unwrap().to_owned());
            (header("access-control-allow-origin"), header("vary"))
        };
        let request = build_request("GET", "/v1/contests", &[]);
        let cors_headers = |origins: &[&str]| cors_headers_of(&request, origins);
        let (own, vary) = (Some("https://a.example".to_owned()), Some("Origin".to_owned()));
        assert_eq!(cors_headers(&["https://b.example:8443", "https://a.example"]), (own, vary.clone()));
        assert_eq!(cors_headers(&["http://a.example"]), (None, vary.clone()));
        assert_eq!(cors_headers(&[]), (None, None), "the answer is the same for every site");
        let mut own = build_request("GET", "/v1/contests", &[]);
        own.headers_mut().remove("origin");
        assert_eq!(
            cors_headers_of(&own, &["https://a.example"]),
            (None, vary),
            "a cached answer allows no page to read it"
        );
        for origins in [
            &["a.example"][..],
            &["https://a.example/"],
            &["*", "https://a.example"],
            &["https://A.example"],
            &["null"],
            &["https://"],
        ] {
            assert!(list(origins).is_err(), "{origins:?}");
        }
    }
}
