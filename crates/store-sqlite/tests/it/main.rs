//! The embedded stores keep the promises of the traits, and a few of their own.

use acclaim_ballot_log::Hash;
use acclaim_contest::BallotId;
use acclaim_store::{
    Contests as _, Intake as _, Ledger as _, Shown as _, StoreError,
    intake::{Cursors, Item, Offer, Session, Submitted},
    ledger::{Append, Head},
};
use acclaim_store_sqlite::{DataDirectory, DirectoryError, LocalIntake};
use acclaim_test_support::conformance;
use bytes::Bytes;
use jiff::Timestamp;

#[tokio::test]
async fn the_database_keeps_its_promises() {
    let folder = tempfile::tempdir().unwrap();
    let directory = DataDirectory::lock(folder.path()).unwrap();
    conformance::database(&directory.database().unwrap()).await.unwrap();
}

#[tokio::test]
async fn the_intake_keeps_its_promises() {
    let contest = conformance::definition("intake").id;
    conformance::intake(&LocalIntake::default(), contest, 1).await.unwrap();
}

#[tokio::test]
async fn a_full_intake_refuses_and_keeps_what_it_has() {
    let intake = LocalIntake::default();
    let session = Session { contest: conformance::definition("full").id, epoch: 1, shards: 1 };
    intake.begin(&session).await.unwrap();
    intake.open(&session).await.unwrap();
    let capacity = acclaim_store_sqlite::intake::CAPACITY;
    let item = Item {
        ballot: BallotId([1; 16]),
        arrived: Timestamp::UNIX_EPOCH,
        promised: false,
        group: None,
        entry: Bytes::new(),
    };
    let offer = || Offer { item: item.clone(), slots: Vec::new() };
    let offers: Vec<Offer> = (0..capacity + 2).map(|_| offer()).collect();
    let submitted = intake.submit(&session, &offers).await.unwrap();
    assert_eq!(submitted.iter().filter(|answer| **answer == Submitted::Buffered).count(), capacity);
    assert_eq!(submitted[capacity..], [Submitted::Full, Submitted::Full]);
    assert_eq!(intake.backlog(&session).await.unwrap().items, capacity as u64);
}

/// A page limit is what a full disk is to SQLite.
#[tokio::test]
async fn a_full_disk_changes_nothing_and_ends_with_room() {
    let folder = tempfile::tempdir().unwrap();
    let directory = DataDirectory::lock(folder.path()).unwrap();
    let database = directory.database().unwrap();
    let definition = conformance::definition("disk");
    database.create_draft(&definition, b"w").await.unwrap();
    let append = Append {
        expected: None,
        head: Head {
            size: 200,
            root: Hash([1; 32]),
            checkpoint: "note".to_owned(),
            cursors: Cursors::default(),
        },
        entries: (0..200).map(|_| Bytes::from(vec![0; 4_000])).collect(),
        ballots: Vec::new(),
        marks: Vec::new(),
        rejected: Vec::new(),
        turnout: Vec::new(),
        tiles: Vec::new(),
        contest: None,
        commands: Vec::new(),
    };
    database.limit_pages(60).await.unwrap();
    let full = database.append(&definition.id, append.clone()).await;
    assert_eq!(full, Err(StoreError::Unavailable("the disk is full".to_owned())));
    assert_eq!(database.head(&definition.id).await.unwrap(), None);
    database.limit_pages(100_000).await.unwrap();
    database.append(&definition.id, append).await.unwrap();
    assert_eq!(database.entries(&definition.id, 0, 1_000).await.unwrap().len(), 200);
}

#[tokio::test]
async fn a_directory_serves_one_process_and_says_who() {
    let folder = tempfile::tempdir().unwrap();
    let mut directory = DataDirectory::lock(folder.path()).unwrap();
    directory.tell("http://127.0.0.1:1").unwrap();
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
async fn the_highest_checkpoint_shown_is_remembered() {
    let folder = tempfile::tempdir().unwrap();
    let directory = DataDirectory::lock(folder.path()).unwrap();
    let id = conformance::definition("shown").id;
    let shown = directory.shown().unwrap();
    assert_eq!(shown.highest(&id).await.unwrap(), None);
    shown.about_to_show(&id, "one").await.unwrap();
    shown.about_to_show(&id, "two").await.unwrap();
    assert_eq!(directory.shown().unwrap().highest(&id).await.unwrap().as_deref(), Some("two"));
    // What a loss of power can leave.
    std::fs::write(folder.path().join("shown/shown.checkpoint"), "").unwrap();
    assert_eq!(shown.highest(&id).await.unwrap(), None);
    shown.forget(&id).await.unwrap();
    shown.forget(&id).await.unwrap();
    assert_eq!(shown.highest(&id).await.unwrap(), None);
}
