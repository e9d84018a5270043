//! The files that people bring, each with the faults of a real one: each is one command, or one message that says what to change.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::session::{CommandOutput, Session};

const INPUTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/inputs/");
const TEMPLATE: [&str; 2] = ["--link-template", "https://vote.example.org/c/{contest}#{pass}"];

/// One category `photos` with one entry, still to open.
const PHOTOS: &str = r#"[contest]
id = "photos"
title = "Photographs"
time_zone = "UTC"
opens = "2099-03-01T00:00:00"
closes = "2099-04-01T00:00:00"
[winners]
count = 1
from = "all"
by = "votes"
[[category]]
id = "photos"
title = "Photographs"
"#;
const ENTRY: &str = "[[entry]]\nid = \"p0\"\ncategory = \"photos\"\ntitle = \"Noon\"\n";

fn input(name: &str) -> String {
    format!("{INPUTS}{name}")
}

/// Asserts that a command went well, or did not, and that standard error says all this.
#[track_caller]
fn says(said: &CommandOutput, status: i32, words: &[&str]) {
    assert_eq!(said.status, status, "{}{}", said.out, said.err);
    for words in words {
        assert!(said.err.contains(words), "{}\nwanted: {words}", said.err);
    }
}

fn with_draft() -> Session {
    let session = Session::new();
    session.write("photos.toml", format!("{PHOTOS}{ENTRY}"));
    says(&session.run(&["contest", "create", "photos.toml"]), 0, &[]);
    session
}

fn mint(session: &Session, file: &str, more: &[&str]) -> CommandOutput {
    let file = input(file);
    let args = ["pass", "mint", "photos", "--subjects", &file];
    session.run(&[&args[..], &TEMPLATE, more].concat())
}

/// Subjects of the passes on standard output.
fn subjects(said: &CommandOutput) -> Vec<&str> {
    said.out.lines().skip(1).map(|line| line.rsplitn(3, ',').nth(2).unwrap()).collect()
}

/// A draft whose entries are this file.
fn create(session: &Session, file: &str, more: &[&str]) -> CommandOutput {
    session.write("entries.toml", format!("entries_csv = {:?}\n{PHOTOS}", input(file)));
    session.run(&[&["contest", "create", "entries.toml"], more].concat())
}

#[test]
fn voters_bom_is_read_without_mark() {
    let said = mint(&with_draft(), "voters-bom.txt", &[]);
    says(&said, 0, &["minted: 2"]);
    assert_eq!(subjects(&said), ["mailto:ama@example.org", "mailto:li@example.org"]);
}

#[test]
fn voters_utf16_is_two_voters() {
    let said = mint(&with_draft(), "voters-utf16.txt", &[]);
    says(&said, 0, &["minted: 2"]);
    assert_eq!(subjects(&said), ["mailto:ama@example.org", "mailto:zoë@example.org"]);
}

#[test]
fn voters_cp1252_is_refused_by_the_name_of_its_encoding() {
    let said = mint(&with_draft(), "voters-cp1252.txt", &[]);
    says(&said, 2, &["line 1: not UTF-8 (byte 0xEB): the file looks like Windows-1252; save it as UTF-8 ("]);
    assert_eq!(said.out, "");
}

