//! A move is killed at every moment: the source and the destination never both serve, and the same command finishes it.

use std::{
    process::{Child, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::json;

use crate::{
    directories::refused,
    ground::{Servers, succeeded},
    moving::move_from,
    site::{Site, ballot, poll},
};

/// Moves that are killed at a moment of chance.
const ROUNDS: u64 = 12;

/// A site that was stopped, with one ballot, and the cluster that it is to move to.
struct Removal {
    site: Site,
    servers: Servers,
    pass: String,
    index: u64,
}

impl Removal {
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

    /// Has whoever writes a row of a table wait until the gate is open: before going on, or before committing.
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

    /// Ends the connection at the gate, whose transaction is undone.
    fn end_transaction(&self) {
        self.servers.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE datname = current_database() AND pid != pg_backend_pid()",
        );
        self.wait_for_connections(0);
    }

    fn wait_for_connections(&self, wanted: i64) {
        poll("connections to end", || {
            let others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid != pg_backend_pid()";
            (self.servers.number(others) == wanted).then_some(())
        });
    }

    fn begin(&self, more: &[&str]) -> Child {
        let mut command = self.servers.acclaim();
        command.args(["move", "--from"]).arg(self.site.data()).args(more);
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// Begins to move and kills the process while it waits at the gate.
    fn kill_at_gate(&self) {
        let mut moving = self.begin(&[]);
        poll("the move waits at the gate", || {
            let sleeping = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'";
            (self.servers.number(sleeping) > 0).then_some(())
        });
        moving.kill().unwrap();
        moving.wait().unwrap();
    }

    /// How many contests have arrived.
    fn arrived(&self) -> i64 {
        self.servers.number("SELECT count(*) FROM contests")
    }

    fn moves(&self) -> String {
        succeeded(&move_from(&self.site.data(), &self.servers, &[]))
    }

    fn take_back(&self) -> std::process::Output {
        move_from(&self.site.data(), &self.servers, &["--take-back"])
    }

    /// Serves, and the ballot is there.
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
        self.site.stand_on(Some(self.servers));
        self.site.restart();
        let again = self.site.cast("main", &self.pass, &ballot(&["a1"]));
        assert_eq!((again.status, again.body["index"].as_u64()), (200, Some(self.index)), "{again:?}");
    }
}

#[test]
fn killed_while_it_copies_nothing_has_happened() {
    let mut removal = Removal::new();
    removal.close_gate("turnout", "IMMEDIATE");
    removal.kill_at_gate();
    removal.serves();
    assert_eq!(removal.arrived(), 0);
    removal.open_gate();
    assert!(removal.moves().contains("contests:"));
    removal.remove_gate("turnout");
    removal.serves_as_cluster();
}

#[test]
fn killed_at_a_commit_that_fails_neither_serves_until_it_is_decided() {
    let mut removal = Removal::new();
    removal.close_gate("installation", "DEFERRED");
    removal.kill_at_gate();
    let words = refused(&removal.site.data());
    assert!(words.contains("may have been moved to 127.0.0.1:") && words.contains("--take-back"), "{words}");
    let elsewhere = Servers::start_for(&removal.site.data(), removal.site.folder.path());
    let said = move_from(&removal.site.data(), &elsewhere, &[]);
    assert!(String::from_utf8_lossy(&said.stderr).contains("may have been moved to"), "{said:?}");
    removal.end_transaction();
    assert_eq!(removal.arrived(), 0);

    succeeded(&removal.take_back());
    removal.serves();
    assert_eq!(removal.take_back().status.code(), Some(2), "there is nothing to take back");
    removal.kill_at_gate();
    removal.end_transaction();
    removal.open_gate();
    assert!(removal.moves().contains("contests:"), "or it is repeated");
    removal.remove_gate("installation");
    removal.serves_as_cluster();
}

#[test]
fn killed_at_a_commit_that_succeeds_the_repetition_finds_out() {
    let removal = Removal::new();
    removal.close_gate("installation", "DEFERRED");
    removal.kill_at_gate();
    assert!(refused(&removal.site.data()).contains("may have been moved to"));
    // Whoever asks waits for the commit that is under way.
    let mut taking_back = removal.begin(&["--take-back"]);
    poll("the commit under way is waited for", || {
        let waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
        (removal.servers.number(waiting) > 0).then_some(())
    });
    removal.open_gate();
    assert_eq!(taking_back.wait().unwrap().code(), Some(1), "the cluster has it");
    assert!(refused(&removal.site.data()).contains("may have been moved to"));
    assert!(removal.moves().contains("moved before"));
    removal.remove_gate("installation");
    removal.serves_as_cluster();
}

#[test]
fn killed_at_moments_of_chance_it_is_repeated() {
    let removal = Removal::new();
    let begun = Instant::now();
    succeeded(&move_from(&removal.site.data(), &removal.servers, &[]));
    let usual = begun.elapsed();
    for round in 0..ROUNDS {
        let removal = Removal::new();
        let mut moving = removal.begin(&[]);
        thread::sleep(
            usual * u32::try_from(round).unwrap() / u32::try_from(ROUNDS).unwrap()
                + Duration::from_millis(20),
        );
        moving.kill().unwrap();
        let done = moving.wait().unwrap().success();
        let said = removal.moves();
        assert!(!done || said.contains("moved before"), "{said}");
        removal.serves_as_cluster();
    }
}

#[test]
fn what_a_lost_cluster_went_on_with_is_not_taken_back() {
    let Removal { mut site, servers, pass, index } = Removal::new();
    let data = site.data();
    succeeded(&move_from(&data, &servers, &[]));
    site.stand_on(Some(servers));
    site.restart();
    let other = site.pass("main", "mailto:second@example.org");
    assert_eq!(site.cast("main", &other, &ballot(&["a2"])).status, 201);
    site.kill();
    let servers = site.stand_on(None).unwrap();
    let mut removal = Removal { site, servers, pass, index };

    removal.servers.execute("DELETE FROM contests; DELETE FROM staff_keys; DELETE FROM installation");
    let said = move_from(&data, &removal.servers, &[]);
    assert!(String::from_utf8_lossy(&said.stderr).contains("holds none"), "{said:?}");
    // Redis remembers what voters may hold receipts of.
    let said = removal.take_back();
    assert!(String::from_utf8_lossy(&said.stderr).contains("older than what has been shown"), "{said:?}");
    assert!(refused(&data).contains("was moved to"));
    removal.servers.redis.run::<String>(&["FLUSHALL"]);
    succeeded(&removal.take_back());
    removal.serves();
}
