//! Staff keys: they are made, listed and revoked. Each key has its own idempotency keys.

use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::{
    booth::OPENED,
    site::{Answer, Site},
};

fn post(site: &Site, path: &str, token: &str, key: &str, body: &Value) -> Answer {
    site.try_staff(token, "POST", path, key, body)
}

#[test]
fn an_idempotency_key_belongs_to_its_staff_key() {
    let site = &Site::start();
    let panel = json!({
        "winners": {"count": 1, "from": "all", "by": "scores"},
        "panel": [{"id": "experts", "kind": "score", "scale": [0, 10]}],
    });
    site.create_open("prize", OPENED, &panel);
    let ama =
        site.make_key(&json!({"role": "juror", "contests": ["prize"], "panel": "experts", "name": "Ama"}));
    let deputy = site.staff_key("organiser", "prize");
    let scores = json!({"category": "a", "values": [["a1", "7"]]});
    let statement = |text: &str| json!({"kind": "note", "text": text});
    let by_chair = || post(site, "/v1/contests/prize/statements", &site.key, "k", &statement("chair"));
    let by_ama = post(site, "/v1/contests/prize/scores", &ama, "k", &scores);
    assert_eq!(by_ama.status, 200, "{by_ama:?}");
    let first = by_chair();
    assert_eq!(
        first.status, 200,
        "a juror's request does not use the organiser's idempotency key: {first:?}"
    );
    let by_deputy = post(site, "/v1/contests/prize/statements", &deputy, "k", &statement("deputy"));
    assert_eq!(by_deputy.status, 200, "{by_deputy:?}");
    assert_ne!(
        (&by_ama.body["index"], &by_deputy.body["index"]),
        (&first.body["index"], &first.body["index"])
    );
    assert_eq!(by_chair().text, first.text, "a repeated request gets the same answer");
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
    assert!(ours.iter().all(|subject| !theirs.contains(subject)), "no voter is in both answers");
}

fn create(site: &Site, token: &str, key: &str, body: &Value) -> Answer {
    let bearer = format!("Bearer {token}");
    let headers =
        [("authorization", &*bearer), ("idempotency-key", key), ("content-type", "application/json")];
    site.send("POST", "/v1/keys", &headers, body.to_string().as_bytes())
}

fn revoke(site: &Site, token: &str, name: &str) -> Answer {
    revoke_by(site, token, &format!("revoke-{name}"), name)
}

fn revoke_by(site: &Site, token: &str, key: &str, name: &str) -> Answer {
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", &*bearer), ("idempotency-key", key)];
    site.send("DELETE", &format!("/v1/keys/{name}"), &headers, b"")
}

/// Reads data that only staff may read, with this key.
fn read(site: &Site, token: &str) -> Answer {
    let bearer = format!("Bearer {token}");
    site.send("GET", "/v1/contests/prize/turnout", &[("authorization", &bearer)], b"")
}

/// Returns the listed key of this name.
fn listed(site: &Site, token: &str, name: &str) -> Option<Value> {
    let answer = site.send("GET", "/v1/keys", &[("authorization", &format!("Bearer {token}"))], b"");
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body["keys"].as_array().unwrap().iter().find(|key| key["name"] == name).cloned()
}

