//! Tests behind Debian's `PgBouncer`, which gives a connection to one transaction and knows no
//! prepared statements.

use std::{sync::Arc, time::Duration};

use acclaim_contest::BallotState;
use acclaim_store::{Contests as _, Leases as _, Ledger as _, RequestId, contests::PassCountRequest};
use acclaim_store_postgres::{PostgresDatabase, Settings};
use acclaim_test_servers::{pgbouncer::PgBouncer, postgres::Server};
use acclaim_test_support::conformance;

use crate::{append, ballot_at, contest, end_of, entry_at, server as shared};

/// Connections of the pooler, fewer than the process asks for.
const POOLER_CONNECTIONS: u16 = 2;
/// Number of concurrent tasks.
const TASKS: u64 = 8;

/// Creates a database behind a pooler, and also migrates it over the pooler.
async fn pooled(server: &Server, pooler: &PgBouncer) -> PostgresDatabase {
    let name = server.empty_database().await;
    let url = format!("{}?statement-cache-capacity=0", server.url_by(pooler.port(), &name));
    PostgresDatabase::migrate(&url).await.unwrap();
    PostgresDatabase::connect(&Settings::new(url)).await.unwrap()
}

#[tokio::test]
async fn database_passes_conformance_behind_pooler() {
    let server = shared().await;
    let pooler = PgBouncer::start(&server, POOLER_CONNECTIONS).await;
    conformance::check_database(&pooled(&server, &pooler).await).await.unwrap();
}

/// With named statements, or reads outside transactions, these tasks would find statements of
/// others, or none.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_at_once_share_a_poolers_connections() {
    let server = shared().await;
    let pooler = PgBouncer::start(&server, POOLER_CONNECTIONS).await;
    let database = Arc::new(pooled(&server, &pooler).await);
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| {
            let database = Arc::clone(&database);
            tokio::spawn(async move { vote_and_read(&database, &format!("pooled-{task}")).await })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(database.contests().await.unwrap().len() as u64, TASKS);
}

/// Does the operations of a contest: small and large appends, and reads that find the written rows.
async fn vote_and_read(database: &PostgresDatabase, name: &str) {
    let id = contest(database, name).await;
    let mut expected = None;
    for round in 0..6 {
        assert!(database.take_lease(&id, 7, Duration::from_secs(600)).await.unwrap());
        let mut next = append(expected, if round < 5 { 40 } else { 2_100 }, round);
        if let Some((size, _)) = expected {
            next.marks = vec![(ballot_at(size - 1), BallotState::Replaced)];
        }
        let (first, end) = (next.head.size - next.entries.len() as u64, end_of(&next.head));
        database.append(&id, next).await.unwrap();
        database
            .count_passes(
                &id,
                b"wrapped",
                PassCountRequest::for_unnamed_voters(
                    "pass",
                    &RequestId::new("chair", &round.to_string()),
                    [1; 32],
                    5,
                ),
            )
            .await
            .unwrap();
        expected = end;
        let entries = database.entries(&id, first, 30).await.unwrap();
        assert!(entries.iter().zip(first..).all(|(entry, index)| *entry == entry_at(index)));
        for index in first..first + 30 {
            let ballot = database.ballot(&id, ballot_at(index)).await.unwrap().unwrap();
            assert_eq!((ballot.index, ballot.state), (index, BallotState::Recorded));
        }
        assert_eq!(database.head(&id).await.unwrap().as_ref().and_then(end_of), end);
    }
    assert_eq!(database.passes(&id).await.unwrap(), [("pass".to_owned(), 30)]);
}

/// The server's time-outs also hold behind a pooler, which takes no parameters at the start.
#[tokio::test]
async fn a_read_that_takes_too_long_ends_behind_a_pooler() {
    let server = shared().await;
    let pooler = PgBouncer::start(&server, POOLER_CONNECTIONS).await;
    let name = server.empty_database().await;
    let url = format!("{}?statement-cache-capacity=0", server.url_by(pooler.port(), &name));
    PostgresDatabase::migrate(&url).await.unwrap();
    let settings = Settings { statement: Duration::from_millis(200), ..Settings::new(url) };
    let database = PostgresDatabase::connect(&settings).await.unwrap();
    // Every read of a contest waits for this lock.
    let slow = "BEGIN; LOCK TABLE contests IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(2); COMMIT";
    let refused = async {
        loop {
            if let Err(error) = database.contests().await {
                return error.to_string();
            }
        }
    };
    let refused = tokio::time::timeout(Duration::from_secs(20), refused);
    let ((), refused) = tokio::join!(server.execute(&name, slow), refused);
    let why = refused.expect("a read must end before the lock of two seconds does");
    assert!(why.contains("statement timeout"), "{why}");
    assert!(database.contests().await.unwrap().is_empty());
}
