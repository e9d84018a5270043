//! `replay` against the real engine.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::{
    env, fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::OnceLock,
};

use flate2::{Compression, write::GzEncoder};

/// Six voters, three of them partial; the entry `1` stands in both categories, and `Open Air` is no identifier.
const BALLOTS: &str = "voter_id,contest,project_id\n\
    anna,Open Air,1\nanna,indoor,1\nben,Open Air,1\ncleo,indoor,1\nben,indoor,2\ncleo,Open Air,Big Tent\n\
    dora,indoor,2\nemil,Open Air,1\nfay,indoor,2\n";
const PUBLISHED: &str = "contest,project_id,name,votes\n\
    Open Air,1,Stage,3\nOpen Air,Big Tent,,1\nindoor,1,Hall,2\nindoor,2,Cellar,3\nindoor,3,Attic,0\n";

/// The engine of this build. Cargo builds a package's own binaries for its tests, but not those of another.
fn engine() -> &'static Path {
    static ENGINE: OnceLock<PathBuf> = OnceLock::new();
    ENGINE.get_or_init(|| {
        let folder = Path::new(env!("CARGO_BIN_EXE_replay")).parent().unwrap();
        let profile = match folder.file_name().unwrap().to_str().unwrap() {
            "debug" => "dev",
            other => other,
        };
        // Both packages, so that dependencies have the features that they were just built with.
        let built = Command::new(env!("CARGO"))
            .args([
                "build",
                "--locked",
                "--package",
                "acclaim-cli",
                "--package",
                "acclaim-load-tests",
                "--bins",
            ])
            .args(["--profile", profile])
            .arg("--target-dir")
            .arg(folder.parent().unwrap())
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .status()
            .unwrap();
        assert!(built.success(), "the engine does not build");
        folder.join("acclaim")
    })
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
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output, said)
}

/// Runs on files with these texts.
fn replay_texts(ballots: &str, published: &str, more: &[&str]) -> (Output, String) {
    let folder = tempfile::tempdir().unwrap();
    let (ballots_file, published_file) = (folder.path().join("b.csv"), folder.path().join("p.csv"));
    fs::write(&ballots_file, ballots).unwrap();
    fs::write(&published_file, published).unwrap();
    replay(&ballots_file, &published_file, more)
}

#[track_caller]
fn says(said: &str, lines: &[&str]) {
    for line in lines {
        assert!(said.lines().any(|said| said == *line), "`{line}` is missing:\n{said}");
    }
}

#[test]
fn equal_totals_and_a_clean_audit_are_a_success() {
    let (output, said) = replay_texts(BALLOTS, PUBLISHED, &[]);
    assert_eq!(output.status.code(), Some(0), "{said}");
    says(&said, &["voters: 6, votes: 9", "totals: 5 of 5 equal", "audit: clean"]);
    assert!(said.contains("recorded: 6 ballots in "), "{said}");
}

#[test]
fn a_total_that_differs_is_named_and_fails() {
    let (output, said) = replay_texts(BALLOTS, &PUBLISHED.replace("Hall,2", "Hall,3"), &[]);
    assert_eq!(output.status.code(), Some(1), "{said}");
    says(&said, &["indoor, 1: counted 2, published 3", "totals: 4 of 5 equal", "audit: clean"]);
}

#[test]
fn columns_have_other_names_and_ballots_are_compressed() {
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
    let (output, said) = replay(&ballots, &published, &options);
    assert_eq!(output.status.code(), Some(0), "{said}");
    says(&said, &["voters: 6, votes: 9", "totals: 5 of 5 equal", "audit: clean"]);
}

#[test]
fn refuses_vote_for_unpublished_entry() {
    let (output, said) = replay_texts(&BALLOTS.replace("fay,indoor,2", "fay,indoor,9"), PUBLISHED, &[]);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(
        said.contains("voter `fay`, row 10: ") && said.contains("does not have the entry `9` of `indoor`"),
        "{said}"
    );
}

/// Three votes in the category and one over both: more than the contest's own rule, and what is beyond them is named.
#[test]
fn caps_of_the_vote_are_rules_of_the_contest() {
    let ballots = "voter_id,contest,project_id\nanna,a,1\nben,b,3\nanna,a,2\ncleo,a,2\n";
    let published = "contest,project_id,votes\na,1,1\na,2,2\nb,3,1\n";
    let (output, said) =
        replay_texts(ballots, published, &["--votes", "a=2", "--limit", "1=a,b", "--votes-in-all", "2"]);
    assert_eq!(output.status.code(), Some(0), "{said}");
    says(&said, &["voters: 3, votes: 4", "totals: 3 of 3 equal", "audit: clean"]);
    let more = format!("{ballots}anna,b,3\n");
    for (caps, reason) in [
        (&["--votes", "1"][..], "too-many"),
        (&["--votes", "2", "--votes-in-all", "2"], "too-many-in-all"),
        (&["--votes", "2", "--limit", "1=a,b"], "too-many-categories"),
    ] {
        let (output, said) = replay_texts(&more, &published.replace("b,3,1", "b,3,2"), caps);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains("voter `anna`, rows 2, 4, 6") && said.contains(reason), "{said}");
    }
    let (output, said) = replay_texts(ballots, published, &["--votes", "c=2"]);
    assert!(output.status.code() == Some(2) && said.contains("category `c`"), "{said}");
}

#[test]
fn two_thousand_voters_of_a_city() {
    let sets = env::var_os("ACCLAIM_DATA_SETS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data"), PathBuf::from);
    let folder = sets.join("wroclaw2015");
    if !folder.is_dir() {
        println!(
            "skipped: there is no {}; ACCLAIM_DATA_SETS tells where the data sets are",
            folder.display()
        );
        return;
    }
    let (ballots, published) = (folder.join("ballots.csv.gz"), folder.join("projects.csv"));
    let (output, said) = replay(&ballots, &published, &["--voters", "2000"]);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.starts_with("voters: 2000, votes: "), "{said}");
    assert!(said.contains("recorded: 2000 ballots in "), "{said}");
    says(&said, &["totals: 545 of 545 equal", "audit: clean"]);
}

/// Without servers, and short: that it runs to a table, having found every answer in an audited log.
#[test]
fn the_bars_are_measured() {
    let folder = tempfile::tempdir().unwrap();
    let json = folder.path().join("bars.json");
    let output = Command::new(env!("CARGO_BIN_EXE_bars"))
        .args(["--only", "embedded", "--rounds", "1", "--seconds", "1", "--connections", "16", "--json"])
        .arg(&json)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let table: serde_json::Value = serde_json::from_slice(&fs::read(json).unwrap()).unwrap();
    assert_eq!(table["rows"][0]["bar"], 2, "{table}");
    assert!(table["recorded_and_found"].as_u64().unwrap() > 0, "{table}");
}
