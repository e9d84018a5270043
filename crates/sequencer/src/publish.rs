//! Publishes the figures of a contest that the public or staff can read, and decides how often.
//!
//! The fold provides the figures. A reader who knows that a ballot is recorded expects it in the
//! figures. So publications come faster while readers wait for them. They use at most a twentieth
//! of one core's time, and come at most a hundred times a second.

use std::{sync::Arc, time::Duration};

use acclaim_contest::ContestId;
use acclaim_store::{
    Clock, Hub, Stores,
    hub::{Figures, Notice, Publication},
};
use acclaim_tally::Replay;
use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

/// Shortest time between two publications for which readers wait.
const MIN_INTERVAL: Duration = Duration::from_millis(10);
/// Making publications may take one part in this number of the time.
const COST_MULTIPLE: u32 = 20;
/// Time after a reader waited for a publication during which publications come fast.
const FAST_PERIOD: Duration = Duration::from_secs(5);
/// Voters wait for a publication only if making one takes less time than this.
const MAX_COST_BEFORE_ANSWERS: Duration = Duration::from_millis(2);

/// The rate of publications.
#[derive(Debug, Default)]
struct Pace {
    /// Time that the last publication took.
    cost: Duration,
    /// When a reader last waited for a publication.
    last_wanted: Option<Instant>,
}

impl Pace {
    /// Returns the shortest time between two publications.
    ///
    /// `usual` is this time while no reader waits.
    fn interval(&self, usual: Duration) -> Duration {
        if self.is_fast() { (self.cost * COST_MULTIPLE).max(MIN_INTERVAL).min(usual) } else { usual }
    }

    fn is_fast(&self) -> bool {
        self.last_wanted.is_some_and(|last_wanted| last_wanted.elapsed() < FAST_PERIOD)
    }

    /// Whether a due publication is made before voters are answered, so that they find their
    /// ballots in it.
    fn should_precede_answers(&self) -> bool {
        self.is_fast() && self.cost < MAX_COST_BEFORE_ANSWERS
    }
}

/// Publishes a contest's figures.
pub(crate) struct Publisher {
    contest: ContestId,
    hub: Arc<Hub>,
    clock: Arc<dyn Clock>,
    /// Readers register here that they wait for a publication.
    figures: Arc<Figures>,
    /// Shortest time between two publications while no reader waits.
    usual: Duration,
    pace: Pace,
    /// When the newest publication was made; `None` if one is due at once.
    published: Option<Timestamp>,
    /// Whether the log has grown since the newest publication.
    unpublished: bool,
}

impl Publisher {
    /// Returns a publisher whose first publication is due at once.
    pub(crate) fn new(stores: &Stores, contest: &ContestId, usual: Duration) -> Self {
        Self {
            contest: contest.clone(),
            hub: Arc::clone(&stores.hub),
            clock: Arc::clone(&stores.clock),
            figures: stores.hub.figures(contest),
            usual,
            pace: Pace::default(),
            published: None,
            unpublished: true,
        }
    }

    /// Returns the figures, with which readers register that they wait.
    pub(crate) fn figures(&self) -> Arc<Figures> {
        Arc::clone(&self.figures)
    }

    /// When the next publication is due; `None` if the log has not grown.
    pub(crate) fn due(&self) -> Option<Timestamp> {
        self.unpublished.then(|| self.time())
    }

    fn time(&self) -> Timestamp {
        let interval =
            SignedDuration::try_from(self.pace.interval(self.usual)).unwrap_or(SignedDuration::ZERO);
        // If the clock was set back, the newest publication lies in the future and is ignored.
        let now = self.clock.now();
        let last = self.published.filter(|last| *last <= now);
        last.map_or(Timestamp::MIN, |last| last.saturating_add(interval).unwrap_or(Timestamp::MAX))
    }

    /// Makes the current figures due at once, because the store that keeps them may have lost them.
    pub(crate) fn publish_again(&mut self) {
        self.published = None;
        self.unpublished = true;
    }

    /// Publishes after a commit, before anyone is notified of it, where readers need that.
    ///
    /// A reader who is notified of a ruling finds it in the figures. While readers wait, the same
    /// holds for a ballot.
    pub(crate) fn handle_log_growth(&mut self, is_ruling: bool, replay: &Replay) {
        self.unpublished = true;
        if is_ruling {
            self.published = None;
        }
        if is_ruling || self.pace.should_precede_answers() {
            self.publish_if_due(replay);
        }
    }

    /// Publishes if a publication is due.
    pub(crate) fn publish_if_due(&mut self, replay: &Replay) {
        if self.figures.has_waiting_reader() {
            self.pace.last_wanted = Some(Instant::now());
        }
        let now = self.clock.now();
        if !self.unpublished || self.time() > now {
            return;
        }
        self.unpublished = false;
        self.published = Some(now);
        self.figures.begin_publication();
        if replay.size() > 0 {
            let started = Instant::now();
            let publication = publication(&self.contest, replay, now);
            self.hub.send(Notice::Published(Arc::new(publication)));
            self.pace.cost = started.elapsed();
        }
    }
}

/// Returns all figures at the log's current size.
fn publication(contest: &ContestId, replay: &Replay, at: Timestamp) -> Publication {
    let (mut before, mut after) = replay.tally_json();
    // The buffers are kept for a long time, so their spare capacity is freed.
    before.shrink_to_fit();
    after.shrink_to_fit();
    Publication {
        contest: contest.clone(),
        size: replay.size(),
        root: replay.root(),
        tally: (Bytes::from(before), Bytes::from(after)),
        tally_csv: Bytes::from(replay.tally().standings_csv()),
        // Making the document takes a while, so it is made only after the closing.
        result: replay.tally().closed().and_then(|_| replay.result()).map(|result| Bytes::from(result.json)),
        former: replay.result_before_reopening().map(|former| Bytes::from(former.json.clone())),
        at,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn publishes_faster_only_while_readers_wait() {
        let usual = Duration::from_millis(250);
        let milliseconds = Duration::from_millis;
        let mut pace = Pace::default();
        assert_eq!(pace.interval(usual), usual);
        pace.last_wanted = Some(Instant::now());
        for (cost, interval) in [(0, 10), (1, 20), (5, 100), (40, 250)] {
            pace.cost = milliseconds(cost);
            assert_eq!(pace.interval(usual), milliseconds(interval));
            assert_eq!(pace.should_precede_answers(), cost < 2);
        }
        assert_eq!(pace.interval(milliseconds(3)), milliseconds(3), "never slower than usual");
        pace.last_wanted = Instant::now().checked_sub(FAST_PERIOD);
        assert_eq!(pace.interval(usual), usual);
    }
}
