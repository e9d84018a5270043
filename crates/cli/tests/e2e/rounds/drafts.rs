//! A later round before it opens: its definition in a file, and the check of the earlier contest.

use std::fs;

use serde_json::json;

use super::{contest, end, ids, longlist, post, put_definition, run};
use crate::{backends::succeeded, contests::following, site::Site};

const LATER: &str = "2098-01-01T00:00:00Z";

/// Rounds on the command line: create from TOML, edit, and show why the contest cannot open.
#[test]
fn a_file_of_rounds() {
    let site = &Site::start();
    longlist(site);
    end(site, "longlist");
    let file = site.folder.path().join("next.toml");
    let text = "[contest]\nid = \"by-file\"\ntitle = \"Next\"\ntime_zone = \"UTC\"\nopens = \"2098-01-01T00:00:00Z\"\n\
                closes = \"2099-01-01T00:00:00Z\"\n[winners]\ncount = 1\nfrom = \"all\"\nby = \"votes\"\n[rounds]\nfrom = \"longlist\"\n";
    fs::write(&file, text).unwrap();
    let path = file.to_str().unwrap();
    let stdout = succeeded(&run(site, &["contest", "create", path]));
    assert!(stdout.lines().any(|line| line.split_whitespace().eq(["entries:", "4"])), "{stdout}");
    assert!(
        stdout.lines().any(|line| line.split_whitespace().eq(["entries", "from:", "longlist"])),
        "{stdout}"
    );
    fs::write(&file, text.replace("Next", "The next one")).unwrap();
    succeeded(&run(site, &["contest", "create", path, "--edit"]));
    let edited = contest(site, "by-file");
    assert_eq!((edited["title"].as_str(), ids(&edited, "entries").len()), (Some("The next one"), 4));
    fs::write(&file, format!("{text}[[entry]]\nid = \"x\"\ncategory = \"a\"\ntitle = \"X\"\n")).unwrap();
    let refused = run(site, &["contest", "create", path, "--edit"]);
    let words = String::from_utf8_lossy(&refused.stderr);
    assert!(words.contains("next.toml:13: entry: does not go with rounds.from"), "{words}");
    assert_eq!(post(site, "longlist/reopen", &json!({"reason": "an objection"})).status, 200);
    let stdout = succeeded(&run(site, &["contest", "show", "by-file"]));
    assert!(stdout.contains("longlist is not certified any more"), "{stdout}");
}

/// The API process and the sequencer agree about the state of the earlier contest.
#[test]
fn opens_only_with_certified_champions_in_cluster() {
    let site = &Site::start_clustered();
    longlist(site);
    end(site, "longlist");
    let next = following("next", LATER, "longlist");
    put_definition(site, &next, None);
    assert_eq!(post(site, "longlist/reopen", &json!({"reason": "an objection"})).status, 200);
    let refused = post(site, "next/open", &json!({}));
    assert_eq!(refused.problem(409, "refused")["code"], "previous-not-certified");
    assert_eq!(contest(site, "next")["opening_refused"], "longlist is not certified any more");
    succeeded(&run(site, &["contest", "certify", "longlist"]));
    assert_eq!(post(site, "next/open", &json!({})).problem(409, "refused")["code"], "previous-not-certified");
    put_definition(site, &next, Some("*"));
    assert_eq!(post(site, "next/open", &json!({})).status, 200);
}
