//! A server that is killed, and connections that are cut.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use acclaim_ballot_log::Hash;
use acclaim_contest::{BallotState, ContestId};
use acclaim_store::{Ledger as _, StoreError};
use acclaim_store_postgres::{PostgresDatabase, Settings};
use acclaim_test_servers::postgres::Server;
use tokio::sync::watch;

use crate::{
    append, ballot_at, contest, database_by, end_of, entry_at,
    proxy::{Fault, Proxy},
    server as shared,
};

/// Number of times that the server is killed.
const KILLS: u64 = 6;
/// Number of appends before each kill.
const APPENDS: u64 = 7;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_appended_survives_the_servers_death() {
    // The server's default is weak, so each append must request durability itself.
    let mut server = Server::start(&["synchronous_commit=off"]).await;
    let (database, _) = database_by(&server, server.port()).await;
    let id = contest(&database, "killed").await;
    let database = Arc::new(database);
    let (done, mut progress) = watch::channel((0, None));
    let (stop, stopped) = watch::channel(false);
    let writer = tokio::spawn(keep_appending(Arc::clone(&database), id.clone(), done, stopped));
    for kill in 1..=KILLS {
        progress.wait_for(|(appends, _)| *appends >= kill * APPENDS).await.unwrap();
        server.kill();
        server.restart().await;
        let promised: Option<(u64, Hash)> = progress.borrow().1;
        check_log(&database, &id, promised).await;
    }
    stop.send_replace(true);
    writer.await.unwrap();
    let promised = progress.borrow().1;
    check_log(&database, &id, promised).await;
}

/// After a restart every reader sees a commit that waited for a standby, but no standby has it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn waits_for_standby_before_log_is_durable() {
    let mut server = Server::start(&[]).await;
    let (_, name) = database_by(&server, server.port()).await;
    let limits = Settings {
        statement: Duration::from_secs(1),
        commit: Duration::from_millis(300),
        ..Settings::new(server.url_by(server.port(), &name))
    };
    let database = PostgresDatabase::connect(&limits).await.unwrap();
    let id = contest(&database, "standby").await;
    database.append(&id, append(None, 100, 1)).await.unwrap();
    database.ensure_durable(&id).await.unwrap();

    server.execute("postgres", "ALTER SYSTEM SET synchronous_standby_names = 'away'").await;
    server.execute("postgres", "SELECT pg_reload_conf()").await;
    let before = database.head(&id).await.unwrap().unwrap();
    // The setting takes effect a moment after the reload.
    let (mut end, mut root) = (end_of(&before), 1);
    loop {
        root += 1;
        let next = append(end, 100, root);
        match database.append(&id, next.clone()).await {
            Ok(()) => end = end_of(&next.head),
            Err(StoreError::Unknown(_)) => break,
            Err(other) => panic!("{other}"),
        }
    }
    server.kill();
    server.restart().await;
    let after = retry_while_unavailable(|| database.head(&id)).await.unwrap();
    assert!(Some(after.size) > end.map(|(size, _)| size), "the append must be readable");
    let unsettled = database.ensure_durable(&id).await;
    assert!(matches!(unsettled, Err(StoreError::Unknown(_) | StoreError::Unavailable(_))), "{unsettled:?}");

    server.execute("postgres", "ALTER SYSTEM RESET synchronous_standby_names").await;
    server.execute("postgres", "SELECT pg_reload_conf()").await;
    retry_while_unavailable(async || match database.ensure_durable(&id).await {
        Err(StoreError::Unknown(why)) => Err(StoreError::Unavailable(why)),
        settled => settled,
    })
    .await;
}

/// Appends until `stopped` is set. After each `Ok` it sends the number of appends and the end of
/// the log.
async fn keep_appending(
    database: Arc<PostgresDatabase>,
    id: ContestId,
    done: watch::Sender<(u64, Option<(u64, Hash)>)>,
    stopped: watch::Receiver<bool>,
) {
    let mut root = 0;
    'reload: while !*stopped.borrow() {
        let Ok(head) = database.head(&id).await else { continue };
        let mut expected = head.as_ref().and_then(end_of);
        while !*stopped.borrow() {
            root += 1;
            let next = append(expected, 100, root);
            let end = end_of(&next.head);
            match database.append(&id, next).await {
                Ok(()) => expected = end,
                Err(StoreError::Unavailable(_) | StoreError::Unknown(_)) => continue 'reload,
                Err(other) => panic!("{other}"),
            }
            done.send_modify(|(appends, promised)| (*appends, *promised) = (*appends + 1, end));
        }
    }
}

/// Repeats a call while connections of the killed server are still handed out. Callers do the same
/// after `Unavailable`.
async fn retry_while_unavailable<T>(mut read: impl AsyncFnMut() -> Result<T, StoreError>) -> T {
    let started = Instant::now();
    loop {
        match read().await {
            Err(StoreError::Unavailable(_)) if started.elapsed() < Duration::from_secs(20) => {}
            other => return other.unwrap(),
        }
    }
}

