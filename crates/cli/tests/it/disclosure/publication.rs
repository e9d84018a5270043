//! The log's entries become public as the contest's rules say.
//!
//! The test covers every phase, a reopening, and a process that starts after the reopening.

use serde_json::{Value, json};

use super::stage::{Stage, definition};

/// For each rule of publication: whether the entries are public when open, closed, certified,
/// reopened.
const RULES: [(&str, &str, [bool; 4]); 4] = [
    ("silent", "", [false, false, true, true]),
    ("certified", "certified", [false, false, true, true]),
    ("closing", "after-close", [false, true, true, true]),
    ("live", "live", [true, true, true, true]),
];

async fn statuses(stage: &Stage, contest: &str) -> [bool; 2] {
    let mut are_public = [false; 2];
    for (is_public, address) in are_public.iter_mut().zip(["log/entries", "log/tile/entries/000.p/1"]) {
        let answer = stage.get(&format!("/v1/contests/{contest}/{address}"), None).await;
        assert!(answer.status == 200 || answer.code() == "not-public", "{contest}: {}", answer.text());
        *is_public = answer.status == 200;
    }
    are_public
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_become_public_as_the_rules_say() {
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
        // A second freeze is not a certification. The entries stay public without one.
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
