//! An answer of the API, as tests read it.

use axum::http::HeaderMap;
use serde_json::Value;

/// An answer of any status.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) content_type: String,
    /// Null if it is not JSON.
    pub(crate) body: Value,
    pub(crate) text: String,
}

impl Answer {
    /// Makes an answer from its parts, independent of the transport.
    pub(crate) fn new(status: u16, headers: HeaderMap, bytes: &[u8]) -> Self {
        let content_type = headers.get("content-type").map_or("", |value| value.to_str().unwrap()).to_owned();
        let text = String::from_utf8_lossy(bytes).into_owned();
        let body = serde_json::from_str(&text).unwrap_or_default();
        Self { status, headers, content_type, body, text }
    }

    /// Returns a header's value; empty if there is none.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Checks that the answer is a problem document of this status and code, and returns it.
    #[track_caller]
    pub(crate) fn problem(&self, status: u16, code: &str) -> &Value {
        assert_eq!(
            (self.status, self.body["type"].as_str()),
            (status, Some(&*format!("/problems/{code}"))),
            "{self:?}"
        );
        assert_eq!(
            (self.content_type.as_str(), self.body["status"].as_u64()),
            ("application/problem+json", Some(u64::from(status)))
        );
        assert!(self.body["title"].is_string() && self.body["detail"].is_string(), "{self:?}");
        &self.body
    }

    /// Checks that the problem's detail contains a text.
    #[track_caller]
    pub(crate) fn names(&self, what: &str) {
        assert!(self.body["detail"].as_str().unwrap().contains(what), "{what} is not named: {}", self.body);
    }
}
