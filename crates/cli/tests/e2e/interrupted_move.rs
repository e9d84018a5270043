//! A move is killed at every moment. Source and destination never both serve, and the same command
//! finishes the move.

use std::{
    process::{Child, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::json;

use crate::{
    backends::{Servers, succeeded},
    directories::refused,
    relocation::move_from,
    site::{Site, ballot, poll},
};

/// Number of moves that are killed at a random time.
const ROUNDS: u64 = 12;

/// A stopped site with one ballot, and the cluster that it moves to.
struct TestMove {
    site: Site,
    servers: Servers,
    pass: String,
    index: u64,
}

impl TestMove {
    fn new() -> Self {
        let mut site = Site::start();
        site.create("main", "2021-01-01T00:00:00Z", &json!({}));
        let pass = site.pass("main", "mailto:first@example.org");
        let answer = site.cast("main", &pass, &ballot(&["a1"]));
        let index = answer.body["index"].as_u64().unwrap();
        site.kill();
        let servers = Servers::start_for(&site.data(), site.folder.path());
        Self { site, servers, pass, index }
    }

    /// Blocks the insertion of rows into a table until the gate is open: at the insertion, or
    /// before the commit.
    fn close_gate(&self, table: &str, timing: &str) {
        self.servers.execute(&format!(
            "CREATE SCHEMA IF NOT EXISTS test; CREATE TABLE IF NOT EXISTS test.gate (open boolean); DELETE FROM test.gate;
             CREATE OR REPLACE FUNCTION test.wait() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN WHILE NOT EXISTS (SELECT 1 FROM test.gate) LOOP PERFORM pg_sleep(0.02); END LOOP; RETURN NULL; END $$;
             CREATE CONSTRAINT TRIGGER gate AFTER INSERT ON {table} DEFERRABLE INITIALLY {timing}
             FOR EACH ROW EXECUTE FUNCTION test.wait()"
        ));
    }

    fn open_gate(&self) {
        self.servers.execute("INSERT INTO test.gate VALUES (true)");
    }

    fn remove_gate(&self, table: &str) {
        self.servers.execute(&format!("DROP TRIGGER gate ON {table}"));
    }

    /// Ends the connection at the gate. Its transaction is rolled back.
    fn end_transaction(&self) {
        self.servers.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE datname = current_database() AND pid != pg_backend_pid()",
        );
        self.wait_for_connections(0);
    }

    fn wait_for_connections(&self, expected: i64) {
        poll("connections to end", || {
            let others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid != pg_backend_pid()";
            (self.servers.number(others) == expected).then_some(())
        });
    }

    fn begin(&self, more: &[&str]) -> Child {
        let mut command = self.servers.acclaim();
        command.args(["move", "--from"]).arg(self.site.data()).args(more);
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// Begins a move, and kills the process while it waits at the gate.
    fn kill_at_gate(&self) {
        let mut moving = self.begin(&[]);
        poll("the move waits at the gate", || {
            let sleeping = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'";
            (self.servers.number(sleeping) > 0).then_some(())
        });
        moving.kill().unwrap();
        moving.wait().unwrap();
    }

    /// Returns the number of contests at the destination.
    fn arrived(&self) -> i64 {
        self.servers.number("SELECT count(*) FROM contests")
    }

    fn moves(&self) -> String {
        succeeded(&move_from(&self.site.data(), &self.servers, &[]))
    }

    fn take_back(&self) -> std::process::Output {
        move_from(&self.site.data(), &self.servers, &["--take-back"])
    }

    /// The source serves, and has the ballot.
    fn serves(&mut self) {
        self.site.restart();
        let again = poll("the ballot is answered", || {
            let again = self.site.cast("main", &self.pass, &ballot(&["a1"]));
            (again.status != 503).then_some(again)
        });
        assert_eq!((again.status, again.body["index"].as_u64()), (200, Some(self.index)), "{again:?}");
        self.site.kill();
    }

    /// The cluster serves, and the source does not.
    fn serves_as_cluster(mut self) {
        assert!(refused(&self.site.data()).contains("was moved to"));
        self.site.set_servers(Some(self.servers));
        self.site.restart();
        let again = self.site.cast("main", &self.pass, &ballot(&["a1"]));
        assert_eq!((again.status, again.body["index"].as_u64()), (200, Some(self.index)), "{again:?}");
    }
}

#[test]
fn kill_during_copy_leaves_source_serving() {
    let mut test_move = TestMove::new();
    test_move.close_gate("turnout", "IMMEDIATE");
    test_move.kill_at_gate();
    test_move.serves();
    assert_eq!(test_move.arrived(), 0);
    test_move.open_gate();
    assert!(test_move.moves().contains("contests:"));
    test_move.remove_gate("turnout");
    test_move.serves_as_cluster();
}

#[test]
fn kill_at_failed_commit_blocks_both_sides() {
    let mut test_move = TestMove::new();
    test_move.close_gate("installation", "DEFERRED");
    test_move.kill_at_gate();
    let words = refused(&test_move.site.data());
    assert!(words.contains("may have been moved to 127.0.0.1:") && words.contains("--take-back"), "{words}");
    let other_cluster = Servers::start_for(&test_move.site.data(), test_move.site.folder.path());
    let output = move_from(&test_move.site.data(), &other_cluster, &[]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("may have been moved to"), "{output:?}");
    test_move.end_transaction();
    assert_eq!(test_move.arrived(), 0);

    succeeded(&test_move.take_back());
    test_move.serves();
    assert_eq!(test_move.take_back().status.code(), Some(2), "a second take-back must be refused");
    test_move.kill_at_gate();
    test_move.end_transaction();
    test_move.open_gate();
    assert!(test_move.moves().contains("contests:"), "the move can be repeated");
    test_move.remove_gate("installation");
    test_move.serves_as_cluster();
}

#[test]
fn repeated_move_detects_earlier_commit() {
    let test_move = TestMove::new();
    test_move.close_gate("installation", "DEFERRED");
    test_move.kill_at_gate();
    assert!(refused(&test_move.site.data()).contains("may have been moved to"));
    // `--take-back` waits for the running commit.
    let mut taking_back = test_move.begin(&["--take-back"]);
    poll("the command waits for the commit", || {
        let waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
        (test_move.servers.number(waiting) > 0).then_some(())
    });
    test_move.open_gate();
    assert_eq!(taking_back.wait().unwrap().code(), Some(1), "the cluster has the installation");
    assert!(refused(&test_move.site.data()).contains("may have been moved to"));
    assert!(test_move.moves().contains("moved before"));
    test_move.remove_gate("installation");
    test_move.serves_as_cluster();
}

#[test]
fn repeated_move_completes_after_kill_at_any_time() {
    let test_move = TestMove::new();
    let started = Instant::now();
    succeeded(&move_from(&test_move.site.data(), &test_move.servers, &[]));
    let usual = started.elapsed();
    for round in 0..ROUNDS {
        let test_move = TestMove::new();
        let mut moving = test_move.begin(&[]);
        // Sleeps: each round kills the move at another moment.
        thread::sleep(
            usual * u32::try_from(round).unwrap() / u32::try_from(ROUNDS).unwrap()
                + Duration::from_millis(20),
        );
        moving.kill().unwrap();
        let done = moving.wait().unwrap().success();
        let stdout = test_move.moves();
        assert!(!done || stdout.contains("moved before"), "{stdout}");
        test_move.serves_as_cluster();
    }
}

#[test]
fn take_back_fails_when_cluster_log_was_longer() {
    let TestMove { mut site, servers, pass, index } = TestMove::new();
    let data = site.data();
    succeeded(&move_from(&data, &servers, &[]));
    site.set_servers(Some(servers));
    site.restart();
    let other = site.pass("main", "mailto:second@example.org");
    assert_eq!(site.cast("main", &other, &ballot(&["a2"])).status, 201);
    site.kill();
    let servers = site.set_servers(None).unwrap();
    let mut test_move = TestMove { site, servers, pass, index };

    test_move.servers.execute("DELETE FROM contests; DELETE FROM staff_keys; DELETE FROM installation");
    let output = move_from(&data, &test_move.servers, &[]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("holds none"), "{output:?}");
    // Redis remembers the published log, and voters may hold receipts of it.
    let output = test_move.take_back();
    assert!(
        String::from_utf8_lossy(&output.stderr).contains("older than its published checkpoint"),
        "{output:?}"
    );
    assert!(refused(&data).contains("was moved to"));
    test_move.servers.redis.run::<String>(&["FLUSHALL"]);
    succeeded(&test_move.take_back());
    test_move.serves();
}
