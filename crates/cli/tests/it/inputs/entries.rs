//! Tables of entries, named by a definition or imported into one.

use super::{assert_output, create, input, with_draft};
use crate::session::{CommandOutput, Session};

#[test]
fn entries_typo_is_refused_for_unknown_columns() {
    let session = Session::new();
    let output = create(&session, "entries-typo.csv", &[]);
    assert_output(
        &output,
        2,
        &[
            "entries-typo.csv: row 1: sumary: is not a column of entries; did you mean \"summary\"?",
            "entries-typo.csv: row 1: Email: is not a column of entries. The columns are id, category, title, summary, image, url.",
            "--details; otherwise delete it",
        ],
    );
    assert!(!output.err.contains("Image"), "the column Image is read as image: {}", output.err);
    // A declared detail is published.
    let output = create(&session, "entries-typo.csv", &["--details", "sumary,email", "--json"]);
    assert_output(&output, 0, &[]);
    assert!(
        output.out.contains("ama@example.org") && output.out.contains("https://example.org/1.jpg"),
        "{}",
        output.out
    );
}

#[test]
fn entries_comma_is_refused_at_the_row_whose_comma_cuts_a_text() {
    let output = create(&Session::new(), "entries-comma.csv", &[]);
    assert_output(
        &output,
        2,
        &[
            "entries-comma.csv: row 2: summary: \"Justice\" follows a comma and a space",
            "one cell too many. A comma in a text needs quotation marks around the text: \"The Party - Non-violence, Justice\"",
        ],
    );
}

fn import(session: &Session, file: &str, more: &[&str]) -> CommandOutput {
    session.run(&[&["entries", "import", &input(file)][..], more].concat())
}

/// Creates a contest from a written definition, unchanged.
fn created(session: &Session, name: &str) -> serde_json::Value {
    let output = session.run(&["contest", "create", name, "--json"]);
    assert_output(&output, 0, &[]);
    serde_json::from_str(&output.out).unwrap()
}

const HEAD: [&str; 8] = [
    "--title",
    "A prize",
    "--time-zone",
    "UTC",
    "--opens",
    "2099-03-01T00:00:00",
    "--closes",
    "2099-04-01T00:00:00",
];

#[test]
fn nominees_tabs_become_entries_of_their_categories() {
    let session = Session::new();
    let named = ["--contest", "films", "--category-column", "Category", "--title-column", "Nominee"];
    let output = import(&session, "nominees-tabs.csv", &named);
    assert_output(
        &output,
        2,
        &[
            "row 6: Nominee: is empty; name a column for such titles with --else-title-column",
            "row 5: : \"Dev Rao\" is the same entry as in row 4",
        ]
        .map(|words| words.strip_prefix("row 5: : ").unwrap_or(words)),
    );
    let named = [&named[..], &["--else-title-column", "Work", "--details", "Work"]].concat();
    let output = import(&session, "nominees-tabs.csv", &named);
    assert_output(&output, 0, &[]);
    for words in [
        "actress-in-a-leading-role  Actress in a Leading Role        2",
        "voters see: Nominee (title), Work (where there is no title), Work",
        "left out, not published: Winner",
        "to write a definition, use --out FILE",
    ] {
        assert!(output.out.contains(words), "{}\nexpected: {words}", output.out);
    }
    let out = [&named[..], &["--out", "films.toml"], &HEAD].concat();
    let output = import(&session, "nominees-tabs.csv", &out);
    assert_output(&output, 0, &[]);
    assert!(
        output.out.contains("written: films.toml. Next: acclaim contest create films.toml"),
        "{}",
        output.out
    );
    let contest = created(&session, "films.toml");
    let entries = contest["entries"].as_array().unwrap();
    assert_eq!((contest["categories"].as_array().unwrap().len(), entries.len()), (3, 6));
    assert_eq!((&entries[0]["id"], &entries[4]["title"]), (&"amara-okafor".into(), &"The Long Road".into()));
    assert!(!contest.to_string().contains("Winner"));
    // A second import of the same file changes nothing in the draft, in any order of the rows.
    let edit = [&named[..], &["--edit"]].concat();
    let output = import(&session, "nominees-tabs.csv", &edit);
    assert_output(&output, 0, &[]);
    assert!(output.out.contains("in the draft: 0 new, 0 changed, 6 unchanged, 0 removed"), "{}", output.out);
    let text = std::fs::read_to_string(input("nominees-tabs.csv")).unwrap();
    let mut lines: Vec<&str> = text.lines().collect();
    lines[1..].reverse();
    session.write("reversed.tsv", lines[..6].join("\n"));
    let output = session.run(&[&["entries", "import", "reversed.tsv"], &edit[..]].concat());
    assert_output(&output, 0, &[]);
    assert!(output.out.contains("in the draft: 0 new, 0 changed, 5 unchanged, 1 removed"), "{}", output.out);
    assert!(output.out.contains("  removed: amara-okafor"), "{}", output.out);
    let after = session.run(&["contest", "show", "films", "--json"]).out;
    assert!(!after.contains("amara-okafor") && after.contains("lena-fischer"), "{after}");
}

