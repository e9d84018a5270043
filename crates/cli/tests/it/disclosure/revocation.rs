//! The streams of a key end when the key is revoked.
//!
//! `acclaim key revoke` revokes a key in the database, beside the running process.

use std::time::Duration;

use acclaim_store::keys::Role;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::stage::{Stage, definition};

const EVENT_TIMEOUT: Duration = Duration::from_secs(10);
const STREAM: &str = "/v1/contests/main/tally/stream";

#[tokio::test(flavor = "multi_thread")]
async fn stream_of_revoked_key_ends_and_others_continue() {
    let stage = Stage::start().await;
    stage.change("PUT", "main", &definition("main", &Value::Null)).await;
    stage.change("POST", "main/open", &json!({})).await;
    stage.wait_for("/v1/contests/main/tally", "log").await;
    let keys = [
        stage.key(Role::Auditor, Some("main"), "kept").await,
        stage.key(Role::Auditor, Some("main"), "lost").await,
    ];
    let mut streams = Vec::new();
    for key in &keys {
        let answer = stage.answer("GET", STREAM, Some(key), &[], &Value::Null).await;
        assert_eq!(answer.status(), 200);
        let mut body = answer.into_body();
        let first =
            timeout(EVENT_TIMEOUT, body.frame()).await.unwrap().unwrap().unwrap().into_data().unwrap();
        assert!(first.starts_with(b"event: tally"));
        streams.push(body);
    }
    stage.revoke("lost").await;
    let mut lost = streams.remove(1);
    let end = timeout(EVENT_TIMEOUT, async {
        // One more event can arrive before the end.
        while let Some(Ok(_)) = lost.frame().await {}
    });
    end.await.expect("the stream of the revoked key ends");
    assert_eq!(stage.get(STREAM, Some(&keys[1])).await.code(), "key-invalid");

    let pass = stage.passes("main", &["mailto:ama@example.org"]).await.remove(0);
    stage.cast("main", &pass, "a1").await;
    let tally_event = timeout(EVENT_TIMEOUT, async {
        loop {
            let frame = streams[0].frame().await.expect("the other stream continues").unwrap();
            let event = String::from_utf8(frame.into_data().unwrap().to_vec()).unwrap();
            if event.contains("\"recorded\":1") {
                return;
            }
        }
    });
    tally_event.await.expect("the other stream reports a new ballot");
}
