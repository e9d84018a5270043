//! A log of version 1 from an earlier build, which knew no other version.
//!
//! It must audit clean, and its result must not change. The contest has a replaced ballot, a
//! withdrawn entry and scores. It was certified with lots, reopened, and certified again with other
//! lots.

use std::fs;

use crate::session::Session;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/log-1");

fn exported(name: &str) -> String {
    fs::read_to_string(format!("{FOLDER}/{name}")).unwrap()
}

/// Returns the output of a command that must succeed.
fn answer(args: &[&str]) -> String {
    let output = Session::new().run(args);
    assert_eq!(output.status, 0, "{args:?}: {}", output.err);
    output.out
}

/// Removes from a page the style and its hash, which change with the layout of all pages.
fn without_style(page: &str) -> String {
    let (before, rest) = page.split_once("<style>").unwrap();
    let (_, after) = rest.split_once("</style>").unwrap();
    let (before, policy) = before.split_once("sha256-").unwrap();
    let (_, policy) = policy.split_once('\'').unwrap();
    format!("{before}{policy}{after}")
}

#[test]
fn log_of_version_1_audits_clean() {
    let report = answer(&["audit", FOLDER, "--vkey-file", &format!("{FOLDER}/vkey")]);
    assert!(report.contains("audit: clean"), "{report}");
}

#[test]
fn log_of_version_1_keeps_its_result() {
    let document = exported("result.json");
    assert!(document.starts_with("{\"v\":1,"));
    assert_eq!(answer(&["tally", FOLDER]), document);
    let file = format!("{FOLDER}/result.json");
    for source in [FOLDER, file.as_str()] {
        assert_eq!(answer(&["tally", source, "--format", "csv"]), exported("result.csv"), "{source}");
        let page = answer(&["tally", source, "--format", "html"]);
        assert_eq!(without_style(&page), without_style(&exported("result.html")), "{source}");
    }
}