#[test]
fn photo_archive_is_one_category_without_its_metadata() {
    let session = with_draft();
    let named = [
        "--contest",
        "photos",
        "--title-column",
        "img_name",
        "--category",
        "Photographs",
        "--details",
        "uploader",
        "--edit",
    ];
    let output = import(&session, "photo-archive.csv", &named);
    assert_output(&output, 0, &[]);
    assert!(
        output.out.contains("left out, not published: img_width, img_height, img_metadata"),
        "{}",
        output.out
    );
    let definition = session.run(&["contest", "show", "photos", "--json"]).out;
    let contest: serde_json::Value = serde_json::from_str(&definition).unwrap();
    let titles: Vec<&str> =
        contest["entries"].as_array().unwrap().iter().map(|entry| entry["title"].as_str().unwrap()).collect();
    assert_eq!(titles, ["Azadi \"Tower\", dusk.jpg", "پل خواجو.jpg", "Delft.jpg"]);
    assert_eq!(contest["categories"].as_array().unwrap().len(), 1, "the draft's own category");
    // The row number is that of the sheet, though a cell spans two lines of the file.
    let text = std::fs::read_to_string(input("photo-archive.csv")).unwrap();
    session.write("spoilt.csv", text.replace("Delft.jpg;Piet", "Delft.jpg;Pi\u{202e}et"));
    let output = session.run(&[&["entries", "import", "spoilt.csv"], &named[..]].concat());
    assert_output(
        &output,
        2,
        &["spoilt.csv: row 4: uploader: must not contain U+202E", "nothing was written"],
    );
    let metadata = import(
        &session,
        "photo-archive.csv",
        &[&named[..5], &["img_metadata", "--category", "Photographs"]].concat(),
    );
    assert_ne!(metadata.status, 0);
}

#[test]
fn teams_are_entries_of_their_divisions() {
    let session = Session::new();
    let named = ["--contest", "teams", "--title-column", "team name", "--category-column", "Division"];
    let output = import(&session, "teams.csv", &[&named[..], &["--out", "teams.toml"], &HEAD].concat());
    assert_output(&output, 0, &[]);
    assert!(output.out.contains("left out, not published: Team #, Organization, Table"), "{}", output.out);
    let contest = created(&session, "teams.toml");
    assert_eq!(contest["entries"][0]["title"], "Gear Heads, Jr.");
    assert_eq!(
        (&contest["entries"][2]["id"], &contest["entries"][2]["category"]),
        (&"unicorns".into(), &"lakes".into())
    );
    // Without a column of titles the message names the option for it.
    let output = import(&session, "teams.csv", &["--contest", "teams"]);
    assert_output(
        &output,
        2,
        &[
            "there is no column title: name the column of the titles with --title-column. The columns are Team #, Team Name,",
        ],
    );
    // The output lists the missing keys of a definition, and the file has them as comments.
    let output =
        import(&session, "teams.csv", &[&named[..], &["--out", "half.toml", "--title", "Teams"]].concat());
    assert_output(&output, 0, &[]);
    for key in ["contest.time_zone: is missing", "contest.opens: is missing", "contest.closes: is missing"] {
        assert!(output.out.contains(key), "{}", output.out);
    }
    assert!(session.read("half.toml").contains("# time_zone = \"Europe/Zurich\""));
}

#[test]
fn entries_are_refused_by_row_in_the_import_too() {
    let session = Session::new();
    let output = import(&session, "entries-comma.csv", &["--contest", "parties", "--out", "parties.toml"]);
    assert_output(
        &output,
        2,
        &["entries-comma.csv: row 2: summary: \"Justice\" follows a comma and a space"],
    );
    assert!(!session.path("parties.toml").exists());
}
