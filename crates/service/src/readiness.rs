//! Whether ballots can be recorded, and if not, why.

use std::{fmt, sync::Arc, time::Duration};

use acclaim_contest::ContestId;
use acclaim_store::{StoreError, Stores, hub::Recording};
use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};

use crate::directory::{Contest, Directory};

/// Maximum difference between this process's clock and the intake's.
///
/// A larger difference makes closing unfair: one process would refuse a ballot that another process
/// still takes.
pub(crate) const MAX_SKEW: SignedDuration = SignedDuration::from_millis(250);

/// A reason why a process is not ready.
#[derive(Debug)]
pub struct Reason {
    what: &'static str,
    /// The contest, or the error of a store.
    detail: String,
}

impl Reason {
    fn new(what: &'static str, detail: String) -> Self {
        Self { what, detail }
    }

    fn silent_database(error: &StoreError) -> Self {
        Self::new("the database does not answer", error.to_string())
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.detail)
    }
}

/// Checks whether ballots can be recorded.
pub struct Readiness {
    stores: Stores,
    directory: Arc<Directory>,
    lag_bound: Duration,
}

impl Readiness {
    /// Returns the check. A backlog older than `lag_bound` is a reason. Excluded contests are not
    /// checked.
    #[must_use]
    pub fn new(stores: Stores, directory: Arc<Directory>, lag_bound: Duration) -> Self {
        Self { stores, directory, lag_bound }
    }

    fn is_excluded(&self, contest: &ContestId) -> bool {
        self.directory.contest(contest).is_some_and(|contest| contest.is_excluded)
    }

    /// Returns the reasons why the process is not ready. The list of a ready process is empty.
    pub async fn reasons(&self) -> Vec<Reason> {
        let mut reasons = Vec::new();
        if let Err(error) = self.stores.database.installation_values().await {
            reasons.push(Reason::silent_database(&error));
        }
        reasons.extend(self.intake_reasons());
        reasons.extend(self.lease_reasons().await);
        reasons.extend(self.recording_reasons());
        reasons.extend(self.backlog_reasons().await);
        reasons
    }

    fn intake_reasons(&self) -> Vec<Reason> {
        let status = self.stores.intake.status();
        let mut reasons = Vec::new();
        reasons.extend(status.refuses.map(|why| Reason::new("the intake takes no ballots", why)));
        let full = status.full.into_iter();
        reasons.extend(full.map(|server| Reason::new("the intake has no memory left", server)));
        if status.skew.abs() > MAX_SKEW {
            let difference = format!("{} ms", status.skew.as_millis());
            reasons.push(Reason::new("the clock differs from the intake's clock", difference));
        }
        reasons
    }

    async fn lease_reasons(&self) -> Vec<Reason> {
        match self.stores.database.contests_without_lease().await {
            Ok(contests) => {
                let included = contests.into_iter().filter(|id| !self.is_excluded(id));
                included.map(|id| Reason::new("no process records a contest", id.to_string())).collect()
            }
            Err(error) => vec![Reason::silent_database(&error)],
        }
    }

    fn recording_reasons(&self) -> Vec<Reason> {
        let reason = |(contest, recording)| match recording {
            Recording::Healthy | Recording::Elsewhere => None,
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
        self.stores.hub.recording().into_iter().filter_map(reason).collect()
    }

    async fn backlog_reasons(&self) -> Vec<Reason> {
        let all = self.directory.all();
        let open = all.iter().filter(|contest| contest.phase().is_voting() && !contest.is_excluded);
        let now = self.stores.clock.now();
        let reasons = join_all(open.map(|contest| self.backlog_reason(contest, now))).await;
        reasons.into_iter().flatten().collect()
    }

    async fn backlog_reason(&self, contest: &Contest, now: Timestamp) -> Option<Reason> {
        let backlog = match self.stores.intake.backlog(&contest.record.session()).await {
            Ok(backlog) => backlog,
            Err(error) => return Some(Reason::new("the intake does not answer", error.to_string())),
        };
        let bound = SignedDuration::try_from(self.lag_bound).unwrap_or(SignedDuration::MAX);
        let lag = now.duration_since(backlog.oldest?);
        let lags = || Reason::new("recording lags", format!("{} by {} s", contest.id(), lag.as_secs()));
        (lag > bound).then(lags)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::Fixture;

    #[tokio::test]
    async fn names_each_reason_with_its_contest_or_measure() {
        let Fixture { stores, intake, directory, .. } = &Fixture::new().await;
        let lag_bound = Duration::from_secs(5);
        let readiness = Readiness::new(stores.clone(), Arc::clone(directory), lag_bound);
        let reasons = async || readiness.reasons().await.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(reasons().await, [""; 0]);
        intake.set_skew(SignedDuration::from_millis(-250));
        assert_eq!(reasons().await, [""; 0]);
        intake.set_skew(SignedDuration::from_millis(-251));
        assert_eq!(reasons().await, ["the clock differs from the intake's clock: -251 ms"]);
        intake.set_skew(SignedDuration::ZERO);
        stores.hub.set_recording(&"photos".parse().unwrap(), Recording::Failing("no space".to_owned()));
        assert_eq!(reasons().await, ["recording fails: photos: no space"]);
    }
}
