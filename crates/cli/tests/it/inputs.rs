//! Input files of users, each with the faults of a real file.
//!
//! One command reads each file, or refuses it with a message that says what to change. The helpers
//! here run the commands that read such files.

mod entries;
mod every_command;
mod jury;
mod voters;

use crate::session::{CommandOutput, Session};

const INPUTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/inputs/");
const TEMPLATE: [&str; 2] = ["--link-template", "https://vote.example.org/c/{contest}#{pass}"];

/// A draft with the category `photos` and no entries.
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
/// The only entry of the draft.
const ENTRY: &str = "[[entry]]\nid = \"p0\"\ncategory = \"photos\"\ntitle = \"Noon\"\n";

fn input(name: &str) -> String {
    format!("{INPUTS}{name}")
}

/// Asserts the exit status, and that standard error contains each of the texts.
#[track_caller]
fn assert_output(output: &CommandOutput, status: i32, words: &[&str]) {
    assert_eq!(output.status, status, "{}{}", output.out, output.err);
    for words in words {
        assert!(output.err.contains(words), "{}\nexpected: {words}", output.err);
    }
}

fn with_draft() -> Session {
    let session = Session::new();
    session.write("photos.toml", format!("{PHOTOS}{ENTRY}"));
    assert_output(&session.run(&["contest", "create", "photos.toml"]), 0, &[]);
    session
}

fn mint(session: &Session, file: &str, more: &[&str]) -> CommandOutput {
    let file = input(file);
    let args = ["pass", "mint", "photos", "--subjects", &file];
    session.run(&[&args[..], &TEMPLATE, more].concat())
}

/// Creates a draft with the entries of this file.
fn create(session: &Session, file: &str, more: &[&str]) -> CommandOutput {
    session.write("entries.toml", format!("entries_csv = {:?}\n{PHOTOS}", input(file)));
    session.run(&[&["contest", "create", "entries.toml"], more].concat())
}

/// An open contest with this panel and these categories.
fn open_with_panel(panel: &str, categories: &str) -> Session {
    let session = Session::new();
    let head = PHOTOS.split("[winners]").next().unwrap().replace("2099-03-01", "2021-03-01");
    session.write(
        "scores.toml",
        format!("{head}[winners]\ncount = 1\nfrom = \"all\"\nby = \"scores\"\n[[panel]]\nid = \"jury\"\n{panel}\n{categories}"),
    );
    assert_output(&session.run(&["contest", "create", "scores.toml"]), 0, &[]);
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
