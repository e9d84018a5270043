//! Documents under rules that no golden log has: the logs are made here and counted by the tally.

use acclaim_ballot_log::{Event, LogEntry, NewBallot, entry::Salt};
use acclaim_contest::TagKey;
use acclaim_tally::Replay;
use serde_json::{Value, json};

pub(crate) const AT: &str = "2021-03-01T12:00:00Z";

pub(crate) struct Log(Replay);

impl Log {
    /// An open contest with one category `a` of four entries.
    fn open(v: u32, rules: &Value, previous: Option<Value>) -> Self {
        let mut header = json!({"type": "contest", "v": v, "contest": "test", "title": "Test", "test": false, "time_zone": "UTC",
            "opens": "2021-03-01T00:00:00Z", "closes": "2021-03-02T00:00:00Z", "rules": rules});
        if let Some(previous) = previous {
            header["previous"] = previous;
        }
        Self::begin(&header, &[json!({"id": "a", "title": "Category a"})])
    }

    /// An open contest with four entries in each category.
    pub(crate) fn begin(header: &Value, categories: &[Value]) -> Self {
        let mut log = Self(Replay::without_tiles("example.org/test"));
        log.event(header);
        for category in categories {
            let mut event = category.clone();
            event["type"] = "category".into();
            log.event(&event);
        }
        for category in categories.iter().map(|category| category["id"].as_str().unwrap()) {
            for number in 1..=4 {
                log.event(
                    &json!({"type": "entry", "id": format!("{category}{number}"), "category": category,
                    "title": format!("Entry {category}{number}")}),
                );
            }
        }
        log.event(&json!({"type": "opened", "at": "2021-03-01T00:00:00Z"}));
        log
    }

    /// Adds an event, with its keys in canonical order. The event is salted if the log requires it.
    pub(crate) fn event(&mut self, event: &Value) {
        let event: Event = serde_json::from_value(event.clone()).unwrap();
        let salt = self.0.tally().is_salted(&event).then_some(Salt([7; 16]));
        self.0.push(&event.encode(salt).unwrap()).unwrap();
    }

    pub(crate) fn cast(
        &mut self,
        voter: &str,
        channel: Option<&str>,
        period: Option<&str>,
        entry: &str,
    ) -> String {
        let voter = TagKey([7; 32]).tag(voter);
        let selections = [("a", entry)].into_iter();
        let ballot = NewBallot { voter, channel, period, replaces: None, at: "2021-03-01", selections };
        let mut line = Vec::new();
        ballot.write(&"test".parse().unwrap(), &mut line).unwrap();
        self.0.push(&line).unwrap();
        match LogEntry::decode(&line).unwrap() {
            LogEntry::Ballot(ballot) => ballot.id.to_string(),
            LogEntry::Event(..) => unreachable!("a ballot was cast"),
        }
    }

    pub(crate) fn score(&mut self, panel: &str, juror: &str, criterion: Option<&str>, values: &Value) {
        let mut scores = json!({"type": "scores", "panel": panel, "juror": juror, "category": "a", "values": values, "by": "office", "at": AT});
        if let Some(criterion) = criterion {
            scores["criterion"] = criterion.into();
        }
        self.event(&scores);
    }

    pub(crate) fn close(&mut self) {
        self.event(&json!({"type": "closed", "at": "2021-03-02T00:00:00Z"}));
    }

    fn draw(&mut self, source: &str) {
        self.event(&json!({"type": "frozen", "by": "notary", "at": AT}));
        self.event(
            &json!({"type": "drawn", "source": source, "seed": "5a".repeat(32), "by": "notary", "at": AT}),
        );
    }

    /// Certifies the current result and returns its document.
    pub(crate) fn certify(&mut self) -> Vec<u8> {
        let result = self.0.tally().certified_result("example.org/test", &self.0.root()).unwrap();
        self.event(&json!({"type": "certified", "result": result.sha256, "by": "office", "at": AT}));
        result.json
    }

    pub(crate) fn document(&self) -> Vec<u8> {
        self.0.tally().provisional_result("example.org/test", &self.0.root()).unwrap().json
    }
}