#[test]
fn voters_messy_is_three_voters_in_their_regions() {
    let session = with_draft();
    let column = ["--subject-column", "e-mail-adresse", "--group-column", "Region"];
    let said = mint(&session, "voters-messy.csv", &column);
    says(
        &said,
        0,
        &[
            "minted: 3, persons more than once in the list: 1",
            "rows 2, 3 are one person: mailto:ama@example.org",
            "row 6 is blank",
            "row 7 is a row of totals (Total) with no voter",
        ],
    );
    assert_eq!(subjects(&said).len(), 3);
    let passes: Vec<Vec<u8>> = said
        .out
        .lines()
        .skip(1)
        .map(|line| URL_SAFE_NO_PAD.decode(line.rsplit(',').nth(1).unwrap()).unwrap())
        .collect();
    for (region, subject) in
        [("accra", "Ama@Example.org"), ("gansu", "li@example.org"), ("bern", "jo@bücher.example")]
    {
        let at = subjects(&said).iter().position(|known| *known == subject).unwrap();
        assert!(
            passes[at].windows(region.len()).any(|bytes| bytes == region.as_bytes()),
            "{region}: {}",
            said.out
        );
    }
    // A total that could be a voter is refused, and so is a person in two groups.
    let fresh = with_draft();
    let said = mint(&fresh, "voters-messy.csv", &[&column[..], &["--subjects-are", "ids"]].concat());
    says(&said, 2, &["row 7 looks like a row of totals, and has the subject \"4\""]);
    fresh.write("groups.csv", "mail,group\na@x.org,one\nA@x.org,two\n");
    let said = fresh.run(&[
        "pass",
        "mint",
        "photos",
        "--subjects",
        "groups.csv",
        "--subject-column",
        "mail",
        "--group-column",
        "group",
    ]);
    says(&said, 2, &["row 3: the person of row 2 is in the group \"one\" there and in \"two\" here"]);
    // Without the option nothing is minted, and the message names it with the columns.
    let said = mint(&session, "voters-messy.csv", &[]);
    says(&said, 2, &["the columns Name, E-Mail-Adresse, Region: --subject-column says which one"]);
    let said = mint(&session, "voters-messy.csv", &["--subject-column", "E-Mail"]);
    says(
        &said,
        2,
        &["--subject-column: there is no column \"E-Mail\"", "the columns are Name, E-Mail-Adresse, Region"],
    );
}

#[test]
fn voters_odd_lines_is_refused_at_line_5() {
    let session = with_draft();
    let said = mint(&session, "voters-odd-lines.txt", &[]);
    says(&said, 2, &["line 5: `xx @example.org` has white space inside", "nothing was minted"]);
    assert_eq!(said.out, "");
    let text = std::fs::read_to_string(input("voters-odd-lines.txt")).unwrap();
    session.write("mended.txt", text.replace("xx @example.org\r", ""));
    let file = session.path("mended.txt");
    let said = session
        .run(&[&["pass", "mint", "photos", "--subjects", file.to_str().unwrap()][..], &TEMPLATE].concat());
    says(&said, 0, &["minted: 5"]);
}

#[test]
fn formula_is_neutral_in_the_passes() {
    let said = mint(&with_draft(), "formula.txt", &["--subjects-are", "ids"]);
    says(&said, 0, &["minted: 4"]);
    assert!(
        subjects(&said).iter().all(|subject| subject.trim_start_matches('"').starts_with('\'')),
        "{}",
        said.out
    );
}

#[test]
fn entries_typo_is_refused_for_unknown_columns() {
    let session = Session::new();
    let said = create(&session, "entries-typo.csv", &[]);
    says(
        &said,
        2,
        &[
            "entries-typo.csv: row 1: sumary: is no column of entries; did you mean \"summary\"?",
            "entries-typo.csv: row 1: Email: is no column of entries. The columns are id, category, title, summary, image, url.",
            "--details; otherwise delete it",
        ],
    );
    assert!(!said.err.contains("Image"), "the column Image is image: {}", said.err);
    // What is declared is published.
    let said = create(&session, "entries-typo.csv", &["--details", "sumary,email", "--json"]);
    says(&said, 0, &[]);
    assert!(
        said.out.contains("ama@example.org") && said.out.contains("https://example.org/1.jpg"),
        "{}",
        said.out
    );
}

#[test]
fn entries_comma_is_refused_at_the_row_whose_comma_cuts_a_text() {
    let said = create(&Session::new(), "entries-comma.csv", &[]);
    says(
        &said,
        2,
        &[
            "entries-comma.csv: row 2: summary: \"Justice\" follows a comma and a space",
            "one cell too many. A comma in a text needs quotation marks around the text: \"The Party - Non-violence, Justice\"",
        ],
    );
}

/// An open contest whose jurors these are.
fn open_with_panel(panel: &str, categories: &str) -> Session {
    let session = Session::new();
    let head = PHOTOS.split("[winners]").next().unwrap().replace("2099-03-01", "2021-03-01");
    session.write(
        "scores.toml",
        format!("{head}[winners]\ncount = 1\nfrom = \"all\"\nby = \"scores\"\n[[panel]]\nid = \"jury\"\n{panel}\n{categories}"),
    );
    says(&session.run(&["contest", "create", "scores.toml"]), 0, &[]);
    session
}

fn score(session: &Session, file: &str, more: &[&str]) -> CommandOutput {
    session.run(&[&["rule", "score", "photos", "--csv", &input(file)], more].concat())
}

