//! Tests of each mistake in a definition, one at a time: its message and its place.

use crate::support::{PLAIN, assert_mistake, from_json, from_toml, mistakes, plain_with};

#[track_caller]
fn assert_replaced(old: &str, new: &str, begins: &str, mentions: &str) {
    assert_mistake(from_toml(&plain_with(old, new)), begins, mentions);
}

#[track_caller]
fn with_ballot(keys: &str, begins: &str, mentions: &str) {
    assert_replaced("votes_per_category = [1, 1]", keys, begins, mentions);
}

/// Replaces the winners with these tables. Their first line is line 11.
#[track_caller]
fn with_rules(tables: &str, begins: &str, mentions: &str) {
    assert_replaced("[winners]\ncount = 1\n", tables, begins, mentions);
}

#[test]
fn accepts_plain_definition() {
    from_toml(PLAIN).unwrap();
}

#[test]
fn reports_missing_keys() {
    assert_replaced("id = \"plain\"\n", "", "line 1: contest.id: is missing", "");
    assert_replaced("title = \"Plain\"\n", "", "line 1: contest.title: is missing", "");
    assert_replaced("time_zone = \"Europe/Zurich\"\n", "", "line 1: contest.time_zone: is missing", "");
    assert_replaced("opens = \"2021-03-01T00:00:00\"\n", "", "line 1: contest.opens: is missing", "");
    assert_replaced("closes = \"2021-03-31T23:59:00\"\n", "", "line 1: contest.closes: is missing", "");
    assert_replaced("id = \"c1\"\n", "", "line 14: category[0].id: is missing", "");
    assert_replaced("title = \"Second\"\n", "", "line 23: entry[1].title: is missing", "");
    assert_eq!(mistakes(from_toml("")).len(), 3);
    assert_eq!(mistakes(from_json("{}"))[0], "contest: is missing");
}

#[test]
fn identifiers_are_checked() {
    assert_replaced("\"plain\"", "\"Plain!\"", "line 2: contest.id: `Plain!` is not an identifier", "");
    assert_replaced("id = \"e1\"", "id = \"é\"", "line 19: entry[0].id: ", "not an identifier");
    // The entries of a category with a wrong id are not reported as well.
    assert_mistake(
        from_toml(&PLAIN.replace("\"c1\"", "\"C 1\"")),
        "line 15: category[0].id: ",
        "not an identifier",
    );
}

#[test]
fn ids_are_unique() {
    assert_replaced(
        "id = \"e2\"",
        "id = \"e1\"",
        "line 24: entry[1].id: \"e1\" is the id of an earlier entry",
        "",
    );
    let twice = plain_with("[[entry]]", "[[category]]\nid = \"c1\"\ntitle = \"Again\"\n[[entry]]");
    assert_mistake(from_toml(&twice), "line 19: category[1].id: \"c1\" is the id of an earlier category", "");
}

#[test]
fn categories_and_entries_fit_together() {
    let (head, entries) = PLAIN.split_once("[[category]]").unwrap();
    assert_mistake(
        from_toml(&format!("{head}[[entry]]{}", entries.split_once("[[entry]]").unwrap().1)),
        "category: ",
        "no category",
    );
    let found = mistakes(from_toml(PLAIN.split_once("[[entry]]").unwrap().0));
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].starts_with("entry: there is no entry"), "{found:?}");
    assert!(found[1].starts_with("line 14: category[0]: the category \"c1\" has no entry"), "{found:?}");
    assert_replaced(
        "category = \"c1\"",
        "category = \"c2\"",
        "line 20: entry[0].category: there is no category \"c2\"",
        "",
    );
    with_ballot(
        "votes_per_category = [3, 4]",
        "line 14: category[0]: ",
        "fewer entries (2) than a ballot must vote for (3)",
    );
    from_toml(&plain_with("[1, 1]", "[2, 9]")).unwrap();
}

#[test]
fn a_contest_has_at_most_100_000_entries() {
    let entries: String =
        (0..100_001).map(|i| format!(r#",{{"id":"e{i}","category":"c","title":"T"}}"#)).collect();
    let json = |entries: &str| {
        format!(
            r#"{{"contest":{{"id":"a","title":"A","time_zone":"UTC","opens":"2021-01-01T00:00","closes":"2021-01-02T00:00"}},
            "category":[{{"id":"c","title":"C"}}],
            "entry":[{}]}}"#,
            &entries[1..]
        )
    };
    assert_mistake(from_json(&json(&entries)), "line 3: entry: has 100001 elements; at most 100000", "");
    let fewer = &entries[..entries.rfind(",{").unwrap()];
    assert_eq!(from_json(&json(fewer)).unwrap().entries.len(), 100_000);
}

