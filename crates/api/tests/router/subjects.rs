//! Subjects in requests for passes: one person is one voter, in one request and in many.

use serde_json::{Value, json};

use crate::site::{Answer, Site, ballot};

const OPENED: &str = "2020-01-01T00:00:00Z";

fn mint(site: &Site, contest: &str, key: &str, body: &Value) -> Answer {
    let bearer = format!("Bearer {}", site.key);
    let headers =
        [("authorization", &*bearer), ("content-type", "application/json"), ("idempotency-key", key)];
    let path = format!("/v1/contests/{contest}/passes");
    site.send("POST", &path, &headers, body.to_string().as_bytes())
}

fn read_passes(site: &Site, contest: &str) -> Value {
    site.read(&format!("/v1/contests/{contest}/passes")).body
}

fn passes(answer: &Answer) -> Vec<String> {
    assert_eq!(answer.status, 200, "{answer:?}");
    let passes = answer.body["passes"].as_array().unwrap();
    passes.iter().map(|pass| pass["pass"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_person_of_many_spellings_has_one_counted_ballot() {
    let site = &Site::start();
    site.create("main", OPENED, &json!({}));
    let spellings = [
        "mailto:ama@example.org",
        "Ama@Example.org",
        "MAILTO:ama@example.org",
        "Ama <ama@example.org>",
        "ama+vote@example.org",
        "ama@example\u{3002}org",
        "\u{feff}ama@example.org",
    ];
    let mut cast = Vec::new();
    for (number, spelling) in spellings.iter().enumerate() {
        let minted = mint(site, "main", &format!("m{number}"), &json!({"subjects": [spelling]}));
        assert_eq!(minted.body["passes"][0]["subject"], *spelling, "the spelling of the list");
        assert_eq!(minted.body["passes"][0]["canonical"], "mailto:ama@example.org");
        let [pass] = <[String; 1]>::try_from(passes(&minted)).unwrap();
        let entry = ["a1", "a2", "a3"][number % 3];
        let status = site.poll("a ballot", || {
            let status = site.cast("main", &pass, &ballot(&[entry])).status;
            (status != 503).then_some(status)
        });
        cast.push(status);
    }
    assert_eq!(cast, [201, 409, 409, 200, 409, 409, 200], "the same ballot again is not a second ballot");
    let same = mint(site, "main", "all", &json!({"subjects": spellings}));
    assert_eq!(passes(&same).len(), 1);
    assert_eq!(same.body["minted"], 1);
    let expected = json!([{"canonical": "mailto:ama@example.org", "positions": [0, 1, 2, 3, 4, 5, 6]}]);
    assert_eq!(same.body["same_person"], expected);
}

#[test]
fn a_list_is_taken_whole_or_not_at_all() {
    let site = &Site::start();
    site.create("main", OPENED, &json!({}));
    let mut list = vec!["ama@example.org".to_owned(); 4];
    list[1] = "email".to_owned();
    list[3] = "xx @example.org".to_owned();
    let refused = mint(site, "main", "k", &json!({"subjects": list}));
    let problem = refused.problem(422, "invalid-request");
    assert_eq!((&problem["field"], &problem["refused_count"]), (&json!("subjects[1]"), &json!(2)));
    refused.names("`subjects[1]`: `email` is neither a mail address");
    let all = problem["refused"].as_array().unwrap();
    assert_eq!((&all[1]["position"], &all[1]["subject"]), (&json!(3), &json!("xx @example.org")));
    assert!(all[1]["reason"].as_str().unwrap().contains("white space"), "{problem}");
    assert_eq!(read_passes(site, "main")["kept"], false, "nothing was changed");
    let question = mint(site, "main", "k", &json!({"subjects": ["xx @example.org"]}));
    question.names("and nothing else? Nothing was minted.");

    let many = mint(site, "main", "k", &json!({"subjects": vec!["x"; 10_000]}));
    let problem = many.problem(422, "invalid-request");
    assert_eq!(problem["refused"].as_array().unwrap().len(), 100);
    assert_eq!(problem["refused_count"], 10_000);

    // A refused request does not use the idempotency key. A used one returns the same bytes.
    list.retain(|subject| subject == "ama@example.org");
    let body = json!({"subjects": list, "expires": "2100-01-01T00:00:00Z"});
    let first = mint(site, "main", "k", &body);
    assert_eq!(passes(&first).len(), 1);
    let again = mint(site, "main", "k", &body);
    assert_eq!((again.status, &again.text), (200, &first.text));
    let other = mint(site, "main", "k", &json!({"subjects": ["li@example.org"]}));
    other.problem(409, "idempotency-key-used");
    site.staff("POST", "/v1/contests/main/close", "close", &json!({}));
    let issued = site.log("main").into_iter().rfind(|line| line.contains(r#""type":"issued""#)).unwrap();
    let issued: Value = serde_json::from_str(&issued).unwrap();
    assert_eq!(issued["passes"], 1, "one person is counted once, and a repeated request not again: {issued}");
}

#[test]
fn keeps_subject_rules_of_first_list() {
    let site = &Site::start();
    for contest in ["main", "members"] {
        // A request without a key is answered 401 only if the contest is not a draft.
        site.create_open(contest, OPENED, &json!({}));
    }
    let rules = read_passes(site, "main");
    assert_eq!(rules["kept"], false);
    assert_eq!(
        (&rules["subjects"]["form"], &rules["subjects"]["subjects_are"]),
        (&json!("canonical-1"), &json!("addresses"))
    );
    // Voters without names do not fix the kind of subjects. Their passes can be minted again by
    // their subjects.
    let unnamed = mint(site, "main", "count", &json!({"count": 2}));
    assert_eq!((unnamed.body["minted"].as_u64(), &unnamed.body["same_person"]), (Some(2), &json!([])));
    assert_eq!(read_passes(site, "main")["kept"], false);
    let name = &unnamed.body["passes"][1]["subject"];
    let expires = json!({"subjects": [name]});
    assert_eq!(passes(&mint(site, "main", "again", &expires))[0], passes(&unnamed)[1]);
    assert_eq!(read_passes(site, "main")["kept"], true);
    let refused = mint(site, "main", "ids", &json!({"subjects": ["17"], "subjects_are": "ids"}));
    assert_eq!(refused.problem(409, "refused")["code"], "other-subjects");

    let ids = json!({"subjects": ["17", " 17", "mailto:Ama@example.org"], "subjects_are": "ids"});
    let minted = mint(site, "members", "first", &ids);
    assert_eq!(passes(&minted).len(), 2);
    assert_eq!(minted.body["passes"][0]["canonical"], "id:17");
    assert_eq!(minted.body["passes"][1]["canonical"], "mailto:ama@example.org");
    let later = mint(site, "members", "later", &json!({"subjects": ["18"]}));
    assert_eq!(later.body["passes"][0]["canonical"], "id:18", "the kind of the first list");
    let refused =
        mint(site, "members", "mail", &json!({"subjects": ["a@b.org"], "subjects_are": "addresses"}));
    assert_eq!(refused.problem(409, "refused")["code"], "other-subjects");

    for (body, field) in [
        (json!({"count": 1, "subjects_are": "ids"}), "subjects_are"),
        (json!({"subjects": []}), "subjects"),
        (json!({"subjects": ["a@example.org"], "count": 1}), "subjects"),
    ] {
        assert_eq!(mint(site, "main", "x", &body).problem(422, "invalid-request")["field"], field);
    }
    let wrong = mint(site, "main", "x", &json!({"subjects": ["a@example.org"], "subjects_are": "names"}));
    assert_eq!(wrong.problem(400, "malformed")["field"], "subjects_are");
    // Only a key that may mint passes may read how subjects are compared.
    let path = "/v1/contests/main/passes";
    site.send("GET", path, &[], b"").problem(401, "key-missing");
    let auditor = format!("Bearer {}", site.staff_key("auditor", "main"));
    site.send("GET", path, &[("authorization", &auditor)], b"").problem(403, "key-insufficient");
}
