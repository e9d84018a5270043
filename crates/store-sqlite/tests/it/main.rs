//! The embedded stores keep the promises of the traits, and their own promises.

mod jurors;

use std::{path::Path, sync::Arc};

use acclaim_ballot_log::Hash;
use acclaim_contest::{BallotId, ContestId, Definition, Instant, Phase, SubjectRules};
use acclaim_store::{
    Command, Commands as _, Contests as _, Intake as _, Keys as _, Ledger as _, PublishedCheckpoints as _,
    RequestId, StoreError,
    command::{QueueOutcome, QueuedCommand},
    contests::{ContestChange, ContestState, PassCountOutcome, PassCountRequest},
    intake::{Cursors, Item, Session, Submission, SubmitOutcome},
    keys::{Role, StaffKey},
    ledger::{Append, Head},
    relocation::{MoveMark, Part},
};
use acclaim_store_sqlite::{DataDirectory, DirectoryError, LocalIntake, SqliteDatabase};
use acclaim_test_support::conformance;
use bytes::Bytes;
use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot};

#[tokio::test]
async fn database_passes_conformance() {
    let folder = tempfile::tempdir().unwrap();
    let directory = DataDirectory::lock(folder.path()).unwrap();
    conformance::check_database(&directory.database().unwrap()).await.unwrap();
}

#[tokio::test]
async fn intake_passes_conformance() {
    let contest = conformance::definition("intake").id;
    conformance::check_intake(&LocalIntake::default(), contest, 1).await.unwrap();
}

#[tokio::test]
async fn full_intake_rejects_new_ballots() {
    let intake = LocalIntake::default();
    let session = Session { contest: conformance::definition("full").id, epoch: 1, shards: 1 };
    intake.begin(&session).await.unwrap();
    intake.open(&session).await.unwrap();
    let capacity = acclaim_store_sqlite::intake::MAX_WAITING_BALLOTS;
    let item = Item {
        ballot: BallotId([1; 16]),
        arrived: Timestamp::UNIX_EPOCH,
        promised: false,
        group: None,
        entry: Bytes::new(),
    };
    let submission = || Submission { item: item.clone(), slots: Vec::new() };
    let submissions: Vec<Submission> = (0..capacity + 2).map(|_| submission()).collect();
    let outcomes = intake.submit(&session, &submissions).await.unwrap();
    assert_eq!(outcomes.iter().filter(|answer| **answer == SubmitOutcome::Buffered).count(), capacity);
    assert_eq!(outcomes[capacity..], [SubmitOutcome::Full, SubmitOutcome::Full]);
    assert_eq!(intake.backlog(&session).await.unwrap().items, capacity as u64);
}

/// The tables and indexes that the migrations create. A change needs a migration, and a new
/// snapshot.
#[tokio::test]
async fn columns_are_those_of_the_migrations() {
    let folder = tempfile::tempdir().unwrap();
    let directory = DataDirectory::lock(folder.path()).unwrap();
    drop(directory.database().unwrap());
    let connection = rusqlite::Connection::open(folder.path().join("acclaim.db")).unwrap();
    let mut statement = connection
        .prepare("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY type, name")
        .unwrap();
    let lines: Vec<String> = statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    insta::assert_snapshot!(lines.join(";\n"));
}

/// A page limit simulates a full disk.
#[tokio::test]
async fn a_full_disk_changes_nothing_and_ends_with_room() {
    let folder = tempfile::tempdir().unwrap();
    let directory = DataDirectory::lock(folder.path()).unwrap();
    let database = directory.database().unwrap();
    let definition = conformance::definition("disk");
    database.create_draft(&definition, b"w").await.unwrap();
    let append = append(0, 200);
    database.limit_pages(60).await.unwrap();
    let full = database.append(&definition.id, append.clone()).await;
    assert_eq!(full, Err(StoreError::Unavailable("the disk is full".to_owned())));
    assert_eq!(database.head(&definition.id).await.unwrap(), None);
    database.limit_pages(100_000).await.unwrap();
    database.append(&definition.id, append).await.unwrap();
    assert_eq!(database.entries(&definition.id, 0, 1_000).await.unwrap().len(), 200);
}

