//! Golden cases: `tests/golden/<name>/log.jsonl` and, worked out by hand, what it comes to in `expected.json`. The hash there pins every
//! byte of the result document: a log that was certified once must give the same document for ever.
//!
//! The logs are those that [`cases`] builds. With `ACCLAIM_WRITE_GOLDEN` set they are written; what is expected never is.

use std::path::PathBuf;

use acclaim_ballot_log::Event;
use acclaim_contest::BallotId;
use acclaim_contest::rules::{ChampionTies, Completion, WinnerTies, WinnersBy, WinnersFrom};
use acclaim_tally::Replay;
use serde_json::{Value, json};

use crate::support::{Log, header, reason};

fn folder(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

fn votes(log: &mut Log, entries: &[&str]) -> Vec<BallotId> {
    let first = u32::try_from(log.lines.len()).unwrap();
    (first..).zip(entries).map(|(voter, entry)| log.cast(voter, &[entry], None).unwrap()).collect()
}

fn withdraw(log: &mut Log, entry: &str) {
    log.event(Event::Withdrawn { entry: entry.parse().unwrap(), reason: reason() });
}

fn choose(log: &mut Log, category: &str, winners: &[&str]) {
    let at = "2021-03-05T00:00:00Z";
    let choice = json!({"type": "choice", "category": category, "winners": winners, "by": "panel", "at": at});
    log.event(serde_json::from_value(choice).unwrap());
}

fn certify(log: &mut Log) {
    let result = log.replay.result().unwrap().certify.unwrap().result;
    let at = "2021-03-06T00:00:00Z".parse().unwrap();
    log.event(Event::Certified { result, by: "chair".to_owned(), at });
}

/// Seven votes: a1 has three, a3 and a2 have two each, a3 before a2.
fn tied_at_the_cut(log: &mut Log) {
    votes(log, &["a1", "a2", "a3", "a3", "a1", "a2", "a1"]);
    log.close();
}

fn ties_include() -> Log {
    let mut log = Log::open(|_| {});
    tied_at_the_cut(&mut log);
    log
}

fn ties_earliest() -> Log {
    let mut log = Log::open(|rules| rules.champions.as_mut().unwrap().ties = ChampionTies::Earliest);
    tied_at_the_cut(&mut log);
    log
}

/// One sheet brings two entries to their total at once: not even the order of recording tells them apart.
fn cut_inside_a_tie() -> Log {
    let mut log = Log::open(|rules| {
        rules.ballot.votes_per_category = [1, 2];
        rules.champions.as_mut().unwrap().ties = ChampionTies::Earliest;
    });
    log.cast(1, &["a1"], None).unwrap();
    log.cast(2, &["a2", "a3"], None).unwrap();
    log.close();
    log
}

fn withdrawn_between_votes() -> Log {
    let mut log = Log::open(|_| {});
    votes(&mut log, &["a1", "a1", "a2"]);
    withdraw(&mut log, "a1");
    votes(&mut log, &["a1", "a3"]);
    log.close();
    log
}

fn void_of_a_replaced_ballot() -> Log {
    let mut log = Log::open(|_| {});
    let first = log.cast(1, &["a1"], None).unwrap();
    log.cast(1, &["a2"], Some(first)).unwrap();
    let second = log.cast(2, &["a3"], None).unwrap();
    let replacing = log.cast(2, &["a4"], Some(second)).unwrap();
    log.void(first);
    log.void(replacing);
    log.close();
    log
}

/// The chain leaves category b on the way, and b is voted in anew.
fn replace_chain() -> Log {
    let mut log = Log::open(|_| {});
    let mut ballot = log.cast(1, &["a1", "b1"], None).unwrap();
    for entry in ["a2", "a3", "a1"] {
        ballot = log.cast(1, &[entry], Some(ballot)).unwrap();
    }
    log.cast(1, &["b2"], None).unwrap();
    log.close();
    log
}

fn completion_all_with_a_void() -> Log {
    let mut log = Log::open(|rules| rules.ballot.completion = Completion::All);
    log.cast(1, &["a1", "b1"], None).unwrap();
    log.cast(2, &["a2"], None).unwrap();
    log.cast(3, &["a3"], None).unwrap();
    let half = log.cast(3, &["b3"], None).unwrap();
    log.cast(4, &["a4", "b4"], None).unwrap();
    withdraw(&mut log, "b4");
    log.void(half);
    log.close();
    log
}

fn choice_of_two_and_of_none() -> Log {
    let mut log = Log::open(|rules| rules.winners.by = WinnersBy::Choice);
    votes(&mut log, &["a1", "a1", "a2", "b1"]);
    log.close();
    choose(&mut log, "a", &["a1"]);
    choose(&mut log, "a", &["a2", "a1"]);
    choose(&mut log, "b", &[]);
    certify(&mut log);
    log
}

/// After the choice its winner is withdrawn; one category is left open.
fn choice_overtaken() -> Log {
    let mut log = Log::open(|rules| rules.winners.by = WinnersBy::Choice);
    votes(&mut log, &["a1", "a2", "a2"]);
    log.close();
    choose(&mut log, "a", &["a1"]);
    withdraw(&mut log, "a1");
    log
}

fn reopened_and_certified_again() -> Log {
    let mut log = Log::open(|_| {});
    let ballots = votes(&mut log, &["a1", "a1", "a2"]);
    log.close();
    log.event(Event::Frozen { by: "chair".to_owned(), at: "2021-03-05T00:00:00Z".parse().unwrap() });
    certify(&mut log);
    log.event(Event::Reopened(reason()));
    log.event(Event::Voided { ballots: ballots[..2].to_vec(), reason: reason() });
    certify(&mut log);
    log
}

fn all_tied_at_zero() -> Log {
    let mut log = Log::open(|rules| rules.winners.from = WinnersFrom::All);
    log.close();
    log
}

fn minimum_votes() -> Log {
    let mut log = Log::open(|rules| rules.champions.as_mut().unwrap().minimum_votes = 2);
    votes(&mut log, &["a1", "a1", "a2", "b1", "b1", "b2", "b2", "b3", "b3"]);
    log.close();
    log
}

fn winners_tied() -> Log {
    let mut log = Log::open(|rules| {
        rules.champions = None;
        rules.winners.from = WinnersFrom::All;
        rules.winners.ties = WinnerTies::Earliest;
    });
    votes(&mut log, &["a2", "a1", "b3", "b4", "b4", "b3"]);
    log.close();
    log
}

/// Void and reinstatement leave the order of arrival as it was: a2 is first still.
fn reinstated() -> Log {
    let mut log = Log::open(|rules| {
        let champions = rules.champions.as_mut().unwrap();
        (champions.ties, champions.count) = (ChampionTies::Earliest, 1);
    });
    let ballots = votes(&mut log, &["a2", "a1"]);
    log.void(ballots[0]);
    log.reinstate(ballots[0]);
    log.close();
    log
}

fn rehearsal() -> Log {
    let mut log = Log::empty();
    log.define(acclaim_ballot_log::entry::ContestHeader { test: true, ..header() });
    votes(&mut log, &["a1"]);
    log.event(
        serde_json::from_value(
            json!({"type": "issued", "source": "email", "passes": 4, "at": "2021-03-01T13:00:00Z"}),
        )
        .unwrap(),
    );
    log.close();
    log
}

fn cases() -> Vec<(&'static str, Log)> {
    vec![
        ("ties-include", ties_include()),
        ("ties-earliest", ties_earliest()),
        ("cut-inside-a-tie", cut_inside_a_tie()),
        ("withdrawn-between-votes", withdrawn_between_votes()),
        ("void-of-a-replaced-ballot", void_of_a_replaced_ballot()),
        ("replace-chain", replace_chain()),
        ("completion-all-with-a-void", completion_all_with_a_void()),
        ("choice-of-two-and-of-none", choice_of_two_and_of_none()),
        ("choice-overtaken", choice_overtaken()),
        ("reopened-and-certified-again", reopened_and_certified_again()),
        ("all-tied-at-zero", all_tied_at_zero()),
        ("minimum-votes", minimum_votes()),
        ("winners-tied", winners_tied()),
        ("reinstated", reinstated()),
        ("rehearsal", rehearsal()),
    ]
}

#[test]
fn the_logs_are_those_of_the_cases() {
    for (name, log) in cases() {
        let path = folder(name).join("log.jsonl");
        let built: Vec<u8> = log.lines.iter().flat_map(|line| [line.as_slice(), b"\n"].concat()).collect();
        if std::env::var_os("ACCLAIM_WRITE_GOLDEN").is_some() {
            std::fs::create_dir_all(folder(name)).unwrap();
            std::fs::write(&path, &built).unwrap();
        }
        assert_eq!(std::fs::read(&path).unwrap(), built, "{name}");
    }
}

#[test]
fn every_case_comes_to_what_is_expected() {
    let mut wrong = Vec::new();
    let mut names: Vec<_> = std::fs::read_dir(folder("")).unwrap().map(|case| case.unwrap().path()).collect();
    names.sort();
    assert_eq!(names.len(), cases().len() + 1);
    for case in names {
        let log = std::fs::read_to_string(case.join("log.jsonl")).unwrap();
        let vector = case.ends_with("published-vector");
        let mut replay = Replay::new(if vector { "vote.example.org/photo-2021" } else { "example.org/test" });
        for line in log.lines() {
            replay.push(line.as_bytes()).unwrap_or_else(|error| panic!("{case:?}: {error}"));
        }
        let came_to = summary(&replay);
        let expected: Value =
            serde_json::from_slice(&std::fs::read(case.join("expected.json")).unwrap()).unwrap();
        if came_to != expected {
            wrong.push(format!("{case:?} came to\n{came_to:#}\nand not to\n{expected:#}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The result in few words: `rank entry votes share`, with `=` after what is tied, and `entry rule` for places.
fn summary(replay: &Replay) -> Value {
    let document = replay.result().unwrap();
    let result: Value = serde_json::from_slice(&document.json).unwrap();
    let counts = &result["counts"];
    let mut summary = json!({
        "status": result["status"],
        "certifiable": result.get("certify").is_some(),
        "ballots": counts["ballots"],
        "voters": counts["voters"],
        "incomplete_voters": counts["incomplete_voters"],
        "votes": counts["votes"],
        "withdrawn_votes": counts["withdrawn_votes"],
        "sha256": document.sha256,
    });
    for category in result["categories"].as_array().unwrap() {
        summary[category["id"].as_str().unwrap()] = json!({
            "standings": words(&category["standings"], |place| {
                let tied = if place["tied"] == true { " =" } else { "" };
                format!("{} {} {} {}{tied}", place["rank"], text(&place["entry"]), place["votes"], text(&place["share"]))
            }),
            "champions": words(&category["champions"], |place| format!("{} {}", text(&place["entry"]), text(&place["decided_by"]))),
            "winners": words(&category["winners"]["entries"], |place| format!("{} {}", text(&place["entry"]), text(&place["decided_by"]))),
            "decision": category["winners"]["decision"],
            "no_longer_eligible": category["winners"]["no_longer_eligible"],
            "ties": words(&category["ties"], |tie| format!("{} {} {}", text(&tie["concerns"]), words(&tie["entries"], text).join(" "), text(&tie["resolved_by"]))),
            "without_rulings": words(&category["without_rulings"], |place| format!("{} {} {}", place["rank"], text(&place["entry"]), place["votes"])),
        });
    }
    summary
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn words(list: &Value, word: impl Fn(&Value) -> String) -> Vec<String> {
    list.as_array().into_iter().flatten().map(word).collect()
}
