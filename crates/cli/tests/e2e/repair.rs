//! Rows in a cluster's database that were changed by hand. The next sequencer repairs them from the
//! log, and counts the repairs.

use serde_json::{Value, json};

use crate::site::{Site, ballot, poll};

fn staff(site: &Site, path: &str, body: &Value) -> Value {
    site.staff.post(&format!("/v1/contests/main/{path}"), path, body).unwrap()
}

fn repairs(site: &Site, address: std::net::SocketAddr) -> String {
    let bearer = format!("Bearer {}", site.key);
    let metrics = site.send_to(address, "GET", "/metrics", &[("authorization", &bearer)], b"").text;
    let line = metrics.lines().find(|line| line.starts_with("acclaim_repairs_total ")).unwrap().to_owned();
    line.rsplit(' ').next().unwrap().to_owned()
}

#[test]
fn rows_that_were_changed_by_hand_are_repaired() {
    let mut site = Site::start_clustered();
    site.create_open("main", "2021-01-01T00:00:00Z", &json!({"publication": {"standings": "public"}}));
    let cast = |subject: &str| {
        let answer = site.cast("main", &site.pass("main", subject), &ballot(&["a1"]));
        assert_eq!(answer.status, 201, "{answer:?}");
        answer.body["ballot"].as_str().unwrap().to_owned()
    };
    let (standing, voided) = (cast("ama"), cast("kofi"));
    staff(&site, "voids", &json!({"ballots": [voided], "reason": "one household"}));
    staff(&site, "withdrawals", &json!({"entry": "a2", "reason": "not eligible"}));
    let read = |site: &Site| {
        let get = |path: &str| {
            let mut body = site.send("GET", &format!("/v1/contests/main{path}"), &[], b"").body;
            // Every repair is a new revision.
            body.as_object_mut().unwrap().remove("revision");
            body
        };
        json!([get(""), get(&format!("/ballots/{standing}")), get(&format!("/ballots/{voided}"))])
    };
    let before = read(&site);
    assert_eq!(before[2]["status"], "voided");
    for spoilt in [
        "UPDATE contests SET withdrawn = '[]'",
        "UPDATE contests SET phase = 'certified'",
        "UPDATE contests SET closes = closes + 86400",
        r#"UPDATE contests SET definition = replace(definition, '"title":"A1"', '"title":"Mine"')"#,
        "UPDATE ballots SET state = 0, reason = NULL",
        r#"UPDATE ballots SET state = 2, reason = '"mine"'"#,
        "UPDATE ballots SET state = 9",
        "DELETE FROM ballots",
    ] {
        let rows = site.number(&format!("WITH spoilt AS ({spoilt} RETURNING 1) SELECT count(*) FROM spoilt"));
        assert!(rows.unwrap() > 0, "{spoilt}");
        site.stop_sequencing();
        let (address, sequencer) = site.another_sequencer_at();
        poll(spoilt, || (repairs(&site, address) == "1").then_some(()));
        poll(spoilt, || (read(&site) == before).then_some(()));
        site.sequence_by(sequencer);
    }
    site.stop_sequencing();
    let (address, sequencer) = site.another_sequencer_at();
    let cast = |subject: &str| {
        let answer = site.cast("main", &site.pass("main", subject), &ballot(&["a1"]));
        assert_eq!(answer.status, 201, "{answer:?}");
    };
    cast("esi");
    assert_eq!(repairs(&site, address), "0", "an intact database needs no repair");
    drop(sequencer);
}
