//! What a juror is told of the jury.

use serde_json::{Value, json};

use crate::site::{Answer, Site, ballot};

const OPENED: &str = "2021-01-01T00:00:00Z";

fn juror(site: &Site, contest: &str, panel: &str, name: &str) -> String {
    site.make_key(&json!({"role": "juror", "contests": [contest], "panel": panel, "name": name}))
}

fn post(site: &Site, path: &str, token: &str, key: &str, body: &Value) -> Answer {
    let bearer = format!("Bearer {token}");
    let headers =
        [("authorization", &*bearer), ("idempotency-key", key), ("content-type", "application/json")];
    site.send("POST", &format!("/v1/contests/{path}"), &headers, body.to_string().as_bytes())
}

fn get(site: &Site, path: &str, token: &str) -> Answer {
    site.send("GET", &format!("/v1/contests/{path}"), &[("authorization", &format!("Bearer {token}"))], b"")
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
    assert_eq!(own.body["shortlist_is_final"], false, "who is a champion is not known while voting is open");
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
    // As before: the figures themselves are not a juror's before they are public.
    get(site, "prize/tally", &ama).problem(403, "not-public");
    get(site, "prize/jury", &site.staff_key("gateway", "prize")).problem(403, "key-insufficient");
    get(site, "other/jury", &ama).problem(404, "contest-not-found");
    site.send("GET", "/v1/contests/prize/jury", &[], b"").problem(401, "key-missing");
}
