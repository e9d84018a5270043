//! The document of a contest, as `GET /v1/contests/{contest}` answers it.
//!
//! The document is written and compressed once for each revision of the contest. All requests for
//! it share it. A page of the entries is written for each request.

use std::{
    collections::{BTreeSet, HashMap},
    ops::Range,
    sync::{Arc, Weak},
};

use acclaim_contest::{ContestId, Entry, EntryId, Phase};
use acclaim_service::directory::Contest;
use acclaim_text::first_chars;
use axum::{
    http::{HeaderMap, HeaderName, StatusCode, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use tokio::sync::{OnceCell, Semaphore};
use utoipa::IntoParams;

use crate::{
    compression::{Encoded, Encoding, without_spare},
    problem::{self, Problem},
    shared::shared,
};

/// Most entries of a page.
const MAX_PAGE: usize = 1_000;
/// Most characters of an id that an error message repeats.
const MAX_REPEATED: usize = 64;
/// Entries of a page without `limit`.
const USUAL_PAGE: usize = 200;

/// The documents of contests, each of the newest requested revision.
#[derive(Default)]
pub(crate) struct Documents(Mutex<HashMap<ContestId, (Weak<Contest>, Document)>>);

/// The document of a contest at one revision, written at the first request for it.
type Document = Arc<OnceCell<DocumentParts>>;

impl Documents {
    fn get(&self, contest: &Arc<Contest>) -> Document {
        let mut documents = self.0.lock();
        if let Some((revision, document)) = documents.get(contest.id()) {
            if revision.as_ptr() == Arc::as_ptr(contest) {
                return Arc::clone(document);
            }
            if revision.upgrade().is_some_and(|newer| newer.record.revision > contest.record.revision) {
                // The request began before the contest changed. The older document is not kept.
                return Document::default();
            }
        }
        documents.retain(|_, (revision, _)| revision.strong_count() > 0);
        let document = Document::default();
        documents.insert(contest.id().clone(), (Arc::downgrade(contest), Arc::clone(&document)));
        document
    }
}

/// The parts from which the whole document and each page are put together.
#[derive(Clone)]
struct DocumentParts {
    /// All fields but the entries: an open object, up to the bracket that opens the list of
    /// entries.
    head: Bytes,
    /// The entries as JSON, in the order of the definition, with commas between them.
    entries: Bytes,
    /// The range of each entry in `entries`, in bytes.
    ranges: Arc<[Range<usize>]>,
    /// The whole document in each encoding. Empty if the document is small.
    encoded: Vec<Encoded>,
}

/// Query for a part of the document.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct DocumentQuery {
    /// Ids of categories, separated by commas: only their entries are listed. An empty text lists
    /// no entries.
    categories: Option<String>,
    /// The id of an entry: only the entries after it are listed, in the order of the definition.
    after: Option<String>,
    /// Most entries to list. The default is 200.
    #[param(minimum = 1, maximum = 1_000)]
    limit: Option<usize>,
}

impl DocumentQuery {
    /// Whether the query asks for the whole document.
    pub(crate) fn is_whole(&self) -> bool {
        self.categories.is_none() && self.after.is_none() && self.limit.is_none()
    }
}

/// Returns the document, or a page of it, as an answer.
///
/// The whole document is compressed if the client accepts an encoding.
///
/// # Errors
/// `INVALID_PARAMETER` if `query` has an invalid limit, or names a category or entry that the
/// contest does not have. `INTERNAL` if the document could not be written.
pub(crate) async fn answer(
    documents: &Documents,
    contest: &Arc<Contest>,
    query: &DocumentQuery,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    let document = documents.get(contest);
    let parts = match document.get() {
        Some(parts) => parts.clone(),
        None => {
            // A separate task writes the document. It continues when the client leaves, so that the
            // next request does not start again.
            let contest = Arc::clone(contest);
            let writing = tokio::spawn(async move {
                document.get_or_try_init(|| write_blocking(Arc::clone(&contest))).await.cloned()
            });
            writing.await.map_err(|error| Problem::new(&problem::INTERNAL, error.to_string()))??
        }
    };
    if !query.is_whole() {
        return Ok((headers_of(contest), parts.page(&Page::of(contest, query)?)).into_response());
    }
    let encoding = Encoding::accepted(headers);
    match parts.encoded.iter().find(|encoded| encoded.encoding == encoding) {
        Some(encoded) => Ok(encoded.clone().answer(headers_of(contest))),
        None => Ok((headers_of(contest), shared(parts.whole())).into_response()),
    }
}

/// Returns the document as an answer, written for this request alone.
///
/// `opening_refused` is the reason why the contest would not open now.
///
/// # Errors
/// The same as [`answer`].
pub(crate) fn answer_once(
    contest: &Contest,
    status: StatusCode,
    opening_refused: Option<String>,
    query: &DocumentQuery,
) -> Result<Response, Problem> {
    let parts = write(contest, opening_refused)?;
    let json = match query.is_whole() {
        true => parts.whole().concat(),
        false => parts.page(&Page::of(contest, query)?),
    };
    Ok((status, headers_of(contest), json).into_response())
}

/// Returns the ETag of a contest at a revision.
pub(crate) fn etag(revision: u64) -> String {
    format!("\"{revision}\"")
}

/// Returns the headers of every answer with the document, also of 304.
pub(crate) fn headers_of(contest: &Contest) -> [(HeaderName, String); 4] {
    [
        (header::CONTENT_TYPE, "application/json".to_owned()),
        (header::CACHE_CONTROL, "no-cache".to_owned()),
        (header::VARY, "Accept-Encoding".to_owned()),
        (header::ETAG, etag(contest.record.revision)),
    ]
}

impl DocumentParts {
    /// Returns the parts of the whole document.
    fn whole(&self) -> [Bytes; 3] {
        [self.head.clone(), self.entries.clone(), Bytes::from_static(b"]}")]
    }

    /// Writes the document with some of its entries.
    fn page(&self, page: &Page<'_>) -> Vec<u8> {
        let ranges =
            || page.positions.iter().filter_map(|position| self.ranges.get(*position)?.clone().into());
        let size: usize = ranges().map(|range| range.len() + 1).sum();
        let mut json = Vec::with_capacity(self.head.len() + size + 100);
        json.extend_from_slice(&self.head);
        for (number, range) in ranges().enumerate() {
            if number > 0 {
                json.push(b',');
            }
            json.extend_from_slice(self.entries.get(range).unwrap_or_default());
        }
        json.extend_from_slice(format!("],\"entries_in_all\":{}", self.ranges.len()).as_bytes());
        if let Some(next) = page.next {
            // An id has no character that JSON escapes.
            json.extend_from_slice(format!(",\"next\":\"{next}\"").as_bytes());
        }
        json.push(b'}');
        json
    }
}

/// Writes the document on a blocking thread, one document at a time.
///
/// Writing a large document takes tens of megabytes of memory.
async fn write_blocking(contest: Arc<Contest>) -> Result<DocumentParts, Problem> {
    static WRITING: Semaphore = Semaphore::const_new(1);
    let permit = WRITING.acquire().await;
    let writing = tokio::task::spawn_blocking(move || {
        let _permit = permit;
        let mut parts = write(&contest, None)?;
        let plain = Bytes::from(parts.whole().concat());
        let encoded = [Encoding::Brotli, Encoding::Gzip].map(|way| Encoded::new(plain.clone(), Some(way)));
        parts.encoded = encoded.into_iter().filter(|encoded| encoded.encoding.is_some()).collect();
        Ok(parts)
    });
    writing.await.map_err(|error| Problem::new(&problem::INTERNAL, error.to_string()))?
}

/// A page of a contest's entries.
struct Page<'a> {
    /// Their positions in the definition.
    positions: Vec<usize>,
    /// The last of them, if more entries follow.
    next: Option<&'a EntryId>,
}

