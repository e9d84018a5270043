//! Whether ballots can be recorded, and why not.

use std::{collections::HashSet, fmt, sync::Arc, time::Duration};

use acclaim_contest::ContestId;
use acclaim_store::{StoreError, Stores, hub::Recording};
use futures_util::future::join_all;
use jiff::SignedDuration;

use crate::directory::{Contest, Directory};

/// A clock further from the intake's makes closing unfair: some replica would refuse what another still takes.
pub(crate) const MAX_SKEW: SignedDuration = SignedDuration::from_millis(250);

/// What keeps a process from being ready.
#[derive(Debug)]
pub struct Reason {
    what: &'static str,
    /// More of it, such as the contest or the store's error.
    detail: Option<String>,
}

impl Reason {
    fn new(what: &'static str, detail: impl Into<Option<String>>) -> Self {
        Self { what, detail: detail.into() }
    }

    fn silent_database(error: &StoreError) -> Self {
        Self::new("the database does not answer", error.to_string())
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.detail {
            None => f.write_str(self.what),
            Some(detail) => write!(f, "{}: {detail}", self.what),
        }
    }
}

/// Finds out whether ballots can be recorded.
pub struct Readiness {
    stores: Stores,
    directory: Arc<Directory>,
    /// Contests of which nothing is recorded on purpose.
    without: HashSet<ContestId>,
    lag_bound: Duration,
}

impl Readiness {
    /// Of these stores and contests, but for those of `without`. Recording that lags by more than `lag_bound` is a reason.
    #[must_use]
    pub fn new(
        stores: Stores,
        directory: Arc<Directory>,
        without: HashSet<ContestId>,
        lag_bound: Duration,
    ) -> Self {
        Self { stores, directory, without, lag_bound }
    }

    /// What keeps the process from being ready; empty if it is.
    pub async fn reasons(&self) -> Vec<Reason> {
        let mut reasons = Vec::new();
        if let Err(error) = self.stores.database.installation_values().await {
            reasons.push(Reason::silent_database(&error));
        }
        reasons.extend(self.of_intake());
        reasons.extend(self.of_leases().await);
        reasons.extend(self.of_recording());
        reasons.extend(self.of_backlogs().await);
        reasons
    }

    fn of_intake(&self) -> Vec<Reason> {
        let condition = self.stores.intake.condition();
        let mut reasons = Vec::new();
        reasons.extend(condition.refuses.map(|why| Reason::new("the intake takes no ballots", why)));
        let full = condition.full.into_iter();
        reasons.extend(full.map(|server| Reason::new("the intake has no memory left", server)));
        if condition.skew.abs() > MAX_SKEW {
            let apart = format!("{} ms apart", condition.skew.as_millis());
            reasons.push(Reason::new("the clock is not the intake's", apart));
        }
        reasons
    }

    async fn of_leases(&self) -> Vec<Reason> {
        match self.stores.database.unleased().await {
            Ok(contests) => {
                let wanted = contests.into_iter().filter(|id| !self.without.contains(id));
                wanted.map(|id| Reason::new("no process records a contest", id.to_string())).collect()
            }
            Err(error) => vec![Reason::silent_database(&error)],
        }
    }

    fn of_recording(&self) -> Vec<Reason> {
        let of = |(contest, recording)| match recording {
            Recording::Well | Recording::Elsewhere => None,
            Recording::Loading => Some(Reason::new("a log is being read", format!("{contest}"))),
            Recording::Rebuilding { done, of } => {
                let progress = format!("{contest}: {done} of {of} entries");
                Some(Reason::new("the intake is being rebuilt", progress))
            }
            Recording::Failing(why) => Some(Reason::new("recording fails", format!("{contest}: {why}"))),
            Recording::Stopped(why) => {
                Some(Reason::new("recording has stopped", format!("{contest}: {why}")))
            }
        };
        self.stores.hub.recording().into_iter().filter_map(of).collect()
    }

    async fn of_backlogs(&self) -> Vec<Reason> {
        let all = self.directory.all();
        let open = all.iter().filter(|contest| contest.phase().is_voting() && !contest.is_left_alone);
        join_all(open.map(|contest| self.of_backlog(contest))).await.into_iter().flatten().collect()
    }

    async fn of_backlog(&self, contest: &Contest) -> Option<Reason> {
        let backlog = match self.stores.intake.backlog(&contest.record.session()).await {
            Ok(backlog) => backlog,
            Err(error) => return Some(Reason::new("the intake does not answer", error.to_string())),
        };
        let bound = SignedDuration::try_from(self.lag_bound).unwrap_or(SignedDuration::MAX);
        let lag = self.stores.clock.now().duration_since(backlog.oldest?);
        let lags = || Reason::new("recording lags", format!("{} by {} s", contest.id(), lag.as_secs()));
        (lag > bound).then(lags)
    }
}
