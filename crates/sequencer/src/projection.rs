//! The tables that the database keeps beside the log for quick reading: the contest's row and the
//! states of its ballots.
//!
//! The sequencer derives them from the log's fold at each append. It compares them with the fold
//! when it loads the log.

use std::sync::Arc;

use acclaim_ballot_log::entry::{LoggedDefinition, fold_definition};
use acclaim_contest::{BallotId, BallotState, ContestId, Definition, Instant};
use acclaim_store::{
    Command, ContestRecord, RequestId, StoreError, Stores,
    contests::{ContestChange, ContestState},
};
use acclaim_tally::{Projection, Tally};

use crate::{
    batch::Batch,
    log::{CHUNK, Log},
    log_reader::LoadError,
};

/// Maximum number of queued commands that are searched for closings.
const MAX_CLOSING_SCAN: usize = 1_000;

/// Returns the change of a contest's row that a batch causes; `None` if it causes none.
///
/// The batch is already folded into `tally`. `closing` is the instant of a closing that was
/// requested before.
pub(crate) fn derive_change(
    record: &ContestRecord,
    tally: &Tally,
    closing: Option<Instant>,
    batch: &Batch,
) -> Result<Option<ContestChange>, StoreError> {
    if !batch.can_change_contest() {
        return Ok(None);
    }
    let mut state = record.state.clone();
    if let Some(session) = batch.session {
        (state.epoch, state.shards) = (session.epoch, session.shards);
    }
    project(tally, batch.closing.or(closing), &mut state);
    let definition = derive_definition(batch, &record.definition)?;
    if state == record.state && definition.is_none() && !batch.destroys_tag_key {
        return Ok(None);
    }
    Ok(Some(ContestChange { definition, tag_key_destroyed: batch.destroys_tag_key, ..record.change(state) }))
}

/// Sets the fields of a contest's state that the log determines.
///
/// `closing` is the instant of a requested closing. The log has it only after the closing.
fn project(tally: &Tally, closing: Option<Instant>, state: &mut ContestState) {
    if let Some(Projection { phase, closes, withdrawn }) = tally.projection() {
        (state.phase, state.closes, state.withdrawn) = (phase, closes, withdrawn);
    }
    if let Some(closing) = closing
        && state.phase.is_voting()
    {
        state.closes = closing.min(state.closes);
    }
}

/// Returns the definition with the batch's changes; `None` if the batch changes nothing in it.
fn derive_definition(batch: &Batch, before: &Definition) -> Result<Option<Definition>, StoreError> {
    if batch.definition_events.is_empty() {
        return Ok(None);
    }
    let mut definition = before.clone();
    for event in &batch.definition_events {
        fold_definition(&mut definition, event).map_err(StoreError::Corrupt)?;
    }
    Ok((definition != *before).then_some(definition))
}

/// The contest's row after the comparison with the log.
pub(crate) struct Reconciliation {
    pub(crate) record: ContestRecord,
    /// A requested closing that the log does not have yet.
    pub(crate) closing: Option<Instant>,
}

/// Compares the contest's row and its ballots' states with the loaded log, and repairs them from
/// the log.
///
/// Only the holder of the lease may call it. A requested closing, the intake's session and the tag
/// key are not in the log and stay unchanged.
///
/// # Errors
/// - [`StoreError::Conflict`]: the log has grown since it was loaded, because the former holder of
///   the lease still appended. Or the contest was deleted.
/// - [`LoadError::Damaged`]: the table of ballots has a ballot that the log does not have, or has
///   at another index. Voters may have received an answer about this ballot, so it is not repaired.
pub(crate) async fn reconcile(
    stores: &Stores,
    contest: &ContestId,
    log: &mut Log,
    logged: LoggedDefinition,
) -> Result<Reconciliation, LoadError> {
    // The row is read after the log: an older row would differ from the log without being wrong.
    let deleted = || StoreError::Conflict("the contest was deleted".to_owned());
    let mut record = stores.database.contest(contest).await?.ok_or_else(deleted)?;
    let Some(definition) = logged.into_definition(&record.definition) else {
        return Ok(Reconciliation { record, closing: None });
    };
    let closing = requested_closing(stores, &record, log.replay.tally()).await?;
    let mut state = record.state.clone();
    project(log.replay.tally(), closing, &mut state);
    let wrong = wrong_columns(&record, &state, &definition);
    let mut change = None;
    if !wrong.is_empty() {
        let definition = (definition != *record.definition).then_some(definition);
        change = Some(ContestChange { definition, ..record.change(state) });
    }
    let ballots = wrong_ballots(stores, &record, log.replay.tally()).await?;
    if change.is_none() && ballots.count() == 0 && ballots.foreign.is_none() {
        return Ok(Reconciliation { record, closing });
    }
    // If the log has grown since it was loaded, its tables belong to another state and prove
    // nothing.
    let head = stores.database.head(contest).await?.map(|head| (head.size, head.root));
    if head != log.committed() {
        let reason = "the log grew while it was loaded: the former holder of the lease still appended to it";
        return Err(StoreError::Conflict(reason.to_owned()).into());
    }
    if let Some((ballot, index)) = ballots.foreign {
        let problem = format!(
            "the table of ballots has ballot {ballot} at index {index}, where the log has another entry"
        );
        return Err(LoadError::Damaged { contest: contest.clone(), problem });
    }
    tracing::warn!(
        contest = %record.id(), columns = wrong.join(", "), ballots = ballots.count(),
        "contest row or ballot states differ from the log: repaired from the log"
    );
    for batch in ballots.batches() {
        log.commit(stores, &record.session(), batch, None).await?;
    }
    if let Some(change) = change {
        log.commit(stores, &record.session(), Batch::default(), Some(change.clone())).await?;
        apply(&mut record, change);
    }
    stores.hub.count_repair();
    Ok(Reconciliation { record, closing })
}

