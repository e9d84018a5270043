//! Conditional requests (RFC 9110, section 13.1): `If-None-Match` and `If-Match`.
//!
//! All routes that have an ETag read these headers here.

use axum::{
    body::Body,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;

/// Whether `If-None-Match` names this ETag, so that the answer is 304.
///
/// `etag` is in the form in which the answer sends it, with its quotes.
///
/// The comparison is weak (section 8.8.3.2): a proxy that compresses an answer marks its ETag as
/// weak.
pub(crate) fn is_not_modified(headers: &HeaderMap, etag: &str) -> bool {
    is_listed(headers, &header::IF_NONE_MATCH, etag) == Some(true)
}

/// The condition `If-Match` of a request that changes a resource.
#[derive(Debug)]
pub(crate) struct IfMatch(HeaderMap);

impl IfMatch {
    /// Reads the condition of a request; `None` if it has none.
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        let values = headers.get_all(header::IF_MATCH).iter();
        let fields: HeaderMap = values.map(|value| (header::IF_MATCH, value.clone())).collect();
        (!fields.is_empty()).then_some(Self(fields))
    }

    /// Whether an existing resource with this ETag meets the condition.
    ///
    /// RFC 9110 requires the strong comparison here. The compared ETags are revision numbers: they
    /// name the resource and not its bytes. A tag that a compressing proxy marked as weak is
    /// therefore accepted too.
    pub(crate) fn allows(&self, etag: &str) -> bool {
        is_listed(&self.0, &header::IF_MATCH, etag) == Some(true)
    }
}

/// Returns the answer to a request for `content`, with its ETag and these headers.
///
/// The answer is 304 if the request names that ETag.
pub(crate) fn with_etag<const N: usize>(
    request: &HeaderMap,
    headers: [(HeaderName, &'static str); N],
    content: Bytes,
) -> Response {
    let etag = etag_of(&content);
    let mut response = match is_not_modified(request, &etag) {
        true => (StatusCode::NOT_MODIFIED, headers).into_response(),
        false => (headers, Body::from(content)).into_response(),
    };
    if let Ok(etag) = HeaderValue::try_from(etag) {
        response.headers_mut().insert(header::ETAG, etag);
    }
    response
}

/// Returns an ETag of this content, with its quotes.
pub(crate) fn etag_of(content: &[u8]) -> String {
    let mut hash = blake3::hash(content).to_hex();
    hash.truncate(32);
    format!("\"{hash}\"")
}

/// Whether a list of ETags names this one; `None` if the request has no such header.
///
/// Several fields of a request are one list.
fn is_listed(headers: &HeaderMap, name: &HeaderName, etag: &str) -> Option<bool> {
    let mut values = headers.get_all(name).iter().peekable();
    values.peek()?;
    let own = opaque(etag.as_bytes());
    Some(values.any(|value| lists_tag(value, own)))
}

/// Whether one field names the tag `own`, which is without `W/`.
///
/// Text that is not a tag is skipped up to the next comma.
fn lists_tag(value: &HeaderValue, own: &[u8]) -> bool {
    let mut rest = value.as_bytes().trim_ascii();
    if rest == b"*" {
        return true;
    }
    while !rest.is_empty() {
        let tag = opaque(rest);
        let length = match tag.strip_prefix(b"\"") {
            // A comma can be part of a tag.
            Some(inside) => inside.iter().position(|byte| *byte == b'"').map(|end| end + 2),
            None => None,
        };
        let (tag, after) = length.and_then(|length| tag.split_at_checked(length)).unwrap_or((b"", tag));
        let end = after.iter().position(|byte| *byte == b',').unwrap_or(after.len());
        let (between, next) = after.split_at_checked(end).unwrap_or((after, b""));
        if tag == own && between.trim_ascii().is_empty() {
            return true;
        }
        rest = next.strip_prefix(b",").unwrap_or(next).trim_ascii_start();
    }
    false
}

/// Returns a tag without the mark of a weak one, `W/`.
fn opaque(tag: &[u8]) -> &[u8] {
    tag.strip_prefix(b"W/").unwrap_or(tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(name: &HeaderName, fields: &[&[u8]]) -> HeaderMap {
        fields.iter().map(|field| (name.clone(), HeaderValue::from_bytes(field).unwrap())).collect()
    }

    #[test]
    fn answers_not_modified_to_every_form_of_the_same_tag() {
        let is_same =
            |fields: &[&[u8]]| is_not_modified(&request(&header::IF_NONE_MATCH, fields), "\"7-0-json\"");
        for same in [
            &[&b"\"7-0-json\""[..]][..],
            &[b"W/\"7-0-json\""],
            &[b"*"],
            &[b" * "],
            &[b"\"1\", \"7-0-json\""],
            &[b"\"1\" ,\tW/\"7-0-json\" , \"2\""],
            &[b"\"a,b\",\"7-0-json\""],
            &[b",, \"7-0-json\","],
            &[b"\"1\"", b"W/\"7-0-json\""],
            &[b"nonsense, \"7-0-json\""],
            &[b"\"caf\xe9\", \"7-0-json\""],
        ] {
            assert!(is_same(same), "{same:?}");
        }
        for other in [
            &[][..],
            &[&b""[..]],
            &[b"7-0-json"],
            &[b"\"7-0-csv\""],
            &[b"w/\"7-0-json\""],
            &[b"\"7-0-json"],
            &[b"\"7-0-json\"x"],
            &[b"\"\"7-0-json\"\""],
            &[b"\"x,\"7-0-json\""],
            &[b"**"],
            &[b"\"*\""],
            &[b"\"1\", *"],
        ] {
            assert!(!is_same(other), "{other:?}");
        }
    }

    #[test]
    fn a_weak_tag_of_the_server_is_compared_the_same() {
        let headers = request(&header::IF_NONE_MATCH, &[b"\"7\""]);
        assert!(is_not_modified(&headers, "W/\"7\"") && !is_not_modified(&headers, "W/\"8\""));
    }

    #[test]
    fn a_change_is_allowed_by_any_of_the_tags_it_names() {
        let allows = |fields: &[&[u8]]| {
            IfMatch::of(&request(&header::IF_MATCH, fields)).map(|tag| tag.allows("\"3\""))
        };
        assert_eq!(allows(&[]), None);
        for fields in
            [&[&b"\"3\""[..]][..], &[b"W/\"3\""], &[b"\"2\", \"3\""], &[b"*"], &[b"\"2\"", b"\"3\""]]
        {
            assert_eq!(allows(fields), Some(true), "{fields:?}");
        }
        for fields in [&[&b"\"2\""[..]][..], &[b"3"], &[b""], &[b"\"33\""]] {
            assert_eq!(allows(fields), Some(false), "{fields:?}");
        }
    }
}
