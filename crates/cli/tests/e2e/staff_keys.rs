//! Staff keys: what one asks is apart from what another asks.

use serde_json::{Value, json};

use crate::{
    ground::on_both_grounds,
    site::{Answer, Site},
};

const OPENED: &str = "2021-01-01T00:00:00Z";

on_both_grounds!(an_idempotency_key_belongs_to_its_staff_key);

fn post(site: &Site, path: &str, token: &str, key: &str, body: &Value) -> Answer {
    let bearer = format!("Bearer {token}");
    let headers =
        [("authorization", &*bearer), ("idempotency-key", key), ("content-type", "application/json")];
    site.send("POST", path, &headers, body.to_string().as_bytes())
}

fn an_idempotency_key_belongs_to_its_staff_key(site: &Site) {
    let panel = json!({
        "winners": {"count": 1, "from": "all", "by": "scores"},
        "panel": [{"id": "experts", "kind": "score", "scale": [0, 10]}],
    });
    site.create_open("prize", OPENED, &panel);
    let juror = ["create", "--role", "juror", "--contest", "prize", "--panel", "experts", "--name", "Ama"];
    let ama = site.run_key(&juror);
    let deputy = site.staff_key("organiser", "prize");
    let scores = json!({"category": "a", "values": [["a1", "7"]]});
    let statement = |text: &str| json!({"kind": "note", "text": text});
    let by_chair = || post(site, "/v1/contests/prize/statements", &site.key, "k", &statement("chair"));
    let by_ama = post(site, "/v1/contests/prize/scores", &ama, "k", &scores);
    assert_eq!(by_ama.status, 200, "{by_ama:?}");
    let first = by_chair();
    assert_eq!(first.status, 200, "a juror has not used up the organiser's: {first:?}");
    let by_deputy = post(site, "/v1/contests/prize/statements", &deputy, "k", &statement("deputy"));
    assert_eq!(by_deputy.status, 200, "{by_deputy:?}");
    assert_ne!(
        (&by_ama.body["index"], &by_deputy.body["index"]),
        (&first.body["index"], &first.body["index"])
    );
    assert_eq!(by_chair().text, first.text, "each is answered again as before");
    assert_eq!(post(site, "/v1/contests/prize/scores", &ama, "k", &scores).text, by_ama.text);
    post(site, "/v1/contests/prize/statements", &site.key, "k", &statement("other"))
        .problem(409, "idempotency-key-used");

    let mint = |token: &str| post(site, "/v1/contests/prize/passes", token, "k", &json!({"count": 2}));
    let (by_chair, by_deputy) = (mint(&site.key), mint(&deputy));
    assert_eq!((by_chair.status, &mint(&site.key).text), (200, &by_chair.text));
    let subjects = |answer: &Answer| -> Vec<String> {
        let passes = answer.body["passes"].as_array().unwrap().iter();
        passes.map(|minted| minted["subject"].as_str().unwrap().to_owned()).collect()
    };
    let (ours, theirs) = (subjects(&by_chair), subjects(&by_deputy));
    assert!(ours.iter().all(|subject| !theirs.contains(subject)), "no voter is handed out twice");
}
