//! The jurors of a contest, and the progress of a jury.

use serde_json::{Value, json};

use crate::{
    booth::OPENED,
    contests::{COMPOSED, DECOMPOSED, jurors_in_log, points, two_panels},
    site::{Answer, Site, ballot},
};

fn juror(site: &Site, contest: &str, panel: &str, name: &str) -> String {
    site.make_key(&json!({"role": "juror", "contests": [contest], "panel": panel, "name": name}))
}

fn post(site: &Site, path: &str, token: &str, key: &str, body: &Value) -> Answer {
    site.try_staff(token, "POST", &format!("/v1/contests/{path}"), key, body)
}

fn get(site: &Site, path: &str, token: &str) -> Answer {
    site.send("GET", &format!("/v1/contests/{path}"), &[("authorization", &format!("Bearer {token}"))], b"")
}

/// Revokes the staff key of this name.
fn revoke(site: &Site, name: &str) {
    let path = format!("/v1/keys/{}", name.replace(' ', "%20"));
    site.staff("DELETE", &path, &format!("revoke-{}", name.replace(' ', "-")), &json!({}));
}

#[test]
fn a_juror_reads_the_shortlist_and_nothing_else() {
    let site = &Site::start();
    let rules = json!({
        "champions": {"count": 1},
        "winners": {"count": 1, "from": "champions", "by": "scores"},
        "panel": [{"id": "experts", "kind": "points"}, {"id": "students", "kind": "points"}],
    });
    site.create_open("prize", OPENED, &rules);
    let [ama, kofi] = ["Ama", "Kofi"].map(|name| juror(site, "prize", "experts", name));
    juror(site, "prize", "students", "Esi");
    for (voter, entries) in [("1", ["a2", "b1"]), ("2", ["a2", "b3"]), ("3", ["a1", "b3"])] {
        let pass = site.pass("prize", &format!("mailto:{voter}@example.org"));
        assert_eq!(site.cast("prize", &pass, &ballot(&entries)).status, 201);
    }
    let scores = json!({"category": "a", "values": [["a2", "4321"]]});
    assert_eq!(post(site, "prize/scores", &kofi, "kofi", &scores).status, 200);
    let own = get(site, "prize/jury", &ama);
    assert_eq!((own.status, own.header("cache-control")), (200, "private, no-store"));
    assert_eq!(own.body["shortlist_is_final"], false, "the champions are unknown while voting is open");
    assert_eq!(own.body["shortlist"][0], json!({"category": "a", "entries": ["a1", "a2", "a3"]}));

    site.staff("POST", "/v1/contests/prize/close", "close", &json!({}));
    let own = site.poll("the champions", || {
        let own = get(site, "prize/jury", &ama);
        if own.status != 200 {
            own.problem(503, "unavailable");
            return None;
        }
        Some(own)
    });
    let champions = json!([{"category": "a", "entries": ["a2"]}, {"category": "b", "entries": ["b3"]}]);
    assert_eq!((&own.body["shortlist"], &own.body["shortlist_is_final"]), (&champions, &json!(true)));
    let panels = own.body["panels"].as_array().unwrap();
    assert_eq!(
        (panels.len(), panels[0]["jurors"].as_array().unwrap().len()),
        (1, 1),
        "the own panel: {own:?}"
    );
    assert_eq!(panels[0]["jurors"][0]["juror"], "Ama");
    for secret in ["Kofi", "Esi", "votes", "4321", "values"] {
        assert!(!own.text.contains(secret), "{secret}: {}", own.text);
    }
    // A juror reads no figures before they are public.
    get(site, "prize/tally", &ama).problem(403, "not-public");
    get(site, "prize/jury", &site.staff_key("gateway", "prize")).problem(403, "key-insufficient");
    get(site, "other/jury", &ama).problem(404, "contest-not-found");
    site.send("GET", "/v1/contests/prize/jury", &[], b"").problem(401, "key-missing");
}

#[test]
fn refuses_scores_of_unknown_juror() {
    let site = &Site::start();
    site.create_open("prize", OPENED, &points());
    juror(site, "prize", "experts", "Ama Mensah");
    let kofi = juror(site, "prize", "experts", "Kofi");
    let size = site.log("prize").len();
    let average =
        json!({"panel": "experts", "juror": "Ama Mensha", "category": "a", "values": [["a1", "7.5"]]});
    let refused = post(site, "prize/scores", &site.key, "average", &average);
    assert_eq!(refused.problem(422, "invalid-request")["field"], "juror");
    refused.names("did you mean \"Ama Mensah\"?");
    assert_eq!(site.log("prize").len(), size, "nothing was recorded");
    // A juror with scores stays a juror without a key, as do jurors of older contests. A juror
    // without scores is no juror after the key is revoked.
    let scores = json!({"category": "a", "values": [["a1", "7.5"]]});
    assert_eq!(post(site, "prize/scores", &kofi, "own", &scores).status, 200);
    for name in ["Kofi", "Ama Mensah"] {
        revoke(site, name);
    }
    let paper =
        |juror: &str| json!({"panel": "experts", "juror": juror, "category": "b", "values": [["b1", "1"]]});
    assert_eq!(post(site, "prize/scores", &site.key, "paper-kofi", &paper("KOFI")).status, 200);
    assert_eq!(jurors_in_log(site, "prize"), ["Kofi"]);
    let gone = post(site, "prize/scores", &site.key, "paper-ama", &paper("Ama Mensah"));
    assert_eq!(gone.problem(422, "invalid-request")["field"], "juror");
}