/// No file holds a deleted key: not in the write-ahead log, nor in the old place of a row that
/// changed or moved.
#[tokio::test]
async fn a_destroyed_key_leaves_no_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let directory = DataDirectory::lock(folder.path()).unwrap();
    let database = directory.database().unwrap();
    let key = |n: usize| format!("the wrapped tag key of contest {n:03}").into_bytes();
    let has_key = |n: usize| holds(folder.path(), &key(n));
    for n in 0..60 {
        let mut definition = conformance::definition(&format!("contest-{n}"));
        database.create_draft(&definition, &key(n)).await.unwrap();
        // The rows grow over several pages and shrink again, so that SQLite moves them.
        for (revision, length) in (1..).zip([n * 97 % 900, n * 531 % 9_000, 10]) {
            definition.title = "x".repeat(length + 1);
            database.edit_draft(&definition, revision).await.unwrap();
        }
        let mut opening = append(0, 1);
        opening.contest = Some(change(&definition, 4, &key(n), false));
        database.append(&definition.id, opening).await.unwrap();
    }
    for n in (0..60).filter(|n| n % 3 != 0) {
        let definition = conformance::definition(&format!("contest-{n}"));
        assert!(has_key(n), "the search must find an existing key");
        let mut destroyed = append(1, 1);
        destroyed.contest = Some(change(&definition, 5, &key(n), true));
        database.append(&definition.id, destroyed).await.unwrap();
        assert!(!has_key(n), "{n}");
    }
    for n in 0..60 {
        assert_eq!(has_key(n), n % 3 == 0, "{n}");
    }
}

/// Whether a file in a folder contains these bytes.
fn holds(folder: &Path, expected: &[u8]) -> bool {
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    files.filter(|path| path.is_file()).any(|path| {
        let bytes = std::fs::read(path).unwrap();
        bytes.windows(expected.len()).any(|window| window == expected)
    })
}

/// A reader is active while a key is destroyed, and the process is killed. The next start erases
/// the key's bytes.
#[tokio::test]
async fn next_start_erases_bytes_that_reader_kept() {
    let folder = tempfile::tempdir().unwrap();
    let directory = DataDirectory::lock(folder.path()).unwrap();
    let database = directory.database().unwrap();
    let key = b"the wrapped tag key of this contest";
    let definition = conformance::definition("read");
    database.create_draft(&definition, key).await.unwrap();
    database.append(&definition.id, append(0, 1)).await.unwrap();
    let reader = rusqlite::Connection::open(folder.path().join("acclaim.db")).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM contests").unwrap();
    let mut destroyed = append(1, 1);
    destroyed.contest = Some(change(&definition, 1, key, true));
    database.append(&definition.id, destroyed).await.unwrap();
    assert_eq!(database.contest(&definition.id).await.unwrap().unwrap().tag_key, None);
    assert!(holds(folder.path(), key), "the reader must keep the bytes");

    let copied = tempfile::tempdir().unwrap();
    for file in ["acclaim.db", "acclaim.db-wal"] {
        std::fs::copy(folder.path().join(file), copied.path().join(file)).unwrap();
    }
    assert!(holds(copied.path(), key));
    let directory = DataDirectory::lock(copied.path()).unwrap();
    let database = directory.database().unwrap();
    assert_eq!(database.contest(&definition.id).await.unwrap().unwrap().tag_key, None);
    // The writer runs its first job before this one.
    database.create_draft(&conformance::definition("next"), b"w").await.unwrap();
    assert!(!holds(copied.path(), key));
}

fn change(definition: &Definition, revision: u64, tag_key: &[u8], tag_key_destroyed: bool) -> ContestChange {
    let state = ContestState { phase: Phase::Closed, ..ContestState::of_draft(definition) };
    ContestChange { revision, tag_key: Some(tag_key.to_vec()), definition: None, state, tag_key_destroyed }
}

/// An append of `entries` entries to a log of `from` entries.
fn append(from: u64, entries: u64) -> Append {
    let root = |size| Hash([u8::try_from(size).unwrap(); 32]);
    let size = from + entries;
    Append::of_entries(
        (from > 0).then(|| (from, root(from))),
        Head { size, root: root(size), checkpoint: "note".to_owned(), cursors: Cursors::default() },
        (from..size).map(|_| Bytes::from(vec![0; 4_000])).collect(),
    )
}

