//! Access rules: which data of a contest a request may read, and when.
//!
//! This is the only place that applies the rules of publication. Organisers, auditors and operators
//! whose key covers the contest are its *readers*: they may read all data at any time. All other
//! requests may read public data. `docs/organiser.md` has the whole table.

use acclaim_contest::{
    Phase,
    rules::{PublishEntries, PublishResult, PublishStandings},
};
use acclaim_service::directory::Contest;
use acclaim_store::hub::Publication;
use bytes::{Bytes, BytesMut};

use crate::problem::{self, Problem};

/// Checks that the tally may be read. `reader`: the request is one of a reader.
pub(crate) fn check_standings_access(contest: &Contest, reader: bool) -> Result<(), Problem> {
    let public = match contest.record.definition.rules.publication.standings {
        PublishStandings::Public => contest.phase() > Phase::Draft,
        PublishStandings::AfterClose => contest.phase() > Phase::Open,
        PublishStandings::Organisers => false,
    };
    if public || reader {
        return Ok(());
    }
    Err(Problem::new(&problem::NOT_PUBLIC, "the tally is not public, or not yet"))
}

/// Checks that the result may be read. `reader`: the request is one of a reader.
pub(crate) fn check_result_access(contest: &Contest, reader: bool) -> Result<(), Problem> {
    let public = match contest.record.definition.rules.publication.result {
        PublishResult::Closed => contest.phase() > Phase::Open,
        PublishResult::Certified => contest.phase() == Phase::Certified,
    };
    if public || reader {
        return Ok(());
    }
    Err(Problem::new(&problem::NOT_PUBLIC, "the result is not certified yet"))
}

/// Checks that the log's entries may be read, and returns whether they are public.
///
/// Entries reveal running totals and the scores of each juror.
pub(crate) fn check_entries_access(contest: &Contest, reader: bool) -> Result<bool, Problem> {
    let definition = &contest.record.definition;
    let (public, since) = match definition.rules.publication.entries {
        PublishEntries::Live => (contest.phase() > Phase::Draft, "the opening"),
        PublishEntries::AfterClose => (contest.phase() > Phase::Open, "the closing"),
        // A test is never certified.
        PublishEntries::Certified if definition.test => (contest.phase() > Phase::Open, "the closing"),
        PublishEntries::Certified => (contest.was_certified, "the first certification"),
    };
    if public || reader {
        return Ok(public);
    }
    Err(Problem::new(&problem::NOT_PUBLIC, format!("entries are public from {since} on")))
}

/// Returns a tally as JSON, with the number of ballots that the intake holds.
pub(crate) fn with_pending(publication: &Publication, pending: u64) -> Bytes {
    let (before, after) = &publication.tally;
    let mut body = BytesMut::with_capacity(before.len() + after.len() + 20);
    body.extend_from_slice(before);
    body.extend_from_slice(pending.to_string().as_bytes());
    body.extend_from_slice(after);
    body.freeze()
}
