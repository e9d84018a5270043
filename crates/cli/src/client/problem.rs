//! Problem documents (RFC 9457) as errors of a command.

use std::fmt;

use acclaim_text::shortened;
use serde_json::{Map, Value};

/// The engine's refusal of a request, or an answer that is not from an engine.
#[derive(Debug)]
pub struct Problem {
    /// The HTTP status.
    pub status: u16,
    /// The last part of `type`, for example `already-voted`. Empty if the answer is not a problem
    /// document.
    pub code: String,
    /// Whether the server may have processed an earlier attempt of the same request.
    was_sent_before: bool,
    title: String,
    detail: String,
    extra: Map<String, Value>,
}

/// The largest number of characters that are quoted from an answer which is not a problem document.
const MAX_QUOTE_LENGTH: usize = 200;

impl Problem {
    /// Reads an answer with an unsuccessful status. `body` need not be a problem document.
    #[must_use]
    pub fn from_answer(status: u16, body: &[u8]) -> Self {
        let mut fields = match serde_json::from_slice(body) {
            Ok(Value::Object(fields)) => fields,
            _ => Map::new(),
        };
        let mut text = |key: &str| match fields.remove(key) {
            Some(Value::String(text)) => text,
            _ => String::new(),
        };
        let (type_uri, title, detail) = (text("type"), text("title"), text("detail"));
        fields.remove("status");
        let code = type_uri.rsplit('/').next().unwrap_or_default().to_owned();
        if !title.is_empty() {
            return Self { status, code, was_sent_before: false, title, detail, extra: fields };
        }
        let quoted = String::from_utf8_lossy(body);
        let quoted = shortened(&quoted, MAX_QUOTE_LENGTH);
        let title = format!("the server answered {status}, which is not an answer of acclaim");
        let (code, detail) = (String::new(), quoted.trim().to_owned());
        Self { status, code, was_sent_before: false, title, detail, extra: Map::new() }
    }

    /// Returns the problem as the answer to the last of several attempts. `was_sent_before` says
    /// whether the server may have processed an earlier attempt.
    #[must_use]
    pub(super) fn after_an_attempt(self, was_sent_before: bool) -> Self {
        Self { was_sent_before, ..self }
    }

    /// Whether the contest's rules, phase or state refuse a valid request (status 409 or 412).
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        matches!(self.status, 409 | 412)
    }

    /// Whether an error proves that the request changed nothing: the engine itself answered below
    /// 500, and the request was sent once.
    #[must_use]
    pub fn is_definite(error: &anyhow::Error) -> bool {
        let is_definite =
            |problem: &Self| problem.status < 500 && !problem.code.is_empty() && !problem.was_sent_before;
        error.downcast_ref::<Self>().is_some_and(is_definite)
    }

    /// Returns a field that not every problem has.
    #[must_use]
    pub fn extra(&self, key: &str) -> Option<&Value> {
        self.extra.get(key)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.title)?;
        if !self.detail.is_empty() && self.detail != self.title {
            write!(f, ": {}", self.detail)?;
        }
        for (key, value) in &self.extra {
            match (key.as_str(), value) {
                ("mistakes", Value::Array(mistakes)) => {
                    for mistake in mistakes {
                        write!(f, "\n  {}", mistake_line(mistake))?;
                    }
                }
                ("undecided", Value::Array(reasons)) => {
                    for reason in reasons {
                        write!(f, "\n  {}", undecided_line(reason))?;
                    }
                }
                (_, Value::String(text)) => write!(f, "\n  {key}: {text}")?,
                (_, other) => write!(f, "\n  {key}: {other}")?,
            }
        }
        Ok(())
    }
}

impl std::error::Error for Problem {}

fn mistake_line(mistake: &Value) -> String {
    let text = |key: &str| mistake.get(key).and_then(Value::as_str);
    // Mistakes in a definition have a key. Mistakes in other requests have a field.
    let place = text("key").or_else(|| text("field")).unwrap_or_default();
    let problem = text("problem").unwrap_or_default();
    match mistake.get("line").and_then(Value::as_u64) {
        Some(line) => format!("line {line}: {place}: {problem}"),
        None => format!("{place}: {problem}"),
    }
}

/// Returns the line for one reason why the winners of a category are not decided.
fn undecided_line(reason: &Value) -> String {
    let text = |key: &str| reason.get(key).and_then(Value::as_str).unwrap_or_default();
    let names = |key: &str| -> Vec<&str> {
        reason.get(key).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
    };
    let mut line = format!("{}: {}", text("category"), text("text"));
    let named = [("panel", vec![text("panel")]), ("jurors", names("jurors")), ("entries", names("entries"))];
    for (word, names) in named {
        let names = names.join(", ");
        if !names.is_empty() {
            line.push_str(&format!("; {word}: {names}"));
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn displays_every_field_of_problem() {
        let body = br#"{"type":"/problems/invalid-definition","title":"The definition has mistakes","status":422,
            "detail":"Two of them.","mistakes":[{"line":3,"key":"ballot.revision","problem":"must be"},{"key":"a","problem":"b"}]}"#;
        let problem = Problem::from_answer(422, body);
        assert_eq!(problem.code, "invalid-definition");
        assert!(!problem.is_refusal());
        assert_eq!(
            problem.to_string(),
            "The definition has mistakes: Two of them.\n  line 3: ballot.revision: must be\n  a: b"
        );
        let refused = Problem::from_answer(
            409,
            br#"{"type":"/problems/refused","title":"Refused","code":"not-closed"}"#,
        );
        assert_eq!(refused.to_string(), "Refused\n  code: not-closed");
        assert!(refused.is_refusal());
        let undecided = Problem::from_answer(
            409,
            br#"{"type":"/problems/refused","title":"Refused","code":"undecided","undecided":[
                {"category":"a","reason":"no-choice","text":"the panel has not chosen"},
                {"category":"b","reason":"missing-jurors","text":"these jurors have not scored","panel":"experts","jurors":["Ama","Kofi"]}]}"#,
        );
        assert_eq!(
            undecided.to_string(),
            "Refused\n  code: undecided\n  a: the panel has not chosen\n  b: these jurors have not scored; panel: experts; jurors: Ama, Kofi"
        );
    }

    #[test]
    fn only_an_answer_below_500_says_that_nothing_was_changed() {
        let document = br#"{"type":"/problems/refused","title":"Refused"}"#;
        let answered = |status| anyhow::Error::new(Problem::from_answer(status, document));
        assert!([400, 409, 429].map(answered).iter().all(Problem::is_definite));
        assert!(![500, 503].map(answered).iter().any(Problem::is_definite));
        assert!(!Problem::is_definite(&anyhow::anyhow!("no answer from the server")));
        assert!(!Problem::is_definite(&Problem::from_answer(403, b"a proxy's").into()));
        let again = Problem { was_sent_before: true, ..Problem::from_answer(409, document) };
        assert!(!Problem::is_definite(&again.into()));
    }

    #[test]
    fn an_answer_of_something_else_is_quoted_and_cut() {
        let problem = Problem::from_answer(502, &[b'<'; 1000]);
        assert_eq!(problem.code, "");
        assert_eq!(
            problem.to_string().len(),
            "the server answered 502, which is not an answer of acclaim: ".len() + 200 + "…".len()
        );
    }
}
