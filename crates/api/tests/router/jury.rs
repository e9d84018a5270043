//! The rights of jurors' keys, and the refusals of scores.

use std::thread;

use serde_json::{Value, json};

use crate::{
    booth::OPENED,
    site::{Answer, Site, ballot},
};

const SEED: &str = "5eed000000000000000000000000000000000000000000000000000000000001";

/// Rules with two panels, and a draw for ties.
fn rules() -> Value {
    json!({
        "winners": {"count": 1, "from": "all", "by": "scores", "ties": "draw"},
        "panel": [
            {"id": "experts", "kind": "score", "scale": [0, 10], "criteria": [["impact", 2], ["reach", 1]], "minimum_jurors": 2},
            {"id": "students", "kind": "score", "scale": [0, 10]},
        ],
        "draw": {"source": "drand quicknet, first round after freezing"},
    })
}

fn juror(site: &Site, contest: &str, panel: &str, name: &str) -> String {
    site.make_key(&json!({"role": "juror", "contests": [contest], "panel": panel, "name": name}))
}

fn post(site: &Site, path: &str, token: &str, key: &str, body: &Value) -> Answer {
    site.try_staff(token, "POST", &format!("/v1/contests/{path}"), key, body)
}

fn enter(site: &Site, contest: &str, token: &str, key: &str, body: &Value) -> Value {
    let answer = post(site, &format!("{contest}/scores"), token, key, body);
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body
}

fn get(site: &Site, path: &str, token: &str) -> Answer {
    site.send("GET", path, &[("authorization", &format!("Bearer {token}"))], b"")
}

fn standing(site: &Site, contest: &str, token: &str) -> Value {
    get(site, &format!("/v1/contests/{contest}/scores"), token).body["scores"].clone()
}

#[test]
fn jurors_key_allows_only_own_scores() {
    let site = &Site::start();
    site.create_open("prize", OPENED, &rules());
    site.create_open("other", OPENED, &rules());
    let ama = juror(site, "prize", "experts", "Ama");
    let ours = "/v1/contests/prize";
    for route in [
        "open",
        "close",
        "freeze",
        "draw",
        "certify",
        "reopen",
        "voids",
        "withdrawals",
        "reinstatements",
        "amendments",
        "choices",
        "statements",
        "tag-key/destruction",
        "passes",
        "ballots/bulk",
    ] {
        post(site, &format!("prize/{route}"), &ama, route, &json!({})).problem(403, "key-insufficient");
    }
    get(site, &format!("{ours}/turnout"), &ama).problem(403, "key-insufficient");
    // A juror's key reads public data, as a request without a key does.
    for route in ["tally", "tally/stream", "result", "log/entries", "log/checkpoint"] {
        let path = format!("{ours}/{route}");
        let [ours, public] = [get(site, &path, &ama), site.send("GET", &path, &[], b"")];
        assert_eq!((ours.status, &ours.body["type"]), (public.status, &public.body["type"]), "{route}");
    }
    for (route, status) in [("tally", 403), ("log/entries", 403), ("log/checkpoint", 200)] {
        assert_eq!(get(site, &format!("{ours}/{route}"), &ama).status, status, "{route}");
    }
    let bearer = format!("Bearer {ama}");
    let headers =
        [("authorization", &*bearer), ("idempotency-key", "k"), ("content-type", "application/json")];
    site.send("PUT", ours, &headers, b"{}").problem(403, "key-insufficient");
    site.send("DELETE", ours, &headers, b"").problem(403, "key-insufficient");
    site.send("PUT", "/v1/contests/new", &headers, b"{}").problem(403, "key-insufficient");
    site.cast("prize", &ama, &ballot(&["a1"])).problem(401, "pass-invalid");
    get(site, &format!("{ours}/votes/mine"), &ama).problem(401, "pass-invalid");

    // Scores of another juror, of another panel, and in another contest.
    let scores = json!({"category": "a", "values": [["a1", "7"]]});
    let with = |more: Value| {
        let mut body = scores.clone();
        more.as_object().unwrap().iter().for_each(|(key, value)| body[key] = value.clone());
        body
    };
    for (more, field) in [
        (json!({"juror": "Kofi"}), "juror"),
        (json!({"panel": "students"}), "panel"),
        (json!({"juror": "Amara"}), "juror"),
    ] {
        let refused = post(site, "prize/scores", &ama, field, &with(more));
        assert_eq!(refused.problem(403, "key-insufficient")["field"], field);
    }
    for (path, status, code) in
        [("other/scores", 403, "key-insufficient"), ("none/scores", 404, "contest-not-found")]
    {
        post(site, path, &ama, "path", &scores).problem(status, code);
        get(site, &format!("/v1/contests/{path}"), &ama).problem(status, code);
    }
    let own = with(json!({"juror": " AMA", "panel": "experts", "criterion": "reach"}));
    enter(site, "prize", &ama, "own", &own);
    assert_eq!(get(site, ours, &ama).body["entries"][0]["id"], "a1");
    check_draft_takes_no_scores(site);
    check_lost_key(site, &ama, &own);
    check_limit_of_corrections(site);
}

fn check_draft_takes_no_scores(site: &Site) {
    site.create("draft", "2098-01-01T00:00:00Z", &rules());
    let esi = juror(site, "draft", "students", "Esi");
    assert_eq!(get(site, "/v1/contests/draft", &esi).status, 200);
    get(site, "/v1/contests/draft/tally", &esi).problem(403, "not-public");
    let listed = get(site, "/v1/contests", &esi).body.to_string();
    assert!(listed.contains("\"draft\"") && get(site, "/v1/contests/draft", "").status == 404, "{listed}");
    let early = post(site, "draft/scores", &esi, "early", &json!({"category": "a", "values": []}));
    assert_eq!(early.problem(409, "refused")["code"], "not-open");
}

