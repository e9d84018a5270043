//! A whole contest on a data directory, and the errors on the way.

use std::{fs, os::unix::fs::PermissionsExt as _};

use crate::session::{Session, assert_transcript};

/// One category, three entries, one winner by votes.
const DEFINITION: &str = r#"
[contest]
id = "photo"
title = "Photo contest"
time_zone = "Europe/Zurich"
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

[[entry]]
id = "p2"
category = "photos"
title = "A field at dawn"

[[entry]]
id = "p3"
category = "photos"
title = "Connected village"
"#;

#[test]
fn names_every_mistake_of_definition() {
    let mut session = Session::new();
    let wrong = DEFINITION
        .replace("2099-04-01T00:00:00", "2098-04-01T00:00:00")
        .replace("count = 1\n", "count = 0\ncolour = \"red\"\n")
        .replace("\"p3\"", "\"p2\"");
    session.write("photo.toml", format!("entries_csv = \"more.csv\"\n{wrong}"));
    session.write("more.csv", "id,category,title\np9,nowhere,Somewhere\n");
    assert_eq!(session.type_in(&["contest", "create", "photo.toml"]).status, 2);
    assert!(!session.path("acclaim-data").exists(), "a definition with mistakes creates no installation");
    session.write("photo.json", "{\"contest\": ");
    assert_eq!(session.type_in(&["contest", "create", "photo.json"]).status, 2);
    assert_eq!(session.type_in(&["contest", "create", "absent.toml"]).status, 2);
    assert_transcript!(session.transcript());
}

#[test]
fn a_contest_from_its_definition_to_its_audit() {
    let mut session = Session::new();
    session.write("photo.toml", DEFINITION);
    session.type_in(&["contest", "create", "photo.toml"]);
    session.type_in(&["contest", "create", "photo.toml"]);
    session.type_in(&["contest", "create", "photo.toml", "--edit"]);
    session.type_in(&["contest", "close", "photo"]);
    session.type_in(&["contest", "open", "photo"]);
    session.type_in(&["contest", "list"]);
    session.type_in(&["contest", "show", "photo"]);
    session.type_in(&["contest", "certify", "photo"]);
    session.type_in(&["rule", "withdraw", "photo", "p3", "--reason", "asked for by its author"]);
    session.type_in(&["rule", "withdraw", "photo", "p3", "--reason", "again"]);
    session.type_in(&["rule", "reinstate", "photo", "--entry", "p3", "--reason", "a misunderstanding"]);
    session.type_in(&[
        "rule",
        "amend",
        "photo",
        "entry:p2",
        "title",
        "A wide field at dawn",
        "--reason",
        "typo",
    ]);
    session.type_in(&["rule", "void", "photo", "lG5tUEkm0RjspEyBHMakFQ", "--reason", "scripted"]);
    session.type_in(&["rule", "choose", "photo", "photos", "p1"]);
    session.type_in(&["rule", "statement", "photo", "remark", "a rehearsal of the command line"]);
    session.type_in(&["contest", "close", "photo"]);
    session.type_in(&["contest", "certify", "photo"]);
    session.type_in(&["contest", "delete", "photo"]);
    session.type_in(&["log", "export", "photo", "--out", "log"]);
    session.type_in(&["log", "export", "photo", "--out", "log"]);
    session.type_in(&["audit", "log", "--vkey-file", "log/vkey"]);
    let output = session.run(&["audit", "log", "--vkey-file", "log/vkey", "--previous", "nowhere"]);
    assert!(output.status == 2 && output.err.contains("--previous: nowhere"), "{}", output.err);
    let tally = session.run(&["tally", "log"]);
    assert_eq!((tally.status, tally.out), (0, session.read("log/result.json")));
    assert_transcript!(session.transcript());
}

