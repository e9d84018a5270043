//! Texts for people in requests: characters that change how a text reads are refused.
//!
//! The refusal names the character and its position, and nothing is changed.

use serde_json::{Value, json};

use crate::{
    booth::OPENED,
    site::{Answer, Site, definition},
};

fn send(site: &Site, method: &str, path: &str, body: &Value) -> Answer {
    let bearer = format!("Bearer {}", site.key);
    let headers =
        [("authorization", &*bearer), ("idempotency-key", path), ("content-type", "application/json")];
    site.send(method, &format!("/v1/contests/{path}"), &headers, body.to_string().as_bytes())
}

#[test]
fn characters_that_change_how_a_text_reads_are_refused() {
    let site = &Site::start();
    site.create_open("prize", OPENED, &json!({"winners": {"count": 1, "from": "all", "by": "choice"}}));
    let size = site.log("prize").len();
    let amend = |what: &str, key: &str, to: Value| json!({"what": what, "key": key, "to": to, "reason": "r"});
    for (character, code) in
        [('\u{202e}', "U+202E"), ('\u{2066}', "U+2066"), ('\u{9b}', "U+009B"), ('\u{fffd}', "U+FFFD")]
    {
        let bad = format!("so{character} so");
        for (route, body, field) in [
            ("withdrawals", json!({"entry": "a1", "reason": bad}), "reason"),
            ("withdrawals", json!({"entry": "a1", "reason": "r", "note": bad}), "note"),
            ("voids", json!({"ballots": ["lG5tUEkm0RjspEyBHMakFQ"], "reason": bad}), "reason"),
            ("reinstatements", json!({"entry": "a1", "reason": bad}), "reason"),
            ("reopen", json!({"reason": bad}), "reason"),
            ("choices", json!({"category": "a", "winners": [], "note": bad}), "note"),
            ("statements", json!({"kind": "notice", "text": bad}), "text"),
            ("statements", json!({"kind": bad, "text": "t"}), "kind"),
            ("tag-key/destruction", json!({"reason": bad}), "reason"),
            ("amendments", json!({"what": "entry:a1", "key": "title", "to": "t", "reason": bad}), "reason"),
            ("amendments", amend("entry:a1", "title", json!(bad)), "to"),
            ("amendments", amend("entry:a1", "summary", json!(bad)), "to"),
            ("amendments", amend("category:a", "titles", json!({"fr": bad})), "to.fr"),
            ("amendments", amend("entry:a1", "details", json!([["l", "v"], ["country", bad]])), "to[1][1]"),
        ] {
            let refused = send(site, "POST", &format!("prize/{route}"), &body);
            let problem = refused.problem(422, "invalid-request");
            assert_eq!(problem["field"], field, "{problem}");
            assert_eq!(problem["refused"], json!({"character": code, "position": 3}), "{problem}");
            refused.names(code);
            refused.names("at character 3");
        }
        let mut draft = definition("draft", "2098-01-01T00:00:00Z");
        draft["entry"][2]["title"] = bad.into();
        let refused = send(site, "PUT", "draft", &draft);
        let mistake = &refused.problem(422, "invalid-definition")["mistakes"][0];
        assert_eq!((&mistake["key"], &mistake["line"]), (&json!("entry[2].title"), &json!(1)));
        assert!(mistake["problem"].as_str().unwrap().contains(code), "{mistake}");
    }
    assert_eq!(site.log("prize").len(), size, "nothing was changed");
    // Text from right to left is allowed.
    let done = send(
        site,
        "POST",
        "prize/amendments",
        &amend("entry:a1", "title", json!("قرية \u{200f}متصلة می\u{200c}خواهم")),
    );
    assert_eq!(done.status, 200, "{done:?}");
}

#[test]
fn statements_that_look_reserved_are_refused() {
    let site = &Site::start();
    site.create_open("prize", OPENED, &json!({"winners": {"count": 1, "from": "all", "by": "choice"}}));
    for kind in ["Tag key destroyed", "ｔａｇ－ｋｅｙ－ｄｅｓｔｒｏｙｅｄ", "tag-k\u{ad}ey-des\u{200b}troyed"]
    {
        let refused = send(site, "POST", "prize/statements", &json!({"kind": kind, "text": "it is gone"}));
        assert_eq!(refused.problem(422, "invalid-request")["field"], "kind", "{kind}");
    }
}