/// Applies a committed change to the record that it was made for.
pub(crate) fn apply(record: &mut ContestRecord, change: ContestChange) {
    let ContestChange { revision: _, tag_key: _, definition, state, tag_key_destroyed } = change;
    if let Some(definition) = definition {
        record.definition = Arc::new(definition);
    }
    record.state = state;
    record.tag_key.take_if(|_| tag_key_destroyed);
    record.revision += 1;
}

/// Returns the instant of a closing that an organiser has requested and that is not done yet.
///
/// The request is a queued command. It need not be the oldest: a command with a lower number can
/// become visible after it.
async fn requested_closing(
    stores: &Stores,
    record: &ContestRecord,
    tally: &Tally,
) -> Result<Option<Instant>, StoreError> {
    let logged = tally.projection().map(|projection| projection.closes);
    if logged.is_none_or(|logged| record.state.closes >= logged) {
        return Ok(None);
    }
    let queued = waiting_closings(stores, record.id()).await?;
    Ok((!queued.is_empty()).then_some(record.state.closes))
}

/// Returns the queued commands that request the closing. One closing fulfils all of them.
///
/// Only the first [`MAX_CLOSING_SCAN`] commands are read. Later closing commands are refused,
/// because the contest is not open.
pub(crate) async fn waiting_closings(
    stores: &Stores,
    contest: &ContestId,
) -> Result<Vec<RequestId>, StoreError> {
    let queued = stores.database.pending_commands(contest, MAX_CLOSING_SCAN).await?;
    let closings = queued.into_iter().filter(|queued| queued.command == Command::Close);
    Ok(closings.map(|queued| queued.id()).collect())
}

/// Returns the names of the columns that differ from the log.
fn wrong_columns(record: &ContestRecord, state: &ContestState, definition: &Definition) -> Vec<&'static str> {
    let columns = [
        ("phase", record.state.phase != state.phase),
        ("closes", record.state.closes != state.closes),
        ("withdrawn", record.state.withdrawn != state.withdrawn),
        ("definition", *record.definition != *definition),
    ];
    columns.into_iter().filter_map(|(name, is_wrong)| is_wrong.then_some(name)).collect()
}

/// The differences between the table of ballots and the log.
#[derive(Default)]
struct WrongBallots {
    /// Ballots without a row, with their indexes.
    missing: Vec<(BallotId, u64)>,
    /// Ballots whose stored state differs from the log, with the state of the log.
    states: Vec<(BallotId, BallotState)>,
    /// A stored ballot, with its index, that the log does not have or has at another index. It
    /// cannot be repaired.
    foreign: Option<(BallotId, u64)>,
}

impl WrongBallots {
    fn count(&self) -> usize {
        self.missing.len() + self.states.len()
    }

    /// Returns the repairs as batches of at most [`CHUNK`] ballots.
    fn batches(self) -> Vec<Batch> {
        let missing =
            self.missing.chunks(CHUNK).map(|ballots| Batch { ballots: ballots.to_vec(), ..Batch::default() });
        let states =
            self.states.chunks(CHUNK).map(|marks| Batch { marks: marks.to_vec(), ..Batch::default() });
        missing.chain(states).collect()
    }
}

/// Compares the table of ballots with the log.
async fn wrong_ballots(
    stores: &Stores,
    record: &ContestRecord,
    tally: &Tally,
) -> Result<WrongBallots, StoreError> {
    let mut wrong = WrongBallots::default();
    let mut has_row = vec![false; usize::try_from(tally.size()).unwrap_or_default()];
    let mut after = None;
    loop {
        let page = stores.database.ballots(record.id(), after, CHUNK).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        for stored in page {
            let logged = tally.ballot(&stored.id).filter(|logged| logged.index == stored.index);
            let Some(logged) = logged else {
                wrong.foreign.get_or_insert((stored.id, stored.index));
                continue;
            };
            if let Some(has_row) = usize::try_from(logged.index).ok().and_then(|index| has_row.get_mut(index))
            {
                *has_row = true;
            }
            if stored.state.as_ref() != Some(&logged.state) {
                wrong.states.push((stored.id, logged.state));
            }
        }
        tokio::task::yield_now().await;
    }
    let is_missing =
        |index: u64| usize::try_from(index).is_ok_and(|index| has_row.get(index) == Some(&false));
    for (id, index) in tally.ballots().filter(|(_, index)| is_missing(*index)) {
        wrong.missing.push((id, index));
        let state = tally.ballot(&id).map(|logged| logged.state);
        wrong.states.extend(state.filter(|state| *state != BallotState::Recorded).map(|state| (id, state)));
    }
    Ok(wrong)
}
