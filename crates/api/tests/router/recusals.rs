//! Recusals: which keys may recuse which jurors, and how often.

use serde_json::{Value, json};

use crate::{
    booth::OPENED,
    site::{Answer, Site},
};

fn rules() -> Value {
    json!({
        "winners": {"count": 1, "from": "all", "by": "scores"},
        "panel": [{"id": "skaters", "kind": "score", "scale": [-3, 3]}, {"id": "artists", "kind": "score", "scale": [-3, 3]}],
    })
}

fn juror(site: &Site, panel: &str, name: &str) -> String {
    site.make_key(&json!({"role": "juror", "contests": ["prize"], "panel": panel, "name": name}))
}

fn post(site: &Site, route: &str, token: &str, key: &str, body: &Value) -> Answer {
    site.try_staff(token, "POST", &format!("/v1/contests/prize/{route}"), key, body)
}

#[track_caller]
fn done(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body.clone()
}

fn get(site: &Site, route: &str, token: &str) -> Answer {
    let bearer = format!("Bearer {token}");
    site.send("GET", &format!("/v1/contests/prize/{route}"), &[("authorization", &bearer)], b"")
}

#[test]
fn a_juror_recuses_no_other_juror() {
    let site = &Site::start();
    site.create_open("prize", OPENED, &rules());
    let (ama, auditor) = (juror(site, "skaters", "Ama"), site.staff_key("auditor", "prize"));
    let body = |more: Value| {
        let mut body = json!({"entry": "a1", "reason": "a test"});
        more.as_object().unwrap().iter().for_each(|(key, value)| body[key] = value.clone());
        body
    };
    for (more, field) in [(json!({"juror": "Kofi"}), "juror"), (json!({"panel": "artists"}), "panel")] {
        for route in ["recusals", "rejoinings"] {
            let refused = post(site, route, &ama, field, &body(more.clone()));
            assert_eq!(refused.problem(403, "key-insufficient")["field"], field);
        }
    }
    post(site, "recusals", &auditor, "auditor", &body(json!({}))).problem(403, "key-insufficient");
    for (more, field) in [
        (json!({}), "panel"),
        (json!({"panel": "skaters"}), "juror"),
        (json!({"panel": "jury", "juror": "Ama"}), "panel"),
        (json!({"panel": "skaters", "juror": "Bo"}), "juror"),
        (json!({"panel": "skaters", "juror": "Ama", "entry": "x1"}), "entry"),
        (json!({"panel": "skaters", "juror": "Ama", "reason": ""}), "reason"),
    ] {
        let wrong = post(site, "recusals", &site.key, "wrong", &body(more));
        assert_eq!(wrong.problem(422, "invalid-request")["field"], field);
    }
    // A juror reads only the own recusals.
    juror(site, "skaters", "Kofi");
    done(&post(site, "recusals", &site.key, "kofi", &body(json!({"panel": "skaters", "juror": "KOFI "}))));
    assert_eq!(get(site, "recusals", &ama).body["recusals"], json!([]));
    assert_eq!(get(site, "recusals", &auditor).body["recusals"][0]["juror"], "Kofi");
    get(site, "recusals", "").problem(401, "key-missing");

    // A juror cannot enter so many recusals that the log fails its audit.
    for number in 0..50 {
        for route in ["recusals", "rejoinings"] {
            done(&post(site, route, &ama, &format!("{route}-{number}"), &body(json!({}))));
        }
    }
    let more = post(site, "recusals", &ama, "one-more", &body(json!({})));
    assert_eq!(more.problem(409, "refused")["code"], "too-many-corrections");
    done(&post(site, "recusals", &ama, "another", &body(json!({"entry": "a2"}))));
}
