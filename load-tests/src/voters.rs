//! Voters with their passes, their requests, and the answers that they got.

use std::{
    cell::{Cell, RefCell},
    io::Write as _,
};

use acclaim_cli::client::{Client, IdempotencyKey};
use anyhow::{Context as _, Result};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use memchr::memmem;
use serde_json::{Value, json};

use crate::connection::Answer;

/// The number of categories, as in the WSIS Prizes.
const CATEGORIES: usize = 18;
/// The number of entries in each category.
const ENTRIES: usize = 20;
/// The number of passes of one request.
const PASSES_PER_REQUEST: usize = 10_000;

/// Creates a contest that opens at once and returns its verifier key.
///
/// # Errors
/// The engine refuses the contest.
pub fn open_contest(client: &Client, id: &str) -> Result<String> {
    let mut opens = acclaim_cli::clock::now();
    opens -= jiff::SignedDuration::from_nanos(i64::from(opens.subsec_nanosecond()));
    let closes = opens + jiff::SignedDuration::from_hours(24);
    let categories: Vec<Value> = (0..CATEGORIES)
        .map(|c| json!({"id": format!("c{c:02}"), "title": format!("Category {c}")}))
        .collect();
    let entries: Vec<Value> = (0..CATEGORIES * ENTRIES)
        .map(|n| json!({"id": format!("p{n:04}"), "category": format!("c{:02}", n % CATEGORIES), "title": format!("Project {n}")}))
        .collect();
    let definition = json!({
        "contest": {"id": id, "title": "Bars", "time_zone": "UTC", "opens": opens.to_string(), "closes": closes.to_string()},
        "publication": {"standings": "public"},
        "champions": {"count": 5},
        "winners": {"count": 1, "from": "champions", "by": "choice"},
        "category": categories,
        "entry": entries,
    });
    let contest =
        client.put(&format!("/v1/contests/{id}"), &IdempotencyKey::new()?, None, definition.to_string())?;
    let vkey = contest.get("log").and_then(|log| log.get("vkey")?.as_str());
    Ok(vkey.context("the contest has no verifier key")?.to_owned())
}

