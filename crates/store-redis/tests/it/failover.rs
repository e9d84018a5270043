//! An address that leads to another server after a failover.

use std::sync::Arc;

use acclaim_store::{
    Intake as _, StoreError,
    intake::{Session, SubmitOutcome},
};
use acclaim_store_redis::{Redis, RedisConnectError, RedisIntake, Settings};
use acclaim_test_servers::{
    redis::{DURABLE, Server},
    switch::Switch,
    wait::{WAIT_TIMEOUT, retry_async},
};

use crate::{SystemClock, connect, drain_count, id, is_lost, open_session, submissions, wait_for_answer};

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_is_refused_by_its_role_until_it_is_promoted() {
    let folder = tempfile::tempdir().unwrap();
    let mut primary = Server::start(folder.path(), DURABLE);
    let replica = primary.start_replica(folder.path());
    let switch = Switch::start(primary.port()).await;
    let url = format!("redis://127.0.0.1:{}", switch.port());
    let intake = RedisIntake::new(&connect(&url).await, [1; 32]);
    let session = Session { contest: id("promoted"), epoch: 3, shards: 2 };
    let start = open_session(&intake, &session).await;
    intake.submit(&session, &submissions(0..10)).await.unwrap();
    let ten = drain_count(&intake, &session, &start, 10).await;
    replica.wait_for_all_of(&primary);
    intake.submit(&session, &submissions(10..20)).await.unwrap();
    replica.wait_for_all_of(&primary);
    replica.fall_behind();
    intake.submit(&session, &submissions(20..30)).await.unwrap();
    let thirty = drain_count(&intake, &session, &ten, 20).await;

    primary.kill();
    switch.lead_to(Some(replica.port()));
    let why = retry_async(WAIT_TIMEOUT, async || match intake.status().refuses {
        Some(why) if why.contains("role") => Ok(why),
        other => Err(format!("the new role was not noticed: {other:?}")),
    })
    .await;
    assert_eq!(why, "role is slave, not master");
    let refused = intake.submit(&session, &submissions(30..31)).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    match Redis::connect(&Settings::new(&url), Arc::new(SystemClock)).await {
        Err(RedisConnectError::Weak(weaknesses)) => assert_eq!(weaknesses, ["role is slave, not master"]),
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("accepted"),
    }

    replica.promote();
    wait_for_answer(&intake, &session).await;
    // The replica holds the first twenty ballots, so its buffer ends before the cursor.
    assert!(is_lost(&intake, &session, &thirty).await);
    let next = Session { epoch: 4, ..session };
    intake.begin(&next).await.unwrap();
    assert_eq!(intake.survivors(&next).await.unwrap().items.len(), 20);
    intake.open(&next).await.unwrap();
    assert_eq!(intake.submit(&next, &submissions(20..30)).await.unwrap(), vec![SubmitOutcome::Buffered; 10]);
}