/// A lost key is useless after its revocation. The juror continues under the same name with a new
/// key.
fn check_lost_key(site: &Site, ama: &str, own: &Value) {
    site.staff("DELETE", "/v1/keys/Ama", "revoke", &json!({}));
    post(site, "prize/scores", ama, "own", own).problem(401, "key-invalid");
    get(site, "/v1/contests/prize/scores", ama).problem(401, "key-invalid");
    let again = juror(site, "prize", "experts", "Ama");
    enter(site, "prize", &again, "again", own);
    let scores = standing(site, "prize", &again);
    assert_eq!((scores.as_array().unwrap().len(), &scores[0]["times"]), (1, &json!(2)));
    get(site, "/v1/contests/prize/scores", ama).problem(401, "key-invalid");
    let keys = site.read("/v1/keys").body;
    let of_ama = |key: &&Value| key["name"] == "Ama" && key["revoked"].is_null();
    let row = keys["keys"].as_array().unwrap().iter().find(of_ama).unwrap();
    assert_eq!((&row["role"], &row["panel"]), (&json!("juror"), &json!("experts")));
}

/// A juror cannot enter so many corrections that the log cannot be audited. An organiser can
/// continue.
fn check_limit_of_corrections(site: &Site) {
    let esi = juror(site, "prize", "students", "Efua");
    let body = json!({"category": "b", "values": [["b1", "7"]]});
    for number in 0..100 {
        enter(site, "prize", &esi, &format!("many-{number}"), &body);
    }
    let more = post(site, "prize/scores", &esi, "one-more", &body);
    assert_eq!(more.problem(409, "refused")["code"], "too-many-corrections");
    enter(site, "prize", &esi, "many-99", &body);
    enter(site, "prize", &esi, "other-category", &json!({"category": "a", "values": [["a1", "7"]]}));
    let mut paper = body.clone();
    (paper["panel"], paper["juror"]) = ("students".into(), "Efua".into());
    enter(site, "prize", &site.key, "paper", &paper);

    // Concurrent requests cannot exceed the limit either.
    let abena = juror(site, "prize", "students", "Abena");
    let (abena, body) = (&abena, &body);
    let entered: usize = thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|thread| {
                let one = move |number| {
                    let key = format!("at-once-{thread}-{number}");
                    usize::from(post(site, "prize/scores", abena, &key, body).status == 200)
                };
                scope.spawn(move || (0..16).map(one).sum::<usize>())
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(entered, 100);
}

#[test]
fn checks_scores_before_queueing() {
    let site = &Site::start();
    site.create_open("prize", OPENED, &rules());
    for panel in ["students", "experts"] {
        juror(site, "prize", panel, if panel == "students" { "Esi" } else { "Esi, expert" });
    }
    let size = site.log("prize").len();
    let sheet = |more: Value| {
        let mut body = json!({"panel": "students", "juror": "Esi", "category": "a", "values": [["a1", "7"]]});
        more.as_object().unwrap().iter().for_each(|(key, value)| body[key] = value.clone());
        body
    };
    for (more, field) in [
        (json!({"panel": "jury"}), "panel"),
        (json!({"juror": " "}), "juror"),
        (json!({"category": "c"}), "category"),
        (json!({"criterion": "impact"}), "criterion"),
        (json!({"juror": "Average"}), "juror"),
        (json!({"panel": "experts", "juror": "Esi, expert"}), "criterion"),
        (json!({"panel": "experts", "juror": "Esi, expert", "criterion": "style"}), "criterion"),
        (json!({"values": [["a1", "7"], ["x", "1"]]}), "values[1][0]"),
        (json!({"values": [["b1", "7"]]}), "values[0][0]"),
        (json!({"values": [["a1", "7"], ["a1", "8"]]}), "values[1][0]"),
        (json!({"values": [["a1", "10.0001"]]}), "values[0][1]"),
        (json!({"values": [["a1", "seven"]]}), "values[0][1]"),
        (json!({"values": [["a1", "1.23456"]]}), "values[0][1]"),
    ] {
        let refused = post(site, "prize/scores", &site.key, "wrong", &sheet(more));
        let problem = refused.problem(422, "invalid-request");
        assert_eq!((&problem["field"], &problem["mistakes"][0]["field"]), (&json!(field), &json!(field)));
        refused.names(field);
    }
    let two = post(
        site,
        "prize/scores",
        &site.key,
        "wrong",
        &sheet(json!({"panel": "jury", "values": [["x", "?"]]})),
    );
    assert_eq!(two.problem(422, "invalid-request")["mistakes"].as_array().unwrap().len(), 3);
    post(site, "prize/scores", &site.key, "shape", &sheet(json!({"values": [["a1", 7]]})))
        .problem(400, "malformed");
    let mut without_juror = sheet(json!({}));
    without_juror.as_object_mut().unwrap().remove("juror");
    assert_eq!(
        post(site, "prize/scores", &site.key, "nobody", &without_juror).problem(422, "invalid-request")["field"],
        "juror"
    );
    assert_eq!(site.log("prize").len(), size, "nothing was changed");
    enter(site, "prize", &site.key, "wrong", &sheet(json!({})));
    let no_draw = json!({"winners": {"count": 1, "from": "all", "by": "votes"}});
    site.create("plain", OPENED, &no_draw);
    site.staff("POST", "/v1/contests/plain/close", "close-plain", &json!({}));
    site.staff("POST", "/v1/contests/plain/freeze", "freeze-plain", &json!({}));
    let refused = post(site, "plain/draw", &site.key, "draw-plain", &json!({"seed": SEED}));
    assert_eq!(refused.problem(409, "refused")["code"], "no-draw");
}
