//! The audit of rounds: if a contest's entries are the champions of another contest, that contest's
//! log is audited too, and so on to the first contest.
//!
//! A log names the root, the certified result and the champions of the log before it. They are
//! compared with that log.

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

/// The advice for a missing previous log.
const ADVICE: &str = "Get its export and put it into the folder `previous` in this log's folder, or name it with --previous; --alone audits this log only";

/// The chain of logs before an audited log.
#[derive(Debug, Default, Serialize)]
pub(super) struct Chain {
    /// Whether the chain was followed to the first contest.
    pub(super) followed: bool,
    /// The reason why the chain was not followed to the first contest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<String>,
    /// The audited previous logs, the newest first.
    pub(super) previous: Vec<Link>,
    /// The findings on the log at which the chain starts. The caller adds them to that log's
    /// report.
    #[serde(skip)]
    pub(super) findings: Vec<Finding>,
}

/// One previous log.
#[derive(Debug, Serialize)]
pub(super) struct Link {
    /// The origin of the log.
    pub(super) origin: String,
    /// The report of its audit, with the findings from the comparison with the log before it.
    #[serde(flatten)]
    pub(super) report: AuditReport,
}

/// The place of the previous log.
pub(super) enum PreviousLog<'a> {
    /// This folder, which holds an exported log.
    Folder(PathBuf),
    /// This engine. The copy is kept in the folder, if there is one.
    Engine(&'a str, Option<PathBuf>),
    /// This address on a file server. The copy is kept in the folder, if there is one.
    Files(String, Option<PathBuf>),
}

/// A previous log that is audited and in a folder.
struct LocalLog {
    report: AuditReport,
    folder: PathBuf,
    /// The published result, if there is one.
    result: Option<Vec<u8>>,
    /// The temporary folder of a copy that is not kept.
    _temporary: Option<TempDir>,
}

/// Follows the chain from an audited log, which is in the file `log`. Returns `None` if this log
/// names no previous log.
///
/// A contradiction is a finding on the log in which it is found. A missing previous log
/// is a finding too, because without it there is no proof that the entries are champions.
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
            let reason = format!("the chain has more than {MAX_ROUNDS} contests");
            chain.break_off(&format!("{reason}: the earlier logs are not audited"), reason);
            return Ok(Some(chain));
        }
        let origin = &previous.origin;
        let local_log = match audit_previous(&next, &previous, key, limits) {
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

/// Returns the chain of a log that is audited alone. It says what is left out. `None` if the log
/// names no previous log.
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
    /// Adds findings to the last log of the chain.
    fn add(&mut self, findings: impl IntoIterator<Item = Finding>) {
        let Some(Link { report, .. }) = self.previous.last_mut() else {
            return self.findings.extend(findings);
        };
        report.findings.extend(findings);
        report.clean = report.findings.is_empty();
    }

    /// Ends the chain at a log whose first entry names a log that cannot be audited.
    fn break_off(&mut self, finding: &str, reason: String) {
        self.add([Finding { index: Some(0), reason: finding.to_owned() }]);
        self.reason = Some(reason);
    }
}

/// The reason why a previous log was not audited.
enum PreviousLogError {
    /// The log does not exist there, or the key may not read it.
    NotFound(String),
    /// There is a log, but it is not the named one.
    Unusable(String),
    /// The network or this machine failed.
    Failed(anyhow::Error),
}

impl PreviousLog<'_> {
    /// Returns the place of the log before the previous log.
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
                let contest = contest_of(origin, key.name()).ok_or_else(|| {
                    PreviousLogError::NotFound("it belongs to another installation".to_owned())
                })?;
                // The log is certified, and therefore public. A key for one contest only would be
                // refused.
                let client = Client::of_server(url, None).map_err(PreviousLogError::Failed)?;
                Ok(Some(Source::engine(client, contest)))
            }
        }
    }
}

/// Audits the previous log at its place.
fn audit_previous(
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
        (_, None) => return Err(PreviousLogError::NotFound("its address is not known".to_owned())),
    };
    audited.map_err(|error| missing(error, &previous.origin, place))
}

/// Sorts an error: the log is missing or not public, or it is signed by another key, or the audit
/// failed.
fn missing(error: anyhow::Error, origin: &str, place: &PreviousLog<'_>) -> PreviousLogError {
    if let Some(problem) = error.chain().find_map(|cause| cause.downcast_ref::<Problem>())
        && matches!(problem.status, 403 | 404 | 409)
    {
        return PreviousLogError::NotFound(match place {
            // A file server's answer has no further text.
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
    let temporary = kept
        .is_none()
        .then(tempfile::tempdir)
        .transpose()
        .context("cannot make a temporary folder for the copy")?;
    let folder =
        kept.or(temporary.as_ref().map(TempDir::path)).context("there is no folder for the copy")?.to_owned();
    let AuditOutcome { report, .. } = copy::audit(source, key, &folder, AuditInputs::default(), limits)?;
    Ok(LocalLog { report, folder, result: source.result()?, _temporary: temporary })
}

/// Compares the previous log with the log that names it. Returns the findings on the previous log,
/// and the findings on the log that names it.
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

/// Returns the SHA-256 of the result that an entry certifies.
fn certified(entry: &[u8]) -> Option<String> {
    match LogEntry::decode(entry) {
        Ok(LogEntry::Event(event, _)) => match *event {
            Event::Certified { result, .. } => Some(result),
            _ => None,
        },
        _ => None,
    }
}

/// Returns the champions in a result document, by their ids.
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
    let mut missing_champions = champions.clone();
    let mut findings = Vec::new();
    for (index, ListedEntry { entry, category, title }) in &opening.entries {
        let reason = match missing_champions.remove(entry) {
            Some(champion) if champion.category == *category && champion.title == *title => continue,
            // With another title, voters would mistake one project for another.
            Some(champion) if champion.category == *category => {
                format!("the champion {entry} of {origin} is {:?} there, and not {title:?}", champion.title)
            }
            _ => format!("the entry {entry} is no champion of {origin} in the category {category}"),
        };
        findings.push(Finding { index: Some(*index), reason });
    }
    findings.extend(missing_champions.into_values().map(|ListedEntry { entry, category, .. }| {
        let reason = format!("the champion {entry} of {origin} in the category {category} is missing");
        Finding { index: None, reason }
    }));
    findings
}
