//! Several processes on one database.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use acclaim_contest::{BallotState, ContestId};
use acclaim_store::{
    Command, Commands as _, Contests as _, Leases as _, Ledger as _, RequestId, StoreError,
    command::QueuedCommand, contests::PassCountRequest, hub::Rejection, lease::RenewedLease, ledger::Turnout,
};
use acclaim_test_servers::wait::wait_until_async;
use acclaim_test_support::conformance;
use bytes::Bytes;

use crate::{append, ballot_at, contest, database, end_of, entry_at};

#[tokio::test]
async fn of_two_appends_on_one_head_one_is_a_conflict() {
    let database = database().await;
    let id = contest(&database, "race").await;
    let mut expected = None;
    for round in 0..20 {
        let (one, other) = (append(expected, 3, 2 * round), append(expected, 4, 2 * round + 1));
        let heads = [one.head.clone(), other.head.clone()];
        let (first, second) = tokio::join!(database.append(&id, one), database.append(&id, other));
        let winner = match (first, second) {
            (Ok(()), Err(StoreError::Conflict(_))) => &heads[0],
            (Err(StoreError::Conflict(_)), Ok(())) => &heads[1],
            other => panic!("{other:?}"),
        };
        assert_eq!(database.head(&id).await.unwrap().as_ref(), Some(winner));
        assert_eq!(database.entries(&id, 0, 1000).await.unwrap().len() as u64, winner.size);
        expected = end_of(winner);
    }
}

#[tokio::test]
async fn later_duplicate_of_row_wins() {
    let database = database().await;
    let id = contest(&database, "twice").await;
    let row = |ballots| Turnout { minute: 1, channel: None, group: None, ballots };
    let reason = "with a \0, which Postgres's text cannot hold".to_owned();
    let mut twice = append(None, 2, 1);
    twice.marks = vec![
        (ballot_at(0), BallotState::Replaced),
        (ballot_at(0), BallotState::Voided { reason: reason.clone(), replaced: false }),
    ];
    twice.turnout = vec![row(1), row(2)];
    twice.tiles.push((twice.tiles[0].0, vec![9; 32]));
    twice.rejected =
        vec![(ballot_at(9), Rejection::OutsideWindow), (ballot_at(9), Rejection::AlreadyVoted(vec![]))];
    let tile = twice.tiles[0].0;
    database.append(&id, twice.clone()).await.unwrap();
    let ballot = database.ballot(&id, ballot_at(0)).await.unwrap().unwrap();
    assert_eq!(ballot.state, BallotState::Voided { reason, replaced: false });
    assert_eq!(database.turnout(&id).await.unwrap(), [row(3)]);
    assert_eq!(database.tile(&id, tile).await.unwrap(), Some(vec![9; 32]));
    let later = Some(Rejection::AlreadyVoted(vec![]));
    assert_eq!(database.rejection(&id, ballot_at(9)).await.unwrap(), later);

    let mut strange = append(end_of(&twice.head), 1, 2);
    strange.marks = vec![(ballot_at(77), BallotState::Replaced)];
    assert!(matches!(database.append(&id, strange).await, Err(StoreError::Corrupt(_))));
    assert_eq!(database.head(&id).await.unwrap(), Some(twice.head));
}

#[tokio::test]
async fn a_read_of_large_entries_has_a_bound() {
    let database = database().await;
    let id = contest(&database, "large").await;
    let mut large = append(None, 12, 1);
    large.entries = (b'a'..b'm').map(|letter| Bytes::from(vec![letter; 1 << 20])).collect();
    database.append(&id, large).await.unwrap();
    assert_eq!(database.entries(&id, 0, usize::MAX).await.unwrap().len(), 8);
    assert_eq!(database.entries(&id, 8, usize::MAX).await.unwrap().len(), 4);
    assert_eq!(database.entries(&id, 11, 1).await.unwrap(), [vec![b'l'; 1 << 20]]);
}