fn category(id: &str, entries: &[(&str, &str)]) -> String {
    let mut text = format!("[[category]]\nid = {id:?}\ntitle = \"Category {id}\"\n");
    for (entry, title) in entries {
        text.push_str(&format!("[[entry]]\nid = {entry:?}\ncategory = {id:?}\ntitle = {title:?}\n"));
    }
    text
}

#[test]
fn scores_excel_is_refused_by_row_and_a_total_is_no_juror() {
    let session =
        open_with_panel("kind = \"points\"\njurors = [\"Ama\"]", &category("s", &[("x", "X"), ("y", "Y")]));
    let said = score(&session, "scores-excel.csv", &[]);
    says(
        &said,
        2,
        &[
            "the scores have 2 mistakes; nothing was sent",
            "row 2: value: \"1.000\" can be read in two ways; write 1.0000 or 1000",
            "row 4: juror: \"Average\" is a row of totals, and no juror; delete it",
        ],
    );
}

#[test]
fn scores_two_spellings_are_one_jurors() {
    let session = open_with_panel(
        "kind = \"points\"\njurors = [\"Ama\", \"Julián Diaz\"]",
        &category("c01", &[("p1", "One"), ("p2", "Two")]),
    );
    let said = score(&session, "scores-two-spellings.csv", &[]);
    says(&said, 0, &[]);
    assert_eq!(said.out.lines().count(), 2, "{}", said.out);
    let scores = session.run(&["rule", "scores", "photos"]).out;
    assert_eq!(scores.matches("Julián Diaz").count(), 2, "{scores}");
}

#[test]
fn skating_has_a_column_a_juror_and_a_dash_is_no_score() {
    let session = open_with_panel(
        "kind = \"score\"\nscale = [-3, 3]\ncriteria = [[\"3Lz\", 1], [\"CCoSp4\", 1]]\njurors = [\"J1\", \"J2\", \"J3\", \"J4\", \"J5\"]",
        &category("ladies", &[("example", "A. Example"), ("sample", "B. Sample")]),
    );
    let said = score(&session, "skating.csv", &[]);
    says(
        &said,
        2,
        &["there is a column \"skater\"", "--entry-column names it", "row 1: entry: there is no such column"],
    );
    let said = score(&session, "skating.csv", &["--entry-column", "Skater", "--criterion-column", "element"]);
    says(&said, 0, &[]);
    let scores = session.run(&["rule", "scores", "photos"]).out;
    let of_j3: Vec<&str> = scores.lines().filter(|line| line.contains(" J3 ")).collect();
    assert_eq!(of_j3.len(), 2, "no score for the dash: {scores}");
    assert!(of_j3[0].contains("sample") && of_j3[0].ends_with("-3"), "{scores}");
    assert!(of_j3[1].contains("CCoSp4") && of_j3[1].ends_with('1'), "{scores}");
    assert_eq!(scores.lines().count(), 1 + 14);
    // A value off the scale is told why.
    session.write("off.csv", "juror,entry,criterion,value\nJ1,example,3Lz,-3.5\nJ1,exampel,3Lz,1\n");
    let said = session.run(&["rule", "score", "photos", "--csv", "off.csv"]);
    says(
        &said,
        2,
        &[
            "row 2: value: -3.5 is not from -3 to 3, as the panel jury scores",
            "row 3: entry: there is no entry \"exampel\"; did you mean \"example\"?",
        ],
    );
}

fn import(session: &Session, file: &str, more: &[&str]) -> CommandOutput {
    session.run(&[&["entries", "import", &input(file)][..], more].concat())
}

