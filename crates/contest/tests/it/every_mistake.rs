//! Tests that all mistakes of a file are reported at once, each with its line.

use acclaim_contest::{Definition, Mistake, Overrides};

use crate::support::mistakes;

const TEN: &str = r#"entries_csv = "entries.csv"
colour = "blue"
[contest]
id = "Ten Mistakes"
title = ""
time_zone = "Europe/Zurich"
opens = "2021-03-28T02:30:00"
closes = "2021-10-31T02:30:00"
[ballot]
votes_per_category = [2, 1]
revision = "maybe"
period = "weekly"
[winners]
from = "champions"
[[category]]
id = "c1"
title = "One"
[[entry]]
id = "e1"
category = "c2"
title = "First"
"#;

const CSV: &str = "id,category,title,image\ne1,c1,Again,\ne2,c1,,x.png\n";

fn read() -> Result<Definition, acclaim_contest::Mistakes> {
    Definition::from_toml(TEN.as_bytes(), &mut |_| Ok(CSV.into()), &Overrides::default())
}

#[test]
fn reports_ten_mistakes_of_file_and_three_of_entries() {
    let begins = [
        "line 2: colour: unknown key",
        "line 4: contest.id: ",
        "line 5: contest.title: must not be empty",
        "line 7: contest.opens: \"2021-03-28T02:30:00\" does not exist",
        "line 8: contest.closes: \"2021-10-31T02:30:00\" exists twice",
        "line 10: ballot.votes_per_category: ",
        "line 11: ballot.revision: must be \"final\" or \"replace\", not \"maybe\"",
        "line 12: ballot.period: must be \"once\", \"day\" or \"counted\", not \"weekly\"",
        "line 14: winners.from: does not go with champions: there are no champions",
        "line 20: entry[0].category: there is no category \"c2\"",
        "entries.csv: row 2: id: \"e1\" is the id of an earlier entry",
        "entries.csv: row 3: title: is missing",
        "entries.csv: row 3: image: must begin with https://",
    ];
    let found = mistakes(read());
    assert_eq!(found.len(), begins.len(), "{found:#?}");
    for (found, begins) in found.iter().zip(begins) {
        assert!(found.starts_with(begins), "{found}\nexpected: {begins}");
    }
}

#[test]
fn lines_are_equal_with_windows_line_ends_and_byte_order_mark() {
    let windows = format!("\u{feff}{}", TEN.replace('\n', "\r\n"));
    let csv = format!("\u{feff}{}", CSV.replace('\n', "\r\n"));
    let found =
        Definition::from_toml(windows.as_bytes(), &mut |_| Ok(csv.clone().into()), &Overrides::default());
    assert_eq!(found, read());
}

#[test]
fn mistakes_serialize_to_json() {
    let found = read().unwrap_err();
    let json = serde_json::to_value(&found).unwrap();
    let first = &json[0];
    assert_eq!((first["line"].as_u64(), first["key"].as_str()), (Some(2), Some("colour")));
    assert!(first.get("file").is_none());
    assert_eq!(json[10]["file"], "entries.csv");
    assert_eq!(serde_json::from_value::<Vec<Mistake>>(json).unwrap(), found.0);
}

#[test]
fn limits_number_of_mistakes() {
    let rows: String = (0..5000).map(|i| format!("e{i},c9,T\n")).collect();
    let csv = format!("id,category,title\n{rows}");
    let found = Definition::from_toml(TEN.as_bytes(), &mut |_| Ok(csv.clone().into()), &Overrides::default());
    let found = mistakes(found);
    assert_eq!(found.len(), acclaim_contest::definition::MAX_MISTAKES + 1);
    assert!(found.last().unwrap().starts_with("and 40"), "{:?}", found.last());
}