#[tokio::test]
async fn a_missing_entry_is_noticed() {
    let server = crate::server().await;
    let (database, name) = crate::database_by(&server, server.port()).await;
    let id = contest(&database, "hole").await;
    let first = append(None, 2, 1);
    let second = append(end_of(&first.head), 1, 2);
    let third = append(end_of(&second.head), 2, 3);
    for append in [first, second, third] {
        database.append(&id, append).await.unwrap();
    }
    server.execute(&name, "DELETE FROM entries WHERE log_index = 2").await;
    for from in [0, 1, 2] {
        assert!(matches!(database.entries(&id, from, 9).await, Err(StoreError::Corrupt(_))));
    }
    assert_eq!(database.entries(&id, 4, 9).await.unwrap().len(), 1);
}

/// A concurrent append fails because the contest is gone. The deletion succeeds, at the latest
/// after some retries.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_contest_is_deleted_under_its_appends() {
    let database = Arc::new(database().await);
    for round in 0..8 {
        let id = contest(&database, &format!("busy-{round}")).await;
        let appending = {
            let (database, id) = (Arc::clone(&database), id.clone());
            tokio::spawn(async move {
                let (mut end, mut root) = (None, 0);
                loop {
                    root += 1;
                    let next = append(end, 200, root);
                    end = end_of(&next.head);
                    if let Err(error) = database.append(&id, next).await {
                        return error;
                    }
                }
            })
        };
        wait_until_async("appends before the deletion", async || {
            database.head(&id).await.unwrap().is_some_and(|head| head.size >= 200 * (round + 1))
        })
        .await;
        let started = Instant::now();
        while let Err(error) = database.delete_contest(&id).await {
            assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
            assert!(started.elapsed() < Duration::from_secs(20), "{error}");
        }
        let error = appending.await.unwrap();
        assert!(matches!(error, StoreError::Conflict(_)), "{error}");
    }
}

/// While the log grows, everything that the head covers is there, complete and in order.
#[tokio::test]
async fn readers_see_whole_appends() {
    let database = Arc::new(database().await);
    let id = contest(&database, "read").await;
    let reader = {
        let (database, id) = (Arc::clone(&database), id.clone());
        tokio::spawn(async move {
            let mut reads = 0;
            loop {
                let size = database.head(&id).await.unwrap().map_or(0, |head| head.size);
                let entries = database.entries(&id, 0, 10_000).await.unwrap();
                assert!(entries.len() as u64 >= size);
                assert!(entries.iter().zip(0..).all(|(entry, index)| *entry == entry_at(index)));
                assert_eq!(entries.len() % 50, 0, "half an append");
                if size > 0 {
                    let last = database.ballot(&id, ballot_at(size - 1)).await.unwrap();
                    assert_eq!(last.unwrap().index, size - 1);
                }
                reads += 1;
                if size == 2_000 {
                    return reads;
                }
            }
        })
    };
    let mut expected = None;
    for root in 0..40 {
        let next = append(expected, 50, root);
        expected = end_of(&next.head);
        database.append(&id, next).await.unwrap();
    }
    assert!(reader.await.unwrap() > 1);
}

#[tokio::test]
async fn a_lease_has_one_holder_until_it_ends() {
    let database = database().await;
    let id = contest(&database, "lease").await;
    let (long, short) = (Duration::from_secs(600), Duration::from_millis(50));
    assert!(database.contests_without_lease().await.unwrap().contains(&id));
    assert!(database.take_lease(&id, u64::MAX, long).await.unwrap());
    assert!(!database.contests_without_lease().await.unwrap().contains(&id) && database.leases_expire());
    assert!(!database.take_lease(&id, 2, long).await.unwrap(), "another holder has the lease");
    assert!(
        database.take_lease(&id, u64::MAX, long).await.unwrap(),
        "the holder must be able to renew its lease"
    );
    database.release_lease(&id, 2).await.unwrap();
    assert!(
        !database.take_lease(&id, 2, long).await.unwrap(),
        "holder 2 must not release the lease of another holder"
    );
    database.release_lease(&id, u64::MAX).await.unwrap();
    assert!(database.take_lease(&id, 2, short).await.unwrap());
    let started = Instant::now();
    while !database.take_lease(&id, 3, long).await.unwrap() {
        assert!(started.elapsed() < Duration::from_secs(20), "the lease does not end");
    }
    assert!(!database.take_lease(&id, 2, short).await.unwrap());
    let unknown = "unknown".parse().unwrap();
    assert!(!database.take_lease(&unknown, 1, long).await.unwrap());
    database.release_lease(&unknown, 1).await.unwrap();
    database.delete_contest(&id).await.unwrap();
}

