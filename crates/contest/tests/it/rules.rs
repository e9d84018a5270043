//! Tests of rules, one mistake at a time: tables, ranges, contradictions, and unsupported values.

use acclaim_contest::{Definition, Overrides};

use crate::support::{PLAIN, assert_mistake, from_json, from_toml, mistakes, plain_with};

#[track_caller]
fn assert_replaced(old: &str, new: &str, begins: &str, mentions: &str) {
    assert_mistake(from_toml(&plain_with(old, new)), begins, mentions);
}

/// Replaces the key of the ballot table with these keys. Their first line is line 9.
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
fn tables_and_lists_are_what_they_must_be() {
    with_rules(
        "[publication]\nstandings.public = true",
        "line 12: publication.standings: must be text in quotes, not a table",
        "",
    );
    assert_mistake(from_json("[]"), "line 1: must be a table, not a list", "");
    let found = mistakes(from_json(r#"{"contest": [], "category": {}, "entry": [1]}"#));
    assert!(found.contains(&"line 1: contest: must be a table, not a list".to_owned()), "{found:?}");
    assert!(found.contains(&"line 1: category: must be a list, not a table".to_owned()), "{found:?}");
    assert!(found.contains(&"line 1: entry[0]: must be a table, not a number".to_owned()), "{found:?}");
}

#[test]
fn numbers_have_ranges() {
    with_ballot(
        "votes_per_category = [0, 1]",
        "line 9: ballot.votes_per_category[0]: must be a whole number from 1 to 1000, not 0",
        "",
    );
    with_ballot("votes_per_category = [1, 1001]", "line 9: ballot.votes_per_category[1]: ", "not 1001");
    with_ballot(
        "votes_per_category = [1, -1]",
        "line 9: ballot.votes_per_category[1]: must be a whole number from 1 to 1000",
        "",
    );
    with_ballot(
        "votes_per_category = [2, 1]",
        "line 9: ballot.votes_per_category: the least (2) must not be more than the most (1)",
        "",
    );
    with_ballot("votes_per_category = [1]", "line 9: ballot.votes_per_category: must be [least, most]", "");
    with_ballot("votes_in_all = 1.0", "line 9: ballot.votes_in_all: ", "not a number with a fraction");
    with_ballot("votes_in_all = 0", "line 9: ballot.votes_in_all: ", "not 0");
    with_ballot(
        "votes_per_category = [2, 2]\nvotes_in_all = 1",
        "line 10: ballot.votes_in_all: does not go with ballot.votes_per_category: ",
        "",
    );
    with_rules("[champions]\ncount = 0", "line 12: champions.count: ", "not 0");
    with_rules("[champions]\nties = \"include\"", "line 11: champions.count: is missing", "");
    with_rules(
        "[champions]\ncount = 1\nminimum_votes = 9007199254740992",
        "line 13: champions.minimum_votes: ",
        "from 0 to",
    );
    with_rules("[winners]\ncount = 0", "line 12: winners.count: ", "not 0");
}

#[test]
fn rejects_contradictory_rules() {
    let second = "line 12: winners.";
    for (tables, mistake) in [
        (
            "[winners]\nby = \"scores\"",
            "by: does not go with panel: it needs at least one [[panel]] whose scores count",
        ),
        ("[winners]\nties = \"panel:x\"", "ties: does not go with panel: there is no panel of this id"),
        (
            "[winners]\nties = \"votes\"",
            "ties: does not go with winners.by: votes cannot break a tie of votes",
        ),
        (
            "[winners]\nties = \"draw\"",
            "ties: does not go with draw: the source of the draw's seed is not named",
        ),
        ("[winners]\nfrom = \"champions\"", "from: does not go with champions: there are no champions"),
        (
            "[winners]\ncount = 3\n[champions]\ncount = 2",
            "count: does not go with champions.count: there are fewer champions than winners",
        ),
        (
            "[winners]\nvotes_weight = 3",
            "votes_weight: does not go with winners.by: it is only allowed with by = \"weighted\"",
        ),
    ] {
        with_rules(tables, &format!("{second}{mistake}"), "");
    }
    with_ballot(
        "revisions = 3",
        "line 9: ballot.revisions: does not go with ballot.revision: it is only allowed with revision = \"replace\"",
        "",
    );
    with_ballot(
        "ballots_per_voter = 3",
        "line 9: ballot.ballots_per_voter: does not go with ballot.period: it is only allowed with period = \"counted\"",
        "",
    );
    let completion = PLAIN
        .replace("[1, 1]", "[1, 1]\ncompletion = \"all\"\nvotes_in_all = 1")
        .replace("[winners]", "[[category]]\nid = \"c0\"\ntitle = \"Zero\"\n[[entry]]\nid = \"e0\"\ncategory = \"c0\"\ntitle = \"Z\"\n[winners]");
    assert_mistake(
        from_toml(&completion),
        "line 11: ballot.votes_in_all: is 1, but completion = \"all\" takes at least 2",
        "",
    );
}

#[test]
fn unknown_and_repeated_keys_are_reported_in_every_table() {
    for (table, line) in
        [("[contest]", 2), ("[ballot]", 9), ("[winners]", 12), ("[[category]]", 15), ("[[entry]]", 19)]
    {
        let begins = format!("line {line}: {}", table.trim_matches(['[', ']']));
        assert_replaced(
            table,
            &format!("{table}\ncolour = 1"),
            &begins,
            ".colour: unknown key; the keys here are ",
        );
        assert_replaced(
            table,
            &format!("{table}\nentries_csv = \"a\""),
            &begins,
            "unknown key; it belongs at the top of the file",
        );
    }
    with_rules("[champions]\ncount = 1\ncolour = 1", "line 13: champions.colour: unknown key", "");
    with_rules("[publication]\ncolour = 1", "line 12: publication.colour: unknown key", "");
    with_rules("[admission]\ncolour = 1", "line 12: admission.colour: unknown key", "");
    with_rules("[colour]", "line 11: colour: unknown key", "");
    assert_replaced("count = 1", "count = 1\ncount = 2", "line 13: count: is there more than once", "");
    let json = from_toml(PLAIN).unwrap().to_json();
    let twice = json.replace("\"title\":\"One\"", "\n\"title\":\"One\",\n\"title\":\"One\"");
    assert_mistake(from_json(&twice), "line 3: category[0].title: is there more than once", "");
}

/// Each contradiction has its own line, in TOML and in JSON, in any order of the tables.
#[test]
fn reports_contradictions_at_their_lines() {
    let tables = "[winners]
ties = \"earliest\"
by = \"scores\"
[[channel]]
id = \"fan\"
weight = 1
[champions]
count = 5
ties = \"earliest\"
[[panel]]
id = \"a\"
kind = \"score\"
scale = [0, 10]
[[panel]]
id = \"b\"
kind = \"points\"
minimum_jurors = 2
trim = 1
[draw]
source = \"drand\"
";
    let reason = "every ballot of a channel changes the shares, so no single ballot decides when an entry reached its share";
    let expected = [
        "line 12: winners.ties: does not go with winners.by: scores are not reached ballot by ballot".to_owned(),
        format!("line 12: winners.ties: does not go with channel: {reason}"),
        format!("line 19: champions.ties: does not go with channel: {reason}"),
        "line 26: panel[1].kind: does not go with winners.by: a mean on a scale and a sum of points do not add up to one figure".to_owned(),
        "line 28: panel[1].trim: does not go with panel[1].minimum_jurors: trim could drop all scores: minimum_jurors must be more than twice trim".to_owned(),
        "line 29: draw: does not go with winners.ties: nothing is drawn: no rule has ties = \"draw\"".to_owned(),
    ];
    let text = plain_with("[winners]\ncount = 1\n", tables);
    assert_eq!(mistakes(from_toml(&text)), expected);
    let value: toml::Value = toml::from_str(&text).unwrap();
    let json = serde_json::to_string(&value).unwrap().replace("\"trim\":", "\n\n\"trim\":\n");
    let found = mistakes(from_json(&json));
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    assert!(
        found.iter().any(|mistake| mistake.starts_with("line 4: panel[1].trim: does not go with")),
        "{found:#?}"
    );
}

#[test]
fn limits_daily_contest_to_1000_days() {
    let daily = |closes: &str| {
        let closes = format!("closes = \"{closes}\"\n\n[ballot]\nperiod = \"day\"");
        from_toml(&plain_with("closes = \"2021-03-31T23:59:00\"\n\n[ballot]", &closes))
    };
    // The thousandth day from March 1, 2021 is November 25, 2023.
    assert_eq!(daily("2023-11-26T00:00:00").unwrap().days().unwrap().len(), 1000 + 1 + 31);
    assert_mistake(
        daily("2023-11-26T00:00:01"),
        "line 6: contest.closes: does not go with ballot.period: the window from 2021-03-01 to 2023-11-26 has 1001 days; ",
        "at most 1000",
    );
    // The days are in the log's first entry, together with titles and rules.
    let long = daily("2023-11-26T00:00:00").unwrap().to_json();
    let titles: Vec<String> = (0..50)
        .map(|i| {
            format!(
                "\"l{}\":\"{}\"",
                char::from(b'a' + i % 26).to_string() + &"x".repeat(1 + usize::from(i / 26)),
                "t".repeat(500)
            )
        })
        .collect();
    let text = long.replacen("\"test\":", &format!("\"titles\":{{{}}},\"test\":", titles.join(",")), 1);
    assert_mistake(from_json(&text), "line 1: contest: ", "bytes");
}

/// A default replaces a wrong value, or a wrong element is left out. This causes no other mistakes.
#[test]
fn does_not_report_consequences_of_mistakes() {
    let found = |tables: &str| mistakes(from_toml(&plain_with("[winners]\ncount = 1\n", tables)));
    for tables in [
        "[winners]\nby = \"jury\"\n[[panel]]\nid = \"a\"\nkind = \"points\"",
        "[winners]\nby = \"scores\"\nties = \"panel:a\"\n[[panel]]\nid = \"a\"",
        "[winners]\nby = \"scores\"\nties = \"panel:a\"\n[[panel]]\nid = \"a\"\nkind = \"points\"\n[[panel]]\nid = \"b\"\nkind = \"point\"",
        "[winners]\ncount = 3\n[champions]\ncount = \"2\"",
        "[winners]\ncount = 3\nfrom = \"champions\"\n[[champions]]\ncount = 2",
        "[winners]\nties = \"draw\"\n[draw]\nsource = 3",
        "[winners]\nby = \"weighted\"\nvotes_weight = 2\n[[panel]]\nid = \"a\"\nkind = \"points\"",
        "[winners]\nby = \"scores\"\n[[panel]]\nid = \"a\"\nkind = \"score\"\n[[panel]]\nid = \"b\"\nkind = \"score\"\nscale = [0, 10]",
    ] {
        let found = found(tables);
        assert_eq!(found.len(), 1, "{tables}\n{found:#?}");
        assert!(!found[0].contains("does not go with"), "{found:#?}");
    }
    // A mistake of one panel does not hide mistakes of another panel.
    let two = "[[panel]]\nid = \"a\"\nkind = \"points\"\ntrim = \"1\"\n[[panel]]\nid = \"b\"\nkind = \"points\"\ntrim = 1\n[winners]\nby = \"scores\"";
    assert_eq!(
        found(two),
        [
            "line 14: panel[0].trim: must be a whole number from 0 to 100000, not text",
            "line 18: panel[1].trim: does not go with panel[1].minimum_jurors: trim could drop all scores: minimum_jurors must be more than twice trim",
        ]
    );
}

#[test]
fn rejects_unsupported_methods_by_name() {
    for method in ["email", "oidc", "code", "open"] {
        let table = format!("[admission]\nmethods = [\"pass\", \"{method}\"]");
        with_rules(&table, "line 12: admission.methods[1]: ", &format!("\"{method}\" is not supported yet"));
    }
}

#[test]
fn checks_tables_of_channels_panels_and_draw() {
    let found = |tables: &str| {
        let mut found = mistakes(from_toml(&plain_with("[winners]\ncount = 1\n", tables)));
        found.retain(|mistake| !mistake.contains("not supported yet"));
        found
    };
    assert_eq!(
        found("[[channel]]\nid = \"a\"\nweight = 0\n[[channel]]\nid = \"a\"\nwieght = 1"),
        [
            "line 13: channel[0].weight: must be a whole number from 1 to 1000000, not 0",
            "line 14: channel[1].weight: is missing",
            "line 15: channel[1].id: \"a\" is there more than once",
            "line 16: channel[1].wieght: unknown key; the keys here are id, weight",
        ]
    );
    assert_eq!(
        found(
            "[winners]\nby = \"scores\"\n[[panel]]\nid = \"a\"\nkind = \"score\"\nscale = [5, 5]\npoints = [1]\ncriteria = [[\"x\", 1], [\"x\", 1]]"
        ),
        [
            "line 16: panel[0].scale: the lowest (5) must be below the highest (5)",
            "line 17: panel[0].points: does not go with panel[0].kind: they are only allowed with kind = \"rank\"",
            "line 18: panel[0].criteria[1][0]: \"x\" is there more than once",
        ]
    );
    for (tables, mistake) in [
        (
            "[winners]\nby = \"scores\"\n[[panel]]\nid = \"a\"\nkind = \"rank\"\npoints = []",
            "line 16: panel[0].points: must be a list of points, from the first place down",
        ),
        (
            "[admission]\nmethods = [\"mail\"]",
            "line 12: admission.methods[0]: must be \"pass\", \"email\", \"oidc\", \"code\" or \"open\", not \"mail\"",
        ),
        (
            "[admission]\nmethods = []",
            "line 12: admission.methods: must be a list of methods, such as [\"pass\"]",
        ),
    ] {
        assert_eq!(found(tables), [mistake]);
    }
    assert_eq!(
        found("[draw]"),
        [
            "line 11: draw.source: is missing",
            "line 11: draw: does not go with winners.ties: nothing is drawn: no rule has ties = \"draw\"",
        ]
    );
}

#[test]
fn errors_of_syntax_have_their_line() {
    assert_mistake(from_toml("[contest]\nid = \"a\n"), "line 2: not TOML: ", "");
    assert_mistake(from_json("{\n\n\"contest\": }"), "line 3: not JSON: expected value", "");
    assert_mistake(from_json("{} {}"), "line 1: not JSON: trailing characters", "");
    assert_mistake(from_json(""), "line 1: not JSON: EOF", "");
    let half = from_toml(PLAIN).unwrap().to_json().replace("\"One\"", "\n\"\\ud800\"");
    assert_mistake(from_json(&half), "line 2: category[0].title: ", "hex escape");
}

#[test]
fn other_encodings_are_named() {
    let read =
        |bytes: &[u8]| Definition::from_toml(bytes, &mut |_| Err(String::new()), &Overrides::default());
    let latin: Vec<u8> =
        plain_with("Second", "Vainqueur \u{e9}").chars().map(|c| u8::try_from(c).unwrap()).collect();
    assert_mistake(read(&latin), "line 26: not UTF-8 (byte 0xE9)", "Windows-1252");
    let utf16: Vec<u8> = PLAIN.encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_mistake(read(&utf16), "line 1: the file is UTF-16", "save it as UTF-8");
    assert_mistake(read(&[b"\xff\xfe", &utf16[..]].concat()), "line 1: the file is UTF-16", "");
    assert_mistake(Definition::from_json(&latin, &Overrides::default()), "line 26: not UTF-8", "");
    read(&[b"\xef\xbb\xbf", PLAIN.as_bytes()].concat()).unwrap();
}

#[test]
fn reports_missing_entries_file() {
    let head = PLAIN.split_once("[[entry]]").unwrap().0;
    let text = format!("entries_csv = \"e.csv\"\n{head}");
    assert_mistake(from_toml(&text), "line 1: entries_csv: cannot be read: there is no file e.csv", "");
    let json = from_toml(PLAIN).unwrap().to_json().replacen('{', "{\"entries_csv\":\"e.csv\",", 1);
    assert_mistake(
        from_json(&json),
        "line 1: entries_csv: names a file, which only a TOML definition can do",
        "",
    );
}

#[test]
fn overrides_replace_values_and_are_checked() {
    let read = |text: &str, overrides: &Overrides| {
        Definition::from_toml(text.as_bytes(), &mut |_| Err(String::new()), overrides)
    };
    let overrides = Overrides {
        id: Some("other".parse().unwrap()),
        test: Some(true),
        opens: Some("2021-01-01T00:00:00".into()),
        closes: Some("2021-01-02T00:00:00Z".into()),
        details: None,
    };
    let text = plain_with("opens = \"2021-03-01T00:00:00\"\ncloses = \"2021-03-31T23:59:00\"\n", "");
    let definition = read(&text, &overrides).unwrap();
    assert_eq!((definition.id.as_str(), definition.test), ("other", true));
    assert_eq!(definition.opens.to_string(), "2020-12-31T23:00:00Z");
    assert_eq!(definition.closes.to_string(), "2021-01-02T00:00:00Z");
    let late = Overrides { opens: Some("2022-01-01T00:00:00Z".into()), ..Overrides::default() };
    assert_mistake(read(PLAIN, &late), "line 6: contest.closes: the window ends before it starts", "");
    let wrong = Overrides { closes: Some("tomorrow".into()), ..Overrides::default() };
    assert_mistake(read(PLAIN, &wrong), "--closes: must be a date and time", "\"tomorrow\"");
}
