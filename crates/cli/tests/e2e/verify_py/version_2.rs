//! Logs of version 2 before `verify.py`. The lines were written by hand from the format's
//! description only.

use std::fs;

use acclaim_ballot_log::{SigningKey, Tree, leaf_hash};
use serde_json::Value;

use super::verify;
use crate::verifiers::Verdict;

const SALT: &str = r#","salt":"AAECAwQFBgcICQoLDA0ODw"}"#;
const VOTER_1: &str = "AAAAAAAAAAAAAAAAAAAAAA";
const VOTER_2: &str = "BBBBBAAAAAAAAAAAAAAAAA";

/// The lines of a log.
#[derive(Clone)]
struct Log(Vec<String>);

impl Log {
    /// A log with everything that version 2 adds.
    fn version_2() -> Self {
        let mut lines = vec![
            r#"{"type":"contest","v":2,"contest":"c","title":"C","test":false,"time_zone":"UTC","opens":"2021-03-01T00:00:00Z","closes":"2021-03-31T00:00:00Z","rules":{"ballot":{"votes_per_category":[1,1],"completion":"any","revision":"final","period":"once","cast_time":"minute"},"channels":[],"winners":{"count":1,"from":"all","by":"scores","ties":"countback"},"panels":[{"id":"p","kind":"score","scale":[-3,3],"trim":0,"minimum_jurors":1,"weight":1,"jurors":["J"]}],"publication":{"standings":"organisers","entries":"certified","result":"certified"},"limits":[{"categories":["a","b"],"most":1}]}}"#.to_owned(),
            r#"{"type":"category","id":"a","title":"A","votes":[1,2],"champions":2,"winners":1}"#.to_owned(),
        ];
        lines.extend(["b", "c"].map(|id| format!(r#"{{"type":"category","id":"{id}","title":"T"}}"#)));
        lines
            .extend(["a1", "a2", "a3", "b1", "c1", "c2"].map(|id| {
                format!(r#"{{"type":"entry","id":"{id}","category":"{}","title":"T"}}"#, &id[..1])
            }));
        lines.push(r#"{"type":"opened","at":"2021-03-01T00:00:00Z"}"#.to_owned());
        lines.push(ballot(VOTER_1, 'x', &["a1", "a2", "c1"]));
        lines.push(salted(r#""suspended","by":"chair","reason":"an outage","at":"2021-03-02T00:00:00Z""#));
        lines.push(salted(r#""issued","source":"mint","passes":2,"at":"2021-03-02T00:00:00Z""#));
        lines.push(salted(r#""resumed","by":"chair","reason":"over","at":"2021-03-02T01:00:00Z""#));
        lines.push(ballot(VOTER_2, 'x', &["b1", "c1"]));
        lines.push(salted(r#""recused","panel":"p","juror":"J","entry":"b1","reason":"a friend","by":"chair","at":"2021-03-03T00:00:00Z""#));
        lines.push(scores("a1", "-2.5"));
        lines.push(salted(r#""rejoined","panel":"p","juror":"J","entry":"b1","reason":"a mistake","by":"chair","at":"2021-03-03T00:00:00Z""#));
        lines.push(scores("b1", "-0.5"));
        lines.push(r#"{"type":"closed","at":"2021-03-31T00:00:00Z"}"#.to_owned());
        lines.push(salted(FROZEN));
        lines.push(salted(r#""unfrozen","by":"chair","reason":"too early","at":"2021-04-01T00:00:00Z""#));
        lines.push(salted(WITHDRAWN));
        lines.push(salted(FROZEN));
        Self(lines)
    }

    /// The same contest in version 1, without the additions of version 2.
    fn version_1() -> Self {
        let new = ["suspended", "resumed", "recused", "rejoined", "unfrozen"];
        let is_old = |line: &&String| new.iter().all(|new| !line.contains(&format!(r#""type":"{new}""#)));
        let mut log =
            Self(Self::version_2().0.iter().filter(is_old).map(|line| line.replace(SALT, "}")).collect());
        for (from, to) in [
            (r#""v":2"#, r#""v":1"#),
            (r#","limits":[{"categories":["a","b"],"most":1}]"#, ""),
            (r#","jurors":["J"]"#, ""),
            (r#""scale":[-3,3]"#, r#""scale":[0,3]"#),
            ("countback", "report"),
            (r#""entries":"certified""#, r#""entries":"after-close""#),
            (r#","votes":[1,2],"champions":2,"winners":1"#, ""),
            (r#"["a","a1"],["a","a2"]"#, r#"["a","a1"]"#),
            ("-2.5", "2.5"),
            ("-0.5", "0.5"),
        ] {
            log.replace(from, to);
        }
        // One of the two freezings is removed.
        let frozen = log.find(FROZEN);
        log.0.remove(frozen);
        log
    }

    #[track_caller]
    fn find(&self, text: &str) -> usize {
        self.0.iter().position(|line| line.contains(text)).unwrap_or_else(|| panic!("no line has {text}"))
    }

    /// Replaces a text in the first line that has it. Returns the line's index.
    #[track_caller]
    fn replace(&mut self, from: &str, to: &str) -> usize {
        let index = self.find(from);
        self.0[index] = self.0[index].replacen(from, to, 1);
        index
    }

    /// Inserts a line after the first one that has a text. Returns its index.
    #[track_caller]
    fn insert(&mut self, after: &str, line: impl Into<String>) -> usize {
        let index = self.find(after) + 1;
        self.0.insert(index, line.into());
        index
    }

    fn verify(&self) -> Verdict {
        let folder = tempfile::tempdir().unwrap();
        let key = SigningKey::from_seed("example.org/c", &[3; 32]).unwrap();
        let mut tree = Tree::without_tiles();
        for line in &self.0 {
            serde_json::from_str::<Value>(line).unwrap();
            tree.append(leaf_hash(line.as_bytes()));
        }
        fs::write(folder.path().join("log.jsonl"), self.0.join("\n") + "\n").unwrap();
        fs::write(folder.path().join("checkpoint"), key.sign(tree.size(), tree.root())).unwrap();
        verify(folder.path(), &key.verifier().to_string())
    }
}

const FROZEN: &str = r#""frozen","by":"chair","at":"2021-04-01T00:00:00Z""#;
const WITHDRAWN: &str =
    r#""withdrawn","entry":"c2","by":"chair","reason":"asked","at":"2021-04-01T00:00:00Z""#;

fn salted(inside: &str) -> String {
    format!(r#"{{"type":{inside}{SALT}"#)
}

fn ballot(voter: &str, id: char, entries: &[&str]) -> String {
    let votes: Vec<_> = entries.iter().map(|entry| format!(r#"["{}","{entry}"]"#, &entry[..1])).collect();
    let id = format!("{}{id}{}", &voter[..5], "A".repeat(16));
    format!(
        r#"{{"type":"ballot","id":"{id}","voter":"{voter}","at":"2021-03-01T12:00Z","selections":[{}]}}"#,
        votes.join(",")
    )
}

fn scores(entry: &str, value: &str) -> String {
    let category = &entry[..1];
    salted(&format!(
        r#""scores","panel":"p","juror":"J","category":"{category}","values":[["{entry}","{value}"]],"by":"jury","at":"2021-03-03T00:00:00Z""#
    ))
}

/// A change that must be refused: a function that makes it and returns the index of the wrong line,
/// and words of the finding.
type Change = (fn(&mut Log) -> usize, &'static str);

#[track_caller]
fn refuses(log: &Log, changes: &[Change]) {
    let verdict = log.verify();
    assert_eq!((verdict.status, &*verdict.output), (0, "verify: clean\n"));
    for (number, (change, words)) in changes.iter().enumerate() {
        let mut log = log.clone();
        let index = change(&mut log);
        let verdict = log.verify();
        let begins = format!("index {index}: ");
        let is_named = |line: &str| line.starts_with(&begins) && line.contains(words);
        assert!(
            verdict.status == 1 && verdict.output.lines().any(is_named),
            "{number}, {index}, {words}: {verdict:?}"
        );
    }
}

#[expect(clippy::too_many_lines, reason = "one log with each kind of entry")]
#[test]
fn the_independent_verifier_reads_version_2() {
    refuses(
        &Log::version_2(),
        &[
            (|log| log.replace(SALT, "}"), "the keys are"),
            (
                |log| {
                    log.replace(
                        r#""closed","at":"2021-03-31T00:00:00Z"}"#,
                        &format!(r#""closed","at":"2021-03-31T00:00:00Z"{SALT}"#),
                    )
                },
                "the keys are",
            ),
            (|log| log.replace("AAECAwQFBgcICQoLDA0ODw", "AAECAwQFBgcICQoLDA0OD"), "`salt` is not"),
            (|log| log.replace("AAECAwQFBgcICQoLDA0ODw", "AAECAwQFBgcICQoLDA0ODx"), "`salt` is not"),
            (
                |log| log.insert(r#""suspended""#, ballot(VOTER_2, 'y', &["c2"])),
                "`ballot` is out of its place",
            ),
            (
                |log| {
                    log.insert(
                        r#""suspended""#,
                        salted(r#""suspended","by":"chair","reason":"again","at":"2021-03-02T00:00:00Z""#),
                    )
                },
                "out of its place",
            ),
            (
                |log| {
                    log.insert(
                        r#""opened""#,
                        salted(r#""resumed","by":"chair","reason":"never","at":"2021-03-02T00:00:00Z""#),
                    )
                },
                "out of its place",
            ),
            (
                |log| {
                    log.insert(
                        r#""closed""#,
                        salted(r#""suspended","by":"chair","reason":"late","at":"2021-04-01T00:00:00Z""#),
                    )
                },
                "out of its place",
            ),
            (
                |log| log.insert(r#""resumed""#, ballot("CCCCCAAAAAAAAAAAAAAAAA", 'y', &["a1", "a2", "a3"])),
                "votes in a category than allowed",
            ),
            (
                |log| log.insert(r#""resumed""#, ballot("CCCCCAAAAAAAAAAAAAAAAA", 'y', &["c1", "c2"])),
                "votes in a category than allowed",
            ),
            (
                |log| log.insert(r#""resumed""#, ballot("CCCCCAAAAAAAAAAAAAAAAA", 'y', &["a1", "b1"])),
                "a limit's categories",
            ),
            (|log| log.insert(r#""resumed""#, ballot(VOTER_1, 'y', &["b1"])), "a limit's categories"),
            (
                |log| log.insert(FROZEN, salted(WITHDRAWN)),
                "`withdrawn` is out of its place: the contest is frozen",
            ),
            (|log| log.insert(FROZEN, salted(FROZEN)), "out of its place"),
            (|log| log.insert(FROZEN, scores("a2", "1")), "out of its place"),
            (
                |log| {
                    log.insert(
                        r#""unfrozen""#,
                        salted(r#""unfrozen","by":"chair","reason":"twice","at":"2021-04-01T00:00:00Z""#),
                    )
                },
                "out of its place",
            ),
            (
                |log| {
                    log.replace(r#","publication""#, r#","draw":{"source":"drand"},"publication""#);
                    log.find(r#""unfrozen""#)
                },
                "no place where lots are drawn",
            ),
            (|log| log.insert(r#""recused""#, scores("b1", "1")), "that the juror is recused for"),
            (
                |log| log.insert(r#""rejoined""#, log.clone().0[log.find(r#""rejoined""#)].clone()),
                "the juror is so already",
            ),
            (|log| log.replace("-2.5", "-0"), "no decimal"),
            (|log| log.replace("-2.5", "-0.0"), "no decimal"),
            (|log| log.replace("-2.5", "--2"), "no decimal"),
            (|log| log.replace(r#""v":2"#, r#""v":3"#), "another version"),
        ],
    );
}

#[test]
fn the_independent_verifier_keeps_version_2_out_of_version_1() {
    refuses(
        &Log::version_1(),
        &[
            (
                |log| {
                    log.replace(
                        r#""issued","source":"mint","passes":2,"at":"2021-03-02T00:00:00Z"}"#,
                        &format!(r#""issued","source":"mint","passes":2,"at":"2021-03-02T00:00:00Z"{SALT}"#),
                    )
                },
                "the keys are",
            ),
            (|log| log.replace(r#""title":"A""#, r#""title":"A","votes":[1,2]"#), "the keys are"),
            (|log| log.replace("2.5", "-2.5"), "no decimal"),
            (|log| log.replace(r#""v":1"#, r#""v":true"#), "another version"),
            (
                |log| {
                    log.insert(
                        r#""opened""#,
                        r#"{"type":"suspended","by":"chair","reason":"x","at":"2021-03-02T00:00:00Z"}"#,
                    )
                },
                "known type",
            ),
            (
                |log| {
                    log.insert(
                        r#""frozen""#,
                        r#"{"type":"unfrozen","by":"chair","reason":"x","at":"2021-04-02T00:00:00Z"}"#,
                    )
                },
                "known type",
            ),
            (
                |log| log.insert(FROZEN, format!(r#"{{"type":{WITHDRAWN}}}"#).replace("c2", "c1")),
                "the contest is frozen",
            ),
            (
                |log| log.replace(r#""rules":{"#, r#""rules":{"limits":[{"categories":["a"],"most":1}],"#),
                "version 1 does not know",
            ),
            (
                |log| log.replace(r#""rules":{"#, r#""rules":{"admission":{"methods":["pass"]},"#),
                "version 1 does not know",
            ),
            (|log| log.replace("after-close", "certified"), "version 1 does not know"),
            (|log| log.replace(r#""ties":"report""#, r#""ties":"countback""#), "version 1 does not know"),
            (|log| log.replace(r#""scale":[0,3]"#, r#""scale":[-3,3]"#), "version 1 does not know"),
            (|log| log.replace(r#""weight":1"#, r#""weight":1,"jurors":["J"]"#), "version 1 does not know"),
        ],
    );
}
