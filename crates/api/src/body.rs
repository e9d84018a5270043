//! Reading request bodies: bounded in size and time, and JSON of exactly the expected shape.

use std::{
    fmt,
    marker::PhantomData,
    pin::{Pin, pin},
    sync::Arc,
};

use acclaim_contest::MAX_SAFE_INTEGER;
use acclaim_text::first_chars;
use axum::{
    body::{Body, HttpBody as _},
    extract::Request,
    http::{HeaderMap, header},
};
use bytes::Bytes;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde::{
    Deserialize, Deserializer,
    de::{Error as _, MapAccess, Unexpected, Visitor, value::MapAccessDeserializer},
};
use serde_json::Number;
use tokio::time::{Duration, Sleep, sleep};

use crate::{
    auth::Access,
    memory::{BodyMemory, hold_budget},
    problem::{self, Problem},
    turn::PIECE,
};

/// Largest body of a ballot, in bytes.
pub(crate) const MAX_BALLOT_BYTES: usize = 64 << 10;
/// Largest body of a staff request, in bytes.
pub(crate) const MAX_STAFF_BODY_BYTES: usize = 4 << 20;
/// Largest definition, in bytes.
pub(crate) const MAX_DEFINITION_BYTES: usize = 64 << 20;

/// Reads the bodies of staff requests.
pub(crate) struct Bodies {
    memory: Arc<BodyMemory>,
    access: Arc<Access>,
}

impl Bodies {
    /// Makes a reader that reserves the bytes of large bodies from this budget.
    pub(crate) fn new(memory: Arc<BodyMemory>, access: Arc<Access>) -> Self {
        Self { memory, access }
    }

    /// Reads a whole JSON body.
    pub(crate) async fn read_json(
        &self,
        request: Request,
        limit: usize,
        timeout: Duration,
    ) -> Result<Bytes, Problem> {
        self.read_large(request, "application/json", limit, timeout).await
    }

    /// Reads a whole body of JSON lines.
    pub(crate) async fn read_lines(
        &self,
        request: Request,
        limit: usize,
        timeout: Duration,
    ) -> Result<Bytes, Problem> {
        self.read_large(request, "application/x-ndjson", limit, timeout).await
    }

    async fn read_large(
        &self,
        request: Request,
        media_type: &str,
        limit: usize,
        timeout: Duration,
    ) -> Result<Bytes, Problem> {
        // A body without a declared length can become as large as the limit.
        let size = request.body().size_hint().exact().and_then(|size| usize::try_from(size).ok());
        let size = size.unwrap_or(limit).min(limit);
        let timer = pin!(sleep(timeout));
        let headers = request.headers().clone();
        let body = if size <= PIECE {
            read_typed(request, media_type, limit, timer).await?
        } else {
            let budget = self.memory.wait_for(size).await?;
            hold_budget(read_typed(request, media_type, limit, timer).await?, budget)
        };
        // The key may have been revoked while the body was arriving.
        self.access.optional_key(&headers).await?;
        Ok(body)
    }
}

/// Reads a ballot: JSON of at most [`MAX_BALLOT_BYTES`] bytes.
///
/// The caller uses the timer again afterwards: a timer costs its request a third of a microsecond.
pub(crate) async fn read_ballot(request: Request, timer: Pin<&mut Sleep>) -> Result<Bytes, Problem> {
    read_typed(request, "application/json", MAX_BALLOT_BYTES, timer).await
}

async fn read_typed(
    request: Request,
    media_type: &str,
    limit: usize,
    timer: Pin<&mut Sleep>,
) -> Result<Bytes, Problem> {
    let (parts, body) = request.into_parts();
    let content_type = parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let is_expected_type = content_type.is_some_and(|value| {
        value.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(media_type)
    });
    let body = read(body, limit, timer).await?;
    if is_expected_type || body.is_empty() {
        Ok(body)
    } else {
        let detail = format!("the Content-Type is not {media_type}");
        Err(Problem::new(&problem::UNSUPPORTED_MEDIA_TYPE, detail).with("expected", media_type))
    }
}

