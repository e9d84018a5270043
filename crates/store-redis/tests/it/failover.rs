//! An address that leads to another server than before.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use acclaim_store::{
    Intake as _, StoreError,
    intake::{Session, SubmitOutcome},
};
use acclaim_store_redis::{Redis, RedisConnectError, RedisIntake, Settings};
use acclaim_test_servers::{
    redis::{DURABLE, Server},
    switch::Switch,
};

use crate::{SystemClock, connect, drained, id, is_lost, offers, opened, wait_for_answer};

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_is_refused_by_its_role_until_it_is_promoted() {
    let folder = tempfile::tempdir().unwrap();
    let mut primary = Server::start(folder.path(), DURABLE);
    let replica = primary.start_replica(folder.path());
    let switch = Switch::start(primary.port()).await;
    let url = format!("redis://127.0.0.1:{}", switch.port());
    let intake = RedisIntake::new(&connect(&url).await, [1; 32]);
    let session = Session { contest: id("promoted"), epoch: 3, shards: 2 };
    let start = opened(&intake, &session).await;
    intake.submit(&session, &offers(0..10)).await.unwrap();
    let ten = drained(&intake, &session, &start, 10).await;
    replica.wait_for_all_of(&primary);
    intake.submit(&session, &offers(10..20)).await.unwrap();
    replica.wait_for_all_of(&primary);
    replica.fall_behind();
    intake.submit(&session, &offers(20..30)).await.unwrap();
    let thirty = drained(&intake, &session, &ten, 20).await;

    primary.kill();
    switch.lead_to(Some(replica.port()));
    let deadline = Instant::now() + Duration::from_secs(20);
    let why = loop {
        match intake.status().refuses {
            Some(why) if why.contains("role") => break why,
            other => assert!(Instant::now() < deadline, "not noticed: {other:?}"),
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    assert_eq!(why, "role is slave, not master");
    let refused = intake.submit(&session, &offers(30..31)).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    match Redis::connect(&Settings::new(&url), Arc::new(SystemClock)).await {
        Err(RedisConnectError::Weak(found)) => assert_eq!(found, ["role is slave, not master"]),
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("taken"),
    }

    replica.promote();
    wait_for_answer(&intake, &session).await;
    // It holds the first twenty and ends before the cursor.
    assert!(is_lost(&intake, &session, &thirty).await);
    let next = Session { epoch: 4, ..session };
    intake.begin(&next).await.unwrap();
    assert_eq!(intake.survivors(&next).await.unwrap().items.len(), 20);
    intake.open(&next).await.unwrap();
    assert_eq!(intake.submit(&next, &offers(20..30)).await.unwrap(), vec![SubmitOutcome::Buffered; 10]);
}
