//! What everyone may or staff can read of a contest, made from the fold, and how often it is made.
//!
//! A reader who has heard that a ballot is recorded expects it in the figures. So publications come faster while readers wait for them: as fast as a
//! twentieth of one core's time allows, and at most a hundred times a second.

use std::{sync::Arc, time::Duration};

use acclaim_contest::ContestId;
use acclaim_store::hub::{Notice, Publication};
use acclaim_tally::Replay;
use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use crate::contest::ContestTask;

/// Shortest time between two publications that readers wait for.
const MIN_INTERVAL: Duration = Duration::from_millis(10);
/// The part of the time that making publications may take: one in so many.
const SHARE: u32 = 20;
/// How long publications come fast after a reader waited for one.
const WANTED_FOR: Duration = Duration::from_secs(5);
/// Voters wait for a publication only if making one takes less.
const MAX_COST_BEFORE_ANSWERS: Duration = Duration::from_millis(2);

/// How often publications are made.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    /// How long it took to make the last one.
    cost: Duration,
    /// When a reader last waited for one.
    wanted: Option<Instant>,
}

impl Pace {
    /// Shortest time between two publications, where `usual` is that without readers who wait.
    fn interval(&self, usual: Duration) -> Duration {
        if self.is_fast() { (self.cost * SHARE).max(MIN_INTERVAL).min(usual) } else { usual }
    }

    fn is_fast(&self) -> bool {
        self.wanted.is_some_and(|wanted| wanted.elapsed() < WANTED_FOR)
    }

    /// Whether a publication that is due is made before voters are answered, so that their reading finds it.
    pub(crate) fn comes_before_answers(&self) -> bool {
        self.is_fast() && self.cost < MAX_COST_BEFORE_ANSWERS
    }
}

impl ContestTask {
    /// When the next publication is due.
    pub(crate) fn publish_time(&self) -> Timestamp {
        let interval = self.pace.interval(self.context.settings.publish_every);
        let interval = SignedDuration::try_from(interval).unwrap_or(SignedDuration::ZERO);
        // After a clock was set back the newest publication lies ahead.
        let now = self.context.stores.clock.now();
        let last = self.published.filter(|last| *last <= now);
        last.map_or(Timestamp::MIN, |last| last.saturating_add(interval).unwrap_or(Timestamp::MAX))
    }

    pub(crate) fn publish_if_due(&mut self, now: Timestamp) {
        if self.figures.are_wanted() {
            self.pace.wanted = Some(Instant::now());
        }
        if !self.unpublished || self.publish_time() > now {
            return;
        }
        self.unpublished = false;
        self.published = Some(now);
        self.figures.begin_publication();
        if self.log.replay.size() > 0 {
            let begun = Instant::now();
            let publication = publication(self.record.id(), &self.log.replay, now);
            self.context.stores.hub.send(Notice::Published(Arc::new(publication)));
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
        former: replay.former_result().map(|former| Bytes::from(former.json.clone())),
        at,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn publications_come_faster_only_while_readers_wait_and_within_their_share() {
        let usual = Duration::from_millis(250);
        let milliseconds = Duration::from_millis;
        let mut pace = Pace::default();
        assert_eq!(pace.interval(usual), usual);
        pace.wanted = Some(Instant::now());
        for (cost, interval) in [(0, 10), (1, 20), (5, 100), (40, 250)] {
            pace.cost = milliseconds(cost);
            assert_eq!(pace.interval(usual), milliseconds(interval));
            assert_eq!(pace.comes_before_answers(), cost < 2);
        }
        assert_eq!(pace.interval(milliseconds(3)), milliseconds(3), "never slower than usual");
        pace.wanted = Instant::now().checked_sub(WANTED_FOR);
        assert_eq!(pace.interval(usual), usual);
    }
}