async fn read(body: Body, limit: usize, timer: Pin<&mut Sleep>) -> Result<Bytes, Problem> {
    match run_until(timer, Limited::new(body, limit).collect()).await {
        Some(Ok(collected)) => Ok(collected.to_bytes()),
        Some(Err(error)) if error.is::<LengthLimitError>() => {
            let detail = format!("the body has more than {limit} bytes");
            Err(Problem::new(&problem::TOO_LARGE, detail).with("limit", limit))
        }
        Some(Err(_)) => Err(Problem::new(&problem::MALFORMED, "the body ended early")),
        None => Err(Problem::new(&problem::MALFORMED, "the body did not arrive in time")),
    }
}

/// Returns the output of `work`, or `None` if the timer ends first.
pub(crate) async fn run_until<T>(timer: Pin<&mut Sleep>, work: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        biased;
        done = work => Some(done),
        () = timer => None,
    }
}

/// Parses JSON of a known shape.
pub(crate) fn parse<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Problem> {
    // An empty body counts as `{}`: staff routes without fields are also called without a body.
    let body = if body.is_empty() { b"{}" } else { body };
    let text = std::str::from_utf8(body).map_err(|error| {
        Problem::new(&problem::MALFORMED, format!("not UTF-8 at byte {}", error.valid_up_to()))
    })?;
    serde_json::from_str(text).map(|Object(read)| read).map_err(|error| {
        // Finding the path of the mistake costs more, so it is done only after an error.
        let mut again = serde_json::Deserializer::from_str(text);
        let path = serde_path_to_error::deserialize::<_, Object<T>>(&mut again).err();
        let path = path.map(|error| error.path().to_string()).filter(|path| path != ".");
        let error = error.to_string();
        let path = match (path, missing_field(&error)) {
            (Some(path), Some(missing)) => Some(format!("{path}.{missing}")),
            (path, missing) => path.or_else(|| missing.map(str::to_owned)),
        };
        let error = shorten_serde_error(&error);
        let Some(path) = path else { return Problem::new(&problem::MALFORMED, error) };
        let field = first_chars(&path, 100);
        Problem::new(&problem::MALFORMED, format!("`{field}`: {error}")).with("field", field)
    })
}

/// Shortens an error of serde_json, which repeats parts of the request.
///
/// The request's own words are cut. The description of what was expected is kept.
fn shorten_serde_error(error: &str) -> String {
    const MAX_BEGINNING: usize = 200;
    const MAX_ADVICE: usize = 500;
    let beginning = first_chars(error, MAX_BEGINNING);
    let rest = error.get(beginning.len()..).unwrap_or_default();
    if rest.is_empty() {
        return beginning.to_owned();
    }
    let advice = rest.rfind(", expected").or_else(|| rest.rfind(" at line")).and_then(|at| rest.get(at..));
    format!("{beginning}…{}", acclaim_text::first_chars(advice.unwrap_or_default(), MAX_ADVICE))
}

/// Returns the name of a missing field.
///
/// serde has it only in its message: the path ends at the object that lacks the field.
fn missing_field(error: &str) -> Option<&str> {
    error.strip_prefix("missing field `")?.split_once('`').map(|(field, _)| field)
}

/// A value that is written as a JSON object and nothing else.
///
/// For a struct, serde also accepts a list of its fields' values.
pub(crate) struct Object<T>(pub(crate) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Fields<T> {
            type Value = T;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<T, A::Error> {
                T::deserialize(MapAccessDeserializer::new(fields))
            }
        }

        deserializer.deserialize_map(Fields(PhantomData)).map(Self)
    }
}