#[test]
fn a_panel_that_names_its_jurors_has_exactly_these() {
    let site = &Site::start();
    let mut rules = points();
    rules["panel"][0]["jurors"] = json!(["Ama Mensah", COMPOSED]);
    site.create_open("prize", OPENED, &rules);
    // A juror whom the definition names needs no key. A key does not make a juror whom the
    // definition does not name.
    let body =
        |juror: &str| json!({"panel": "experts", "juror": juror, "category": "a", "values": [["a1", "5"]]});
    assert_eq!(post(site, "prize/scores", &site.key, "paper", &body(DECOMPOSED)).status, 200);
    let key = |name: &str| json!({"role": "juror", "contests": ["prize"], "panel": "experts", "name": name});
    let refused = site.try_staff(&site.key, "POST", "/v1/keys", "mensha", &key("Ama Mensha"));
    refused.problem(422, "invalid-request");
    refused.names("did you mean \"Ama Mensah\"?");
    let ama = juror(site, "prize", "experts", "AMA  mensah");
    let keys = site.read("/v1/keys").body;
    let is_registered = |key: &Value| key["name"] == "Ama Mensah";
    assert!(
        keys["keys"].as_array().unwrap().iter().any(is_registered),
        "the key has the registered spelling: {keys}"
    );
    let own = json!({"category": "a", "values": [["a1", "5"]]});
    assert_eq!(post(site, "prize/scores", &ama, "own", &own).status, 200);
    let refused = post(site, "prize/scores", &site.key, "kofi", &body("Kofi"));
    assert_eq!(refused.problem(422, "invalid-request")["field"], "juror");
    assert_eq!(jurors_in_log(site, "prize"), ["Ama Mensah", COMPOSED]);
    let status = get(site, "prize/jury", &site.key).body;
    assert_eq!(status["panels"][0]["jurors_are_named"], true);
    let has_key: Vec<_> = [0, 1].map(|juror| status["panels"][0]["jurors"][juror]["has_key"] == true).into();
    assert_eq!(has_key, [true, false], "{status}");
}

#[test]
fn reports_progress_of_jury() {
    let site = &Site::start();
    site.create_open("prize", OPENED, &two_panels());
    let ama = juror(site, "prize", "experts", "Ama");
    let esi = juror(site, "prize", "students", "Esi");
    for (number, (category, criterion, entries)) in [
        ("a", "impact", &["a1", "a2", "a3"][..]),
        ("a", "reach", &["a1", "a3"]),
        ("b", "impact", &["b1", "b2", "b3"]),
        ("b", "reach", &["b1", "b2", "b3"]),
    ]
    .into_iter()
    .enumerate()
    {
        let values: Vec<_> = entries.iter().map(|entry| json!([entry, "7"])).collect();
        let body = json!({"category": category, "criterion": criterion, "values": values});
        assert_eq!(post(site, "prize/scores", &ama, &format!("ama-{number}"), &body).status, 200);
    }
    let status = get(site, "prize/jury", &site.key).body;
    let juror = |panel: usize| &status["panels"][panel]["jurors"][0];
    assert_eq!(
        juror(0),
        &json!({"juror": "Ama", "has_key": true, "complete": false, "recused": [],
            "missing": [{"category": "a", "criterion": "reach", "count": 1, "entries": ["a2"]}]})
    );
    let whole =
        |category: &str, entries: [&str; 3]| json!({"category": category, "count": 3, "entries": entries});
    let missing = json!([whole("a", ["a1", "a2", "a3"]), whole("b", ["b1", "b2", "b3"])]);
    assert_eq!((&juror(1)["juror"], &juror(1)["missing"]), (&json!("Esi"), &missing));
    // A withdrawn entry need not be scored. Points are complete with one list in a category.
    let why = json!({"entry": "a2", "reason": "asked for"});
    assert_eq!(post(site, "prize/withdrawals", &site.key, "a2", &why).status, 200);
    for category in ["a", "b"] {
        let body = json!({"category": category, "values": [[format!("{category}1"), "12"]]});
        assert_eq!(post(site, "prize/scores", &esi, category, &body).status, 200);
    }
    let auditor = site.staff_key("auditor", "prize");
    let status = get(site, "prize/jury", &auditor).body;
    for panel in 0..2 {
        let juror = &status["panels"][panel]["jurors"][0];
        assert_eq!((&juror["complete"], &juror["missing"]), (&json!(true), &json!([])), "{status}");
    }
    assert_eq!(status["shortlist"][0]["entries"], json!(["a1", "a3"]));
}