#[test]
fn operators_make_and_revoke_keys_over_http() {
    let site = &Site::start();
    site.create_open("prize", OPENED, &json!({}));
    let body = json!({"role": "organiser", "contests": ["prize"], "name": "deputy"});
    let made = create(site, &site.key, "deputy", &body);
    assert_eq!((made.status, made.header("cache-control")), (201, "private, no-store"), "{made:?}");
    let deputy = made.body["key"].as_str().unwrap().to_owned();
    assert_eq!(read(site, &deputy).status, 200);
    assert_eq!(create(site, &site.key, "deputy", &body).text, made.text, "sent again, it is the same key");
    for (key, name, code) in [("deputy", "other", "idempotency-key-used"), ("again", "deputy", "refused")] {
        let body = json!({"role": "organiser", "contests": ["prize"], "name": name});
        create(site, &site.key, key, &body).problem(409, code);
    }
    let description = listed(site, &site.key, "deputy").unwrap();
    assert!(description["revoked"].is_null() && description.get("key").is_none(), "{description}");
    let refused = [
        (json!({"role": "organiser", "name": " x"}), "name"),
        (json!({"role": "organiser", "name": "operator"}), "name"),
        (json!({"role": "organiser", "contests": []}), "contests"),
        (json!({"role": "organiser", "contests": ["P"]}), "contests[0]"),
        (json!({"role": "organiser", "panel": "experts"}), "panel"),
        (json!({"role": "organiser", "expires": "2021-01-01T00:00:00Z"}), "expires"),
        (json!({"role": "organiser", "expires": "soon"}), "expires"),
        (json!({"role": "juror", "contests": ["prize"]}), "role"),
        (json!({"role": "juror", "contests": ["prize"], "panel": "p", "name": "Ama"}), "panel"),
    ];
    for (number, (body, field)) in refused.into_iter().enumerate() {
        let refused = create(site, &site.key, &format!("refused-{number}"), &body);
        assert_eq!(refused.problem(422, "invalid-request")["field"], field, "{body}");
    }
    create(site, &deputy, "k", &json!({"role": "auditor"})).problem(403, "key-insufficient");
    revoke(site, &deputy, "deputy").problem(403, "key-insufficient");

    let revoked = revoke(site, &site.key, "deputy");
    assert!(revoked.status == 200 && revoked.body["revoked"].is_string(), "{revoked:?}");
    read(site, &deputy).problem(401, "key-invalid");
    assert_eq!(revoke(site, &site.key, "deputy").text, revoked.text);
    revoke_by(site, &site.key, "revoke-deputy", "other").problem(409, "idempotency-key-used");
    let nameless = json!({"role": "organiser", "contests": ["prize"]});
    create(site, &site.key, "deputy", &nameless).problem(409, "idempotency-key-used");
    let again = create(site, &site.key, "deputy", &body);
    assert_eq!(again.problem(409, "refused")["code"], "revoked-since");
    revoke(site, &site.key, "nobody").problem(404, "key-not-found");

    let soon = site.instant_in(3_600);
    let guest =
        site.make_key(&json!({"role": "auditor", "contests": ["prize"], "name": "guest", "expires": soon}));
    assert_eq!(read(site, &guest).status, 200);
    site.clock.advance(SignedDuration::from_hours(1));
    let expired = read(site, &guest);
    assert_eq!(expired.problem(401, "key-expired")["expired"], soon);
    assert_eq!(listed(site, &site.key, "guest").unwrap()["expires"], soon);

    let keys = site.send("GET", "/v1/keys", &[("authorization", &format!("Bearer {}", site.key))], b"");
    let operators = keys.body["keys"].as_array().unwrap().iter().filter(|key| key["role"] == "operator");
    let names: Vec<&str> = operators.map(|key| key["name"].as_str().unwrap()).collect();
    let [own] = names[..] else { panic!("{names:?}") };
    assert_eq!(revoke(site, &site.key, own).problem(409, "refused")["code"], "last-operator");
    create(site, &site.key, "second", &json!({"role": "operator", "name": "second"}));
    assert_eq!(revoke(site, &site.key, own).status, 200);
    check_operator_key_is_revoked(site);
}

/// Checks that the site's operator key is revoked.
fn check_operator_key_is_revoked(site: &Site) {
    let bearer = format!("Bearer {}", site.key);
    site.send("GET", "/v1/keys", &[("authorization", &bearer)], b"").problem(401, "key-invalid");
}

#[test]
fn a_key_for_one_contest_makes_none_for_others() {
    let site = &Site::start();
    site.create_open("prize", OPENED, &json!({}));
    let local = site.make_key(&json!({"role": "operator", "contests": ["prize"], "name": "local"}));
    for (number, body) in [
        json!({"role": "auditor"}),
        json!({"role": "operator", "name": "wide"}),
        json!({"role": "auditor", "contests": ["other"]}),
        json!({"role": "auditor", "contests": ["prize", "other"]}),
    ]
    .iter()
    .enumerate()
    {
        let refused = create(site, &local, &number.to_string(), body);
        assert_eq!(refused.problem(403, "key-insufficient")["field"], "contests", "{body}");
    }
    let body = json!({"role": "operator", "contests": ["prize"], "name": "next"});
    assert_eq!(create(site, &local, "next", &body).status, 201);
    create(site, &site.key, "far", &json!({"role": "auditor", "name": "far"}));
    assert!(listed(site, &local, "next").is_some() && listed(site, &local, "far").is_none());
    revoke(site, &local, "far").problem(404, "key-not-found");
    assert_eq!(revoke(site, &local, "next").status, 200);
    assert_eq!(revoke(site, &local, "local").status, 200, "the key is not for all contests");
    create(site, &local, "late", &body).problem(401, "key-invalid");
}
