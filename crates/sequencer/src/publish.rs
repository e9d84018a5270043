//! What everyone may or staff can read of a contest, made from the fold, and how often it is made.
//!
//! A reader who has heard that a ballot is recorded expects it in the figures. So publications come faster while readers wait for them: as fast as a
//! twentieth of one core's time allows, and at most a hundred times a second.

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

/// Shortest time between two publications that readers wait for.
const MIN_INTERVAL: Duration = Duration::from_millis(10);
/// The part of the time that making publications may take: one in so many.
const COST_MULTIPLE: u32 = 20;
/// How long publications come fast after a reader waited for one.
const FAST_PERIOD: Duration = Duration::from_secs(5);
/// Voters wait for a publication only if making one takes less.
const MAX_COST_BEFORE_ANSWERS: Duration = Duration::from_millis(2);

/// How often publications are made.
#[derive(Debug, Default)]
struct Pace {
    /// How long it took to make the last one.
    cost: Duration,
    /// When a reader last waited for one.
    wanted: Option<Instant>,
}

impl Pace {
    /// Shortest time between two publications, where `usual` is that without readers who wait.
    fn interval(&self, usual: Duration) -> Duration {
        if self.is_fast() { (self.cost * COST_MULTIPLE).max(MIN_INTERVAL).min(usual) } else { usual }
    }

    fn is_fast(&self) -> bool {
        self.wanted.is_some_and(|wanted| wanted.elapsed() < FAST_PERIOD)
    }

    /// Whether a publication that is due is made before voters are answered, so that their reading finds it.
    fn should_precede_answers(&self) -> bool {
        self.is_fast() && self.cost < MAX_COST_BEFORE_ANSWERS
    }
}

/// Publishes a contest's figures.
pub(crate) struct Publisher {
    contest: ContestId,
    hub: Arc<Hub>,
    clock: Arc<dyn Clock>,
    /// Where readers say that they wait for a publication.
    figures: Arc<Figures>,
    /// Shortest time between two publications that no reader waits for.
    usual: Duration,
    pace: Pace,
    /// When the newest publication was made; `None` if one is due at once.
    published: Option<Timestamp>,
    /// Whether the log has moved on since the newest publication.
    unpublished: bool,
}

impl Publisher {
    /// Before the first publication, which is due at once.
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

    /// Where readers say that they wait for a publication.
    pub(crate) fn figures(&self) -> Arc<Figures> {
        Arc::clone(&self.figures)
    }

    /// When the next publication is due, if the log has moved on.
    pub(crate) fn due(&self) -> Option<Timestamp> {
        self.unpublished.then(|| self.time())
    }

    fn time(&self) -> Timestamp {
        let interval =
            SignedDuration::try_from(self.pace.interval(self.usual)).unwrap_or(SignedDuration::ZERO);
        // After a clock was set back the newest publication lies ahead.
        let now = self.clock.now();
        let last = self.published.filter(|last| *last <= now);
        last.map_or(Timestamp::MIN, |last| last.saturating_add(interval).unwrap_or(Timestamp::MAX))
    }

    /// Has what stands published at once: where it was kept it may have been forgotten.
    pub(crate) fn publish_again(&mut self) {
        self.published = None;
        self.unpublished = true;
    }

    /// After a commit, before anybody is told of it: whoever hears of a ruling, or of a ballot while readers wait, finds it in the figures.
    pub(crate) fn handle_log_growth(&mut self, is_ruling: bool, replay: &Replay) {
        self.unpublished = true;
        if is_ruling {
            self.published = None;
        }
        if is_ruling || self.pace.should_precede_answers() {
            self.publish_if_due(replay);
        }
    }

    /// Publishes if that is due.
    pub(crate) fn publish_if_due(&mut self, replay: &Replay) {
        if self.figures.has_waiting_reader() {
            self.pace.wanted = Some(Instant::now());
        }
        let now = self.clock.now();
        if !self.unpublished || self.time() > now {
            return;
        }
        self.unpublished = false;
        self.published = Some(now);
        self.figures.begin_publication();
        if replay.size() > 0 {
            let begun = Instant::now();
            let publication = publication(&self.contest, replay, now);
            self.hub.send(Notice::Published(Arc::new(publication)));
            self.pace.cost = begun.elapsed();
        }
    }
}

/// All figures at the log's present size.
fn publication(contest: &ContestId, replay: &Replay, at: Timestamp) -> Publication {
    let (mut before, mut after) = replay.tally_json();
    // They are kept: what they grew by beyond their size is given back.
    before.shrink_to_fit();
    after.shrink_to_fit();
    Publication {
        contest: contest.clone(),
        size: replay.size(),
        root: replay.root(),
        tally: (Bytes::from(before), Bytes::from(after)),
        tally_csv: Bytes::from(replay.tally().standings_csv()),
        // Making the document takes a while: not before there is one to make.
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
        pace.wanted = Some(Instant::now());
        for (cost, interval) in [(0, 10), (1, 20), (5, 100), (40, 250)] {
            pace.cost = milliseconds(cost);
            assert_eq!(pace.interval(usual), milliseconds(interval));
            assert_eq!(pace.should_precede_answers(), cost < 2);
        }
        assert_eq!(pace.interval(milliseconds(3)), milliseconds(3), "never slower than usual");
        pace.wanted = Instant::now().checked_sub(FAST_PERIOD);
        assert_eq!(pace.interval(usual), usual);
    }
}
