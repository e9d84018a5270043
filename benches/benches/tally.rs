//! Benchmarks of the tally: one ballot, under the rules that need more work for it.
//!
//! The time covers admission, which recomputes the ballot's id, and the fold.

#![expect(clippy::unwrap_used, reason = "the benchmark makes these values itself")]

use acclaim_ballot_log::{Event, LogEntry, NewBallot, Salt, entry::opening_events};
use acclaim_contest::{Definition, Overrides, TagKey};
use acclaim_tally::Tally;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use serde_json::{Value, json};

const BALLOTS: u32 = 100_000;

/// An open contest with three categories of fifty entries, under the given rules.
fn open(ballot: &Value, channels: &Value) -> (Tally, Definition) {
    let categories = ["a", "b", "c"];
    let entries = categories.into_iter().flat_map(|category| {
        (0..50).map(move |n| json!({"id": format!("{category}{n}"), "category": category, "title": "Entry"}))
    });
    let definition = json!({
        "contest": {"id": "bench", "title": "Bench", "time_zone": "Europe/Zurich",
            "opens": "2021-03-01T00:00:00", "closes": "2021-06-30T00:00:00"},
        "ballot": ballot,
        "channel": channels,
        "champions": {"count": 5},
        "category": categories.map(|id| json!({"id": id, "title": id})),
        "entry": entries.collect::<Vec<_>>(),
    });
    let definition = Definition::from_json(definition.to_string().as_bytes(), &Overrides::default()).unwrap();
    let mut tally = Tally::new();
    for event in opening_events(&definition) {
        tally.fold(&LogEntry::Event(Box::new(event), None)).unwrap();
    }
    (tally, definition)
}

/// The voter, sheet and category of a ballot.
struct BallotSpec {
    voter: u32,
    channel: Option<&'static str>,
    period: Option<String>,
    category: u32,
}

fn lines(definition: &Definition, cast: impl Fn(u32) -> BallotSpec) -> Vec<Vec<u8>> {
    let key = TagKey([7; 32]);
    let categories = ["a", "b", "c"];
    let line = |number: u32| {
        let BallotSpec { voter, channel, period, category } = cast(number);
        let category = categories.get(category as usize).unwrap();
        let entry = format!("{category}{}", number % 50);
        let ballot = NewBallot {
            voter: key.tag(&voter.to_string()),
            channel,
            period: period.as_deref(),
            replaces: None,
            at: "2021-03-14T12:05Z",
            selections: [(*category, entry.as_str())].into_iter(),
        };
        let mut line = Vec::new();
        ballot.write(&definition.id, &mut line).unwrap();
        line
    };
    (0..BALLOTS).map(line).collect()
}

fn fold(c: &mut Criterion) {
    let once = |voter, category| BallotSpec { voter, channel: None, period: None, category };
    let counted = json!({"period": "counted", "ballots_per_voter": 1000});
    let channels = json!([{"id": "unique", "weight": 70}, {"id": "fan", "weight": 30}]);
    type Rule<'a> = (&'a str, Value, Value, Box<dyn Fn(u32) -> BallotSpec>);
    let rules: [Rule<'_>; 6] = [
        ("a ballot a voter", json!({}), json!([]), Box::new(move |n| once(n, 0))),
        (
            "a ballot a voter in one of two channels",
            json!({}),
            channels.clone(),
            Box::new(|n| BallotSpec { voter: n, channel: Some("unique"), period: None, category: 0 }),
        ),
        ("three ballots a voter", json!({}), json!([]), Box::new(move |n| once(n / 3, n % 3))),
        (
            "three ballots a voter, completion all",
            json!({"completion": "all"}),
            json!([]),
            Box::new(move |n| once(n / 3, n % 3)),
        ),
        (
            "a thousand numbered ballots a voter",
            counted.clone(),
            json!([]),
            Box::new(|n| BallotSpec {
                voter: n / 1000,
                channel: None,
                period: Some((n % 1000 + 1).to_string()),
                category: 0,
            }),
        ),
        (
            "a thousand numbered ballots a voter in two channels",
            counted,
            channels,
            Box::new(|n| BallotSpec {
                voter: n / 1000,
                channel: Some(if n % 2 == 0 { "unique" } else { "fan" }),
                period: Some((n % 1000 / 2 + 1).to_string()),
                category: 0,
            }),
        ),
    ];
    let mut group = c.benchmark_group("tally: fold");
    group.throughput(Throughput::Elements(BALLOTS.into()));
    group.sample_size(10);
    for (name, ballot, channels, cast) in rules {
        let (tally, definition) = open(&ballot, &channels);
        let lines = lines(&definition, cast);
        let entries: Vec<LogEntry<'_>> = lines.iter().map(|line| LogEntry::decode(line).unwrap()).collect();
        group.bench_function(name, |b| {
            b.iter_batched(
                || tally.clone(),
                |mut tally| {
                    entries.iter().for_each(|entry| tally.fold(entry).unwrap());
                    tally
                },
                BatchSize::LargeInput,
            );
        });
    }
    group.finish();
}

/// Measures the outcome after twenty jurors have scored fifty entries.
fn jury(c: &mut Criterion) {
    let scores = |juror: u32| {
        let values: Vec<(String, String)> =
            (0..50).map(|entry| (format!("a{entry}"), ((juror * 7 + entry * 3) % 11).to_string())).collect();
        let scores = json!({"type": "scores", "panel": "p", "juror": juror.to_string(), "category": "a",
            "values": values, "by": "office", "at": "2021-03-14T12:05:00Z"});
        LogEntry::Event(Box::new(serde_json::from_value::<Event>(scores).unwrap()), Some(Salt([7; 16])))
    };
    let definition = json!({
        "contest": {"id": "bench", "title": "Bench", "time_zone": "UTC",
            "opens": "2021-03-01T00:00:00", "closes": "2021-06-30T00:00:00"},
        "winners": {"count": 3, "by": "scores"},
        "panel": [{"id": "p", "kind": "score", "scale": [0, 10], "trim": 1, "minimum_jurors": 3}],
        "category": [{"id": "a", "title": "a"}],
        "entry": (0..50).map(|n| json!({"id": format!("a{n}"), "category": "a", "title": "Entry"})).collect::<Vec<_>>(),
    });
    let definition = Definition::from_json(definition.to_string().as_bytes(), &Overrides::default()).unwrap();
    let mut tally = Tally::new();
    for event in opening_events(&definition) {
        tally.fold(&LogEntry::Event(Box::new(event), None)).unwrap();
    }
    (0..20).for_each(|juror| tally.fold(&scores(juror)).unwrap());
    c.bench_function("tally: outcome of twenty jurors' scores for fifty entries", |b| {
        b.iter(|| tally.outcome("a"));
    });
}

criterion_group!(parts, fold, jury);
criterion_main!(parts);
