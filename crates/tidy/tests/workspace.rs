//! Every file of the workspace keeps the house rules.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use acclaim_tidy::{
    Crate, Finding, Source, comment_columns, file_cycles, file_length, import_style, names_on_the_list,
    sleeps_without_reason, words_of_text, words_on_the_list,
};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The files below a folder that end like this, by their paths from the workspace's root, sorted.
fn files(folder: &str, extension: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut waiting = vec![root().join(folder)];
    while let Some(path) = waiting.pop() {
        if path.is_dir() {
            if path.file_name().is_none_or(|name| name != "target") {
                waiting.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            }
        } else if path.extension().is_some_and(|own| own == extension) {
            found.push(path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned());
        }
    }
    found.sort();
    found
}

fn rust_files() -> Vec<String> {
    let files: Vec<_> =
        ["crates", "benches", "load-tests", "fuzz"].iter().flat_map(|folder| files(folder, "rs")).collect();
    assert!(files.len() > 400, "only {} files were found", files.len());
    files
}

/// Fails with all findings of a rule, one a line.
fn check(files: Vec<String>, rule: impl Fn(&str, &Source) -> Vec<Finding>) {
    let mut findings = Vec::new();
    for file in files {
        let text = fs::read_to_string(root().join(&file)).unwrap();
        for Finding { line, message } in rule(&text, &Source::read(&text)) {
            findings.push(format!("{file}:{line}: {message}"));
        }
    }
    assert!(findings.is_empty(), "{} findings\n{}", findings.len(), findings.join("\n"));
}

fn is_test(file: &str) -> bool {
    file.contains("/tests/") || file.contains("/tests.rs")
}

#[test]
fn files_are_short() {
    check(rust_files(), |text, _| file_length(text).into_iter().collect());
}

#[test]
fn comments_are_wrapped() {
    check(rust_files(), comment_columns);
}

#[test]
fn names_are_plain() {
    // This crate names the words.
    let files = rust_files().into_iter().filter(|file| !file.contains("crates/tidy/")).collect();
    check(files, |_, source| names_on_the_list(source));
}

#[test]
fn comments_are_plain() {
    let files = rust_files().into_iter().filter(|file| !file.contains("crates/tidy/")).collect();
    check(files, |_, source| words_on_the_list(source));
}

#[test]
fn documents_are_plain() {
    let mut documents = vec!["README.md".to_owned(), "ARCHITECTURE.md".to_owned()];
    for folder in ["docs", "deploy", "fuzz", "load-tests", "crates"] {
        documents.extend(files(folder, "md"));
    }
    check(documents, |text, _| {
        // Tables have words of their own: `nobody` is a value of the table of access.
        let lines = (1..).zip(text.lines()).filter(|(_, line)| !line.starts_with('|'));
        lines.flat_map(|(number, line)| words_of_text(number, line)).collect()
    });
}

#[test]
fn imports_have_one_style() {
    check(rust_files(), |_, source| import_style(source));
}

#[test]
fn sleeps_in_tests_have_a_reason() {
    let tests = rust_files().into_iter().filter(|file| is_test(file) || file.contains("crates/test-"));
    check(tests.collect(), |_, source| sleeps_without_reason(source));
}

#[test]
fn files_of_a_crate_import_one_way() {
    let mut found = Vec::new();
    let files_of_all = rust_files();
    let roots = files_of_all.iter().filter_map(|file| file.rsplit_once('/'));
    let folders: BTreeSet<_> =
        roots.filter(|(_, file)| ["lib.rs", "main.rs"].contains(file)).map(|(folder, _)| folder).collect();
    for folder in folders {
        let mut all = Crate::default();
        for file in files(folder, "rs") {
            let source = Source::read(&fs::read_to_string(root().join(&file)).unwrap());
            all.add(file.strip_prefix(folder).unwrap().trim_start_matches('/'), &source);
        }
        found.extend(file_cycles(&all).iter().map(|cycle| format!("{folder}: {}", cycle.join(", "))));
    }
    assert!(found.is_empty(), "{} cycles of files\n{}", found.len(), found.join("\n"));
}
