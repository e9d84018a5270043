//! Tests of entries that come from another contest. Such a contest has no own entries until then.

use acclaim_contest::{Definition, Overrides, PreviousRound, Rounds};

use crate::support::{PLAIN, assert_mistake, from_json, from_toml, mistakes, plain_with};

const ROUNDS: &str = "[rounds]\nfrom = \"longlist\"\n";

/// The plain definition without entries, optionally without categories, and with the table.
fn with_rounds(categories: bool) -> String {
    let until = if categories { "[[entry]]" } else { "[[category]]" };
    let (head, _) = PLAIN.split_once(until).unwrap();
    format!("{head}{ROUNDS}")
}

fn previous() -> PreviousRound {
    PreviousRound {
        origin: "vote.example.org/longlist".to_owned(),
        size: 12,
        root: format!("{}A=", "a".repeat(42)),
        result: "0f".repeat(32),
    }
}

#[test]
fn rounds_need_no_entries_yet() {
    for categories in [true, false] {
        let definition = from_toml(&with_rounds(categories)).unwrap();
        assert_eq!(definition.rounds, Some(Rounds { from: "longlist".parse().unwrap(), previous: None }));
        assert_eq!((definition.categories.len(), definition.entries.len()), (usize::from(categories), 0));
        assert_eq!(from_json(&definition.to_json()), Ok(definition), "the JSON form");
    }
}

/// A limit may name categories that come with the entries. Categories that exist are checked.
#[test]
fn limit_may_name_future_categories() {
    let limit = "[[limit]]\ncategories = [\"c1\", \"c2\"]\nmost = 1\n";
    let definition = from_toml(&format!("{}{limit}", with_rounds(false))).unwrap();
    assert_eq!(definition.rules.limits.len(), 1);
    assert_mistake(
        from_toml(&format!("{}{limit}", with_rounds(true))),
        "line ",
        "limit[0].categories[1]: there is no category \"c2\"",
    );
}

#[test]
fn rejects_own_entries_and_names_both_keys() {
    let words = "does not go with rounds.from: the entries are the champions of that contest";
    assert_mistake(
        from_toml(&plain_with("[[category]]", &format!("{ROUNDS}[[category]]"))),
        "line 20: entry: ",
        words,
    );
    let file = format!("entries_csv = \"entries.csv\"\n{}", with_rounds(true));
    assert_mistake(from_toml(&file), "line 1: entries_csv: ", words);
    let found = mistakes(from_toml(&with_rounds(true).replace("from", "form")));
    assert_eq!(found.len(), 2, "missing entries are not reported as well: {found:?}");
    assert!(found[0].contains("rounds.from: is missing") && found[1].contains("unknown key"), "{found:?}");
    assert_mistake(
        from_toml(&with_rounds(true).replace("longlist", "A")),
        "line 19: rounds.from: `A` is not an identifier",
        "",
    );
    let itself = with_rounds(true).replace("longlist", "plain");
    assert_mistake(from_toml(&itself), "line 1: rounds.from: is the contest itself", "");
}

#[test]
fn resolved_rounds_need_entries() {
    let mut definition = from_toml(PLAIN).unwrap();
    definition.rounds = Some(Rounds { from: "longlist".parse().unwrap(), previous: Some(previous()) });
    let json = definition.to_json();
    assert_eq!(from_json(&json).as_ref(), Ok(&definition));
    let without = Definition { categories: Vec::new(), entries: Vec::new(), ..definition };
    let found = mistakes(from_json(&without.to_json()));
    assert!(found.iter().any(|mistake| mistake.contains("there is no entry")), "{found:?}");
    for (key, other) in [
        ("\"origin\":\"vote.example.org/longlist\"", "\"origin\":\"a b\""),
        ("\"size\":12", "\"size\":0"),
        ("aaaA=", "aaaB="),
        ("aaaA=", "aaaaA="),
        ("0f0f\"", "0F0f\""),
    ] {
        assert!(json.contains(key), "{key}");
        let found = Definition::from_json(json.replacen(key, other, 1).as_bytes(), &Overrides::default());
        assert_eq!(mistakes(found).len(), 1, "{other}");
    }
}