/// A written definition, which `contest create` takes as it is.
fn created(session: &Session, name: &str) -> serde_json::Value {
    let said = session.run(&["contest", "create", name, "--json"]);
    says(&said, 0, &[]);
    serde_json::from_str(&said.out).unwrap()
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
    let said = import(&session, "nominees-tabs.csv", &named);
    says(
        &said,
        2,
        &[
            "row 6: Nominee: is empty; --else-title-column names a column whose text is then the title",
            "row 5: : \"Dev Rao\" is the entry of row 4 again",
        ]
        .map(|words| words.strip_prefix("row 5: : ").unwrap_or(words)),
    );
    let named = [&named[..], &["--else-title-column", "Work", "--details", "Work"]].concat();
    let said = import(&session, "nominees-tabs.csv", &named);
    says(&said, 0, &[]);
    for words in [
        "actress-in-a-leading-role  Actress in a Leading Role        2",
        "voters see: Nominee (title), Work (where there is no title), Work",
        "left out, not published: Winner",
        "--out FILE writes a definition",
    ] {
        assert!(said.out.contains(words), "{}\nwanted: {words}", said.out);
    }
    let out = [&named[..], &["--out", "films.toml"], &HEAD].concat();
    let said = import(&session, "nominees-tabs.csv", &out);
    says(&said, 0, &[]);
    assert!(
        said.out.contains("written: films.toml. Next: acclaim contest create films.toml"),
        "{}",
        said.out
    );
    let contest = created(&session, "films.toml");
    let entries = contest["entries"].as_array().unwrap();
    assert_eq!((contest["categories"].as_array().unwrap().len(), entries.len()), (3, 6));
    assert_eq!((&entries[0]["id"], &entries[4]["title"]), (&"amara-okafor".into(), &"The Long Road".into()));
    assert!(!contest.to_string().contains("Winner"));
    // The same file again changes nothing in the draft, in whatever order its rows come.
    let edit = [&named[..], &["--edit"]].concat();
    let said = import(&session, "nominees-tabs.csv", &edit);
    says(&said, 0, &[]);
    assert!(said.out.contains("in the draft: 0 new, 0 changed, 6 as they are, 0 removed"), "{}", said.out);
    let text = std::fs::read_to_string(input("nominees-tabs.csv")).unwrap();
    let mut lines: Vec<&str> = text.lines().collect();
    lines[1..].reverse();
    session.write("reversed.tsv", lines[..6].join("\n"));
    let said = session.run(&[&["entries", "import", "reversed.tsv"], &edit[..]].concat());
    says(&said, 0, &[]);
    assert!(said.out.contains("in the draft: 0 new, 0 changed, 5 as they are, 1 removed"), "{}", said.out);
    assert!(said.out.contains("  removed: amara-okafor"), "{}", said.out);
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
    let said = import(&session, "photo-archive.csv", &named);
    says(&said, 0, &[]);
    assert!(
        said.out.contains("left out, not published: img_width, img_height, img_metadata"),
        "{}",
        said.out
    );
    let shown = session.run(&["contest", "show", "photos", "--json"]).out;
    let contest: serde_json::Value = serde_json::from_str(&shown).unwrap();
    let titles: Vec<&str> =
        contest["entries"].as_array().unwrap().iter().map(|entry| entry["title"].as_str().unwrap()).collect();
    assert_eq!(titles, ["Azadi \"Tower\", dusk.jpg", "پل خواجو.jpg", "Delft.jpg"]);
    assert_eq!(contest["categories"].as_array().unwrap().len(), 1, "the draft's own category");
    // The row that is told is the sheet's, though a cell goes over two lines.
    let text = std::fs::read_to_string(input("photo-archive.csv")).unwrap();
    session.write("spoilt.csv", text.replace("Delft.jpg;Piet", "Delft.jpg;Pi\u{202e}et"));
    let said = session.run(&[&["entries", "import", "spoilt.csv"], &named[..]].concat());
    says(&said, 2, &["spoilt.csv: row 4: uploader: must not contain U+202E", "nothing was written"]);
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
    let said = import(&session, "teams.csv", &[&named[..], &["--out", "teams.toml"], &HEAD].concat());
    says(&said, 0, &[]);
    assert!(said.out.contains("left out, not published: Team #, Organization, Table"), "{}", said.out);
    let contest = created(&session, "teams.toml");
    assert_eq!(contest["entries"][0]["title"], "Gear Heads, Jr.");
    assert_eq!(
        (&contest["entries"][2]["id"], &contest["entries"][2]["category"]),
        (&"unicorns".into(), &"lakes".into())
    );
    // Without a column of titles the message says which option names it.
    let said = import(&session, "teams.csv", &["--contest", "teams"]);
    says(
        &said,
        2,
        &[
            "there is no column title: --title-column says which one holds the titles. The columns are Team #, Team Name,",
        ],
    );
    // What is missing in a definition is said, and stands in it as comments.
    let said =
        import(&session, "teams.csv", &[&named[..], &["--out", "half.toml", "--title", "Teams"]].concat());
    says(&said, 0, &[]);
    for key in ["contest.time_zone: is missing", "contest.opens: is missing", "contest.closes: is missing"] {
        assert!(said.out.contains(key), "{}", said.out);
    }
    assert!(session.read("half.toml").contains("# time_zone = \"Europe/Zurich\""));
}

