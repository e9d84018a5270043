//! An installation between two databases: every log is read on the way as a start reads it, and made ready for another intake.

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

/// What has been moved.
#[derive(Debug, Default)]
pub(crate) struct RelocationSummary {
    pub(crate) contests: u64,
    pub(crate) entries: u64,
    pub(crate) ballots: u64,
    pub(crate) staff_keys: u64,
    /// The newest checkpoint of each contest that has a log.
    pub(crate) checkpoints: Vec<(ContestId, String)>,
}

/// See the [module](self).
pub(crate) struct Relocation {
    keyring: Keyring,
    move_target: MoveTarget,
    /// Checkpoints that each log must contain.
    shown: BTreeMap<ContestId, Vec<String>>,
    /// Shards of the intake that contests have from now on.
    shards: u16,
    contest: Option<Contest>,
    summary: RelocationSummary,
}

/// The contest under way.
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
        shown: BTreeMap<ContestId, Vec<String>>,
        shards: u16,
    ) -> Self {
        Self { keyring, move_target, shown, shards, contest: None, summary: RelocationSummary::default() }
    }

    /// Takes a part from the one database to the other.
    pub(crate) async fn take(&mut self, part: Part) -> Result<()> {
        match part {
            Part::Contest(record, head) => self.begin_contest(*record, head).await,
            Part::Entries(entries) => {
                let contest = self.contest.as_mut().context("entries of no contest")?;
                for entry in &entries {
                    contest.reading.push(entry)?;
                }
                let tiles = contest.reading.changed_tiles();
                contest.bar.inc(entries.len() as u64);
                self.summary.entries += entries.len() as u64;
                self.put(Part::Entries(entries)).await?;
                // Computed anew rather than carried.
                self.put(Part::Tiles(tiles)).await
            }
            Part::Ballots(ballots) => {
                let contest = self.contest.as_mut().context("ballots of no contest")?;
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

    /// Ends behind the last part; nothing is committed yet.
    pub(crate) fn finish(mut self) -> Result<(RelocationSummary, MoveTarget)> {
        self.finish_contest()?;
        Ok((self.summary, self.move_target))
    }

    async fn put(&mut self, part: Part) -> Result<()> {
        self.move_target.take(part).await.context("the cluster's database")
    }

    async fn begin_contest(&mut self, mut record: ContestRecord, mut head: Option<Head>) -> Result<()> {
        self.finish_contest()?;
        let id = record.id().clone();
        if let Some(wrapped) = &record.tag_key {
            self.keyring.tag_key(&id, wrapped)?;
        }
        let shown = self.shown.remove(&id).unwrap_or_default();
        if head.is_none() != (record.state.phase == Phase::Draft) {
            let has = if head.is_none() { "has no log" } else { "has a log" };
            bail!("contest {id} is {} and {has}: the database is damaged", record.state.phase);
        }
        let reading = LogReader::begin(&self.keyring, &id, head.clone(), &shown)?;
        if let Some(head) = &mut head {
            // Nothing waits in the intake that is left behind. The other one begins a session, as after a loss.
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
                "the log of {id} has {recorded} ballots and the table of ballots {ballots}: the database is damaged"
            );
        }
        self.summary.ballots += ballots;
        let entries = head.map_or(0, |head| head.size);
        output::note(&format!("contest {id}: {entries} entries, {ballots} ballots"));
        Ok(())
    }
}
