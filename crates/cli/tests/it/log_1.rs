//! A log of version 1, exported by a build that knew no other version. It audits, and its result is what it was then.
//!
//! The contest has a replaced ballot, a withdrawn entry and scores. It was certified with lots, reopened, and certified again with other lots.

use std::fs;

use crate::session::Session;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/log-1");

fn exported(name: &str) -> String {
    fs::read_to_string(format!("{FOLDER}/{name}")).unwrap()
}

/// What a command answers with success.
fn answer(args: &[&str]) -> String {
    let said = Session::new().run(args);
    assert_eq!(said.status, 0, "{args:?}: {}", said.err);
    said.out
}

/// A page without its style and the hash of it, which change with the layout that all pages share.
fn without_style(page: &str) -> String {
    let (before, rest) = page.split_once("<style>").unwrap();
    let (_, after) = rest.split_once("</style>").unwrap();
    let (before, policy) = before.split_once("sha256-").unwrap();
    let (_, policy) = policy.split_once('\'').unwrap();
    format!("{before}{policy}{after}")
}

#[test]
fn a_log_of_version_1_audits_clean() {
    let report = answer(&["audit", FOLDER, "--vkey-file", &format!("{FOLDER}/vkey")]);
    assert!(report.contains("audit: clean"), "{report}");
}

#[test]
fn a_log_of_version_1_has_the_result_that_it_had() {
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