#[test]
fn entries_are_refused_by_row_in_the_import_too() {
    let session = Session::new();
    let said = import(&session, "entries-comma.csv", &["--contest", "parties", "--out", "parties.toml"]);
    says(&said, 2, &["entries-comma.csv: row 2: summary: \"Justice\" follows a comma and a space"]);
    assert!(!session.path("parties.toml").exists());
}

#[test]
fn workbooks_are_read_wherever_a_table_is() {
    let session = Session::new();
    let said = create(&session, "entries.xlsx", &[]);
    says(&said, 2, &["entries.xlsx: row 1: Country: is no column of entries"]);
    let said = create(&session, "entries.xlsx", &["--details", "country"]);
    says(&said, 0, &[]);
    assert!(
        said.out.contains("voters see:   title, \"country\"")
            && said.out.contains("p1     photos    Dawn, Volta  country: Ghana"),
        "{}",
        said.out
    );
    let said = mint(&session, "voters.ods", &["--subject-column", "e-mail"]);
    says(&said, 0, &["minted: 2"]);
    says(
        &mint(&session, "voters.ods", &[]),
        2,
        &["row 1 has several columns (Name, E-Mail): --subject-column says which"],
    );

    let panel = "kind = \"score\"\nscale = [0, 10]\njurors = [\"Ama\"]";
    let session = open_with_panel(panel, &category("s", &[("x", "X"), ("y", "Y")]));
    says(&score(&session, "scores.xlsx", &[]), 0, &[]);
    let scores = session.run(&["rule", "scores", "photos"]).out;
    assert!(scores.contains("7.125"), "{scores}");
    let file = input("voids.ods");
    let said = session.run(&["rule", "void", "photos", "--file", &file, "--reason", "scripted"]);
    says(&said, 2, &["row 3: ballot: \"no ballot\" is no ballot", "nothing was sent"]);
}

#[test]
fn choices_come_from_a_table_by_titles() {
    let session = Session::new();
    let head = PHOTOS.split("[winners]").next().unwrap().replace("2099-03-01", "2021-03-01");
    let categories = [category("s", &[("x", "X"), ("y", "Y")]), category("t", &[("z", "Z")])].concat();
    session.write(
        "panel.toml",
        format!("{head}[winners]\ncount = 2\nfrom = \"all\"\nby = \"choice\"\n{categories}"),
    );
    says(&session.run(&["contest", "create", "panel.toml"]), 0, &[]);
    says(&session.run(&["contest", "close", "photos"]), 0, &[]);
    let choose = |file: &str, more: &[&str]| {
        session.run(&[&["rule", "choose", "photos", "--csv", file], more].concat())
    };
    session.write("wrong.csv", "category,entry,votes\nt,Y,3\nCategory u,z,1\ns,x,2\ns,X,2\nTotal,,8\n");
    says(
        &choose("wrong.csv", &[]),
        2,
        &["there is a column \"votes\"", "--leave-out \"votes\" says that it is not read"],
    );
    says(
        &choose("wrong.csv", &["--leave-out", "votes"]),
        2,
        &[
            "the choices have 4 mistakes; nothing was sent",
            "row 2: entry: there is no entry \"Y\"",
            "row 3: category: there is no category \"Category u\"; did you mean \"Category s\"?",
            "row 5: entry: \"X\" is there twice",
            "row 6: \"Total\" is a row of totals",
        ],
    );
    let said = choose(&input("choices.ods"), &[]);
    says(&said, 0, &[]);
    assert!(said.out.starts_with("s: y: recorded at index"), "{}", said.out);
    session.write("none.csv", "category;entry\nt;\n");
    assert!(choose("none.csv", &[]).out.starts_with("t: no winner: recorded at index"));
}

/// A device has no end, and no length.
#[test]
fn a_file_without_end_is_refused() {
    let session = with_draft();
    for args in [
        &["pass", "mint", "photos", "--subjects", "/dev/zero"][..],
        &["contest", "create", "/dev/zero"],
        &["entries", "import", "/dev/zero", "--contest", "photos"],
        &["rule", "void", "photos", "--file", "/dev/zero", "--reason", "x"],
        &["rule", "score", "photos", "--csv", "/dev/zero"],
    ] {
        says(&session.run(args), 2, &["the file has more than 64 MiB"]);
    }
}
