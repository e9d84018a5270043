//! The one table of errors: every failure of a request, with its code, status and explanation.

use std::{borrow::Cow, fmt::Display};

use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::{Serialize, Serializer, ser::SerializeMap as _};
use serde_json::{Map, Value};

/// A kind of problem.
///
/// Its `type` on the wire is the path `/problems/<code>`. The server answers this path with the
/// explanation.
#[derive(Debug, PartialEq, Eq)]
pub struct Kind {
    /// The code on the wire: stable, kebab-case.
    pub code: &'static str,
    /// The `type` on the wire: `/problems/<code>`.
    pub path: &'static str,
    /// HTTP status.
    pub status: u16,
    /// A short title.
    pub title: &'static str,
    /// The meaning, and what to do.
    pub explanation: &'static str,
}

macro_rules! problems {
    ($($name:ident = $status:literal $code:literal $title:literal $explanation:literal;)*) => {
        $(
            #[doc = $title]
            pub static $name: Kind = Kind { code: $code, path: concat!("/problems/", $code), status: $status, title: $title, explanation: $explanation };
        )*
        /// Every kind, for the pages that explain them.
        pub static ALL: &[&Kind] = &[$(&$name),*];
    };
}

problems! {
    MALFORMED = 400 "malformed" "The request cannot be read" "The body is not JSON in UTF-8, or not of the shape that the route takes. `detail` says where. Nothing was changed.";
    INVALID_PARAMETER = 400 "invalid-parameter" "A parameter cannot be used" "A query parameter or header has a value that the route does not take; `detail` names it.";
    IDEMPOTENCY_KEY_MISSING = 400 "idempotency-key-missing" "An Idempotency-Key is needed" "Requests of staff that change something need the header `Idempotency-Key`: 1 to 200 visible ASCII characters, new for each request, the same when it is repeated.";
    PASS_MISSING = 401 "pass-missing" "A pass is needed" "Send the pass as `Authorization: Bearer <pass>`. It is part of the invitation link, after the `#`.";
    PASS_INVALID = 401 "pass-invalid" "The pass is not valid" "It was not issued here, or was altered on the way, for instance by a line break in a mail.";
    PASS_EXPIRED = 401 "pass-expired" "The pass has expired" "Its time is over. Ask the organiser for a new one.";
    PASS_REVOKED = 401 "pass-revoked" "The pass was revoked" "The organiser has revoked it. Ask the organiser whether there is a new one. Ballots that were cast with it stay recorded.";
    KEY_MISSING = 401 "key-missing" "A staff key is needed" "Send the key as `Authorization: Bearer <key>`.";
    KEY_INVALID = 401 "key-invalid" "The staff key is not valid" "It is unknown or was revoked.";
    KEY_EXPIRED = 401 "key-expired" "The staff key has expired" "Its time is over: `expired` says since when. An operator can make another one.";
    PASS_FOR_ANOTHER_CONTEST = 403 "pass-for-another-contest" "The pass is for another contest" "A pass serves one contest only. Use the invitation link of this one.";
    PASS_OF_ANOTHER_CHANNEL = 403 "pass-of-another-channel" "The pass is of no channel of the contest" "The contest's channels were changed after the pass was issued. Ask the organiser for a new one.";
    KEY_INSUFFICIENT = 403 "key-insufficient" "The staff key does not allow this" "The key's role or its contests do not cover the request.";
    NOT_PUBLIC = 403 "not-public" "Not public" "The contest's rules do not publish this, or not yet. Organisers and auditors can read it with their key.";
    VOTING_NOT_OPEN = 403 "voting-not-open" "Voting has not begun" "Ballots are taken from the instant `opens` on, by the server's clock at arrival.";
    VOTING_SUSPENDED = 403 "voting-suspended" "Voting is suspended" "The organiser has suspended voting, and the contest's log has the reason. Nothing was recorded: the same ballot can be cast once voting is resumed, until the instant `closes`, which does not move.";
    VOTING_CLOSED = 403 "voting-closed" "Voting has ended" "Ballots were taken until the instant `closes`, by the server's clock at arrival.";
    NOT_FOUND = 404 "not-found" "There is nothing here" "The path leads to no resource.";
    CONTEST_NOT_FOUND = 404 "contest-not-found" "There is no such contest" "Or it is a draft that your credentials may not see. A staff key that is unknown or was revoked sees no draft.";
    BALLOT_NOT_FOUND = 404 "ballot-not-found" "There is no such ballot" "No ballot of this id is recorded. If it was cast a moment ago, ask again.";
    KEY_NOT_FOUND = 404 "key-not-found" "There is no such staff key" "Or it is for contests that your key does not cover.";
    METHOD_NOT_ALLOWED = 405 "method-not-allowed" "The route does not take this method" "The header `Allow` lists the methods that it takes.";
    ALREADY_VOTED = 409 "already-voted" "Other votes stand there" "An earlier ballot of this voter fills these `categories`, also if it was voided or its entry withdrawn. Nothing of this ballot was recorded.";
    REPLACED_IS_NOT_STANDING = 409 "replaced-is-not-standing" "What the ballot replaces does not stand" "`replaces` must name the voter's own standing ballot; `standing` is its id, if there is one. Nothing of this ballot was recorded.";
    REFUSED = 409 "refused" "The contest's rules do not allow it" "`code` and `detail` say why. Nothing was changed.";
    IDEMPOTENCY_KEY_USED = 409 "idempotency-key-used" "The Idempotency-Key was used for another request" "An Idempotency-Key stands for one request of a staff key. Use a new one for a new request.";
    NO_RESULT_YET = 409 "no-result-yet" "There is no result yet" "A result exists from the closing on, a certified one from the first certification on, and a provisional one until then or while the contest is reopened. `detail` says which is missing.";
    NOT_A_DRAFT = 409 "not-a-draft" "The contest is not a draft" "Drafts can be edited, drafts and tests deleted; an open contest only changes by amendments and rulings.";
    TAG_KEY_DESTROYED = 409 "tag-key-destroyed" "The contest's tag key was destroyed" "A subject's voter tag can no longer be computed, so no pass can be minted. The log has the statement. Passes that were minted before still show their voter's own ballots.";
    PRECONDITION_FAILED = 412 "precondition-failed" "The contest is not at this revision" "Send `If-Match` with the `ETag` of the contest as you read it.";
    TOO_LARGE = 413 "too-large" "The body is too large" "`limit` is the largest body that the route takes, in bytes.";
    UNSUPPORTED_MEDIA_TYPE = 415 "unsupported-media-type" "The route does not take this type of content" "Send `Content-Type: application/json`.";
    INVALID_SELECTION = 422 "invalid-selection" "A selection cannot be cast" "`category` and `entry` name the selection, `reason` says why. With `wrong-period`, `today` is the day to name now. Nothing of the ballot was recorded.";
    INVALID_DEFINITION = 422 "invalid-definition" "The definition has mistakes" "`mistakes` lists all of them with line and key. Nothing was changed.";
    INVALID_REQUEST = 422 "invalid-request" "A value cannot be used" "`detail` names the field and what is wrong with it. Nothing was changed.";
    TOO_MANY_REQUESTS = 429 "too-many-requests" "Too many requests" "`limit` names the limit that was exceeded. Wait for the seconds in `Retry-After`.";
    INTERNAL = 500 "internal" "Something went wrong here" "The fault is the server's and has been logged. Repeating the request is safe.";
    UNAVAILABLE = 503 "unavailable" "Not available at the moment" "The server cannot answer the request at the moment. `detail` says why. Repeating it after `Retry-After` seconds is safe.";
    REVOCATIONS_UNKNOWN = 503 "revocations-unknown" "It is not known which passes are revoked" "The server has not reached the database for some seconds. It takes no pass until it has. Nothing was recorded: repeat the request after `Retry-After` seconds.";
    QUEUE_FULL = 503 "queue-full" "Too much is waiting" "More ballots are waiting than can be recorded now. Nothing was recorded: repeat the request after `Retry-After` seconds.";
    OUTCOME_UNKNOWN = 503 "outcome-unknown" "It is not known yet whether it was recorded" "It was not confirmed in time. Repeat the same request: the same ballot, or the same `Idempotency-Key`, never counts twice, and its answer says whether it was recorded.";
}

