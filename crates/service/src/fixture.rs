//! An installation for tests: one draft, `photos`, on SQLite, and an intake whose clock tests can
//! set.

use std::{collections::HashSet, sync::Arc};

use acclaim_store::{Database, Hub, Intake, Keyring, Stores};
use acclaim_store_sqlite::{DataDirectory, LocalIntake};
use acclaim_test_support::{FaultPlan, FaultyIntake, ManualClock, conformance::definition};
use jiff::Timestamp;

use crate::directory::Directory;

pub(crate) struct Fixture {
    _folder: tempfile::TempDir,
    pub(crate) stores: Stores,
    pub(crate) intake: Arc<FaultyIntake>,
    pub(crate) directory: Arc<Directory>,
}

impl Fixture {
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = DataDirectory::lock(folder.path()).unwrap();
        let secret = data.secret().unwrap();
        let database: Arc<dyn Database> = Arc::new(data.database().unwrap());
        let keyring = Arc::new(Keyring::open(&*database, secret, Some("test")).await.unwrap());
        let photos = definition("photos");
        database.create_draft(&photos, &keyring.new_tag_key(&photos.id).unwrap()).await.unwrap();
        let directory = Directory::read(Arc::clone(&database), keyring, HashSet::new()).await.unwrap();
        let local = Arc::new(LocalIntake::default());
        let intake = Arc::new(FaultyIntake::new(local, Arc::new(FaultPlan::default())));
        let stores = Stores {
            database,
            intake: Arc::clone(&intake) as Arc<dyn Intake>,
            published_checkpoints: Arc::new(data.published_checkpoints().unwrap()),
            hub: Arc::new(Hub::default()),
            clock: Arc::new(ManualClock::at(Timestamp::UNIX_EPOCH)),
        };
        Self { _folder: folder, stores, intake, directory: Arc::new(directory) }
    }
}
