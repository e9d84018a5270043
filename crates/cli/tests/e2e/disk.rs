//! A disk that fills up. No ballot is answered as recorded that is not recorded. With free space
//! again, voting continues.

use std::collections::HashMap;

use serde_json::{Value, json};

use crate::{
    server::Server,
    site::{Site, ballot},
};

/// The largest size of a file of the database: enough for the first start and some ballots.
const MAX_FILE_BYTES: u64 = 2 << 20;
const MAX_VOTERS: usize = 400;

#[test]
fn a_full_disk_loses_nothing_that_was_recorded() {
    let mut site =
        Site::start_by(|data, address| Server::start_with_files_up_to(MAX_FILE_BYTES, data, address));
    site.create("main", "2021-01-01T00:00:00Z", &json!({}));
    let minted = site.staff.post("/v1/contests/main/passes", "mint", &json!({"count": MAX_VOTERS})).unwrap();
    let passes: Vec<&str> =
        minted["passes"].as_array().unwrap().iter().map(|pass| pass["pass"].as_str().unwrap()).collect();
    let choice = ballot(&["a1", "b2"]);
    let mut recorded: Vec<Value> = Vec::new();
    let mut refused = 0;
    for pass in &passes {
        let answer = site.cast("main", pass, &choice);
        match answer.status {
            201 => recorded.push(answer.body),
            503 => {
                assert!(answer.content_type == "application/problem+json", "{answer:?}");
                refused += 1;
            }
            _ => panic!("{answer:?}"),
        }
        // The server keeps running, and answers 503 each time.
        if refused == 3 {
            break;
        }
    }
    assert!(refused == 3 && recorded.len() > 10, "{refused} refused, {} recorded", recorded.len());
    site.kill();
    site.restart();

    let so_far = recorded.len() + refused;
    for pass in &passes[recorded.len()..so_far + 5] {
        let answer = site.cast("main", pass, &choice);
        assert!(matches!(answer.status, 200 | 201), "{answer:?}");
        recorded.push(answer.body);
    }
    let log = site.log("main");
    let mut indexes: HashMap<Value, u64> = HashMap::new();
    for (index, line) in (0..).zip(&log) {
        let entry: Value = serde_json::from_str(line).unwrap();
        if entry["type"] == "ballot" {
            assert_eq!(indexes.insert(entry["id"].clone(), index), None, "recorded twice");
        }
    }
    assert_eq!(indexes.len(), so_far + 5);
    for answer in &recorded {
        assert_eq!(indexes.get(&answer["ballot"]), answer["index"].as_u64().as_ref(), "{answer}");
    }
}
