//! Logs made for tests.

use acclaim_ballot_log::{
    Event, NewBallot,
    entry::{ContestHeader, Reasoned},
};
use acclaim_contest::{BallotId, ContestId, Entry, Rules, TagKey};
use acclaim_tally::Replay;
use serde_json::{Value, json};

/// A log of one contest with categories a and b of four entries each: a1 to a4, b1 to b4.
pub(crate) struct Log {
    pub(crate) replay: Replay,
    contest: ContestId,
    key: TagKey,
}

impl Log {
    /// Open, with rules as `change` leaves them.
    pub(crate) fn open(change: impl FnOnce(&mut Rules)) -> Self {
        let rules = json!({
            "ballot": {"votes_per_category": [1, 1], "completion": "any", "revision": "replace", "revisions": 20,
                "period": "once", "cast_time": "day"},
            "channels": [],
            "champions": {"count": 2, "minimum_votes": 0, "ties": "include"},
            "winners": {"count": 1, "from": "champions", "by": "votes", "ties": "report"},
            "panels": [],
            "publication": {"standings": "public", "entries": "live", "result": "closed"},
        });
        let mut rules: Rules = serde_json::from_value(rules).unwrap();
        change(&mut rules);
        let contest: ContestId = "test".parse().unwrap();
        let mut log =
            Self { replay: Replay::new("example.org/test"), contest: contest.clone(), key: TagKey([7; 32]) };
        log.event(Event::Contest(ContestHeader {
            v: 1,
            contest,
            title: "Test".to_owned(),
            titles: Default::default(),
            test: false,
            time_zone: "UTC".to_owned(),
            opens: "2021-03-01T00:00:00Z".parse().unwrap(),
            closes: "2021-03-02T00:00:00Z".parse().unwrap(),
            rules,
            days: None,
            previous: None,
        }));
        for category in ["a", "b"] {
            log.event(
                serde_json::from_value(json!({"type": "category", "id": category, "title": category}))
                    .unwrap(),
            );
        }
        for category in ["a", "b"] {
            for number in 1..=4 {
                let entry: Entry = serde_json::from_value(
                    json!({"id": format!("{category}{number}"), "category": category, "title": format!("Entry {number}")}),
                )
                .unwrap();
                log.event(Event::Entry(entry));
            }
        }
        log.event(Event::Opened { at: "2021-03-01T00:00:00Z".parse().unwrap() });
        log
    }

    #[expect(clippy::needless_pass_by_value, reason = "reads better at every call")]
    pub(crate) fn event(&mut self, event: Event) {
        self.try_event(&event).unwrap();
    }

    pub(crate) fn try_event(&mut self, event: &Event) -> Result<u64, &'static str> {
        self.replay.push(&event.encode().unwrap()).map_err(|error| error.code_and_detail().0)
    }

    /// Casts a ballot of entries; the category is an entry's first letter.
    pub(crate) fn cast(
        &mut self,
        voter: u32,
        entries: &[&str],
        replaces: Option<BallotId>,
    ) -> Result<BallotId, &'static str> {
        let mut selections: Vec<(&str, &str)> = entries.iter().map(|entry| (&entry[..1], *entry)).collect();
        selections.sort_unstable();
        let ballot = NewBallot {
            voter: self.key.tag(&voter.to_string()),
            channel: None,
            period: None,
            replaces,
            at: "2021-03-01",
            selections: selections.iter().copied(),
        };
        let mut line = Vec::new();
        let id = ballot.write(&self.contest, &mut line).unwrap();
        self.replay.push(&line).map(|_| id).map_err(|error| error.code_and_detail().0)
    }

    pub(crate) fn void(&mut self, ballot: BallotId) {
        self.event(Event::Voided { ballots: vec![ballot], reason: reason() });
    }

    pub(crate) fn reinstate(&mut self, ballot: BallotId) {
        self.event(Event::Reinstated { entry: None, ballots: Some(vec![ballot]), reason: reason() });
    }

    pub(crate) fn close(&mut self) {
        self.event(Event::Closed { at: "2021-03-02T00:00:00Z".parse().unwrap() });
    }

    /// Counts of ballots and standings, without what tells the size of the log.
    pub(crate) fn figures(&self) -> Value {
        let mut tally: Value = serde_json::from_slice(&self.replay.tally_json(0)).unwrap();
        tally.as_object_mut().unwrap().remove("log");
        tally
    }

    pub(crate) fn votes(&self, category: &str) -> Vec<(String, u64, u64)> {
        let standings = self.replay.tally().standings(category).unwrap();
        standings.into_iter().map(|entry| (entry.entry.to_string(), entry.rank, entry.votes)).collect()
    }
}

pub(crate) fn reason() -> Reasoned {
    Reasoned {
        by: "jury-office".to_owned(),
        reason: "scripted".to_owned(),
        note: None,
        at: "2021-03-01T12:00:00Z".parse().unwrap(),
    }
}
