//! Tests of `replay` and `bars` against the real engine.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::{
    env, fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use flate2::{Compression, write::GzEncoder};

/// Six voters, three of them with a vote in one category only.
///
/// The entry `1` is in both categories, and `Open Air` is not a valid id.
const BALLOTS: &str = "voter_id,contest,project_id\n\
    anna,Open Air,1\nanna,indoor,1\nben,Open Air,1\ncleo,indoor,1\nben,indoor,2\ncleo,Open Air,Big Tent\n\
    dora,indoor,2\nemil,Open Air,1\nfay,indoor,2\n";
const PUBLISHED: &str = "contest,project_id,name,votes\n\
    Open Air,1,Stage,3\nOpen Air,Big Tent,,1\nindoor,1,Hall,2\nindoor,2,Cellar,3\nindoor,3,Attic,0\n";

/// Returns the engine of this build.
///
/// The engine: the program `acclaim` with a few more routes, which cargo builds for this test.
fn engine() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_compared-acclaim"))
}

fn replay(ballots: &Path, published: &Path, more: &[&str]) -> (Output, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_replay"))
        .arg("--ballots")
        .arg(ballots)
        .arg("--published")
        .arg(published)
        .arg("--engine")
        .arg(engine())
        .args(more)
        .output()
        .unwrap();
    let text =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output, text)
}

/// Runs `replay` on files with these texts.
fn replay_texts(ballots: &str, published: &str, more: &[&str]) -> (Output, String) {
    let folder = tempfile::tempdir().unwrap();
    let (ballots_file, published_file) = (folder.path().join("b.csv"), folder.path().join("p.csv"));
    fs::write(&ballots_file, ballots).unwrap();
    fs::write(&published_file, published).unwrap();
    replay(&ballots_file, &published_file, more)
}

#[track_caller]
fn assert_lines(text: &str, lines: &[&str]) {
    for line in lines {
        assert!(text.lines().any(|text| text == *line), "`{line}` is missing:\n{text}");
    }
}

#[test]
fn succeeds_with_equal_totals_and_clean_audit() {
    let (output, text) = replay_texts(BALLOTS, PUBLISHED, &[]);
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert_lines(&text, &["voters: 6, votes: 9", "totals: 5 of 5 equal", "audit: clean"]);
    assert!(text.contains("recorded: 6 ballots in "), "{text}");
}

#[test]
fn names_differing_total_and_fails() {
    let (output, text) = replay_texts(BALLOTS, &PUBLISHED.replace("Hall,2", "Hall,3"), &[]);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert_lines(&text, &["indoor, 1: counted 2, published 3", "totals: 4 of 5 equal", "audit: clean"]);
}

#[test]
fn reads_other_column_names_and_compressed_ballots() {
    let folder = tempfile::tempdir().unwrap();
    let (ballots, published) = (folder.path().join("b.csv.gz"), folder.path().join("p.csv"));
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(BALLOTS.replace("voter_id,contest,project_id", "who,band,which").as_bytes()).unwrap();
    fs::write(&ballots, gzip.finish().unwrap()).unwrap();
    fs::write(&published, PUBLISHED.replace("contest,project_id,name,votes", "group,number,label,total"))
        .unwrap();
    let options = "--voter-column who --category-column band --entry-column which --published-category-column \
                   group --published-entry-column number --published-votes-column total --connections 2";
    let options: Vec<&str> = options.split_whitespace().collect();
    let (output, text) = replay(&ballots, &published, &options);
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert_lines(&text, &["voters: 6, votes: 9", "totals: 5 of 5 equal", "audit: clean"]);
}

#[test]
fn refuses_vote_for_unpublished_entry() {
    let (output, text) = replay_texts(&BALLOTS.replace("fay,indoor,2", "fay,indoor,9"), PUBLISHED, &[]);
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(
        text.contains("voter `fay`, row 10: ") && text.contains("does not have the entry `9` of `indoor`"),
        "{text}"
    );
}

/// Caps allow more votes than the contest's default rule. A vote beyond a cap is named.
#[test]
fn caps_become_rules_of_the_contest() {
    let ballots = "voter_id,contest,project_id\nanna,a,1\nben,b,3\nanna,a,2\ncleo,a,2\n";
    let published = "contest,project_id,votes\na,1,1\na,2,2\nb,3,1\n";
    let (output, text) =
        replay_texts(ballots, published, &["--votes", "a=2", "--limit", "1=a,b", "--votes-in-all", "2"]);
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert_lines(&text, &["voters: 3, votes: 4", "totals: 3 of 3 equal", "audit: clean"]);
    let more = format!("{ballots}anna,b,3\n");
    for (caps, reason) in [
        (&["--votes", "1"][..], "too-many"),
        (&["--votes", "2", "--votes-in-all", "2"], "too-many-in-all"),
        (&["--votes", "2", "--limit", "1=a,b"], "too-many-categories"),
    ] {
        let (output, text) = replay_texts(&more, &published.replace("b,3,1", "b,3,2"), caps);
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(text.contains("voter `anna`, rows 2, 4, 6") && text.contains(reason), "{text}");
    }
    let (output, text) = replay_texts(ballots, published, &["--votes", "c=2"]);
    assert!(output.status.code() == Some(2) && text.contains("category `c`"), "{text}");
}

#[test]
fn replays_two_thousand_voters_of_a_city() {
    let sets = env::var_os("ACCLAIM_DATA_SETS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data"), PathBuf::from);
    let folder = sets.join("wroclaw2015");
    if !folder.is_dir() {
        println!(
            "skipped: {} does not exist; set ACCLAIM_DATA_SETS to the folder of the data sets",
            folder.display()
        );
        return;
    }
    let (ballots, published) = (folder.join("ballots.csv.gz"), folder.join("projects.csv"));
    let (output, text) = replay(&ballots, &published, &["--voters", "2000"]);
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(text.starts_with("voters: 2000, votes: "), "{text}");
    assert!(text.contains("recorded: 2000 ballots in "), "{text}");
    assert_lines(&text, &["totals: 545 of 545 equal", "audit: clean"]);
}

/// A short run without servers prints a table, and finds each answer in an audited log.
#[test]
fn bars_prints_a_table() {
    let folder = tempfile::tempdir().unwrap();
    let json = folder.path().join("bars.json");
    let output = Command::new(env!("CARGO_BIN_EXE_bars"))
        .args(["--only", "embedded", "--rounds", "1", "--seconds", "1", "--connections", "16", "--json"])
        .arg(&json)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    let table: serde_json::Value = serde_json::from_slice(&fs::read(json).unwrap()).unwrap();
    assert_eq!(table["rows"][0]["bar"], 2, "{table}");
    assert!(table["recorded_and_found"].as_u64().unwrap() > 0, "{table}");
}