/// Reads a whole number, 0 or more, for `deserialize_with`.
///
/// JSON has one kind of number: `3.0` is the same as `3`.
pub(crate) fn whole_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let number = Number::deserialize(deserializer)?;
    #[expect(clippy::cast_precision_loss, reason = "an f64 holds MAX_SAFE_INTEGER exactly")]
    let range = 0.0..=MAX_SAFE_INTEGER as f64;
    let whole = number.as_f64().filter(|value| value.fract() == 0.0 && range.contains(value));
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole and within the range")]
    let value = number.as_u64().or_else(|| whole.map(|value| value as u64));
    value.ok_or_else(|| {
        D::Error::invalid_value(Unexpected::Other(&number.to_string()), &"a whole number, 0 or more")
    })
}

/// Reads a whole number, 0 or more, or null, for `deserialize_with`.
pub(crate) fn optional_whole_number<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<u64>, D::Error> {
    #[derive(Deserialize)]
    struct Whole(#[serde(deserialize_with = "whole_number")] u64);
    Ok(Option::<Whole>::deserialize(deserializer)?.map(|Whole(value)| value))
}

/// Reads a list of objects, for `deserialize_with`.
pub(crate) fn objects<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    Vec::<Object<T>>::deserialize(deserializer)
        .map(|list| list.into_iter().map(|Object(read)| read).collect())
}

/// Returns the `Idempotency-Key` of a staff request: 1 to 200 visible ASCII characters.
pub(crate) fn idempotency_key(headers: &HeaderMap) -> Result<String, Problem> {
    headers
        .get("idempotency-key")
        .and_then(|value| value.to_str().ok())
        .filter(|key| (1..=200).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic()))
        .map(str::to_owned)
        .ok_or_else(|| {
            Problem::new(
                &problem::IDEMPOTENCY_KEY_MISSING,
                "the header Idempotency-Key is missing or not 1 to 200 visible ASCII characters",
            )
        })
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Choice<'a> {
        #[serde(borrow)]
        entry: Cow<'a, str>,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Choices<'a> {
        #[serde(borrow, deserialize_with = "objects")]
        choices: Vec<Choice<'a>>,
    }

    fn choices(body: &str) -> Result<Choices<'_>, Problem> {
        parse(body.as_bytes())
    }

    #[test]
    fn an_object_is_read() {
        let read = choices(r#"{"choices":[{"entry":"a"},{"entry":"\u0062"}]}"#).unwrap();
        assert_eq!(read.choices.iter().map(|choice| &*choice.entry).collect::<Vec<_>>(), ["a", "b"]);
    }

    #[test]
    fn a_list_is_no_object() {
        for body in [r#"[[{"entry":"a"}]]"#, r#"{"choices":[["a"]]}"#, "[]", "null"] {
            assert_eq!(choices(body).unwrap_err().kind(), &problem::MALFORMED, "{body}");
        }
    }

    #[test]
    fn names_field_of_mistake() {
        for (body, field) in [
            (r#"{"choices":[{"entry":"a"},{"entry":5}]}"#, "choices[1].entry"),
            (r#"{"choices":[{"entry":"a"},{"entri":"a"}]}"#, "choices[1].entri"),
            (r#"{"choices":null}"#, "choices"),
            (r#"{"choices":[{"entry":"a"},{}]}"#, "choices[1].entry"),
            ("{}", "choices"),
            ("", "choices"),
        ] {
            let document = serde_json::to_value(choices(body).unwrap_err()).unwrap();
            assert_eq!(document["field"], field, "{document}");
            assert!(document["detail"].as_str().unwrap().starts_with(&format!("`{field}`: ")), "{document}");
        }
    }

    #[test]
    fn keeps_expected_value_in_shortened_error() {
        let long = "x".repeat(5_000);
        let shortened = shorten_serde_error(&format!(
            "unknown field `{long}`, expected `category` or `entry` at line 1 column 9"
        ));
        assert!(
            shortened.len() < 400
                && shortened.ends_with("x…, expected `category` or `entry` at line 1 column 9"),
            "{shortened}"
        );
        assert_eq!(shorten_serde_error("missing field `a`"), "missing field `a`");
    }
}
