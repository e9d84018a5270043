//! Result documents for the tests: from the tally's golden logs, and from files written by hand.
//!
//! The three files together have every key of the schemas.

use std::path::PathBuf;

use acclaim_tally::Replay;
use serde_json::Value;

use crate::{logs, version_2};

fn path(relative: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(relative)
}

/// A final with channels, panels, lots, an earlier round, voids and a withdrawal. Version 1.
pub(crate) fn everything() -> Vec<u8> {
    std::fs::read(path("tests/documents/everything.json")).unwrap()
}

/// The same contest in version 2, with every key that version 2 added.
pub(crate) fn everything_version_2() -> Vec<u8> {
    std::fs::read(path("tests/documents/second.json")).unwrap()
}

/// A contest that points decide, with a tie that a panel breaks.
pub(crate) fn points() -> Vec<u8> {
    std::fs::read(path("tests/documents/points.json")).unwrap()
}

/// A document with a remark on the panel's choice.
pub(crate) fn remarked() -> Vec<u8> {
    let mut document: Value = serde_json::from_slice(&golden("choice-overtaken")).unwrap();
    document["categories"][0]["winners"]["choice"]["note"] = "By four votes to one".into();
    serde_json::to_vec(&document).unwrap()
}

/// All documents, by name.
pub(crate) fn all() -> Vec<(String, Vec<u8>)> {
    let mut all = vec![("everything".to_owned(), everything()), ("points".to_owned(), points())];
    all.push(("everything of version 2".to_owned(), everything_version_2()));
    all.push(("remarked".to_owned(), remarked()));
    all.push(("corrected figures".to_owned(), golden("corrected-figures")));
    all.extend(logs::all());
    all.extend(version_2::all());
    all.extend(real());
    all
}

/// The JSON pointers of all places in a value, the outermost first.
pub(crate) fn places(value: &Value) -> Vec<String> {
    let mut pointers = vec![String::new()];
    let mut inner = |key: String, value: &Value| {
        let key = key.replace('~', "~0").replace('/', "~1");
        pointers.extend(places(value).into_iter().map(|rest| format!("/{key}{rest}")));
    };
    match value {
        Value::Object(map) => map.iter().for_each(|(key, value)| inner(key.clone(), value)),
        Value::Array(list) => {
            list.iter().enumerate().for_each(|(number, value)| inner(number.to_string(), value));
        }
        _ => {}
    }
    pointers
}

/// The provisional and the certified document of each golden log, by name.
pub(crate) fn real() -> Vec<(String, Vec<u8>)> {
    let folder = path("../tally/tests/golden");
    let mut cases: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|case| case.unwrap().path()).collect();
    cases.sort();
    let mut documents = Vec::new();
    for case in cases {
        let name = case.file_name().unwrap().to_str().unwrap().to_owned();
        let mut replay = Replay::without_tiles("example.org/test");
        let log = std::fs::read_to_string(case.join("log.jsonl")).unwrap();
        let lines: Vec<&str> = log.lines().collect();
        // The replay stops before the last certification, because this function certifies the
        // result.
        let last = lines.iter().rposition(|line| line.starts_with("{\"type\":\"certified\""));
        for line in lines.get(..last.unwrap_or(lines.len())).unwrap() {
            replay.push(line.as_bytes()).unwrap();
        }
        let (tally, root) = (replay.tally(), replay.root());
        documents.push((name.clone(), tally.provisional_result("example.org/test", &root).unwrap().json));
        documents.push((name, tally.certified_result("example.org/test", &root).unwrap().json));
    }
    documents
}

/// The provisional document of one golden log.
pub(crate) fn golden(name: &str) -> Vec<u8> {
    real().into_iter().find(|(own, _)| own == name).map(|(_, document)| document).unwrap()
}
