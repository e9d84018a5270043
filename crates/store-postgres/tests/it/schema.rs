//! Databases that are refused at the start, migrations, and the partitions of contests.

use acclaim_ballot_log::Hash;
use acclaim_contest::{ContestId, SubjectRules};
use acclaim_store::{
    Command, Commands as _, Contests as _, Keys as _, Ledger as _, RequestId, StoreError,
    command::{QueueOutcome, QueuedCommand},
    contests::{PassCountOutcome, PassCountRequest},
    keys::Role,
};
use acclaim_store_postgres::{OpenError, PostgresDatabase, Settings};
use acclaim_test_servers::postgres::{PASSWORD, Server};
use bytes::Bytes;
use sqlx_core::{connection::Connection as _, query::query, row::Row as _};
use sqlx_postgres::PgConnection;

use crate::{append, contest, database_by, entry_at, server as shared};

async fn refusal(url: String) -> OpenError {
    let error = PostgresDatabase::connect(&Settings::new(url)).await.unwrap_err();
    assert!(!format!("{error} {error:?}").contains(PASSWORD));
    error
}

#[tokio::test]
async fn a_schema_of_another_version_is_refused() {
    let server = shared().await;
    let name = server.empty_database().await;
    let url = server.url_by(server.port(), &name);
    let error = refusal(url.clone()).await;
    assert!(matches!(error, OpenError::Empty), "{error}");
    assert!(error.to_string().contains("run `acclaim migrate`"));

    // Two concurrent migrations and a later one change the schema only once.
    let (first, second) = tokio::join!(PostgresDatabase::migrate(&url), PostgresDatabase::migrate(&url));
    first.and(second).unwrap();
    PostgresDatabase::migrate(&url).await.unwrap();
    PostgresDatabase::connect(&Settings::new(&url)).await.unwrap();

    server.execute(&name, "UPDATE acclaim_schema SET version = 99").await;
    let error = refusal(url.clone()).await;
    assert!(matches!(error, OpenError::Newer { found: 99 }), "{error}");
    let error = PostgresDatabase::migrate(&url).await.unwrap_err();
    assert!(matches!(error, OpenError::Newer { found: 99 }), "{error}");

    server.execute(&name, "UPDATE acclaim_schema SET version = -1").await;
    let error = refusal(url).await;
    assert!(matches!(error, OpenError::Older { found: -1 }), "{error}");
    assert!(error.to_string().contains("run `acclaim migrate`"));
}

/// A database of the schema's first version is migrated, and keeps its content.
#[tokio::test]
async fn a_database_of_an_older_schema_is_brought_up_to_date() {
    let server = shared().await;
    let name = server.empty_database().await;
    let url = server.url_by(server.port(), &name);
    server.execute(&name, include_str!("../../migrations/1.sql")).await;
    server
        .execute(
            &name,
            "CREATE TABLE acclaim_schema (version integer NOT NULL); INSERT INTO acclaim_schema VALUES (1);
             INSERT INTO staff_keys (name, hash, role, contests, created)
             VALUES ('chair', decode(repeat('01', 32), 'hex'), 'organiser', '[\"a\"]', 7);
             INSERT INTO contests (id, revision, definition, test, phase, closes, withdrawn, epoch, shards, tag_key)
             VALUES ('old', 1, '', false, 'open', 9, '[]', 0, 1, 'w');
             CREATE TABLE entries_1 PARTITION OF entries (PRIMARY KEY (log_index)) FOR VALUES IN (1);
             CREATE TABLE ballots_1 PARTITION OF ballots (PRIMARY KEY (id)) FOR VALUES IN (1);
             INSERT INTO entries SELECT number, 1, convert_to('e' || number, 'UTF8') FROM generate_series(0, 2) AS number;
             INSERT INTO commands (contest, key, staff, command, received)
             VALUES (1, 'k', 'chair', '{\"command\":\"close\"}', '1970-01-01T00:00:00Z');
             INSERT INTO pass_requests VALUES (1, 'mint', decode(repeat('03', 32), 'hex'));
             INSERT INTO heads VALUES (1, 3, decode(repeat('07', 32), 'hex'), 'note', '')",
        )
        .await;
    let error = refusal(url.clone()).await;
    assert!(matches!(error, OpenError::Older { found: 1 }), "{error}");
    PostgresDatabase::migrate(&url).await.unwrap();
    let database = PostgresDatabase::connect(&Settings::new(&url)).await.unwrap();
    let key = database.staff_key([1; 32]).await.unwrap().unwrap();
    assert_eq!((key.role, key.panel), (Role::Organiser, None));
    let old = "old".parse().unwrap();
    assert_eq!(
        database.subject_rules(&old).await.unwrap(),
        Some(SubjectRules::Raw),
        "a contest with passes from before must keep the raw form"
    );
    check_requests_of_older_schema(&database, &old).await;
    let new = contest(&database, "new").await;
    assert_eq!(database.subject_rules(&new).await.unwrap(), None);
    let next = append(Some((3, Hash([7; 32]))), 2, 1);
    database.append(&old, next).await.unwrap();
    let entries = [Bytes::from("e1"), Bytes::from("e2"), entry_at(3), entry_at(4)];
    assert_eq!(database.entries(&old, 1, 9).await.unwrap(), entries);
}