/// SQLite moves the part of a row that exceeds its page to a page of its own.
#[tokio::test]
async fn entries_take_little_more_than_their_bytes() {
    const ENTRIES: u64 = 10_000;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("acclaim.db");
    let database = SqliteDatabase::open(&path).unwrap();
    let definition = conformance::definition("dense");
    database.create_draft(&definition, b"w").await.unwrap();
    let mut dense = append(0, 1);
    dense.head.size = ENTRIES;
    dense.entries = (0..ENTRIES).map(|number| Bytes::from(format!("{number:0>180}"))).collect();
    database.append(&definition.id, dense).await.unwrap();
    drop(database);
    let bytes = path.metadata().unwrap().len();
    assert!(bytes / ENTRIES < 230, "{bytes} bytes");
}

#[tokio::test]
async fn a_directory_serves_one_process_and_says_who() {
    let folder = tempfile::tempdir().unwrap();
    let mut directory = DataDirectory::lock(folder.path()).unwrap();
    directory.record_url("http://127.0.0.1:1").unwrap();
    match DataDirectory::lock(folder.path()) {
        Err(DirectoryError::InUse { holder, .. }) => {
            assert!(holder.contains("http://127.0.0.1:1"), "{holder}");
        }
        other => panic!("{other:?}"),
    }
    drop(directory);
    DataDirectory::lock(folder.path()).unwrap();
}

#[tokio::test]
async fn keeps_highest_published_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let directory = DataDirectory::lock(folder.path()).unwrap();
    let id = conformance::definition("shown").id;
    let checkpoints = directory.published_checkpoints().unwrap();
    assert_eq!(checkpoints.highest(&id).await.unwrap(), None);
    checkpoints.record_before_publish(&id, "one").await.unwrap();
    checkpoints.record_before_publish(&id, "two").await.unwrap();
    assert_eq!(
        directory.published_checkpoints().unwrap().highest(&id).await.unwrap().as_deref(),
        Some("two")
    );
    // A loss of power can leave an empty file.
    std::fs::write(folder.path().join("shown/shown.checkpoint"), "").unwrap();
    assert_eq!(checkpoints.highest(&id).await.unwrap(), None);
    conformance::check_cosigned(&checkpoints, &id).await.unwrap();
    checkpoints.forget(&id).await.unwrap();
    checkpoints.forget(&id).await.unwrap();
    assert_eq!(checkpoints.highest(&id).await.unwrap(), None);
}

