//! Rounds: where a contest's entries are the champions of another one, that one's log is audited as well, and so on to the first. What a log says of the
//! one before is compared with what that log is: its root, its certified result, and the champions in it.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use acclaim_ballot_log::{CheckpointError, Event, LogEntry, VerifierKey, entry::PreviousRound};
use acclaim_tally::{AuditReport, audit::Finding};
use anyhow::{Context as _, Result};
use serde::Serialize;
use tempfile::TempDir;

use super::{
    audit_inputs::{AuditInputs, AuditLimits, AuditOutcome},
    copy, folder,
    opening::{ListedEntry, Opening, Prefix},
    source::Source,
};
use crate::{
    client::{Client, problem::Problem},
    commands::rounds::{MAX_ROUNDS, contest_of},
};

/// What to do about a previous log that is missing.
const ADVICE: &str = "Get its export and put it into the folder `previous` within this log's, or name it with --previous; --alone judges this log only";

/// The logs before one.
#[derive(Debug, Default, Serialize)]
pub(super) struct Chain {
    /// Whether it was followed to the first contest.
    pub(super) followed: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<String>,
    /// The newest first.
    pub(super) previous: Vec<Link>,
    /// What does not fit in the log that the chain starts at: a caller adds it to that log's report.
    #[serde(skip)]
    pub(super) findings: Vec<Finding>,
}

/// One of them.
#[derive(Debug, Serialize)]
pub(super) struct Link {
    /// Its origin.
    pub(super) origin: String,
    /// What its audit found, and in it what does not fit the log before it.
    #[serde(flatten)]
    pub(super) report: AuditReport,
}

/// Where the log before one is looked for.
pub(super) enum PreviousLog<'a> {
    /// In this folder, an exported log.
    Folder(PathBuf),
    /// At this engine, copied into the folder if one is named.
    Engine(&'a str, Option<PathBuf>),
    /// At this address of a file server, likewise.
    Files(String, Option<PathBuf>),
}

/// A previous log that is at hand: audited, and in a folder.
struct LocalLog {
    report: AuditReport,
    folder: PathBuf,
    /// The result that is shown, if one is.
    result: Option<Vec<u8>>,
    /// Of a copy that nobody keeps.
    _temporary: Option<TempDir>,
}

/// Follows the chain from a log that was audited, in this file. What does not fit is a finding in the log that says so. A previous log that cannot be
/// found is one too: without it nothing shows that the entries are champions. `None` if the log names no previous one.
pub(super) fn follow(
    log: &Path,
    mut next: PreviousLog<'_>,
    key: &VerifierKey,
    limits: AuditLimits,
) -> Result<Option<Chain>> {
    let mut opening = Opening::read(log)?;
    if opening.previous.is_none() {
        return Ok(None);
    }
    let mut chain = Chain::default();
    while let Some(previous) = opening.previous.take() {
        if chain.previous.len() == MAX_ROUNDS {
            let reason = format!("more than {MAX_ROUNDS} contests follow each other");
            chain.break_off(&format!("{reason}: the logs before are not audited"), reason);
            return Ok(Some(chain));
        }
        let origin = &previous.origin;
        let local_log = match find(&next, &previous, key, limits) {
            Ok(local_log) => local_log,
            Err(PreviousLogError::NotFound(reason)) => {
                let finding = format!(
                    "the log of {origin}, whose champions are the entries, is missing: {reason}. {ADVICE}"
                );
                chain.break_off(&finding, format!("the log of {origin} is missing"));
                return Ok(Some(chain));
            }
            Err(PreviousLogError::Unusable(reason)) => {
                chain.break_off(&reason, format!("the log of {origin} cannot be used"));
                return Ok(Some(chain));
            }
            Err(PreviousLogError::Failed(error)) => return Err(error),
        };
        let (of_previous, of_this) = compare(&opening, &previous, &local_log)?;
        chain.add(of_this);
        opening = Opening::read(&local_log.folder.join("log.jsonl"))?;
        next = next.before();
        chain.previous.push(Link { origin: previous.origin, report: local_log.report });
        chain.add(of_previous);
    }
    chain.followed = true;
    Ok(Some(chain))
}