/// Checks that the log is at least as long as promised, and that its parts agree.
async fn check_log(database: &PostgresDatabase, id: &ContestId, promised: Option<(u64, Hash)>) {
    let before = retry_while_unavailable(|| database.head(id)).await.unwrap();
    let (size, root) = promised.unwrap();
    assert!(before.size >= size, "size {} after a promise of {size}", before.size);
    assert!(before.size > size || before.root == root);
    let mut entries = Vec::new();
    while (entries.len() as u64) < before.size {
        let more = retry_while_unavailable(|| database.entries(id, entries.len() as u64, 1_000)).await;
        assert!(!more.is_empty(), "the log ends before its head");
        entries.extend(more);
    }
    for (entry, index) in entries.iter().zip(0..) {
        assert_eq!(*entry, entry_at(index));
    }
    for index in (0..before.size).step_by(37).chain([before.size - 1]) {
        let ballot = retry_while_unavailable(|| database.ballot(id, ballot_at(index))).await;
        assert_eq!(ballot.unwrap().index, index);
    }
    assert_eq!(before.checkpoint, format!("note {}", before.size));
    assert_eq!(entries.len() % 100, 0, "half an append");
}

/// The two ways of an append.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Append {
    /// Only ballots: one statement that commits by itself.
    AtOnce,
    /// A transaction of several statements.
    InSteps,
}

/// Appends over a faulty connection. Returns the error, and the size of the log afterwards.
async fn faulty_append(how: Append, word: &'static str, fault: Fault) -> (StoreError, u64) {
    let server = shared().await;
    let proxy = Proxy::start(server.port(), word, fault).await;
    let (direct, name) = database_by(&server, server.port()).await;
    let settings = Settings {
        statement: Duration::from_millis(500),
        commit: Duration::from_millis(500),
        ..Settings::new(server.url_by(proxy.port, &name))
    };
    let database = PostgresDatabase::connect(&settings).await.unwrap();
    let id = contest(&database, "faulty").await;
    let first = append(None, 10, 1);
    database.append(&id, first.clone()).await.unwrap();
    // One message of 64 KiB holds these ballots, so the proxy reads it at once.
    let mut second = append(end_of(&first.head), 250, 2);
    if how == Append::InSteps {
        second.marks = vec![(ballot_at(3), BallotState::Replaced)];
    }
    proxy.arm();
    let error = database.append(&id, second).await.unwrap_err();
    assert!(proxy.has_happened(), "{error}");

    // After any outcome the next append gets a working connection and an answer.
    let head = direct.head(&id).await.unwrap().unwrap();
    let end = (direct.entries(&id, 0, 10_000).await.unwrap().len() as u64, head.size);
    assert_eq!(end.0, end.1);
    // After a silence the server must first notice that the client of the former transaction is
    // gone.
    until_available(async || database.append(&id, append(end_of(&head), 1, 3)).await).await;
    (error, head.size)
}

/// Repeats an attempt while the answer is `Unavailable`.
async fn until_available(mut attempt: impl AsyncFnMut() -> Result<(), StoreError>) {
    let started = Instant::now();
    while let Err(error) = attempt().await {
        assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
        assert!(started.elapsed() < Duration::from_secs(20), "{error}");
    }
}

#[tokio::test]
async fn a_commit_that_is_lost_is_unknown() {
    let (error, size) = faulty_append(Append::InSteps, "COMMIT", Fault::Lost).await;
    assert!(matches!(error, StoreError::Unknown(_)), "{error}");
    assert_eq!(size, 10);
}

#[tokio::test]
async fn a_commit_whose_answer_is_lost_is_unknown() {
    let (error, size) = faulty_append(Append::InSteps, "COMMIT", Fault::AnswerLost).await;
    assert!(matches!(error, StoreError::Unknown(_)), "{error}");
    assert_eq!(size, 260);
}

#[tokio::test]
async fn a_commit_that_is_never_answered_is_unknown_after_a_while() {
    let (error, size) = faulty_append(Append::InSteps, "COMMIT", Fault::Silence).await;
    assert!(matches!(error, StoreError::Unknown(_)), "{error}");
    assert_eq!(size, 10);
}

#[tokio::test]
async fn unanswered_autocommit_is_unknown() {
    for (fault, size) in [(Fault::Lost, 10), (Fault::AnswerLost, 260), (Fault::Silence, 10)] {
        let (error, actual) = faulty_append(Append::AtOnce, "0000000123", fault).await;
        assert!(matches!(error, StoreError::Unknown(_)), "{fault:?}: {error}");
        assert_eq!(actual, size, "{fault:?}");
    }
}

#[tokio::test]
async fn what_fails_before_the_commit_is_not_done() {
    for fault in [Fault::Lost, Fault::AnswerLost, Fault::Silence] {
        // The second word is a part of an entry.
        for word in ["BEGIN", "0000000123"] {
            let (error, size) = faulty_append(Append::InSteps, word, fault).await;
            assert!(matches!(error, StoreError::Unavailable(_)), "{word} {fault:?}: {error}");
            assert_eq!(size, 10, "{word} {fault:?}");
        }
    }
}

#[tokio::test]
async fn a_server_that_is_away_is_unavailable_and_then_back() {
    let mut server = Server::start(&[]).await;
    let (_, name) = database_by(&server, server.port()).await;
    let url = server.url_by(server.port(), &name);
    let settings = Settings { acquire: Duration::from_millis(300), ..Settings::new(url) };
    let database = PostgresDatabase::connect(&settings).await.unwrap();
    let id = contest(&database, "away").await;
    server.kill();
    for _ in 0..2 {
        let error = database.append(&id, append(None, 1, 1)).await.unwrap_err();
        assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
    }
    assert!(matches!(database.head(&id).await, Err(StoreError::Unavailable(_))));
    server.restart().await;
    until_available(async || database.append(&id, append(None, 1, 1)).await).await;
}
