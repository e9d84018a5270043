//! Suspension: when voting can be suspended and resumed.

use serde_json::{Value, json};

use crate::{
    booth::OPENED,
    site::{Site, ballot},
};

fn contest(site: &Site) -> Value {
    site.send("GET", "/v1/contests/main", &[], b"").body
}

/// Casts a ballot with this pass, once the contest is open.
fn cast_once_open(site: &Site, pass: &str) {
    site.poll("a ballot", || {
        let answer = site.cast("main", pass, &ballot(&["a1"]));
        assert!(matches!(answer.status, 201 | 200 | 503 | 403), "{answer:?}");
        (answer.status < 300).then_some(())
    });
}

#[test]
fn refuses_invalid_suspensions() {
    let site = &Site::start();
    site.create("later", "2098-01-01T00:00:00Z", &json!({}));
    let post = |path: &str, key: &str, body: Value| {
        let bearer = format!("Bearer {}", site.key);
        let headers =
            [("authorization", &*bearer), ("idempotency-key", key), ("content-type", "application/json")];
        site.send("POST", &format!("/v1/contests/{path}"), &headers, body.to_string().as_bytes())
    };
    let reason = || json!({"reason": "a test"});
    for route in ["suspend", "resume", "unfreeze"] {
        let draft = post(&format!("later/{route}"), &format!("draft-{route}"), reason());
        assert_eq!(draft.problem(409, "refused")["code"], "not-open");
    }
    site.create("main", OPENED, &json!({}));
    cast_once_open(site, &site.pass("main", "ama"));
    assert_eq!(post("main/resume", "r", reason()).problem(409, "refused")["code"], "not-suspended");
    for body in [json!({}), json!({"reason": " "}), json!({"reason": "a", "why": "b"})] {
        let status = post("main/suspend", "bad", body).status;
        assert!(matches!(status, 400 | 422), "{status}");
    }
    let suspended = post("main/suspend", "s", reason());
    assert_eq!(suspended.status, 200, "{suspended:?}");
    assert_eq!(
        post("main/suspend", "s", reason()).body,
        suspended.body,
        "a repeated request gets the same answer"
    );
    assert_eq!(post("main/suspend", "again", reason()).problem(409, "refused")["code"], "already-suspended");
    site.staff("POST", "/v1/contests/main/close", "close", &json!({}));
    assert_eq!(contest(site)["phase"], "closed");
    assert_eq!(post("main/resume", "late", reason()).problem(409, "refused")["code"], "out-of-place");
    site.staff("POST", "/v1/contests/main/freeze", "freeze", &json!({}));
    assert_eq!(post("main/unfreeze", "unfreeze", reason()).status, 200);
    assert_eq!(contest(site)["phase"], "closed");
}