/// Reads an installation to its end, and sets the mark if there is one. Without a mark the move is
/// cancelled.
async fn move_out(database: &Arc<SqliteDatabase>, mark: Option<MoveMark>) -> Result<(), StoreError> {
    let (sender, mut parts) = mpsc::channel(1);
    let (mark_sender, mark_receiver) = oneshot::channel();
    let moving = tokio::spawn({
        let database = Arc::clone(database);
        async move { database.move_out(sender, mark_receiver).await }
    });
    while let Some(part) = parts.recv().await {
        if matches!(part, Part::End) {
            break;
        }
    }
    match mark {
        Some(mark) => mark_sender.send(mark).unwrap(),
        None => drop(mark_sender),
    }
    moving.await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn moved_installation_is_locked_until_taken_back() {
    let folder = tempfile::tempdir().unwrap();
    let directory = DataDirectory::lock(folder.path()).unwrap();
    // This handle is opened before the move, as by a command that runs beside the server.
    let before = directory.database().unwrap();
    conformance::check_database(&before).await.unwrap();
    let source = Arc::new(directory.database_to_move().unwrap());
    let cancelled = move_out(&source, None).await;
    assert!(matches!(cancelled, Err(StoreError::Unavailable(_))), "{cancelled:?}");
    assert_eq!(source.move_mark().await.unwrap(), None);
    drop(directory.database().unwrap());

    let mark = MoveMark { id: "m".to_owned(), to: "db.example.org:5432/acclaim".to_owned(), complete: false };
    move_out(&source, Some(mark.clone())).await.unwrap();
    let message = directory.database().unwrap_err().to_string();
    assert!(message.contains("may have been moved to db.example.org:5432/acclaim"), "{message}");
    let key = StaffKey {
        name: "late".to_owned(),
        role: Role::Auditor,
        contests: None,
        panel: None,
        created: Instant::from_seconds(0).unwrap(),
        expires: None,
        revoked: None,
    };
    let late = before.add_staff_key([8; 32], &key).await;
    assert!(matches!(late, Err(StoreError::Conflict(_))), "{late:?}");
    assert!(before.add_installation_value("pass-key-9", b"x").await.is_err());
    assert!(before.create_draft(&conformance::definition("late"), b"w").await.is_err());
    let id = conformance::definition("log").id;
    assert!(
        before
            .count_passes(
                &id,
                b"w",
                PassCountRequest::for_unnamed_voters("pass", &RequestId::new("chair", "late"), [0; 32], 1)
            )
            .await
            .is_err()
    );
    let head = before.head(&id).await.unwrap().unwrap();
    let append = Append::of_entries(Some((head.size, head.root)), head.clone(), Vec::new());
    assert!(before.append(&id, append.clone()).await.is_err());

    // An incomplete move can be repeated. When the move is complete, the installation is gone here.
    move_out(&source, Some(mark.clone())).await.unwrap();
    source.set_move_mark(&MoveMark { complete: true, ..mark }).await.unwrap();
    assert!(directory.database().unwrap_err().to_string().contains("was moved to"));
    source.remove_move_mark().await.unwrap();
    before.add_staff_key([8; 32], &key).await.unwrap();
    before.append(&id, append).await.unwrap();
    drop(directory.database().unwrap());
}

/// A file of the schema's first version is migrated, and keeps its content.
#[tokio::test]
async fn a_file_of_an_older_schema_is_brought_up_to_date() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("acclaim.db");
    let old = rusqlite::Connection::open(&path).unwrap();
    old.execute_batch(include_str!("../../migrations/1.sql")).unwrap();
    old.execute_batch(
        "INSERT INTO staff_keys (name, hash, role, contests, created)
         VALUES ('chair', x'0101010101010101010101010101010101010101010101010101010101010101', 'organiser', '[\"a\"]', 7);
         INSERT INTO contests VALUES (1, 'old', 1, '', 0, 'open', 9, '[]', 0, 1, x'01');
         INSERT INTO commands VALUES (4, 1, 'k', 'chair', '{\"command\":\"close\"}', '1970-01-01T00:00:00Z', NULL);
         INSERT INTO pass_requests VALUES (1, 'mint', x'0303030303030303030303030303030303030303030303030303030303030303');
         INSERT INTO entries VALUES (1, 0, x'6530'), (1, 1, x'6531'), (1, 2, x'6532')",
    )
    .unwrap();
    old.pragma_update(None, "user_version", 1).unwrap();
    old.pragma_update(None, "application_id", 0x6163_6c31).unwrap();
    drop(old);
    let Err(beside) = SqliteDatabase::open_beside(&path) else { panic!("an older server may use the file") };
    assert!(beside.to_string().contains("schema version 1"), "{beside}");
    let database = SqliteDatabase::open(&path).unwrap();
    drop(SqliteDatabase::open_beside(&path).unwrap());
    let key = database.staff_key([1; 32]).await.unwrap().unwrap();
    assert_eq!((key.role, key.panel.clone()), (Role::Organiser, None));
    let old = "old".parse().unwrap();
    assert_eq!(database.entries(&old, 1, 9).await.unwrap(), ["e1", "e2"]);
    assert_eq!(
        database.subject_rules(&old).await.unwrap(),
        Some(SubjectRules::Raw),
        "a contest with passes from before must keep the raw form"
    );
    check_requests_of_older_schema(&database, &old).await;
    let new = conformance::definition("new");
    database.create_draft(&new, b"w").await.unwrap();
    assert_eq!(database.subject_rules(&new.id).await.unwrap(), None);
    let juror = StaffKey { name: "Ama".to_owned(), role: Role::Juror, panel: "experts".parse().ok(), ..key };
    database.add_staff_key([2; 32], &juror).await.unwrap();
    drop(database);
    let again = SqliteDatabase::open(&path).unwrap();
    assert_eq!(again.staff_key([2; 32]).await.unwrap(), Some(juror));
    drop(again);

    // A program that knows only an older schema refuses the file by this number. This program does
    // the same with a newer schema.
    let file = rusqlite::Connection::open(&path).unwrap();
    let version: u32 = file.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    assert!(version >= 4, "{version}");
    file.pragma_update(None, "user_version", version + 1).unwrap();
    drop(file);
    let refused = SqliteDatabase::open(&path).unwrap_err().to_string();
    assert!(refused.contains(&format!("of schema version {}", version + 1)), "{refused}");
}