/// Repetitions of requests from before are recognised. At that time an `Idempotency-Key` belonged
/// to no staff key.
async fn check_requests_of_older_schema(database: &PostgresDatabase, contest: &ContestId) {
    let command = |by: &str, command| QueuedCommand {
        key: "k".to_owned(),
        by: by.to_owned(),
        command,
        received: "1970-01-01T00:00:00Z".parse().unwrap(),
    };
    for (queued, expected) in [
        (command("chair", Command::Close), QueueOutcome::Known(None)),
        (command("chair", Command::Freeze), QueueOutcome::IdempotencyKeyUsed),
        (command("Ama", Command::Freeze), QueueOutcome::New),
    ] {
        assert_eq!(database.queue_command(contest, &queued).await.unwrap(), expected, "{queued:?}");
    }
    let request_id = RequestId::new("chair", "mint");
    let count = async |request| {
        let passes = PassCountRequest::for_unnamed_voters("pass", &request_id, [request; 32], 1);
        database.count_passes(contest, b"w", passes).await.unwrap()
    };
    assert_eq!(count(3).await, PassCountOutcome::RepeatedWithoutStaffKey);
    assert_eq!(count(4).await, PassCountOutcome::IdempotencyKeyUsed);
}

#[tokio::test]
async fn connection_errors_hide_password() {
    let server = shared().await;
    let url = server.url_by(server.port(), "nowhere");
    assert!(matches!(refusal(url.clone()).await, OpenError::Server(_)));
    assert!(matches!(refusal(url.replace("postgres://", "mysql://")).await, OpenError::Url(_)));
    assert!(matches!(refusal(url.replace("127.0.0.1:", "127.0.0.1:x")).await, OpenError::Url(_)));
    assert!(matches!(refusal(url.replace(PASSWORD, "wrong")).await, OpenError::Server(_)));
    let settings = Settings::new(url);
    assert!(!format!("{settings:?}").contains(PASSWORD));
}

#[tokio::test]
async fn rejects_server_with_unsafe_settings() {
    for setting in ["fsync", "full_page_writes"] {
        let server = Server::start(&[&format!("{setting}=off")]).await;
        let name = server.empty_database().await;
        let url = server.url_by(server.port(), &name);
        PostgresDatabase::migrate(&url).await.unwrap();
        let error = refusal(url).await;
        assert!(matches!(error, OpenError::Unsafe { setting: found } if found == setting), "{error}");
        assert!(error.to_string().contains(setting));
    }
}

#[tokio::test]
async fn a_contest_has_partitions_until_it_is_deleted() {
    let server = shared().await;
    let (database, name) = database_by(&server, server.port()).await;
    let url = server.url_by(server.port(), &name);
    let kept = contest(&database, "kept").await;
    let deleted = contest(&database, "deleted").await;
    let unused = contest(&database, "unused").await;
    for id in [&kept, &deleted] {
        database.append(id, append(None, 3, 1)).await.unwrap();
        assert_eq!(database.entries(id, 0, 9).await.unwrap().len(), 3);
    }
    assert!(database.entries(&unused, 0, 9).await.unwrap().is_empty());
    assert_eq!(partitions(&url).await, 6);

    database.delete_contest(&deleted).await.unwrap();
    database.delete_contest(&unused).await.unwrap();
    assert_eq!(partitions(&url).await, 2);
    // Reads have cached the number of the deleted contest. An id that may be used again gets a new
    // number.
    assert!(matches!(database.entries(&deleted, 0, 9).await, Err(StoreError::Conflict(_))));
    assert_eq!(database.ballot(&deleted, crate::ballot_at(0)).await.unwrap(), None);
    assert_eq!(contest(&database, "unused").await, unused);
    database.append(&unused, append(None, 2, 1)).await.unwrap();
    assert_eq!(database.entries(&unused, 0, 9).await.unwrap().len(), 2);
    assert_eq!(database.entries(&kept, 0, 9).await.unwrap().len(), 3);
}

async fn partitions(url: &str) -> i64 {
    let mut connection = PgConnection::connect(url).await.unwrap();
    let tables =
        "SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relname ~ '^(entries|ballots)_[0-9]+$'";
    query(tables).fetch_one(&mut connection).await.unwrap().get(0)
}

/// The tables, columns and indexes that the migrations create. A change needs a migration, and a
/// new snapshot.
#[tokio::test]
async fn columns_are_those_of_the_migrations() {
    let server = shared().await;
    let name = server.empty_database().await;
    let url = server.url_by(server.port(), &name);
    PostgresDatabase::migrate(&url).await.unwrap();
    let mut connection = PgConnection::connect(&url).await.unwrap();
    let rows = query(
        "SELECT format('%s.%s %s%s%s', table_name, column_name, data_type,
             CASE is_nullable WHEN 'NO' THEN ' not null' ELSE '' END, ' default ' || column_default)
         FROM information_schema.columns WHERE table_schema = 'public'
         UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'
         UNION ALL SELECT conrelid::regclass || ' ' || pg_get_constraintdef(oid) FROM pg_constraint
             WHERE connamespace = 'public'::regnamespace AND contype IN ('c', 'f') ORDER BY 1",
    );
    let lines: Vec<String> =
        rows.fetch_all(&mut connection).await.unwrap().iter().map(|row| row.get(0)).collect();
    connection.close().await.unwrap();
    insta::assert_snapshot!(lines.join("\n"));
}