/// The warning appears before the rules are fixed, and as long as it matters.
///
/// It is never on standard output, which programs read.
#[test]
fn warns_of_entries_that_are_public_before_the_result() {
    let session = Session::new();
    session.write("silent.toml", DEFINITION.replace("\"photo\"", "\"silent\""));
    session.write("photo.toml", format!("{DEFINITION}\n[publication]\nentries = \"after-close\"\n"));
    let warns = |args: &[&str]| {
        let output = session.run(args);
        assert_eq!(output.status, 0, "{args:?}: {}", output.err);
        assert!(!output.out.contains("warning:"), "{}", output.out);
        output
            .err
            .contains("warning: publication.entries is \"after-close\": from the closing on anyone can read")
    };
    for step in ["create", "show", "open"] {
        let of =
            |contest: &str| if step == "create" { format!("{contest}.toml") } else { contest.to_owned() };
        assert!(warns(&["contest", step, &of("photo")]), "{step}");
        assert!(!warns(&["contest", step, &of("silent")]), "{step}");
    }
    assert!(warns(&["contest", "show", "photo", "--json"]));
    warns(&["contest", "close", "photo"]);
    assert!(warns(&["contest", "show", "photo"]));
    warns(&["contest", "certify", "photo"]);
    assert!(!warns(&["contest", "show", "photo"]), "no warning after the certification");
}

#[test]
fn names_directory_without_installation() {
    let mut session = Session::new();
    assert_eq!(session.type_in(&["contest", "list"]).status, 2);
    assert_eq!(session.type_in(&["contest", "open", "photo", "--data", "elsewhere"]).status, 2);
    assert_eq!(session.type_in(&["key", "list"]).status, 2);
    assert_eq!(session.type_in(&["contest", "list", "--url", "ftp://vote.example.org"]).status, 2);
    assert_eq!(session.type_in(&["contest", "list", "--url", "http://127.0.0.1:1"]).status, 2);
    assert!(!session.path("acclaim-data").exists() && !session.path("elsewhere").exists());
    assert_transcript!(session.transcript());
}

#[test]
fn environment_sets_directory_and_name_of_installation() {
    let session = Session::new();
    session.write("photo.toml", DEFINITION);
    let create = ["contest", "create", "photo.toml"];
    let cluster = [
        ("ACCLAIM_REDIS_URL", "redis://127.0.0.1:1"),
        ("ACCLAIM_POSTGRES_URL", "postgres://a@127.0.0.1:1/a"),
    ];
    let output = session.run_with(&cluster, &create);
    assert!(
        output.status == 2 && output.err.contains("cluster") && output.err.contains("--url"),
        "{}",
        output.err
    );
    assert!(!session.path("acclaim-data").exists(), "a forgotten --url creates no installation");
    let named = [("ACCLAIM_INSTALLATION_NAME", "vote.example.org"), ("ACCLAIM_DATA", "elsewhere")];
    let output = session.run_with(&named, &create);
    assert!(output.status == 0 && output.out.contains("vote.example.org/"), "{} {}", output.out, output.err);
    assert!(session.path("elsewhere").is_dir() && !session.path("acclaim-data").exists());
}

#[test]
fn failed_export_leaves_no_folder() {
    let session = Session::new();
    session.write("photo.toml", DEFINITION);
    assert_eq!(session.run(&["contest", "create", "photo.toml"]).status, 0);
    let output = session.run(&["log", "export", "photo", "--out", "log"]);
    assert!(output.status != 0 && !session.path("log").exists(), "{}", output.err);
}

#[test]
fn refusal_names_deleted_contest() {
    let session = Session::new();
    session.write("photo.toml", DEFINITION);
    for args in [
        &["contest", "create", "photo.toml", "--test"][..],
        &["pass", "mint", "photo", "--count", "1"],
        &["contest", "delete", "photo"],
    ] {
        let output = session.run(args);
        assert_eq!(output.status, 0, "{args:?}: {}", output.err);
    }
    let output = session.run(&["contest", "create", "photo.toml"]);
    assert!(
        output.status != 0 && output.err.contains("deleted") && !output.err.contains("--edit"),
        "{}",
        output.err
    );
}