impl<'a> Page<'a> {
    fn of(contest: &'a Contest, query: &DocumentQuery) -> Result<Self, Problem> {
        let invalid = |detail: String| Problem::new(&problem::INVALID_PARAMETER, detail);
        let limit = query.limit.unwrap_or(USUAL_PAGE);
        if !(1..=MAX_PAGE).contains(&limit) {
            return Err(invalid(format!("`limit` is {limit}, and must be 1 to {MAX_PAGE}")));
        }
        let definition = &contest.record.definition;
        let categories: Option<BTreeSet<&str>> = query
            .categories
            .as_deref()
            .map(|ids| ids.split(',').map(str::trim).filter(|id| !id.is_empty()).collect());
        for id in categories.iter().flatten() {
            if !definition.categories.iter().any(|category| category.id.as_str() == *id) {
                return Err(invalid(format!(
                    "`categories` names `{}`, which the contest does not have",
                    first_chars(id, MAX_REPEATED)
                )));
            }
        }
        let from = match &query.after {
            None => 0,
            Some(after) => {
                let position = definition.entries.iter().position(|entry| entry.id.as_str() == after);
                let unknown = || {
                    invalid(format!(
                        "`after` names `{}`, which the contest does not have",
                        first_chars(after, MAX_REPEATED)
                    ))
                };
                position.ok_or_else(unknown)? + 1
            }
        };
        let is_listed =
            |entry: &Entry| categories.as_ref().is_none_or(|ids| ids.contains(entry.category.as_str()));
        let entries = definition.entries.iter().enumerate().skip(from).filter(|(_, entry)| is_listed(entry));
        let mut rest = entries;
        let page: Vec<(usize, &Entry)> = rest.by_ref().take(limit).collect();
        let next = page.last().filter(|_| rest.next().is_some()).map(|(_, entry)| &entry.id);
        Ok(Self { positions: page.iter().map(|(position, _)| *position).collect(), next })
    }
}