pub(crate) fn rules(ballot: &Value, rest: &Value) -> Value {
    let mut rules = json!({
        "ballot": {"votes_per_category": [1, 1], "completion": "any", "revision": "final", "period": "once", "cast_time": "day"},
        "channels": [], "panels": [],
        "publication": {"standings": "public", "entries": "live", "result": "closed"},
    });
    for (place, keys) in [("/ballot", ballot), ("", rest)] {
        for (key, value) in keys.as_object().unwrap() {
            rules.pointer_mut(place).unwrap()[key] = value.clone();
        }
    }
    rules
}

/// Weighted channels, numbered ballots, lots for champions, votes and scores, an earlier round.
fn weighted(v: u32) -> Vec<u8> {
    let rest = json!({
        "channels": [{"id": "unique", "weight": 70}, {"id": "fan", "weight": 30}],
        "champions": {"count": 2, "minimum_votes": 0, "ties": "draw"},
        "winners": {"count": 1, "from": "champions", "by": "weighted", "votes_weight": 50, "scores_weight": 50, "ties": "draw"},
        "panels": [{"id": "experts", "kind": "score", "scale": [0, 10], "criteria": [["impact", 2], ["reach", 1]], "trim": 0,
            "minimum_jurors": 2, "weight": 1}],
        "draw": {"source": "dice"},
    });
    let ballot = json!({"period": "counted", "ballots_per_voter": 3});
    let previous = json!({"origin": "example.org/longlist", "size": 9, "root": "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", "result": "0f".repeat(32)});
    let mut log = Log::open(v, &rules(&ballot, &rest), Some(previous));
    for (voter, channel, period, entry) in [
        ("1", "unique", "1", "a1"),
        ("2", "unique", "1", "a2"),
        ("3", "unique", "1", "a3"),
        ("1", "fan", "1", "a1"),
        ("1", "fan", "2", "a2"),
        ("1", "fan", "3", "a3"),
        ("4", "unique", "1", "a4"),
    ] {
        log.cast(voter, Some(channel), Some(period), entry);
    }
    log.event(&json!({"type": "withdrawn", "entry": "a4", "by": "office", "reason": "late", "note": "A week", "at": AT}));
    for juror in ["ama", "kofi"] {
        for criterion in ["impact", "reach"] {
            log.score("experts", juror, Some(criterion), &json!([["a1", "7.5"], ["a2", "7.5"]]));
        }
    }
    log.score("experts", "ama", Some("impact"), &json!([["a1", "7.5"], ["a2", "7.5"], ["a3", "9"]]));
    log.close();
    log.draw("dice");
    log.document()
}

/// Panels of points and of ranks whose sum is a tie, which the panel of points breaks.
fn by_points(v: u32) -> Vec<u8> {
    let rest = json!({
        "winners": {"count": 2, "from": "all", "by": "scores", "ties": "panel:public"},
        "panels": [
            {"id": "public", "kind": "points", "trim": 0, "minimum_jurors": 1, "weight": 1},
            {"id": "jury", "kind": "rank", "points": [12, 10, 8], "trim": 0, "minimum_jurors": 1, "weight": 1},
        ],
    });
    let mut log = Log::open(v, &rules(&json!({}), &rest), None);
    log.score("public", "se", None, &json!([["a1", "12"], ["a2", "10"]]));
    log.score("jury", "no", None, &json!([["a2", "1"], ["a1", "2"], ["a3", "3"]]));
    log.close();
    log.document()
}

/// Winners by scores, where no entry has enough jurors.
fn without_scores(v: u32) -> Vec<u8> {
    let rest = json!({
        "winners": {"count": 1, "from": "all", "by": "scores", "ties": "votes"},
        "panels": [{"id": "experts", "kind": "score", "scale": [1, 5], "trim": 1, "minimum_jurors": 3, "weight": 1}],
    });
    let mut log = Log::open(v, &rules(&json!({}), &rest), None);
    log.cast("1", None, None, "a1");
    log.score("experts", "ama", None, &json!([["a1", "5"]]));
    log.close();
    log.document()
}

/// All documents of this file in both versions, by name.
pub(crate) fn all() -> Vec<(String, Vec<u8>)> {
    [1, 2]
        .into_iter()
        .flat_map(|v| {
            [("weighted", weighted(v)), ("by-points", by_points(v)), ("without-scores", without_scores(v))]
                .map(|(name, document)| (format!("{name}, version {v}"), document))
        })
        .collect()
}
