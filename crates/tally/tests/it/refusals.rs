//! Every refusal, each with a log that causes it.
//!
//! `Log::push` also checks that a refused entry changes nothing. The helpers here build events.

mod ballots;
mod definition;
mod phases;
mod rulings;
mod versions;

use acclaim_ballot_log::Event;
use acclaim_contest::{Amendment, Instant, rules::WinnersBy};
use serde_json::json;

use crate::support::{Log, reason};

fn at(text: &str) -> Instant {
    text.parse().unwrap()
}

fn noon() -> Instant {
    at("2021-03-01T12:00:00Z")
}

fn event(value: serde_json::Value) -> Event {
    serde_json::from_value(value).unwrap()
}

fn by_choice() -> Log {
    Log::open(|rules| rules.winners.by = WinnersBy::Choice)
}

fn choice(category: &str, winners: &[&str]) -> Event {
    event(json!({"type": "choice", "category": category, "winners": winners, "by": "panel", "at": noon()}))
}

fn withdrawn(entry: &str) -> Event {
    Event::Withdrawn { entry: entry.parse().unwrap(), reason: reason() }
}

fn issued(passes: u64) -> Event {
    Event::Issued { source: "email".to_owned(), passes, at: noon() }
}

fn amended(what: &str, key: &str, to: &str) -> Event {
    let to = Amendment::Text(to.to_owned());
    Event::Amended { what: what.to_owned(), key: key.to_owned(), to, reason: reason() }
}

fn statement() -> Event {
    event(json!({"type": "statement", "kind": "note", "text": "x", "by": "chair", "at": noon()}))
}

fn certified(log: &Log) -> Event {
    let result =
        log.replay.result().unwrap().certify.map_or_else(|| "0".repeat(64), |certify| certify.result);
    Event::Certified { result, by: "chair".to_owned(), at: noon() }
}
