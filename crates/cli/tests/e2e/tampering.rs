//! An exported log that was changed: the audit refuses it and names the place.

use std::{fs, path::Path};

use acclaim_ballot_log::SigningKey;

use crate::{
    backends::on_both_backends,
    booth::OPENED,
    server::acclaim,
    site::{Site, ballot},
};

on_both_backends!(a_changed_export_is_refused_and_the_place_is_named);

/// An export: its lines, and the way to write it with other lines.
struct TestExport<'a> {
    folder: &'a Path,
    vkey: String,
    log: String,
}

/// The verdict of an audit.
#[derive(Debug)]
struct Verdict {
    status: i32,
    out: String,
    err: String,
}

impl TestExport<'_> {
    fn audit(&self, vkey: &str, more: &[&str]) -> Verdict {
        let output =
            acclaim().arg("audit").arg(self.folder).args(["--vkey", vkey]).args(more).output().unwrap();
        Verdict {
            status: output.status.code().expect("no signal"),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    fn audit_of(&self, log: impl AsRef<[u8]>) -> Verdict {
        fs::write(self.folder.join("log.jsonl"), log).unwrap();
        self.audit(&self.vkey, &[])
    }
}

impl Verdict {
    #[track_caller]
    fn is(&self, status: i32) {
        assert_eq!(self.status, status, "{self:?}");
    }

    #[track_caller]
    fn names(&self, index: usize) {
        let expected = format!("index {index}: ");
        assert!(self.out.lines().any(|line| line.starts_with(&expected)), "{expected}{self:?}");
    }
}

/// Creates a contest with twelve ballots. Returns its verifier key.
fn vote(site: &Site) -> String {
    let contest = site.create("small", OPENED, &serde_json::json!({}));
    for n in 1..=12 {
        let pass = site.pass("small", &format!("mailto:{n}@example.org"));
        let answer = site.cast("small", &pass, &ballot(&[["a1", "a2", "a3"][n % 3], ["b1", "b2"][n % 2]]));
        assert_eq!(answer.status, 201, "{answer:?}");
    }
    contest["log"]["vkey"].as_str().unwrap().to_owned()
}

fn joined(lines: &[&str]) -> String {
    lines.iter().flat_map(|line| [*line, "\n"]).collect()
}

fn a_changed_export_is_refused_and_the_place_is_named(site: &Site) {
    let vkey = vote(site);
    let earlier = site.folder.path().join("seen");
    fs::write(&earlier, site.staff.get("/v1/contests/small/log/checkpoint").unwrap().bytes).unwrap();
    site.staff.post("/v1/contests/small/close", "close", &serde_json::json!({})).unwrap();
    let folder = site.export("small", "log");
    let log = fs::read_to_string(folder.join("log.jsonl")).unwrap();
    let exported = TestExport { folder: &folder, vkey, log };
    exported.audit(&exported.vkey, &["--earlier", earlier.to_str().unwrap()]).is(0);

    each_change(&exported, true);
    torn_and_foreign(&exported);
    changed_results(&exported);
    rolled_back(&exported, &earlier);
    fs::remove_dir_all(folder.join("tile")).unwrap();
    exported.audit_of(&exported.log).is(0);
    each_change(&exported, false);
}

fn each_change(exported: &TestExport<'_>, with_tiles: bool) {
    let lines: Vec<&str> = exported.log.lines().collect();
    let ballots: Vec<usize> = (0..lines.len()).filter(|n| lines[*n].contains(r#""type":"ballot""#)).collect();
    assert_eq!(ballots.len(), 12);
    let (first, sixth) = (ballots[0], ballots[5]);
    let flipped = {
        let (from, to) = if lines[sixth].contains(r#""b1""#) { ("b1", "b2") } else { ("b2", "b1") };
        lines[sixth].replace(from, to)
    };
    let mut flip = lines.clone();
    flip[sixth] = &flipped;
    let mut drop = lines.clone();
    drop.remove(sixth);
    let mut add = lines.clone();
    add.insert(sixth + 1, lines[first]);
    let mut appended = lines.clone();
    appended.push(lines[first]);
    let mut reorder = lines.clone();
    // Two ballots beside each other are swapped, so that every rule still holds.
    let pair = ballots.windows(2).find(|pair| pair[0] + 1 == pair[1]).unwrap();
    reorder.swap(pair[0], pair[1]);
    let back = lines[..=sixth].to_vec();
    let changes = [
        ("flip", flip, sixth),
        ("drop", drop, sixth),
        ("add", add, sixth + 1),
        ("append", appended, lines.len()),
        ("reorder", reorder, pair[0]),
        ("roll back", back, sixth + 1),
    ];
    for (change, changed, index) in changes {
        println!("{change}, tiles: {with_tiles}");
        let verdict = exported.audit_of(joined(&changed));
        verdict.is(1);
        assert!(!verdict.out.contains("audit: clean"), "{verdict:?}");
        // A log with a removed ballot, or with swapped ones, is a possible log. Only the tiles know
        // where it differs.
        if with_tiles || !matches!(change, "drop" | "reorder") {
            verdict.names(index);
        }
    }
    exported.audit_of(&exported.log).is(0);
}

fn torn_and_foreign(exported: &TestExport<'_>) {
    let lines = exported.log.lines().count();
    let torn = exported.audit_of(&exported.log[..exported.log.len() - 7]);
    torn.is(1);
    torn.names(lines - 1);
    // Without the last newline it is unknown whether the line is complete.
    exported.audit_of(&exported.log[..exported.log.len() - 1]).is(1);
    exported.audit_of("").is(1);
    let verdict = exported.audit_of(exported.log.replacen("\"type\"", "\"tyqe\"", 1));
    verdict.is(1);
    verdict.names(0);
    exported.audit_of([exported.log.as_bytes(), &[0xff, b'\n']].concat()).is(1);
    exported.audit_of(&exported.log).is(0);

    let origin = exported.vkey.split('+').next().unwrap();
    let other = SigningKey::from_seed(origin, &[7; 32]).unwrap();
    let verdict = exported.audit(&other.verifier().to_string(), &[]);
    verdict.is(2);
    assert!(verdict.err.contains("verifier key"), "{verdict:?}");
    exported.audit("nonsense", &[]).is(2);
}

fn changed_results(exported: &TestExport<'_>) {
    let path = exported.folder.join("result.json");
    let result = fs::read_to_string(&path).unwrap();
    let at = result.find("\"votes\":").unwrap() + "\"votes\":".len();
    let mut changed = result.clone().into_bytes();
    changed[at] = if changed[at] == b'9' { b'8' } else { changed[at] + 1 };
    fs::write(&path, changed).unwrap();
    let verdict = exported.audit(&exported.vkey, &[]);
    verdict.is(1);
    assert!(verdict.out.contains("result"), "{verdict:?}");
    fs::write(&path, result).unwrap();
    exported.audit(&exported.vkey, &[]).is(0);
}

/// The whole folder is of an earlier time, with the genuine checkpoint of then. Only an auditor
/// with a newer checkpoint can detect it.
fn rolled_back(exported: &TestExport<'_>, earlier: &Path) {
    let newest = fs::read(exported.folder.join("checkpoint")).unwrap();
    let result = fs::read(exported.folder.join("result.json")).unwrap();
    let newer = exported.folder.with_file_name("kept");
    fs::write(&newer, &newest).unwrap();
    let older = fs::read_to_string(earlier).unwrap();
    let size: usize = older.lines().nth(1).unwrap().parse().unwrap();
    let lines: Vec<&str> = exported.log.lines().collect();
    assert!(size < lines.len());
    fs::write(exported.folder.join("checkpoint"), &older).unwrap();
    fs::remove_file(exported.folder.join("result.json")).unwrap();
    exported.audit_of(joined(&lines[..size])).is(0);
    let verdict = exported.audit(&exported.vkey, &["--earlier", newer.to_str().unwrap()]);
    verdict.is(1);
    verdict.names(size);
    fs::write(exported.folder.join("checkpoint"), newest).unwrap();
    fs::write(exported.folder.join("result.json"), result).unwrap();
    exported.audit_of(&exported.log).is(0);
}
