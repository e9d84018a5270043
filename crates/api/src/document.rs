//! The document of a contest, as `GET /v1/contests/{contest}` answers it. It is written and compressed once for each
//! revision of the contest, and shared by all who ask for it; a page of its entries is written for each request.

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

/// Entries of a page, at most.
const MAX_PAGE: usize = 1_000;
/// The most characters of an id that messages repeat.
const MAX_REPEATED: usize = 64;
/// Entries of a page unless the request says otherwise.
const USUAL_PAGE: usize = 200;

/// The documents of contests, each of the newest revision that was asked for.
#[derive(Default)]
pub(crate) struct Documents(Mutex<HashMap<ContestId, (Weak<Contest>, Document)>>);

/// The document of a contest at one revision, written when it is first asked for.
type Document = Arc<OnceCell<DocumentParts>>;

impl Documents {
    fn of(&self, contest: &Arc<Contest>) -> Document {
        let mut known = self.0.lock();
        if let Some((of, document)) = known.get(contest.id()) {
            if of.as_ptr() == Arc::as_ptr(contest) {
                return Arc::clone(document);
            }
            if of.upgrade().is_some_and(|newer| newer.record.revision > contest.record.revision) {
                // Asked for by a request that began before the change.
                return Document::default();
            }
        }
        known.retain(|_, (of, _)| of.strong_count() > 0);
        let document = Document::default();
        known.insert(contest.id().clone(), (Arc::downgrade(contest), Arc::clone(&document)));
        document
    }
}

/// The document's parts, from which the whole and each page are put together.
#[derive(Clone)]
struct DocumentParts {
    /// All but the entries: an object that is not closed, up to the bracket that opens the list of entries.
    head: Bytes,
    /// The entries as JSON, in the order of the definition, with commas between them.
    entries: Bytes,
    /// Where each entry begins and ends in `entries`.
    places: Arc<[Range<usize>]>,
    /// The whole, compressed in either way; without any if it is small.
    encoded: Vec<Encoded>,
}

/// Which part of the document is wanted.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct DocumentQuery {
    /// Ids of categories, separated by commas: of the entries only theirs. An empty text asks for no entries.
    categories: Option<String>,
    /// The id of an entry: only entries behind it, in the order of the definition.
    after: Option<String>,
    /// At most so many entries; 200 unless said otherwise.
    #[param(minimum = 1, maximum = 1_000)]
    limit: Option<usize>,
}

impl DocumentQuery {
    /// Whether the whole document is wanted.
    pub(crate) fn is_whole(&self) -> bool {
        self.categories.is_none() && self.after.is_none() && self.limit.is_none()
    }
}

/// The document, or a page of it, as an answer; the whole is compressed if the client takes gzip.
///
/// # Errors
/// If `part` names a category or entry that the contest does not have, or the document could not be written.
pub(crate) async fn answer(
    documents: &Documents,
    contest: &Arc<Contest>,
    part: &DocumentQuery,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    let document = documents.of(contest);
    let written = match document.get() {
        Some(written) => written.clone(),
        None => {
            // A task of its own: it goes on when the client leaves, so that the document is not begun again and again.
            let contest = Arc::clone(contest);
            let writing = tokio::spawn(async move {
                document.get_or_try_init(|| write_apart(Arc::clone(&contest))).await.cloned()
            });
            writing.await.map_err(|error| Problem::new(&problem::INTERNAL, error.to_string()))??
        }
    };
    if !part.is_whole() {
        return Ok((headers_of(contest), written.page(&Page::of(contest, part)?)).into_response());
    }
    let encoding = Encoding::accepted(headers);
    match written.encoded.iter().find(|encoded| encoded.encoding == encoding) {
        Some(encoded) => Ok(encoded.clone().answer(headers_of(contest))),
        None => Ok((headers_of(contest), shared(written.whole())).into_response()),
    }
}

/// The document as an answer, written for this request alone. `opening_refused` is why the contest would not open now.
///
/// # Errors
/// As [`answer`].
pub(crate) fn answer_once(
    contest: &Contest,
    status: StatusCode,
    opening_refused: Option<String>,
    part: &DocumentQuery,
) -> Result<Response, Problem> {
    let written = write(contest, opening_refused)?;
    let json = match part.is_whole() {
        true => written.whole().concat(),
        false => written.page(&Page::of(contest, part)?),
    };
    Ok((status, headers_of(contest), json).into_response())
}

/// The ETag of a contest at a revision.
pub(crate) fn etag(revision: u64) -> String {
    format!("\"{revision}\"")
}

/// The headers of every answer of the document, also of 304.
pub(crate) fn headers_of(contest: &Contest) -> [(HeaderName, String); 4] {
    [
        (header::CONTENT_TYPE, "application/json".to_owned()),
        (header::CACHE_CONTROL, "no-cache".to_owned()),
        (header::VARY, "Accept-Encoding".to_owned()),
        (header::ETAG, etag(contest.record.revision)),
    ]
}

impl DocumentParts {
    /// The parts of the whole document.
    fn whole(&self) -> [Bytes; 3] {
        [self.head.clone(), self.entries.clone(), Bytes::from_static(b"]}")]
    }