/// A failed request.
#[derive(Debug)]
pub struct Problem {
    kind: &'static Kind,
    detail: Cow<'static, str>,
    extra: Map<String, Value>,
    /// Seconds that a client waits before it repeats the request.
    retry_after: Option<u64>,
}

impl Problem {
    /// Makes a problem of this kind, with a detail about this request.
    ///
    /// Kinds with the status 429 or 503 get a time to wait of one second.
    #[must_use]
    pub fn new(kind: &'static Kind, detail: impl Into<Cow<'static, str>>) -> Self {
        // A short failure is worth another try after a second.
        let retry_after = matches!(kind.status, 429 | 503).then_some(1);
        Self { kind, detail: detail.into(), extra: Map::new(), retry_after }
    }

    /// Makes a problem with the value of a request's field. `what` continues the field's name: "is
    /// empty".
    #[must_use]
    pub(crate) fn invalid(field: &str, what: impl Display) -> Self {
        Self::new(&INVALID_REQUEST, format!("`{field}`: {what}")).with("field", field)
    }

    /// Adds a field for programs, besides the fields of every document.
    #[must_use]
    pub fn with(mut self, field: &str, value: impl Into<Value>) -> Self {
        debug_assert!(!["type", "title", "status", "detail"].contains(&field), "{field} is present already");
        self.extra.insert(field.to_owned(), value.into());
        self
    }