/// Repetitions of requests from before are recognised. At that time an `Idempotency-Key` belonged
/// to no staff key.
async fn check_requests_of_older_schema(database: &SqliteDatabase, contest: &ContestId) {
    let command = |by: &str, command| QueuedCommand {
        key: "k".to_owned(),
        by: by.to_owned(),
        command,
        received: jiff::Timestamp::UNIX_EPOCH,
    };
    for (queued, expected) in [
        (command("chair", Command::Close), QueueOutcome::Known(None)),
        (command("chair", Command::Freeze), QueueOutcome::IdempotencyKeyUsed),
        (command("Ama", Command::Freeze), QueueOutcome::New),
    ] {
        assert_eq!(database.queue_command(contest, &queued).await.unwrap(), expected, "{queued:?}");
    }
    assert_eq!(database.pending_commands(contest, 9).await.unwrap().len(), 2);
    let request_id = RequestId::new("chair", "mint");
    let count = async |request| {
        let passes = PassCountRequest::for_unnamed_voters("pass", &request_id, [request; 32], 1);
        database.count_passes(contest, &[1], passes).await.unwrap()
    };
    assert_eq!(count(3).await, PassCountOutcome::RepeatedWithoutStaffKey);
    assert_eq!(count(4).await, PassCountOutcome::IdempotencyKeyUsed);
}

/// The file of a moved installation is migrated as well: it can be taken back into use.
#[tokio::test(flavor = "multi_thread")]
async fn takes_back_moved_file_of_older_schema() {
    let folder = tempfile::tempdir().unwrap();
    let directory = DataDirectory::lock(folder.path()).unwrap();
    let source = Arc::new(directory.database_to_move().unwrap());
    let definition = conformance::definition("old");
    source.create_draft(&definition, b"w").await.unwrap();
    let mark = MoveMark { id: "m".to_owned(), to: "elsewhere".to_owned(), complete: false };
    move_out(&source, Some(mark)).await.unwrap();
    drop(source);
    let file = rusqlite::Connection::open(folder.path().join("acclaim.db")).unwrap();
    file.execute_batch("ALTER TABLE contests DROP COLUMN subjects; ALTER TABLE staff_keys DROP COLUMN expires; DROP TABLE revocations; DROP TABLE revoked_voters; DROP TABLE key_revocations; PRAGMA user_version = 3").unwrap();
    drop(file);
    let source = directory.database_to_move().unwrap();
    let close = QueuedCommand {
        key: "k".to_owned(),
        by: "chair".to_owned(),
        command: Command::Close,
        received: jiff::Timestamp::UNIX_EPOCH,
    };
    assert!(
        source.queue_command(&definition.id, &close).await.is_err(),
        "a table that a migration created again must be locked too"
    );
    source.remove_move_mark().await.unwrap();
    source.queue_command(&definition.id, &close).await.unwrap();
    assert_eq!(source.subject_rules(&definition.id).await.unwrap(), Some(SubjectRules::Raw));
}

#[test]
fn rejects_directory_without_its_database() {
    for is_empty in [true, false] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("acclaim.db");
        {
            let directory = DataDirectory::lock(folder.path()).unwrap();
            directory.secret().unwrap();
            drop(directory.database().unwrap());
            directory.published_checkpoints().unwrap();
        }
        std::fs::remove_file(&path).unwrap();
        if is_empty {
            std::fs::write(&path, "").unwrap();
        }
        let directory = DataDirectory::lock(folder.path()).unwrap();
        directory.secret().unwrap();
        let refused = directory.database().unwrap_err();
        assert!(
            matches!(&refused, DirectoryError::DatabaseMissing(missing) if *missing == path),
            "{refused}"
        );
        assert!(refused.to_string().contains("restore it from a backup"), "{refused}");
        assert_eq!(path.exists(), is_empty, "the file was changed");
    }
}

#[tokio::test]
async fn damage_is_reported_with_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let directory = DataDirectory::lock(folder.path()).unwrap();
    let path = folder.path().join("acclaim.db");
    let database = directory.database().unwrap();
    let definition = conformance::definition("damaged");
    database.create_draft(&definition, b"key").await.unwrap();
    database.append(&definition.id, append(0, 200)).await.unwrap();
    drop(database);
    let mut bytes = std::fs::read(&path).unwrap();
    // The first pages hold the schema, so they stay undamaged.
    bytes.iter_mut().skip(40 * 4096).for_each(|byte| *byte = 0xab);
    std::fs::write(&path, bytes).unwrap();
    let database = directory.database().unwrap();
    let damaged = database.entries(&definition.id, 0, 200).await.unwrap_err().to_string();
    assert!(damaged.contains(path.to_str().unwrap()), "{damaged}");
}
