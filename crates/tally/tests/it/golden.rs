//! Golden cases: `tests/golden/<name>/` has a contest's definition in `contest.toml`, its log in `log.jsonl` and, worked out by hand, what that comes to
//! in `expected.json`. The hash there pins every byte of the result document: a log that was certified once must give the same document for ever.
//!
//! A log begins with what its definition opens with; what follows is done by the function of the case. With `ACCLAIM_WRITE_GOLDEN` set the
//! logs are written; what is expected never is.

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

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::LazyLock;

use acclaim_ballot_log::entry::{ContestHeader, opening_events};
use acclaim_ballot_log::{Checkpoint, Event};
use acclaim_contest::definition::{Definition, Overrides};
use acclaim_contest::rules::PublishEntries;
use acclaim_tally::{Audit, AuditPlan, ExpectedLog, Replay};
use serde_json::Value;

use crate::support::Log;

/// The folder of a case, and what happens in its contest after the opening.
type Case = (&'static str, fn(&mut Log));

/// The one log that comes from elsewhere: the format's published example.
const VECTOR: &str = "published-vector";

/// The cases' logs. They are written, if they are to be, before any test reads one.
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

/// What the log of a case begins with, by its definition.
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

/// As the header was in a log of version 1, whose result stays what it was.
fn set_version_1(header: &mut ContestHeader) {
    header.v = 1;
    header.rules.admission = None;
    let entries = &mut header.rules.publication.entries;
    if *entries == PublishEntries::Certified {
        *entries = PublishEntries::AfterClose;
    }
}

/// Every folder's name, in order.
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

/// The case's log, replayed to its end, or why not.
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
    let mut wrong = Vec::new();
    for name in names() {
        let came_to = replayed(&name).map_or_else(Value::String, |(replay, _)| summary::summary(&replay));
        let expected: Value =
            serde_json::from_slice(&std::fs::read(folder(&name).join("expected.json")).unwrap()).unwrap();
        if came_to != expected {
            wrong.push(format!("{name} came to\n{came_to:#}\nand not to\n{expected:#}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// An audit takes voters share by share: here in three rounds by two threads, or in one by one.
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
