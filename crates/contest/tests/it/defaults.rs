//! Tests of the defaults of a definition.

use acclaim_contest::rules::WinnersFrom;

use crate::support::{PLAIN, from_json, from_toml};

/// The plainest definition as JSON: all defaults are visible, in the canonical order of keys.
#[test]
fn defaults_are_filled_in() {
    let text =
        PLAIN.replace("[ballot]\nvotes_per_category = [1, 1]\n", "").replace("[winners]\ncount = 1\n", "");
    let expected = concat!(
        r#"{"contest":{"id":"plain","title":"Plain","test":false,"time_zone":"Europe/Zurich","#,
        r#""opens":"2021-02-28T23:00:00Z","closes":"2021-03-31T21:59:00Z"},"#,
        r#""ballot":{"votes_per_category":[1,1],"completion":"any","revision":"final","period":"once","cast_time":"minute"},"#,
        r#""winners":{"count":1,"from":"all","by":"votes","ties":"report"},"#,
        r#""publication":{"standings":"organisers","entries":"certified","result":"certified"},"#,
        r#""admission":{"methods":["pass"]},"#,
        r#""category":[{"id":"c1","title":"One"}],"#,
        r#""entry":[{"id":"e1","category":"c1","title":"First"},{"id":"e2","category":"c1","title":"Second"}]}"#,
    );
    let definition = from_toml(&text).unwrap();
    assert_eq!(definition.to_json(), expected);
    assert_eq!(from_json(expected).unwrap(), definition);
}

#[test]
fn some_defaults_follow_from_other_keys() {
    let definition = from_toml(
        &PLAIN
            .replace("[winners]\ncount = 1\n", "[champions]\ncount = 2\n")
            .replace("[1, 1]", "[1, 1]\nrevision = \"replace\""),
    )
    .unwrap();
    let champions = definition.rules.champions.as_ref().unwrap();
    assert_eq!((champions.count, champions.minimum_votes), (2, 0));
    assert_eq!(definition.rules.winners.from, WinnersFrom::Champions);
    assert_eq!(definition.rules.ballot.revisions, Some(20));
}
