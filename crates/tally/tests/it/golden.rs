//! Golden cases: logs with results that were worked out by hand.
//!
//! `tests/golden/<name>/` has a contest's definition in `contest.toml`, its log in `log.jsonl`, and
//! the result of the log in `expected.json`. The hash there pins every byte of the result document.
//! A log that was certified once must always give the same document.
//!
//! A log begins with the opening entries of its definition. The function of the case adds the rest.
//! With `ACCLAIM_WRITE_GOLDEN` set, the logs are written. The expected results are never written.

mod ballots;
mod channels;
mod draws;
mod panels;
mod periods;
mod previous;
mod rulings;
mod shortlists;
mod steps;
mod summary;
mod version_2;
mod winners;

use std::{num::NonZeroUsize, path::PathBuf, sync::LazyLock};

use acclaim_ballot_log::{
    Checkpoint, Event,
    entry::{ContestHeader, opening_events},
};
use acclaim_contest::{
    definition::{Definition, Overrides},
    rules::PublishEntries,
};
use acclaim_tally::{Audit, AuditPlan, ExpectedLog, Replay};
use serde_json::Value;

use crate::support::Log;

/// The folder of a case, and the function that adds the entries after the opening.
type Case = (&'static str, fn(&mut Log));

/// The only log that no case builds: the published example of the log format.
const VECTOR: &str = "published-vector";

/// The logs of the cases. With `ACCLAIM_WRITE_GOLDEN` they are written before any test reads one.
static LOGS: LazyLock<Vec<(&str, Vec<u8>)>> = LazyLock::new(|| {
    let cases = [
        ballots::CASES,
        channels::CASES,
        draws::CASES,
        panels::CASES,
        periods::CASES,
        previous::CASES,
        rulings::CASES,
        version_2::CASES,
        shortlists::CASES,
        winners::CASES,
    ];
    let built = cases.concat().into_iter().map(|(name, steps)| {
        let mut log = Log::empty();
        head(name).into_iter().for_each(|event| log.event(event));
        steps(&mut log);
        let lines: Vec<u8> = log.lines.iter().flat_map(|line| [line.as_slice(), b"\n"].concat()).collect();
        if std::env::var_os("ACCLAIM_WRITE_GOLDEN").is_some() {
            std::fs::write(folder(name).join("log.jsonl"), &lines).unwrap();
        }
        (name, lines)
    });
    built.collect()
});

fn folder(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

/// The entries that the log of a case begins with, from its definition.
fn head(name: &str) -> Vec<Event> {
    let text = std::fs::read(folder(name).join("contest.toml")).unwrap();
    let definition = Definition::from_toml(&text, &mut |_| unreachable!(), &Overrides::default())
        .unwrap_or_else(|mistakes| panic!("{name}: {mistakes}"));
    let mut events = opening_events(&definition);
    let Event::Contest(header) = &mut events[0] else { unreachable!() };
    if !version_2::CASES.iter().any(|(second, _)| *second == name) {
        set_version_1(header);
    }
    periods::list_days(header);
    if name == previous::NAME {
        header.previous = Some(previous::previous());
    }
    events
}

/// Sets the header to that of a log of version 1, whose result must not change.
fn set_version_1(header: &mut ContestHeader) {
    header.v = 1;
    header.rules.admission = None;
    let entries = &mut header.rules.publication.entries;
    if *entries == PublishEntries::Certified {
        *entries = PublishEntries::AfterClose;
    }
}

/// The names of all folders, sorted.
fn names() -> Vec<String> {
    let folders = std::fs::read_dir(folder("")).unwrap();
    let mut names: Vec<_> = folders.map(|case| case.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn the_logs_are_those_of_the_cases() {
    for (name, built) in &*LOGS {
        assert_eq!(std::fs::read(folder(name).join("log.jsonl")).unwrap(), *built, "{name}");
    }
    let mut cases: Vec<_> = LOGS.iter().map(|(name, _)| (*name).to_owned()).collect();
    cases.push(VECTOR.to_owned());
    cases.sort();
    assert_eq!(cases, names());
}

#[test]
fn each_log_begins_with_what_its_definition_opens_with() {
    let _: &Vec<_> = &LOGS;
    for name in names() {
        let log = std::fs::read_to_string(folder(&name).join("log.jsonl")).unwrap();
        let events = head(&name);
        assert!(events.len() < log.lines().count() && events.len() > 3, "{name}");
        for (event, line) in events.iter().zip(log.lines()) {
            assert_eq!(String::from_utf8(event.encode(None).unwrap()).unwrap(), line, "{name}");
        }
    }
}

/// Replays the log of a case. Returns the replay and the log, or the error.
fn replayed(name: &str) -> Result<(Replay, String), String> {
    let log = std::fs::read_to_string(folder(name).join("log.jsonl")).unwrap();
    let mut replay =
        Replay::new(if name == VECTOR { "vote.example.org/photo-2021" } else { "example.org/test" });
    for line in log.lines() {
        replay.push(line.as_bytes()).map_err(|error| error.to_string())?;
    }
    Ok((replay, log))
}

#[test]
fn every_case_comes_to_what_is_expected() {
    let _: &Vec<_> = &LOGS;
    let mut mismatches = Vec::new();
    for name in names() {
        let actual = replayed(&name).map_or_else(Value::String, |(replay, _)| summary::summary(&replay));
        let expected: Value =
            serde_json::from_slice(&std::fs::read(folder(&name).join("expected.json")).unwrap()).unwrap();
        if actual != expected {
            mismatches.push(format!("{name}: actual\n{actual:#}\nexpected\n{expected:#}"));
        }
    }
    assert!(mismatches.is_empty(), "{}", mismatches.join("\n"));
}

/// An audit takes the voters by partitions: here one thread and round, or two threads and three
/// rounds.
#[test]
fn every_case_is_audited_to_the_same_result() {
    let _: &Vec<_> = &LOGS;
    for name in names() {
        let (replay, log) = replayed(&name).unwrap();
        let result = replay.result().unwrap();
        for (threads, rounds) in [(1, 1), (2, 3)] {
            let checkpoint =
                Checkpoint { origin: replay.origin().to_owned(), size: replay.size(), root: replay.root() };
            let bytes = log.len() as u64;
            let memory = (bytes * 6 / 10).div_ceil(rounds) + 1;
            let plan = AuditPlan::new(bytes, memory, NonZeroUsize::new(threads).unwrap());
            assert_eq!(plan.rounds(), rounds);
            let expected = ExpectedLog { checkpoint, result: Some(result.json.clone()) };
            let mut audit = Audit::new(expected, &|_| None, plan);
            let lines: Vec<&[u8]> = log.lines().map(str::as_bytes).collect();
            loop {
                lines.chunks(4).for_each(|block| audit.push_lines(block));
                if !audit.next_round() {
                    break;
                }
            }
            let report = audit.finish();
            assert!(report.clean, "{name}: {:?}", report.findings);
        }
    }
}
