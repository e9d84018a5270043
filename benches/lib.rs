//! Values that the benchmarks share: a contest of the shape of the WSIS Prizes, and its ballots.

#![expect(clippy::unwrap_used, reason = "the benchmarks make these values themselves")]

use acclaim_ballot_log::{LogEntry, NewBallot, entry::opening_events};
use acclaim_contest::{Definition, Overrides, TagKey};
use acclaim_tally::Replay;
use serde_json::json;

/// The origin of the log.
pub const ORIGIN: &str = "bench.example.org/bench";

/// A contest with eighteen categories of twenty entries.
#[must_use]
pub fn definition() -> Definition {
    let categories = 0..18;
    let entries = (0..360).map(|n| json!({"id": entry(n), "category": category(n), "title": "Entry"}));
    let definition = json!({
        "contest": {"id": "bench", "title": "Bench", "time_zone": "UTC",
            "opens": "2021-03-01T00:00:00", "closes": "2021-06-30T00:00:00"},
        "champions": {"count": 5},
        "category": categories.map(|n| json!({"id": category(n), "title": "Category"})).collect::<Vec<_>>(),
        "entry": entries.collect::<Vec<_>>(),
    });
    Definition::from_json(definition.to_string().as_bytes(), &Overrides::default()).unwrap()
}

/// Returns the id of the n-th entry's category.
#[must_use]
pub fn category(n: u32) -> String {
    format!("c{:02}", n % 18)
}

/// Returns the id of the n-th entry.
#[must_use]
pub fn entry(n: u32) -> String {
    format!("p{n:04}")
}

/// Returns the lines of a log: the opening events, and the ballots.
///
/// Each ballot has one vote and a voter of its own.
#[must_use]
pub fn log(definition: &Definition, ballots: u32) -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
    let key = TagKey([7; 32]);
    let ballot = |n: u32| {
        let (category, entry) = (category(n % 360), entry(n % 360));
        let ballot = NewBallot {
            voter: key.tag(&n.to_string()),
            channel: None,
            period: None,
            replaces: None,
            at: "2021-03-14T12:05Z",
            selections: [(&*category, &*entry)].into_iter(),
        };
        let mut line = Vec::new();
        ballot.write(&definition.id, &mut line).unwrap();
        line
    };
    let opening = opening_events(definition).iter().map(|event| event.encode(None).unwrap()).collect();
    (opening, (0..ballots).map(ballot).collect())
}

/// Replays the lines, which must be valid.
#[must_use]
pub fn replay(lines: &[Vec<u8>]) -> Replay {
    let mut replay = Replay::new(ORIGIN);
    for line in lines {
        assert!(LogEntry::decode(line).is_ok());
        replay.push(line).unwrap();
    }
    replay
}
