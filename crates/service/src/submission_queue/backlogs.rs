//! The backlogs: how many ballots of each contest the intake holds, and since when.

use std::{collections::HashMap, sync::Arc, time::Duration};

use acclaim_contest::ContestId;
use acclaim_store::Stores;
use arc_swap::ArcSwap;
use futures_util::future::join_all;
use tokio::{sync::watch, time::timeout};

use super::permits::ContestPermits;
use crate::directory::{Contest, Directory};

/// Time between two backlog checks.
const BACKLOG_POLL_INTERVAL: Duration = Duration::from_millis(250);
/// Longest time that a backlog check may take.
const BACKLOG_POLL_TIMEOUT: Duration = Duration::from_millis(500);
/// An idle contest is checked in one of this number of rounds.
const IDLE_ROUNDS: usize = 20;

/// The backlogs of all open contests, as the last check found them.
pub(super) struct Backlogs {
    stores: Stores,
    directory: Arc<Directory>,
    /// Says in which contests ballots wait.
    permits: Arc<ContestPermits>,
    /// The last backlog of each contest. `poll_all` writes it.
    snapshots: ArcSwap<HashMap<ContestId, BacklogSnapshot>>,
    /// Notified after every backlog check.
    polled: watch::Sender<()>,
}

/// The backlog of one contest.
#[derive(Debug, Clone, Copy)]
struct BacklogSnapshot {
    /// Number of ballots that the intake holds.
    pending: u64,
    /// Age of the oldest of these ballots.
    lag: Duration,
    /// Published size of the log at the check.
    size: u64,
}

impl Backlogs {
    /// Returns the backlogs before the first check.
    pub(super) fn new(stores: Stores, directory: Arc<Directory>, permits: Arc<ContestPermits>) -> Self {
        Self { stores, directory, permits, snapshots: ArcSwap::default(), polled: watch::Sender::new(()) }
    }

    /// Returns the contest's lag of recording at the last backlog check.
    pub(super) fn lag(&self, contest: &ContestId) -> Duration {
        self.snapshots.load().get(contest).map_or(Duration::ZERO, |backlog| backlog.lag)
    }

    /// Returns the number of ballots that the intake held at the last backlog check.
    ///
    /// A call of the intake for each tally would take twice as long as all other work of the tally.
    pub(super) fn pending(&self, contest: &ContestId) -> u64 {
        self.snapshots.load().get(contest).map_or(0, |backlog| backlog.pending)
    }

    /// Returns a receiver that changes with every backlog check.
    pub(super) fn polled(&self) -> watch::Receiver<()> {
        self.polled.subscribe()
    }

    /// Checks the backlogs of all open contests, several times per second.
    pub(super) async fn poll_all(&self) {
        for round in 0_usize.. {
            let all = self.directory.all();
            self.permits.remove_deleted(&all);
            let open = all.into_iter().filter(|contest| contest.phase().is_voting());
            let last = self.snapshots.load_full();
            let polls = open.enumerate().map(|(number, contest)| {
                let last = last.get(contest.id()).copied();
                async move {
                    let is_due = (number + round).is_multiple_of(IDLE_ROUNDS);
                    let backlog = match last.filter(|last| !is_due && self.is_idle(&contest, last)) {
                        Some(last) => last,
                        None => self.poll(&contest).await?,
                    };
                    Some((contest.id().clone(), backlog))
                }
            });
            let snapshots = join_all(polls).await.into_iter().flatten().collect();
            self.snapshots.store(Arc::new(snapshots));
            self.polled.send_replace(());
            tokio::time::sleep(BACKLOG_POLL_INTERVAL).await;
        }
    }

    /// Whether the contest had no waiting ballots, and since then none has come or was recorded, as
    /// far as this process knows.
    fn is_idle(&self, contest: &Contest, last: &BacklogSnapshot) -> bool {
        last.pending == 0
            && last.size == self.published_size(contest.id())
            && !self.permits.is_any_used(contest.id())
    }

    fn published_size(&self, contest: &ContestId) -> u64 {
        self.stores.hub.latest(contest).map_or(0, |publication| publication.size)
    }

    /// Reads a contest's backlog. If the intake does not answer in time, it returns the last one.
    async fn poll(&self, contest: &Contest) -> Option<BacklogSnapshot> {
        let session = contest.record.session();
        let Ok(Ok(backlog)) = timeout(BACKLOG_POLL_TIMEOUT, self.stores.intake.backlog(&session)).await
        else {
            return self.snapshots.load().get(contest.id()).copied();
        };
        let now = self.stores.clock.now();
        // The oldest arrival may come from a clock that is ahead.
        let lag = backlog.oldest.and_then(|oldest| Duration::try_from(now.duration_since(oldest)).ok());
        let size = self.published_size(contest.id());
        Some(BacklogSnapshot { pending: backlog.items, lag: lag.unwrap_or_default(), size })
    }
}
