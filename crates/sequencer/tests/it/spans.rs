//! The spans of the sequencer's steps.

use acclaim_test_support::CapturedLog;
use tracing::Level;

use crate::support::TestContest;

#[tokio::test]
async fn logs_span_of_each_step_at_debug() {
    let log = CapturedLog::start(Level::DEBUG);
    let mut world = TestContest::open().await;
    let (ballot, contest) = (world.ballot("ama", "p1"), world.contest.clone());
    let id = ballot.ballot;
    world.submit(vec![ballot]).await;
    world.outcome(id).await;
    world.stop().await;
    let text = log.text();
    for step in ["load", "open", "enter_session", "record_drained", "commit"] {
        assert!(text.contains(&format!("{step}{{contest={contest}}}: ")), "{step}: {text}");
    }
}

#[tokio::test]
async fn logs_no_span_at_info() {
    let log = CapturedLog::start(Level::INFO);
    let world = TestContest::open().await;
    world.stop().await;
    assert!(!log.text().contains("time.busy"), "{}", log.text());
}