#[test]
fn passes_go_into_a_file_that_is_new_and_private() {
    let mut session = Session::new();
    session.write("photo.toml", DEFINITION);
    session.run(&["contest", "create", "photo.toml"]);
    session.write("voters.txt", "mailto:ama@example.org\n\nmailto:li@example.org\n");
    let template = "https://vote.example.org/c/{contest}#{pass}";
    let mint = [
        "pass",
        "mint",
        "photo",
        "--subjects",
        "voters.txt",
        "--out",
        "passes.csv",
        "--link-template",
        template,
    ];
    assert_eq!(session.type_in(&mint).status, 0);
    assert_eq!(session.type_in(&mint).status, 2, "an existing file is not overwritten");
    let mode = fs::metadata(session.path("passes.csv")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let passes = session.read("passes.csv");
    let rows: Vec<Vec<&str>> = passes.lines().map(|line| line.split(',').collect()).collect();
    assert_eq!(rows.len(), 3);
    assert_eq!(rows[0], ["subject", "pass", "link"]);
    assert_eq!(rows[1][0], "mailto:ama@example.org");
    assert_eq!(rows[1][2], format!("https://vote.example.org/c/photo#{}", rows[1][1]));

    let many = session.run(&["pass", "mint", "photo", "--count", "10001"]);
    let minted: std::collections::BTreeSet<&str> =
        many.out.lines().skip(1).filter_map(|line| line.split(',').nth(1)).collect();
    assert_eq!((many.status, minted.len()), (0, 10_001), "the passes take more than one request");
    assert_transcript!(session.transcript());
}

#[test]
fn refuses_link_template_without_a_pass() {
    let session = Session::new();
    session.write("photo.toml", DEFINITION);
    session.run(&["contest", "create", "photo.toml"]);
    let mint =
        |template: &str| session.run(&["pass", "mint", "photo", "--count", "1", "--link-template", template]);
    for template in ["https://vote.example.org/c/photo", "https://vote.example.org/c/{contest}#{Pass}", ""] {
        let output = mint(template);
        assert_eq!((output.status, output.out.as_str()), (2, ""), "{template}");
        assert!(
            output.err.contains("{pass}") && output.err.contains("/c/{contest}#{pass}"),
            "{}",
            output.err
        );
    }
    assert_eq!(mint("{pass}").status, 0);
}

/// An amendment reads times as a definition does.
#[test]
fn amends_closing_in_contest_time_zone() {
    let session = Session::new();
    session.write("photo.toml", DEFINITION);
    let run = |args: &[&str]| {
        let output = session.run(args);
        assert_eq!(output.status, 0, "{args:?}: {}", output.err);
        output.out + &output.err
    };
    let created = run(&["contest", "create", "photo.toml", "--opens", "now"]);
    for words in [
        "2099-03-31T22:00:00Z, which is 2099-04-01T00:00:00 in Europe/Zurich",
        "acclaim pass mint photo --subjects",
        "acclaim contest close photo",
        "acclaim rule",
    ] {
        assert!(created.contains(words), "{words}: {created}");
    }
    // The contest opens by itself, as soon as a process sequences it.
    session.run(&["contest", "open", "photo"]);
    let amend =
        |to: &str| session.run(&["rule", "amend", "photo", "closes", "closes", to, "--reason", "late"]);
    for (to, closes) in [
        ("2099-06-01T00:00", "2099-05-31T22:00:00Z"),
        ("2099-06-02T00:00:00-03:30", "2099-06-02T03:30:00Z"),
        ("2099-07-01T00:00:00Z", "2099-07-01T00:00:00Z"),
    ] {
        let output = amend(to);
        assert_eq!(output.status, 0, "{to}: {}", output.err);
        assert!(run(&["contest", "show", "photo"]).contains(closes), "{to}");
        assert!(run(&["log", "export", "photo", "--out", to]).is_ascii());
        assert!(session.read(&format!("{to}/log.jsonl")).contains(&format!("\"to\":\"{closes}\"")), "{to}");
    }
    // In 2100 the clocks go forward on 28 March.
    for (to, why) in [
        ("2100-03-28T02:30:00", "does not exist in Europe/Zurich"),
        ("2100-10-31T02:30:00", "exists twice in Europe/Zurich"),
        ("tomorrow", "must be a date and time such as"),
        ("2099-05-01T00:00:00", ""),
    ] {
        let output = amend(to);
        assert!(output.status == 1 && output.err.contains(why), "{to}: {}", output.err);
    }
}

/// The command asks on a terminal, and does not ask a program. `script` gives a command a terminal.
#[test]
fn asks_before_irreversible_steps_on_terminal() {
    let session = Session::new();
    session.write("photo.toml", DEFINITION);
    for args in [
        &["contest", "create", "photo.toml"][..],
        &["contest", "open", "photo"],
        &["contest", "close", "photo"],
    ] {
        assert_eq!(session.run(args).status, 0, "{args:?}");
    }
    let certify = "contest certify photo";
    let refused = session.on_a_terminal(certify, "no\n");
    assert!(
        refused.status == 1 && refused.out.contains("photos (Photographs): no winner"),
        "{}",
        refused.out
    );
    assert!(
        refused.out.contains("contest: photo (Photo contest)") && refused.out.contains("Type yes to go on")
    );
    let state = session.run(&["contest", "show", "photo"]);
    assert!(state.out.contains("closed"), "{}", state.out);
    let certified = session.on_a_terminal(certify, "yes\n");
    assert!(certified.status == 0 && certified.out.contains("recorded at index"), "{}", certified.out);
    let destroy = "contest destroy-key photo --reason announced";
    let refused = session.on_a_terminal(destroy, "\n");
    assert!(refused.status == 1 && refused.out.contains("photo (Photo contest)"), "{}", refused.out);
    let done = session.on_a_terminal(&format!("{destroy} --yes"), "");
    assert!(done.status == 0 && !done.out.contains("Type yes"), "{}", done.out);
}

/// The example in the organiser's guide works.
#[test]
fn example_of_scores_in_the_guide_works() {
    let session = Session::new();
    let panel =
        "\n[[panel]]\nid = \"experts\"\nkind = \"score\"\nscale = [0, 10]\njurors = [\"Ama Mensah\"]\n";
    let rules = DEFINITION.replace("by = \"votes\"", "by = \"scores\"");
    session.write("photo.toml", rules.replacen("\n[[category]]", &format!("{panel}\n[[category]]"), 1));
    for args in [&["contest", "create", "photo.toml"][..], &["contest", "open", "photo"]] {
        let output = session.run(args);
        assert_eq!(output.status, 0, "{args:?}: {}", output.err);
    }
    let guide = include_str!("../../../../docs/organiser.md");
    let example = guide.lines().find_map(|line| line.strip_prefix("$ acclaim rule score photos ")).unwrap();
    let (options, columns) = example.split_once('#').unwrap();
    let columns = columns.split('`').nth(1).expect("the example names the columns");
    session.write("scores.csv", format!("{columns}\nAma Mensah,photos,p1,8.5\n"));
    let args: Vec<&str> = ["rule", "score", "photo"].into_iter().chain(options.split_whitespace()).collect();
    let output = session.run(&args);
    assert_eq!(output.status, 0, "{args:?}: {}", output.err);
}

#[test]
fn staff_keys_are_made_listed_and_revoked() {
    let mut session = Session::new();
    session.write("photo.toml", DEFINITION);
    session.run(&["contest", "create", "photo.toml"]);
    session.type_in(&["key", "create", "--role", "organiser", "--contest", "photo", "--name", "jury-office"]);
    session.type_in(&["key", "create", "--role", "auditor", "--name", "jury-office"]);
    session.type_in(&["key", "create", "--role", "king"]);
    session.type_in(&["key", "list"]);
    session.type_in(&["key", "revoke", "jury-office"]);
    session.type_in(&["key", "revoke", "jury-office"]);
    session.type_in(&["key", "list"]);
    session.type_in(&["key", "rotate-pass-key"]);
    assert_transcript!(session.transcript());
}

#[test]
fn a_tag_key_is_destroyed_once_voting_has_ended() {
    let mut session = Session::new();
    session.write("photo.toml", DEFINITION);
    session.run(&["contest", "create", "photo.toml", "--opens", "now"]);
    session.run(&["contest", "open", "photo"]);
    let destroy = ["contest", "destroy-key", "photo", "--reason", "as announced"];
    assert_eq!(session.type_in(&destroy).status, 1);
    session.run(&["contest", "close", "photo"]);
    let lie = ["rule", "statement", "photo", "tag-key-destroyed", "it is gone"];
    assert_eq!(session.type_in(&lie).status, 2);
    assert_eq!(session.type_in(&destroy).status, 0);
    assert_eq!(session.type_in(&destroy).status, 1);
    assert_eq!(session.type_in(&["pass", "mint", "photo", "--count", "1"]).status, 1);
    session.type_in(&["contest", "show", "photo"]);
    assert_transcript!(session.transcript());
}

#[test]
fn names_line_or_variable_of_bad_setting() {
    let session = Session::new();
    session.write("acclaim.toml", "[ballots]\nwating = 3\n");
    let output = session.run(&["serve", "--config", "acclaim.toml"]);
    for word in ["acclaim.toml", "line 2", "wating"] {
        assert!(output.status == 2 && output.err.contains(word), "{word}: {}", output.err);
    }
    let output = session.run_with(&[("ACCLAIM_BALLOTS_WATING", "3")], &["serve"]);
    for word in ["ACCLAIM_", "wating"] {
        assert!(output.status == 2 && output.err.contains(word), "{word}: {}", output.err);
    }
}