#[test]
fn texts_are_checked() {
    assert_replaced("\"Plain\"", "\" \"", "line 3: contest.title: must not be empty", "");
    assert_replaced("\"Second\"", "\"\\u0000\"", "line 26: entry[1].title: ", "U+0000");
    assert_replaced(
        "\"One\"",
        "\"One\"\ntitles = { fr_CH = \"Un\" }",
        "line 17: category[0].titles.fr_CH: ",
        "language tag",
    );
    assert_replaced(
        "\"One\"",
        "\"One\"\ntitles = { fr = \"\" }",
        "line 17: category[0].titles.fr: must not be empty",
        "",
    );
    assert_replaced(
        "\"Second\"",
        "\"Second\"\nurl = \"javascript:alert(1)\"",
        "line 27: entry[1].url: must begin with https://",
        "",
    );
    assert_replaced(
        "\"Second\"",
        "\"Second\"\nimage = \"a.png\"",
        "line 27: entry[1].image: must begin with https://",
        "",
    );
    assert_replaced(
        "\"Second\"",
        "\"Second\"\ndetails = [[\"a\", \"b\"], [\"c\"]]",
        "line 27: entry[1].details[1]: must be [label, value]",
        "",
    );
    let long = format!("\"Second\"\nsummary = \"{}\"", "x".repeat(5001));
    assert_replaced("\"Second\"", &long, "line 27: entry[1].summary: has 5001 characters", "");
}

#[test]
fn rejects_texts_too_long_for_a_log_entry() {
    let titles: Vec<_> = (10..60).map(|i| format!("x-{i} = \"{}\"", "語".repeat(500))).collect();
    let titles = format!("titles = {{ {} }}", titles.join(", "));
    assert_replaced(
        "\"Second\"",
        &format!("\"Second\"\n{titles}"),
        "line 23: entry[1]: takes ",
        "bytes in the log",
    );
    assert_replaced(
        "\"One\"",
        &format!("\"One\"\n{titles}"),
        "line 14: category[0]: takes ",
        "bytes in the log",
    );
    assert_replaced(
        "\"Plain\"",
        &format!("\"Plain\"\n{titles}"),
        "line 1: contest: takes ",
        "bytes in the log",
    );
}

#[test]
fn the_window_is_checked() {
    assert_replaced(
        "\"Europe/Zurich\"",
        "\"Europe/Zürich\"",
        "line 4: contest.time_zone: ",
        "not a time zone",
    );
    assert_replaced(
        "2021-03-01T00:00:00",
        "2021-03-28T02:30",
        "line 5: contest.opens: ",
        "does not exist in Europe/Zurich",
    );
    let autumn = PLAIN.replace("2021-03-31T23:59:00", "2021-10-31T02:30");
    assert_mistake(from_toml(&autumn), "line 6: contest.closes: ", "exists twice in Europe/Zurich");
    assert_mistake(from_toml(&autumn), "line 6: contest.closes: ", "give it with an offset");
    assert_replaced(
        "2021-03-31T23:59:00",
        "2021-02-28T00:00:00",
        "line 6: contest.closes: the window ends before it starts",
        "",
    );
    assert_replaced(
        "2021-03-31T23:59:00",
        "2021-03-01T00:00:00",
        "line 6: contest.closes: the window ends when it starts",
        "",
    );
    assert_replaced(
        "\"2021-03-01T00:00:00\"",
        "\"now\"",
        "line 5: contest.opens: \"now\" is possible for the opening on the command line only",
        "",
    );
    assert_replaced(
        "\"2021-03-01T00:00:00\"",
        "2021-03-01",
        "line 5: contest.opens: must be a date and time",
        "",
    );
    assert_replaced(
        "\"2021-03-01T00:00:00\"",
        "20210301",
        "line 5: contest.opens: must be a date and time",
        "",
    );
    // TOML's own notation is accepted like text.
    assert_eq!(
        from_toml(&plain_with("\"2021-03-01T00:00:00\"", "2021-03-01T00:00:00")).unwrap().opens.to_string(),
        "2021-02-28T23:00:00Z"
    );
}

#[test]
fn words_and_types_are_checked() {
    with_ballot(
        "revision = \"maybe\"",
        "line 9: ballot.revision: must be \"final\" or \"replace\", not \"maybe\"",
        "",
    );
    with_ballot(
        "period = \"Once\"",
        "line 9: ballot.period: must be \"once\", \"day\" or \"counted\", not \"Once\"",
        "",
    );
    with_ballot(
        "completion = true",
        "line 9: ballot.completion: must be text in quotes, not true or false",
        "",
    );
    with_ballot(
        "cast_time = [\"minute\"]",
        "line 9: ballot.cast_time: must be text in quotes, not a list",
        "",
    );
    with_rules(
        "[publication]\nstandings = \"all\"",
        "line 12: publication.standings: must be \"organisers\"",
        "",
    );
    with_rules("[winners]\nties = \"coin\"", "line 12: winners.ties: `coin` is not one of", "");
}