/// Returns the single vote of the n-th ballot, as JSON of the request body.
#[must_use]
pub fn selections(number: usize) -> String {
    // An eighth of the votes is for one entry. The other votes are spread evenly.
    let entry = if number.is_multiple_of(8) { 0 } else { number % (CATEGORIES * ENTRIES) };
    format!(r#"[{{"category":"c{:02}","entry":"p{entry:04}"}}]"#, entry % CATEGORIES)
}

/// The voters of one contest. Each has a pass and casts one ballot.
#[derive(Debug)]
pub struct Voters {
    /// The contest's id.
    pub contest: String,
    passes: RefCell<Vec<String>>,
    next: Cell<usize>,
    minted: Cell<usize>,
    recorded_answers: RefCell<RecordedAnswers>,
}

/// The `recorded` answers that voters got.
#[derive(Debug, Default, Clone)]
pub struct RecordedAnswers {
    /// The index in the log and the leaf hash of each answer.
    pub recorded: Vec<(u64, [u8; 32])>,
}

impl Voters {
    /// Creates a list without voters.
    #[must_use]
    pub fn new(contest: &str) -> Self {
        Self {
            contest: contest.to_owned(),
            passes: RefCell::default(),
            next: Cell::new(0),
            minted: Cell::new(0),
            recorded_answers: RefCell::default(),
        }
    }

    /// Mints passes until `count` voters have not voted.
    ///
    /// # Errors
    /// Passes cannot be minted.
    pub fn ensure(&self, client: &Client, count: usize) -> Result<()> {
        let mut passes = self.passes.borrow_mut();
        // Passes of voters who have voted are not needed any more.
        passes.drain(..self.next.take());
        let path = format!("/v1/contests/{}/passes", self.contest);
        while passes.len() < count {
            let number = self.minted.get();
            self.minted.set(number + 1);
            let minted =
                client.post(&path, &format!("mint-{number}"), &json!({"count": PASSES_PER_REQUEST}))?;
            let minted = minted.get("passes").and_then(Value::as_array).context("no passes were minted")?;
            let pass = |minted: &Value| Some(minted.get("pass")?.as_str()?.to_owned());
            passes.extend(minted.iter().filter_map(pass));
        }
        // The space is reserved before the voting. If the list grew during the voting, it would
        // delay requests, and the server would seem slow.
        self.recorded_answers.borrow_mut().recorded.reserve(passes.len());
        Ok(())
    }

    /// Calls `with` with the number and the pass of the next voter; `None` if no voter is left.
    pub fn next<T>(&self, with: impl FnOnce(usize, &str) -> T) -> Option<T> {
        let passes = self.passes.borrow();
        let number = self.next.get();
        let pass = passes.get(number)?;
        self.next.set(number + 1);
        Some(with(number, pass))
    }

    /// Keeps the answer to a ballot, if it is `recorded`.
    pub fn note(&self, answer: Answer<'_>) {
        if answer.status == 201 {
            self.recorded_answers.borrow_mut().recorded.extend(read_recorded(answer.body));
        }
    }

    /// Keeps one line of a bulk answer. Returns whether it says `recorded`.
    pub fn note_line(&self, line: &[u8]) -> bool {
        let recorded = read_recorded(line);
        self.recorded_answers.borrow_mut().recorded.extend(recorded);
        recorded.is_some()
    }

    /// Returns the answers so far.
    #[must_use]
    pub fn recorded_answers(&self) -> RecordedAnswers {
        self.recorded_answers.borrow().clone()
    }

    /// Returns the number of `recorded` answers so far.
    #[must_use]
    pub fn recorded(&self) -> usize {
        self.recorded_answers.borrow().recorded.len()
    }
}

/// Returns the index and the leaf hash of an answer.
///
/// A search for the names costs less than parsing. The other strings of an answer cannot contain
/// these names.
fn read_recorded(answer: &[u8]) -> Option<(u64, [u8; 32])> {
    let after = |name: &str| {
        let at = memmem::find(answer, name.as_bytes())? + name.len();
        answer.get(at..)
    };
    let digits = after(r#""index":"#)?;
    let end = digits.iter().position(|byte| !byte.is_ascii_digit())?;
    let index = std::str::from_utf8(digits.get(..end)?).ok()?.parse().ok()?;
    // The decoder needs space for all bytes that 44 characters can encode.
    let mut hash = [0; 33];
    let read = STANDARD.decode_slice(after(r#""leaf_hash":""#)?.get(..44)?, &mut hash).ok()?;
    Some((index, hash.get(..read)?.try_into().ok()?))
}

/// Writes a request with a pass and the n-th ballot.
pub fn write_request(into: &mut Vec<u8>, path: &str, number: usize, pass: &str) {
    into.clear();
    let selections = selections(number);
    let length = selections.len() + r#"{"selections":}"#.len();
    // Writing into a vector does not fail.
    let _written = write!(
        into,
        "POST {path} HTTP/1.1\r\nhost: acclaim\r\ncontent-type: application/json\r\nauthorization: Bearer {pass}\r\n\
         content-length: {length}\r\n\r\n{{\"selections\":{selections}}}"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_index_and_hash_of_an_answer() {
        let answer = br#"{"ballot":"00","status":"recorded","index":15,"leaf_hash":"AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=","log":{}}"#;
        let mut hash = [0; 32];
        hash[0] = 1;
        assert_eq!(read_recorded(answer), Some((15, hash)));
        assert_eq!(read_recorded(br#"{"problem":{}}"#), None);
    }

    #[test]
    fn request_has_its_content_length() {
        let mut request = Vec::new();
        write_request(&mut request, "/x", 9, "secret");
        let text = String::from_utf8(request).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.ends_with(&format!("content-length: {}", body.len())), "{text}");
        assert_eq!(body, r#"{"selections":[{"category":"c09","entry":"p0009"}]}"#);
    }
}