#[tokio::test]
async fn renews_all_leases_of_holder() {
    let database = database().await;
    let [own, busy, others] = [
        contest(&database, "own").await,
        contest(&database, "busy").await,
        contest(&database, "others").await,
    ];
    let (long, short) = (Duration::from_secs(600), Duration::from_millis(1));
    for (id, holder) in [(&own, 1), (&busy, 1), (&others, 2)] {
        assert!(database.take_lease(id, holder, short).await.unwrap());
    }
    let (key, by) = ("k".to_owned(), "chair".to_owned());
    let at = acclaim_contest::Instant::from_seconds(0).unwrap().timestamp();
    let close = QueuedCommand { key, by, command: Command::Close, received: at };
    database.queue_command(&busy, &close).await.unwrap();
    let all = [own.clone(), busy.clone(), others.clone(), "nowhere".parse().unwrap()];
    let mut renewed = database.renew_leases(&all, 1, long).await.unwrap();
    renewed.sort_by_key(|lease| lease.commands_wait);
    let lease = |contest: &ContestId, commands_wait| RenewedLease { contest: contest.clone(), commands_wait };
    assert_eq!(renewed, [lease(&own, false), lease(&busy, true)]);
    assert!(!database.take_lease(&own, 2, long).await.unwrap(), "a renewed lease must last");
    assert!(
        database.take_lease(&others, 3, long).await.unwrap(),
        "holder 1 must not renew the lease of holder 2"
    );
    assert_eq!(database.renew_leases(&all[..1], 1, long).await.unwrap(), [lease(&own, false)]);
    assert!(database.renew_leases(&[], 1, long).await.unwrap().is_empty());
    for id in [&own, &busy, &others] {
        database.delete_contest(id).await.unwrap();
    }
}

#[tokio::test]
async fn of_many_that_take_a_lease_at_once_one_has_it() {
    let database = Arc::new(database().await);
    let id = contest(&database, "crowd").await;
    let takers: Vec<_> = (0..12)
        .map(|holder| {
            let (database, id) = (Arc::clone(&database), id.clone());
            tokio::spawn(
                async move { database.take_lease(&id, holder, Duration::from_secs(600)).await.unwrap() },
            )
        })
        .collect();
    let mut taken = 0;
    for taker in takers {
        taken += u32::from(taker.await.unwrap());
    }
    assert_eq!(taken, 1);
}

#[tokio::test]
async fn one_request_for_passes_is_counted_once() {
    let database = Arc::new(database().await);
    let id = contest(&database, "mint").await;
    let requests: Vec<_> = (0..8)
        .map(|_| {
            let (database, id) = (Arc::clone(&database), id.clone());
            tokio::spawn(async move {
                database
                    .count_passes(
                        &id,
                        b"wrapped",
                        PassCountRequest::for_unnamed_voters(
                            "pass",
                            &RequestId::new("chair", "k"),
                            [1; 32],
                            5,
                        ),
                    )
                    .await
                    .unwrap()
            })
        })
        .collect();
    let mut new = 0;
    for request in requests {
        new += u32::from(request.await.unwrap() == conformance::expected_first_count());
    }
    assert_eq!(new, 1);
    assert_eq!(database.passes(&id).await.unwrap(), [("pass".to_owned(), 5)]);
}