/// An entry, with its withdrawal.
#[derive(Serialize)]
struct ListedEntry<'a> {
    #[serde(flatten)]
    entry: &'a Entry,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    withdrawn: bool,
}

/// Writes the document, without its compressed forms.
fn write(contest: &Contest, opening_refused: Option<String>) -> Result<DocumentParts, Problem> {
    let failed = |error: serde_json::Error| Problem::new(&problem::INTERNAL, error.to_string());
    let mut head = serde_json::to_vec(&without_entries(contest, opening_refused)).map_err(failed)?;
    // Removes the closing brace.
    head.pop();
    head.extend_from_slice(b",\"entries\":[");
    let definition = &contest.record.definition;
    let withdrawn = &contest.record.state.withdrawn;
    let mut entries = Vec::with_capacity(definition.entries.len() * 256);
    let mut ranges = Vec::with_capacity(definition.entries.len());
    for entry in &definition.entries {
        if !ranges.is_empty() {
            entries.push(b',');
        }
        let begin = entries.len();
        let listed = ListedEntry { entry, withdrawn: withdrawn.contains(entry.id.as_str()) };
        serde_json::to_writer(&mut entries, &listed).map_err(failed)?;
        ranges.push(begin..entries.len());
    }
    Ok(DocumentParts {
        head: head.into(),
        entries: without_spare(entries).into(),
        ranges: ranges.into(),
        encoded: Vec::new(),
    })
}

/// Returns all fields of the document but the entries.
fn without_entries(contest: &Contest, opening_refused: Option<String>) -> Map<String, Value> {
    let definition = &contest.record.definition;
    // After the certification a warning is of no use.
    let warnings = if contest.phase() < Phase::Certified { definition.warnings() } else { Vec::new() };
    let is_corrected = contest.was_certified && contest.phase() != Phase::Certified;
    let all = [
        ("id", Some(json!(definition.id))),
        ("title", Some(json!(definition.title))),
        ("test", Some(json!(definition.test))),
        ("phase", Some(json!(contest.phase().public_name()))),
        ("time_zone", Some(json!(definition.time_zone))),
        ("opens", Some(json!(definition.opens))),
        ("closes", Some(json!(contest.record.state.closes))),
        ("rules", Some(json!(definition.rules))),
        ("categories", Some(json!(definition.categories))),
        ("log", Some(json!({"origin": contest.origin, "vkey": contest.verifier_key}))),
        ("titles", (!definition.titles.is_empty()).then(|| json!(definition.titles))),
        ("days", (!contest.days.is_empty()).then(|| json!(contest.days))),
        ("rounds", definition.rounds.as_ref().map(|rounds| json!(rounds))),
        ("opening_refused", opening_refused.or_else(|| contest.refused_texts.clone()).map(Value::from)),
        ("suspended", (contest.phase() == Phase::Suspended).then(|| true.into())),
        // The certified result stays readable until another result is certified.
        ("under_correction", is_corrected.then(|| true.into())),
        ("tag_key_destroyed", contest.tag_key.is_none().then(|| true.into())),
        ("warnings", (!warnings.is_empty()).then(|| json!(warnings))),
    ];
    all.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect()
}