    /// Sets the time to wait, in seconds; at least 1.
    #[must_use]
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds.max(1));
        self
    }

    /// Returns its kind.
    #[must_use]
    pub fn kind(&self) -> &'static Kind {
        self.kind
    }
}

/// The problem document (RFC 9457), written field by field: a refusal under load must cost little.
impl Serialize for Problem {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut document = serializer.serialize_map(Some(4 + self.extra.len()))?;
        document.serialize_entry("type", self.kind.path)?;
        document.serialize_entry("title", self.kind.title)?;
        document.serialize_entry("status", &self.kind.status)?;
        document.serialize_entry("detail", &self.detail)?;
        for (field, value) in &self.extra {
            document.serialize_entry(field, value)?;
        }
        document.end()
    }
}

/// The content type of a problem document.
pub(crate) const PROBLEM_TYPE: &str = "application/problem+json";
/// The first bytes of every document, before its `type`.
pub(crate) const DOCUMENT_START: &[u8] = br#"{"type":""#;

/// Initial size of a document's buffer, in bytes. Most documents are shorter: the buffer need not
/// grow.
const DOCUMENT_BYTES: usize = 256;

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.kind.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut json = Vec::with_capacity(DOCUMENT_BYTES);
        if let Err(error) = serde_json::to_writer(&mut json, &self) {
            tracing::error!(%error, "problem document: writing failed");
        }
        let mut response = Response::new(Body::from(json));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_TYPE));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"acclaim\""));
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl From<acclaim_store::StoreError> for Problem {
    fn from(error: acclaim_store::StoreError) -> Self {
        use acclaim_store::StoreError;
        match error {
            StoreError::Unavailable(_) => {
                Self::new(&UNAVAILABLE, "the database or the intake does not answer")
            }
            StoreError::Unknown(_) => Self::new(&OUTCOME_UNKNOWN, "the database did not confirm the change"),
            StoreError::Conflict(detail) => Self::new(&REFUSED, detail).with("code", "conflict"),
            StoreError::Corrupt(detail) => {
                tracing::error!(%detail, "store: stored data cannot be read");
                Self::new(&INTERNAL, "the stored data cannot be read")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_has_what_the_table_says_and_its_own_fields() {
        let problem = Problem::new(&TOO_LARGE, "the \"body\"").with("limit", 7).with("a", "b");
        let document = serde_json::to_string(&problem).unwrap();
        let expected = r#"{"type":"/problems/too-large","title":"The body is too large","status":413,"detail":"the \"body\"","a":"b","limit":7}"#;
        assert_eq!(document, expected);
    }

    #[test]
    fn every_code_is_there_once() {
        let codes: std::collections::BTreeSet<_> = ALL.iter().map(|kind| kind.code).collect();
        assert_eq!(codes.len(), ALL.len());
        assert!(ALL.iter().all(|kind| StatusCode::from_u16(kind.status).is_ok_and(|s| !s.is_success())));
    }
}
