//! The move of an installation from one database to another.
//!
//! On the way, every log is read and checked in the same way as at a start of the sequencer. Its
//! contest is prepared for a session with the new intake.

use std::collections::BTreeMap;

use acclaim_contest::{ContestId, Phase};
use acclaim_sequencer::{LogReader, WholeLog};
use acclaim_store::{
    ContestRecord, Keyring, intake::Cursors, keyring::random_bytes, ledger::Head, relocation::Part,
};
use acclaim_store_postgres::MoveTarget;
use anyhow::{Context as _, Result, bail};
use indicatif::ProgressBar;

use crate::{output, progress};

/// The numbers of the moved items.
#[derive(Debug, Default)]
pub(crate) struct RelocationSummary {
    pub(crate) contests: u64,
    pub(crate) entries: u64,
    pub(crate) ballots: u64,
    pub(crate) staff_keys: u64,
    /// The newest checkpoint of each contest that has a log.
    pub(crate) checkpoints: Vec<(ContestId, String)>,
}

/// A move in progress, which takes the parts of the installation one after the other.
pub(crate) struct Relocation {
    keyring: Keyring,
    move_target: MoveTarget,
    /// The published checkpoints, which each contest's log must contain.
    published_checkpoints: BTreeMap<ContestId, Vec<String>>,
    /// The number of intake shards of every contest after the move.
    shards: u16,
    contest: Option<Contest>,
    summary: RelocationSummary,
}

/// The contest that is being moved.
struct Contest {
    id: ContestId,
    reading: LogReader,
    ballots: u64,
    bar: ProgressBar,
}

impl Relocation {
    pub(crate) fn new(
        keyring: Keyring,
        move_target: MoveTarget,
        published_checkpoints: BTreeMap<ContestId, Vec<String>>,
        shards: u16,
    ) -> Self {
        Self {
            keyring,
            move_target,
            published_checkpoints,
            shards,
            contest: None,
            summary: RelocationSummary::default(),
        }
    }

    /// Checks one part from the source database and writes it to the target database.
    ///
    /// # Errors
    /// If a log is damaged or older than a published checkpoint, if the tables contradict each
    /// other, or if the target database fails.
    pub(crate) async fn take(&mut self, part: Part) -> Result<()> {
        match part {
            Part::Contest(record, head) => self.begin_contest(*record, head).await,
            Part::Entries(entries) => {
                let contest = self
                    .contest
                    .as_mut()
                    .context("the database is damaged: it has entries without a contest")?;
                for entry in &entries {
                    contest.reading.push(entry)?;
                }
                let tiles = contest.reading.changed_tiles();
                contest.bar.inc(entries.len() as u64);
                self.summary.entries += entries.len() as u64;
                self.put(Part::Entries(entries)).await?;
                // The tiles are computed from the entries, and not copied.
                self.put(Part::Tiles(tiles)).await
            }
            Part::Ballots(ballots) => {
                let contest = self
                    .contest
                    .as_mut()
                    .context("the database is damaged: it has ballots without a contest")?;
                contest.ballots += ballots.len() as u64;
                self.put(Part::Ballots(ballots)).await
            }
            Part::StaffKeys(keys) => {
                self.summary.staff_keys += keys.len() as u64;
                self.put(Part::StaffKeys(keys)).await
            }
            other => self.put(other).await,
        }
    }

    /// Finishes after the last part. Nothing is committed yet.
    ///
    /// # Errors
    /// If the last contest's log or table of ballots is damaged.
    pub(crate) fn finish(mut self) -> Result<(RelocationSummary, MoveTarget)> {
        self.finish_contest()?;
        Ok((self.summary, self.move_target))
    }

    async fn put(&mut self, part: Part) -> Result<()> {
        self.move_target.take(part).await.context("the cluster's database failed")
    }

    async fn begin_contest(&mut self, mut record: ContestRecord, mut head: Option<Head>) -> Result<()> {
        self.finish_contest()?;
        let id = record.id().clone();
        if let Some(wrapped) = &record.tag_key {
            self.keyring.tag_key(&id, wrapped)?;
        }
        let published_checkpoints = self.published_checkpoints.remove(&id).unwrap_or_default();
        if head.is_none() != (record.state.phase == Phase::Draft) {
            let has = if head.is_none() { "has no log" } else { "has a log" };
            bail!("contest {id} is {} and {has}: the database is damaged", record.state.phase);
        }
        let reading = LogReader::begin(&self.keyring, &id, head.clone(), &published_checkpoints)?;
        if let Some(head) = &mut head {
            // No ballots wait in the old intake. The new intake starts a new session, as after a
            // loss of its content.
            record.state.epoch = u64::from_le_bytes(random_bytes()?).max(1);
            record.state.shards = self.shards;
            head.cursors = Cursors { epoch: record.state.epoch, shards: Vec::new() };
            self.summary.checkpoints.push((id.clone(), head.checkpoint.clone()));
        }
        let bar = progress::bar(reading.size(), "entries");
        self.contest = Some(Contest { id, reading, ballots: 0, bar });
        self.summary.contests += 1;
        self.put(Part::Contest(Box::new(record), head)).await
    }

    fn finish_contest(&mut self) -> Result<()> {
        let Some(Contest { id, reading, ballots, bar }) = self.contest.take() else { return Ok(()) };
        bar.finish_and_clear();
        let WholeLog { replay, head, .. } = reading.finish()?;
        let recorded = replay.tally().ballot_counts().recorded;
        if recorded != ballots {
            bail!(
                "the log of {id} has {recorded} ballots, but the table of ballots has {ballots}: the database is damaged"
            );
        }
        self.summary.ballots += ballots;
        let entries = head.map_or(0, |head| head.size);
        output::note(&format!("contest {id}: {entries} entries, {ballots} ballots"));
        Ok(())
    }
}
