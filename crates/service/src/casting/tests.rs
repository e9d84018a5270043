//! Tests of casting: a wrong clock, answers before recording, and ballots that the log refuses.

use std::{sync::Arc, time::Duration};

use acclaim_contest::BallotId;
use acclaim_store::{
    hub::Rejection,
    intake::{Item, Submission},
};
use acclaim_test_support::conformance::definition;
use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use prometheus::{Histogram, HistogramOpts, IntGauge};

use super::{CastError, Casting, CastingSettings, rejection_error};
use crate::{
    fixture::Fixture,
    long_reads::LongReads,
    own_votes::OwnVotes,
    submission_queue::{QueueMetrics, SubmissionQueue},
    window::{Window, WindowError},
};

fn casting(fixture: &Fixture, may_accept: bool) -> Casting {
    let metrics = QueueMetrics {
        waiting: IntGauge::new("waiting", "waiting").unwrap(),
        batch_size: Histogram::with_opts(HistogramOpts::new("batch_size", "batch size")).unwrap(),
    };
    let (stores, directory) = (fixture.stores.clone(), Arc::clone(&fixture.directory));
    let queue = Arc::new(SubmissionQueue::new(stores.clone(), directory, 1, metrics));
    let own_votes = OwnVotes::new(stores.clone(), LongReads::default());
    let settings = CastingSettings { may_accept, lag_bound: Duration::from_secs(5) };
    Casting::new(stores, queue, own_votes, settings)
}

#[tokio::test]
async fn refuses_ballots_while_clock_is_skewed() {
    let fixture = Fixture::new().await;
    let casting_in_cluster = casting(&fixture, true);
    for (millis, is_taken) in [(0, true), (250, true), (-250, true), (251, false), (-251, false)] {
        fixture.intake.set_skew(SignedDuration::from_millis(millis));
        assert_eq!(casting_in_cluster.check_clock().is_ok(), is_taken, "{millis}");
    }
    // An embedded intake uses this process's clock.
    assert!(casting(&fixture, false).check_clock().is_ok());
}

#[tokio::test]
async fn accepts_before_recording_only_in_a_cluster_and_only_if_asked() {
    let fixture = Fixture::new().await;
    let contest = &fixture.directory.contest(&definition("photos").id).unwrap();
    let (arrived, entry) = (Timestamp::UNIX_EPOCH, Bytes::new());
    let item = Item { ballot: BallotId([0; 16]), arrived, promised: false, group: None, entry };
    let submission = Submission { item, slots: Vec::new() };
    for (may_accept, respond_async) in [(true, true), (true, false), (false, true), (false, false)] {
        let promised = casting(&fixture, may_accept).can_promise(contest, &submission, respond_async).await;
        assert_eq!(promised.unwrap(), may_accept && respond_async, "{may_accept} {respond_async}");
    }
}

#[tokio::test]
async fn answers_suspension_for_ballot_refused_by_log() {
    let photos = definition("photos");
    let contest = &Fixture::new().await.directory.contest(&photos.id).unwrap();
    // The sequencer sends this rejection if `admit` refuses a ballot.
    let suspension = Rejection::Refused("voting-suspended".to_owned(), "while suspended".to_owned());
    let CastError::Window(suspension) = rejection_error(contest, suspension) else { panic!("another error") };
    let window = Window { opens: photos.opens, closes: photos.closes };
    assert_eq!(suspension, WindowError::Suspended(window));
    let other = rejection_error(contest, Rejection::Refused("cast-time".to_owned(), "late".to_owned()));
    assert!(matches!(other, CastError::Rejected(Rejection::Refused(..))));
}
