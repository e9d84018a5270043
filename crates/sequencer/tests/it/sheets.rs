//! Contests with channels and periods: rejected ballots, and the slots that the intake gets.

use acclaim_contest::definition::{Definition, Overrides};
use acclaim_store::{
    hub::{BallotOutcome, Rejection},
    intake::{Submission, SubmitOutcome},
};

use crate::{
    cluster::Cluster,
    support::{Backends, TestContest, time},
};

/// A contest of one category with entries p1 and p2. `more` adds tables to the definition.
fn definition(ballot: &str, more: &str) -> Definition {
    let json = format!(
        r#"{{"contest":{{"id":"sheets","title":"T","time_zone":"Europe/Zurich","opens":"2021-03-27T00:00:00Z","closes":"2021-03-29T12:00:00Z"}},
            "ballot":{ballot},{more}
            "category":[{{"id":"a","title":"A"}}],
            "entry":[{{"id":"p1","category":"a","title":"One"}},{{"id":"p2","category":"a","title":"Two"}}]}}"#
    );
    Definition::from_json(json.as_bytes(), &Overrides::default()).unwrap()
}

const CHANNELS: &str = r#""channel":[{"id":"fan","weight":30},{"id":"unique","weight":70}],"#;

#[tokio::test(flavor = "multi_thread")]
async fn rebuilds_slots_by_channel_and_period() {
    let cluster = Cluster::start().await;
    let rules = definition(r#"{"period":"counted","ballots_per_voter":3}"#, CHANNELS);
    let mut world = TestContest::open_with(cluster.backends().await, &rules).await;
    for (channel, period) in [("fan", "1"), ("fan", "3"), ("unique", "1")] {
        let item = world.on_sheet("ama", Some(channel), Some(period), "p1");
        world.submit(vec![item.clone()]).await;
        assert!(matches!(world.outcome(item.ballot).await, BallotOutcome::Recorded { .. }));
    }
    cluster.flush();
    // These ballots differ from the recorded ones but may fill the same slots.
    for (channel, period, expected) in [
        ("fan", "1", SubmitOutcome::SlotTaken),
        ("fan", "3", SubmitOutcome::SlotTaken),
        ("unique", "1", SubmitOutcome::SlotTaken),
        ("fan", "2", SubmitOutcome::Buffered),
        ("unique", "3", SubmitOutcome::Buffered),
    ] {
        let item = world.on_sheet("ama", Some(channel), Some(period), "p2");
        let slots = vec![world.slot("ama", Some(channel), Some(period))];
        let outcomes = world.submit_when_ready(&[Submission { item: item.clone(), slots }]).await;
        assert_eq!(outcomes, [expected], "{channel} {period}");
        if expected == SubmitOutcome::Buffered {
            assert!(matches!(world.outcome(item.ballot).await, BallotOutcome::Recorded { .. }));
        }
    }
    assert!(world.audit().await.clean);
    world.stop().await;
}

#[tokio::test]
async fn rejects_ballot_of_unknown_channel_or_period() {
    let rules = definition(r#"{"period":"counted","ballots_per_voter":3}"#, CHANNELS);
    let mut world = TestContest::open_with(Backends::embedded(), &rules).await;
    for (channel, period, code) in [
        (None, Some("1"), "wrong-channel"),
        (Some("press"), Some("1"), "wrong-channel"),
        (Some("fan"), None, "wrong-period"),
        (Some("fan"), Some("4"), "wrong-period"),
    ] {
        let item = world.on_sheet("ama", channel, period, "p1");
        world.submit(vec![item.clone()]).await;
        let BallotOutcome::Rejected(Rejection::InvalidSelection(actual_code, _)) =
            world.outcome(item.ballot).await
        else {
            panic!("{channel:?} {period:?}")
        };
        assert_eq!(actual_code, code, "{channel:?} {period:?}");
    }
    assert!(world.audit().await.clean);
    world.stop().await;
}

/// The day has 23 hours: it begins at 23:00 UTC, and the next day begins at 22:00 UTC.
#[tokio::test]
async fn a_ballot_belongs_to_the_day_of_its_arrival() {
    let mut world =
        TestContest::open_with(Backends::embedded(), &definition(r#"{"period":"day"}"#, "")).await;
    for (arrival, day, recorded) in [
        ("2021-03-27T22:59:59.999Z", "2021-03-27", true),
        ("2021-03-27T22:59:59.999Z", "2021-03-28", false),
        ("2021-03-27T23:00:00Z", "2021-03-28", true),
        ("2021-03-28T21:59:59Z", "2021-03-29", false),
        ("2021-03-28T22:00:00Z", "2021-03-29", true),
        ("2021-03-28T22:00:00Z", "2021-03-28", false),
    ] {
        world.clock.set(time(arrival));
        // Another entry gives the ballot another id.
        let item = world.on_sheet("ama", None, Some(day), if recorded { "p1" } else { "p2" });
        world.submit(vec![item.clone()]).await;
        let outcome = world.outcome(item.ballot).await;
        assert_eq!(
            matches!(outcome, BallotOutcome::Recorded { .. }),
            recorded,
            "{arrival} {day}: {outcome:?}"
        );
    }
    assert!(world.audit().await.clean);
    world.stop().await;
}