    /// The document with some of its entries.
    fn page(&self, page: &Page<'_>) -> Vec<u8> {
        let places = || page.places.iter().filter_map(|place| self.places.get(*place)?.clone().into());
        let size: usize = places().map(|place| place.len() + 1).sum();
        let mut json = Vec::with_capacity(self.head.len() + size + 100);
        json.extend_from_slice(&self.head);
        for (number, place) in places().enumerate() {
            if number > 0 {
                json.push(b',');
            }
            json.extend_from_slice(self.entries.get(place).unwrap_or_default());
        }
        json.extend_from_slice(format!("],\"entries_in_all\":{}", self.places.len()).as_bytes());
        if let Some(next) = page.next {
            // An id has no character that JSON escapes.
            json.extend_from_slice(format!(",\"next\":\"{next}\"").as_bytes());
        }
        json.push(b'}');
        json
    }
}

/// Writes the document on a thread that may block, one at a time: a large one takes some tens of megabytes meanwhile.
async fn write_apart(contest: Arc<Contest>) -> Result<DocumentParts, Problem> {
    static WRITING: Semaphore = Semaphore::const_new(1);
    let turn = WRITING.acquire().await;
    let writing = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        let mut written = write(&contest, None)?;
        let plain = Bytes::from(written.whole().concat());
        let encoded = [Encoding::Brotli, Encoding::Gzip].map(|way| Encoded::new(plain.clone(), Some(way)));
        written.encoded = encoded.into_iter().filter(|encoded| encoded.encoding.is_some()).collect();
        Ok(written)
    });
    writing.await.map_err(|error| Problem::new(&problem::INTERNAL, error.to_string()))?
}

/// Some of a contest's entries.
struct Page<'a> {
    /// Their places in the definition.
    places: Vec<usize>,
    /// The last of them, if there are more behind it.
    next: Option<&'a EntryId>,
}

impl<'a> Page<'a> {
    fn of(contest: &'a Contest, part: &DocumentQuery) -> Result<Self, Problem> {
        let invalid = |detail: String| Problem::new(&problem::INVALID_PARAMETER, detail);
        let limit = part.limit.unwrap_or(USUAL_PAGE);
        if !(1..=MAX_PAGE).contains(&limit) {
            return Err(invalid(format!("`limit` is {limit}, and must be 1 to {MAX_PAGE}")));
        }
        let definition = &contest.record.definition;
        let wanted: Option<BTreeSet<&str>> = part
            .categories
            .as_deref()
            .map(|ids| ids.split(',').map(str::trim).filter(|id| !id.is_empty()).collect());
        for id in wanted.iter().flatten() {
            if !definition.categories.iter().any(|category| category.id.as_str() == *id) {
                return Err(invalid(format!(
                    "`categories` names `{}`, which the contest does not have",
                    first_chars(id, MAX_REPEATED)
                )));
            }
        }
        let from = match &part.after {
            None => 0,
            Some(after) => {
                let place = definition.entries.iter().position(|entry| entry.id.as_str() == after);
                let unknown = || {
                    invalid(format!(
                        "`after` names `{}`, which the contest does not have",
                        first_chars(after, MAX_REPEATED)
                    ))
                };
                place.ok_or_else(unknown)? + 1
            }
        };
        let is_wanted =
            |entry: &Entry| wanted.as_ref().is_none_or(|ids| ids.contains(entry.category.as_str()));
        let entries = definition.entries.iter().enumerate().skip(from).filter(|(_, entry)| is_wanted(entry));
        let mut rest = entries;
        let page: Vec<(usize, &Entry)> = rest.by_ref().take(limit).collect();
        let next = page.last().filter(|_| rest.next().is_some()).map(|(_, entry)| &entry.id);
        Ok(Self { places: page.iter().map(|(place, _)| *place).collect(), next })
    }
}

/// An entry, and whether it is withdrawn.
#[derive(Serialize)]
struct ListedEntry<'a> {
    #[serde(flatten)]
    entry: &'a Entry,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    withdrawn: bool,
}

/// Writes the document.
fn write(contest: &Contest, opening_refused: Option<String>) -> Result<DocumentParts, Problem> {
    let failed = |error: serde_json::Error| Problem::new(&problem::INTERNAL, error.to_string());
    let mut head = serde_json::to_vec(&small(contest, opening_refused)).map_err(failed)?;
    // Without the brace that closes it.
    head.pop();
    head.extend_from_slice(b",\"entries\":[");
    let definition = &contest.record.definition;
    let withdrawn = &contest.record.state.withdrawn;
    let mut entries = Vec::with_capacity(definition.entries.len() * 256);
    let mut places = Vec::with_capacity(definition.entries.len());
    for entry in &definition.entries {
        if !places.is_empty() {
            entries.push(b',');
        }
        let begin = entries.len();
        let listed = ListedEntry { entry, withdrawn: withdrawn.contains(entry.id.as_str()) };
        serde_json::to_writer(&mut entries, &listed).map_err(failed)?;
        places.push(begin..entries.len());
    }
    Ok(DocumentParts {
        head: head.into(),
        entries: without_spare(entries).into(),
        places: places.into(),
        encoded: Vec::new(),
    })
}

/// All of the document but its entries.
fn small(contest: &Contest, opening_refused: Option<String>) -> Map<String, Value> {
    let definition = &contest.record.definition;
    // Once it is certified there is nothing left to be warned of.
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
        // What was certified stays readable until another result is.
        ("under_correction", is_corrected.then(|| true.into())),
        ("tag_key_destroyed", contest.tag_key.is_none().then(|| true.into())),
        ("warnings", (!warnings.is_empty()).then(|| json!(warnings))),
    ];
    all.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect()
}