/// The chain of a log that is judged alone, which says what is left out. `None` if the log names no previous one.
pub(super) fn leave_out(log: &Path) -> Result<Option<Chain>> {
    let chain = |previous: PreviousRound| {
        let origin = previous.origin;
        let reason = format!(
            "--alone judges this log only, and not the log of {origin}, whose champions are the entries"
        );
        Chain { reason: Some(reason), ..Chain::default() }
    };
    Ok(Opening::read(log)?.previous.map(chain))
}

impl Chain {
    /// Adds findings to the log that was followed last.
    fn add(&mut self, findings: impl IntoIterator<Item = Finding>) {
        let Some(Link { report, .. }) = self.previous.last_mut() else {
            return self.findings.extend(findings);
        };
        report.findings.extend(findings);
        report.clean = report.findings.is_empty();
    }

    /// Ends the chain at a log whose first entry names one that cannot be audited.
    fn break_off(&mut self, finding: &str, reason: String) {
        self.add([Finding { index: Some(0), reason: finding.to_owned() }]);
        self.reason = Some(reason);
    }
}

/// Why a previous log was not audited.
enum PreviousLogError {
    /// It is not there, or not for us.
    NotFound(String),
    /// What is there is not the log that it should be.
    Unusable(String),
    /// The network or this machine.
    Failed(anyhow::Error),
}

impl PreviousLog<'_> {
    /// Where the log before the next one is.
    fn before(self) -> Self {
        let before = |kept: Option<PathBuf>| kept.map(|kept| kept.join("previous"));
        match self {
            Self::Folder(folder) => Self::Folder(folder.join("previous")),
            Self::Engine(url, kept) => Self::Engine(url, before(kept)),
            Self::Files(url, kept) => Self::Files(format!("{url}/previous"), before(kept)),
        }
    }

    fn source(&self, origin: &str, key: &VerifierKey) -> Result<Option<Source>, PreviousLogError> {
        match self {
            Self::Folder(_) => Ok(None),
            Self::Files(url, _) => Source::files(url).map(Some).map_err(PreviousLogError::Failed),
            Self::Engine(url, _) => {
                let contest = contest_of(origin, key.name())
                    .ok_or_else(|| PreviousLogError::NotFound("it is of another installation".to_owned()))?;
                // Certified, and so public; a key that is for the one contest would be refused.
                let client = Client::of_server(url, None).map_err(PreviousLogError::Failed)?;
                Ok(Some(Source::engine(client, contest)))
            }
        }
    }
}

/// Audits the previous log, wherever it is.
fn find(
    place: &PreviousLog<'_>,
    previous: &PreviousRound,
    key: &VerifierKey,
    limits: AuditLimits,
) -> Result<LocalLog, PreviousLogError> {
    let key =
        key.with_origin(&previous.origin).map_err(|error| PreviousLogError::Unusable(error.to_string()))?;
    let source = place.source(&previous.origin, &key)?;
    let audited = match (place, &source) {
        (PreviousLog::Folder(folder), _) => {
            if !folder.join("log.jsonl").is_file() {
                return Err(PreviousLogError::NotFound(format!("there is none in {}", folder.display())));
            }
            in_folder(folder, &key, limits)
        }
        (PreviousLog::Engine(_, kept) | PreviousLog::Files(_, kept), Some(source)) => {
            copied(source, kept.as_deref(), &key, limits)
        }
        (_, None) => return Err(PreviousLogError::NotFound("there is no address of it".to_owned())),
    };
    audited.map_err(|error| missing(error, &previous.origin, place))
}

/// Tells what is not public or not there from what is signed by another key.
fn missing(error: anyhow::Error, origin: &str, place: &PreviousLog<'_>) -> PreviousLogError {
    if let Some(problem) = error.chain().find_map(|cause| cause.downcast_ref::<Problem>())
        && matches!(problem.status, 403 | 404 | 409)
    {
        return PreviousLogError::NotFound(match place {
            // The page of a file server says no more.
            PreviousLog::Files(url, _) => format!("there is none at {url} (status {})", problem.status),
            _ => problem.to_string(),
        });
    }
    if error.chain().any(|cause| cause.is::<CheckpointError>()) {
        return PreviousLogError::Unusable(format!("the log of {origin}: {error:#}"));
    }
    PreviousLogError::Failed(error.context(format!("the log of {origin}")))
}

