//! The cost of contests in which nothing happens.

use std::{thread, time::Duration};

use serde_json::json;

use crate::site::{Site, poll};

const CONTESTS: i64 = 30;
/// How long the transactions are counted.
const MEASUREMENT_TIME: Duration = Duration::from_secs(4);

/// If each contest handled its leases and commands alone, it would cost more than two transactions
/// a second.
#[test]
fn idle_contests_cause_no_transactions() {
    let site = Site::start_clustered();
    for number in 0..CONTESTS {
        site.create(&format!("idle-{number}"), "2021-01-01T00:00:00Z", &json!({}));
    }
    poll("the openings", || {
        let open = site.number("SELECT count(*) FROM contests WHERE phase = 'open'");
        (open == Some(CONTESTS)).then_some(())
    });
    let transactions = || {
        let all = "SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()";
        site.number(all).unwrap()
    };
    // Sleeps: Postgres counts the transactions of the openings with a delay.
    thread::sleep(MEASUREMENT_TIME / 2);
    let before = transactions();
    // Sleeps: the transactions of this time are counted.
    thread::sleep(MEASUREMENT_TIME);
    let more = transactions() - before;
    assert!(more < CONTESTS * 4, "{more} transactions of {CONTESTS} idle contests in {MEASUREMENT_TIME:?}");
}
