//! Tests of a cluster's database on real servers, which are killed, cut off and shared.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests may panic, as tests do"
)]

mod faults;
mod move_target;
mod pooler;
mod proxy;
mod schema;
mod sharing;
mod speed;
mod tls;

use std::sync::Arc;

use acclaim_ballot_log::{Hash, TileId};
use acclaim_contest::{BallotId, ContestId};
use acclaim_store::{
    Contests as _,
    intake::{Cursor, Cursors},
    ledger::{Append, Head},
};
use acclaim_store_postgres::{PostgresDatabase, Settings};
use acclaim_test_servers::postgres::Server;
use acclaim_test_support::conformance;
use bytes::Bytes;
use tokio::sync::Mutex;

/// The server that most tests share. The first test starts it, and its watchdog stops it after the
/// last test.
async fn server() -> Arc<Server> {
    static SERVER: Mutex<Option<Arc<Server>>> = Mutex::const_new(None);
    let mut server = SERVER.lock().await;
    match &*server {
        Some(server) => Arc::clone(server),
        None => Arc::clone(server.insert(Arc::new(Server::start(&[]).await))),
    }
}

/// Creates a database on a server. It is reached over `port`, for example of a proxy. Returns its
/// name too.
async fn database_by(server: &Server, port: u16) -> (PostgresDatabase, String) {
    let name = server.empty_database().await;
    let url = server.url_by(server.port(), &name);
    PostgresDatabase::migrate(&url).await.unwrap();
    let settings = Settings::new(server.url_by(port, &name));
    (PostgresDatabase::connect(&settings).await.unwrap(), name)
}

/// Creates a database on the shared server.
async fn database() -> PostgresDatabase {
    let server = server().await;
    database_by(&server, server.port()).await.0
}

/// Creates a test contest.
async fn contest(database: &PostgresDatabase, id: &str) -> ContestId {
    let mut definition = conformance::definition(id);
    definition.test = true;
    database.create_draft(&definition, b"wrapped").await.unwrap();
    definition.id
}

/// The ballot with the entry at this index.
fn ballot_at(index: u64) -> BallotId {
    let mut id = [0; 16];
    id[..8].copy_from_slice(&index.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    id[8..].copy_from_slice(&index.to_be_bytes());
    BallotId(id)
}

/// The entry at this index.
fn entry_at(index: u64) -> Bytes {
    Bytes::from(format!("{index:0>180}"))
}

/// An append of `ballots` ballots. Each call has its own `root`.
fn append(expected: Option<(u64, Hash)>, ballots: u64, root: u64) -> Append {
    let from = expected.map_or(0, |head| head.0);
    let size = from + ballots;
    let mut hash = [7; 32];
    hash[..8].copy_from_slice(&root.to_be_bytes());
    Append {
        expected,
        head: Head {
            size,
            root: Hash(hash),
            checkpoint: format!("note {size}"),
            cursors: Cursors { epoch: 7, shards: vec![Cursor { position: size, digest: [1; 20] }] },
        },
        entries: (from..size).map(entry_at).collect(),
        ballots: (from..size).map(|index| (ballot_at(index), index)).collect(),
        marks: Vec::new(),
        rejected: Vec::new(),
        turnout: Vec::new(),
        tiles: vec![(TileId { level: 0, number: 0 }, hash.to_vec())],
        contest: None,
        commands: Vec::new(),
    }
}

fn end_of(head: &Head) -> Option<(u64, Hash)> {
    Some((head.size, head.root))
}

#[tokio::test]
async fn database_passes_conformance() {
    conformance::check_database(&database().await).await.unwrap();
}
