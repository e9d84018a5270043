//! Measurement of the speed and size of appends. Run it with `cargo test --release -p
//! acclaim-store-postgres -- --ignored --nocapture`.

use std::time::Instant;

use acclaim_ballot_log::TileId;
use acclaim_store::Ledger as _;
use sqlx_core::{connection::Connection as _, query::query, row::Row as _};
use sqlx_postgres::PgConnection;

use crate::{append, contest, database_by, end_of, server as shared};

const BATCH: u64 = 4_096;
const BALLOTS: u64 = 1_000_000;

#[tokio::test]
#[ignore = "a measurement that takes a minute"]
async fn appending_a_million_ballots() {
    let server = shared().await;
    let (database, name) = database_by(&server, server.port()).await;
    let id = contest(&database, "speed").await;
    let started = Instant::now();
    let (mut expected, mut slowest) = (None, 0.0_f64);
    while expected.map_or(0, |(size, _)| size) < BALLOTS {
        let from = expected.map_or(0, |(size, _)| size);
        let mut next = append(expected, BATCH, from);
        // As the sequencer writes them: each tile of the batch's leaves, and the tiles above them.
        let tiles =
            (from / 256..(from + BATCH) / 256).map(|number| (TileId { level: 0, number }, vec![7; 8_192]));
        next.tiles = tiles.chain([(TileId { level: 1, number: from / 65_536 }, vec![7; 4_096])]).collect();
        expected = end_of(&next.head);
        let append = Instant::now();
        database.append(&id, next).await.unwrap();
        slowest = slowest.max(append.elapsed().as_secs_f64());
    }
    let (size, seconds) = (expected.unwrap().0, started.elapsed().as_secs_f64());
    println!(
        "{size} ballots in {seconds:.1} s, {:.0} a second, slowest append {slowest:.3} s",
        size as f64 / seconds
    );

    let mut connection = PgConnection::connect(&server.url_by(server.port(), &name)).await.unwrap();
    let tables = "SELECT relname::text, pg_total_relation_size(oid) FROM pg_class
                  WHERE relkind = 'r' AND relname ~ '^(entries_|ballots_|tiles)' ORDER BY relname";
    let mut all = 0;
    for row in query(tables).fetch_all(&mut connection).await.unwrap() {
        let (table, bytes): (String, i64) = (row.get(0), row.get(1));
        println!("{table}: {:.1} bytes a ballot", bytes as f64 / size as f64);
        all += bytes;
    }
    let each = all as f64 / size as f64;
    println!("together {each:.1} bytes a ballot");
    assert!(each < 450.0);
}