fn in_folder(folder: &Path, key: &VerifierKey, limits: AuditLimits) -> Result<LocalLog> {
    let AuditOutcome { report, .. } = folder::audit(folder, key, AuditInputs::default(), limits)?;
    let result = folder::result(folder)?;
    Ok(LocalLog { report, folder: folder.to_owned(), result, _temporary: None })
}

fn copied(source: &Source, kept: Option<&Path>, key: &VerifierKey, limits: AuditLimits) -> Result<LocalLog> {
    let temporary = kept.is_none().then(tempfile::tempdir).transpose().context("a folder for the copy")?;
    let folder = kept.or(temporary.as_ref().map(TempDir::path)).context("a folder for the copy")?.to_owned();
    let AuditOutcome { report, .. } = copy::audit(source, key, &folder, AuditInputs::default(), limits)?;
    Ok(LocalLog { report, folder, result: source.result()?, _temporary: temporary })
}

/// What does not fit: in the previous log, and in the one that names it.
fn compare(
    opening: &Opening,
    previous: &PreviousRound,
    local_log: &LocalLog,
) -> Result<(Vec<Finding>, Vec<Finding>)> {
    let PreviousRound { origin, size, root, result } = previous;
    let prefix = Prefix::of(&local_log.folder.join("log.jsonl"), *size)?;
    let index = Some(size.saturating_sub(1));
    let wrong = |reason: String| Ok((vec![Finding { index, reason }], Vec::new()));
    if prefix.size < *size {
        return wrong(format!("missing: the contest that follows goes by {size} entries"));
    }
    if prefix.root.to_string() != *root {
        return wrong(format!(
            "the root of the first {size} entries is {}, the contest that follows goes by {root}",
            prefix.root
        ));
    }
    if certified(&prefix.last).as_ref() != Some(result) {
        return wrong(format!("the contest that follows goes by a result certified here, {result}"));
    }
    match prefix.document(origin, result, local_log.result.as_deref())? {
        None => wrong(format!("the entries before it do not come to the result {result}")),
        Some(document) => Ok((Vec::new(), compare_entries(opening, &champions(&document), origin))),
    }
}

/// The result that an entry certifies.
fn certified(entry: &[u8]) -> Option<String> {
    match LogEntry::decode(entry) {
        Ok(LogEntry::Event(event, _)) => match *event {
            Event::Certified { result, .. } => Some(result),
            _ => None,
        },
        _ => None,
    }
}

/// The champions in a result document, by their identifiers.
fn champions(document: &[u8]) -> BTreeMap<String, ListedEntry> {
    let document: serde_json::Value = serde_json::from_slice(document).unwrap_or_default();
    let list = |value: &serde_json::Value, key: &str| {
        value.get(key).and_then(serde_json::Value::as_array).cloned().unwrap_or_default()
    };
    let text = |value: &serde_json::Value, key: &str| {
        value.get(key).and_then(serde_json::Value::as_str).unwrap_or_default().to_owned()
    };
    let mut champions = BTreeMap::new();
    for category in list(&document, "categories") {
        let id = text(&category, "id");
        champions.extend(list(&category, "champions").iter().map(|one| {
            let entry = text(one, "entry");
            (entry.clone(), ListedEntry { entry, category: id.clone(), title: text(one, "title") })
        }));
    }
    champions
}

fn compare_entries(
    opening: &Opening,
    champions: &BTreeMap<String, ListedEntry>,
    origin: &str,
) -> Vec<Finding> {
    let mut left = champions.clone();
    let mut findings = Vec::new();
    for (index, ListedEntry { entry, category, title }) in &opening.entries {
        let reason = match left.remove(entry) {
            Some(champion) if champion.category == *category && champion.title == *title => continue,
            // Voters would take one project for another.
            Some(champion) if champion.category == *category => {
                format!("the champion {entry} of {origin} is {:?} there, and not {title:?}", champion.title)
            }
            _ => format!("the entry {entry} is no champion of {origin} in the category {category}"),
        };
        findings.push(Finding { index: Some(*index), reason });
    }
    findings.extend(left.into_values().map(|ListedEntry { entry, category, .. }| {
        let reason = format!("the champion {entry} of {origin} in the category {category} is missing");
        Finding { index: None, reason }
    }));
    findings
}
