//! `acclaim tally` and `acclaim contest result` in all formats.

use crate::session::{Session, assert_transcript};

const DEFINITION: &str = r#"
[contest]
id = "photo"
title = "Photo contest"
time_zone = "Europe/Zurich"
opens = "2020-03-01T00:00:00"
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

[[entry]]
id = "p2"
category = "photos"
title = "=A field at dawn"
"#;

#[test]
fn a_result_in_every_form() {
    let mut session = Session::new();
    session.write("photo.toml", DEFINITION);
    session.run(&["contest", "create", "photo.toml"]);
    session.run(&["contest", "open", "photo"]);
    session.type_in(&["contest", "result", "photo"]);
    session.run(&["rule", "withdraw", "photo", "p1", "--reason", "asked for by its author"]);
    session.run(&["contest", "close", "photo"]);
    session.type_in(&["contest", "result", "photo"]);
    session.type_in(&["contest", "result", "photo", "--format", "csv"]);
    session.type_in(&["contest", "result", "photo", "--format", "pdf"]);
    session.type_in(&["log", "export", "photo", "--out", "log"]);
    session.type_in(&["tally", "log", "--format", "csv"]);
    session.type_in(&["tally", "log/result.json", "--format", "csv"]);

    let page = session.read("log/result.html");
    assert!(page.starts_with("<!DOCTYPE html>") && page.contains("asked for by its author"));
    assert!(page.contains(" in Europe/Zurich)"));
    for form in
        [["tally", "log", "--format", "html"].as_slice(), &["contest", "result", "photo", "--format", "html"]]
    {
        let output = session.run(form);
        assert_eq!((output.status, output.out), (0, page.clone()), "{form:?}");
    }
    // The document does not contain the time zone of its contest.
    let page_of_document = session.run(&["tally", "log/result.json", "--format", "html"]).out;
    let (times, zones) = (page.matches("UTC</time>").count(), page.matches(" in Europe/Zurich)").count());
    assert!(
        times == zones
            && page_of_document.matches("UTC</time>").count() == times
            && !page_of_document.contains("Zurich")
    );
    assert_eq!(session.run(&["tally", "log/result.json"]).out, session.read("log/result.json"));
    // The page and the table are no evidence: an audit does not read them.
    session.write("log/result.html", "<p>p2 has won</p>");
    session.write("log/result.csv", "");
    session.type_in(&["audit", "log", "--vkey-file", "log/vkey"]);
    assert_transcript!(session.transcript());
}

#[test]
fn refuses_what_is_no_result_document() {
    let mut session = Session::new();
    session.write("empty.json", "");
    session.write("other.json", "{\"v\":3}");
    session.write("odd.json", "{\"v\":1,\"contest\":\"photo\",\"colour\":\"red\"}");
    session.write("list.json", "[]");
    for file in ["absent.json", "empty.json", "other.json", "odd.json", "list.json"] {
        for format in ["json", "html"] {
            assert_eq!(session.type_in(&["tally", file, "--format", format]).status, 2);
        }
    }
    assert_transcript!(session.transcript());
}
