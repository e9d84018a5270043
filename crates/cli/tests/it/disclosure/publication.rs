//! The log's entries by the rule of publication: in every phase, after a reopening, and in a process that starts after it.

use serde_json::{Value, json};

use super::stage::{Stage, definition};

/// In which phases anyone may read the entries: open, closed, certified, reopened.
const RULES: [(&str, &str, [bool; 4]); 4] = [
    ("silent", "", [false, false, true, true]),
    ("certified", "certified", [false, false, true, true]),
    ("closing", "after-close", [false, true, true, true]),
    ("live", "live", [true, true, true, true]),
];

async fn statuses(stage: &Stage, contest: &str) -> [bool; 2] {
    let mut are_public = [false; 2];
    for (is_public, address) in are_public.iter_mut().zip(["log/entries", "log/tile/entries/000.p/1"]) {
        let seen = stage.get(&format!("/v1/contests/{contest}/{address}"), None).await;
        assert!(seen.status == 200 || seen.code() == "not-public", "{contest}: {}", seen.text());
        *is_public = seen.status == 200;
    }
    are_public
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_are_public_from_the_moment_that_the_rules_name() {
    let mut stage = Stage::start().await;
    for (contest, word, expected) in RULES {
        let publication =
            if word.is_empty() { Value::Null } else { json!({"publication": {"entries": word}}) };
        let put = stage.change("PUT", contest, &definition(contest, &publication)).await;
        assert_eq!(put["warnings"].is_array(), ["after-close", "live"].contains(&word), "{put}");
        for (number, step) in ["open", "close", "certify", "reopen"].into_iter().enumerate() {
            let body = if step == "reopen" { json!({"reason": "an objection"}) } else { json!({}) };
            if step == "certify" {
                stage.certify(contest).await;
            } else {
                stage.change("POST", &format!("{contest}/{step}"), &body).await;
            }
            assert_eq!(statuses(&stage, contest).await, [expected[number]; 2], "{contest} after {step}");
        }
    }
    stage.restart().await;
    for (contest, _, expected) in RULES {
        assert_eq!(statuses(&stage, contest).await, [expected[3]; 2], "{contest} after a restart");
        // A second freezing is no certification, and none is needed.
        stage.change("POST", &format!("{contest}/freeze"), &json!({})).await;
        assert_eq!(statuses(&stage, contest).await, [true; 2], "{contest}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn test_contest_shows_entries_after_closing() {
    let stage = Stage::start().await;
    stage.change("PUT", "rehearsal", &definition("rehearsal", &json!({"contest": {"test": true}}))).await;
    stage.change("POST", "rehearsal/open", &json!({})).await;
    assert_eq!(statuses(&stage, "rehearsal").await, [false; 2]);
    stage.change("POST", "rehearsal/close", &json!({})).await;
    assert_eq!(statuses(&stage, "rehearsal").await, [true; 2]);
}
