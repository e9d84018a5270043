//! Helpers that build logs for tests.

use acclaim_ballot_log::{
    Event, LogEntry, NewBallot, Salt,
    entry::{ContestHeader, RulingDetails},
};
use acclaim_contest::{BallotId, Category, ContestId, Entry, Rules, TagKey};
use acclaim_tally::Replay;
use serde_json::{Value, json};

/// A log of one contest with categories a and b of four entries each: a1 to a4, b1 to b4.
pub(crate) struct Log {
    pub(crate) replay: Replay,
    /// The log entries as the lines of a file.
    pub(crate) lines: Vec<Vec<u8>>,
    contest: ContestId,
    key: TagKey,
}

/// Encodes an event as the next line of a log. A salt repeats the lowest byte of the log index.
pub(crate) fn line(replay: &Replay, event: &Event) -> Vec<u8> {
    let salt = Salt([replay.size().to_le_bytes()[0]; 16]);
    event.encode(replay.tally().is_salted(event).then_some(salt)).unwrap()
}

/// The channel and the period of a ballot; both `None` where voters have only one sheet.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Sheet<'a> {
    pub(crate) channel: Option<&'a str>,
    pub(crate) period: Option<&'a str>,
}

impl Log {
    /// A log of an open contest, with the rules as `change` leaves them.
    pub(crate) fn open(change: impl FnOnce(&mut Rules)) -> Self {
        let mut log = Self::empty();
        let mut header = header();
        change(&mut header.rules);
        log.define(header);
        log
    }

    /// A log without entries.
    pub(crate) fn empty() -> Self {
        let contest = "test".parse().unwrap();
        Self { replay: Replay::new("example.org/test"), lines: Vec::new(), contest, key: TagKey([7; 32]) }
    }

    /// Adds the header, the categories, the entries and the opening.
    pub(crate) fn define(&mut self, header: ContestHeader) {
        let opens = header.opens;
        self.event(Event::Contest(header));
        for name in ["a", "b"] {
            self.event(Event::Category(category(name)));
        }
        for name in ["a", "b"] {
            for number in 1..=4 {
                self.event(Event::Entry(entry(&format!("{name}{number}"))));
            }
        }
        self.event(Event::Opened { at: opens });
    }

    #[expect(clippy::needless_pass_by_value, reason = "calls are easier to read")]
    pub(crate) fn event(&mut self, event: Event) {
        self.try_event(&event).unwrap();
    }

    pub(crate) fn try_event(&mut self, event: &Event) -> Result<u64, &'static str> {
        self.push(line(&self.replay, event))
    }

    /// Casts a ballot for entries. The category of an entry is its first letter.
    pub(crate) fn cast(
        &mut self,
        voter: u32,
        entries: &[&str],
        replaces: Option<BallotId>,
    ) -> Result<BallotId, &'static str> {
        self.cast_on(Sheet::default(), voter, entries, replaces)
    }

    /// Casts a ballot for entries on a sheet.
    pub(crate) fn cast_on(
        &mut self,
        sheet: Sheet<'_>,
        voter: u32,
        entries: &[&str],
        replaces: Option<BallotId>,
    ) -> Result<BallotId, &'static str> {
        let line = self.ballot_on(sheet, voter, entries, replaces, "2021-03-01");
        let LogEntry::Ballot(ballot) = LogEntry::decode(&line).unwrap() else { unreachable!() };
        let id = ballot.id;
        self.push(line).map(|_| id)
    }

    /// The line of a ballot for entries. The category of an entry is its first letter.
    pub(crate) fn ballot(
        &self,
        voter: u32,
        entries: &[&str],
        replaces: Option<BallotId>,
        at: &str,
    ) -> Vec<u8> {
        self.ballot_on(Sheet::default(), voter, entries, replaces, at)
    }

    /// The line of a ballot for entries on a sheet.
    pub(crate) fn ballot_on(
        &self,
        Sheet { channel, period }: Sheet<'_>,
        voter: u32,
        entries: &[&str],
        replaces: Option<BallotId>,
        at: &str,
    ) -> Vec<u8> {
        let mut selections: Vec<(&str, &str)> = entries.iter().map(|entry| (&entry[..1], *entry)).collect();
        selections.sort_unstable();
        let voter = self.key.tag(&voter.to_string());
        let selections = selections.iter().copied();
        let ballot = NewBallot { voter, channel, period, replaces, at, selections };
        let mut line = Vec::new();
        ballot.write(&self.contest, &mut line).unwrap();
        line
    }

    /// Pushes a line. Checks that `admit` and `push` agree, and that a refused line changes
    /// nothing.
    pub(crate) fn push(&mut self, line: Vec<u8>) -> Result<u64, &'static str> {
        let admitted = self.replay.admit(&line);
        let before = (self.replay.size(), self.replay.root(), self.replay.tally_json());
        let pushed = self.replay.push(&line);
        assert_eq!(admitted.is_ok(), pushed.is_ok(), "{admitted:?}, {pushed:?}");
        match pushed {
            Ok(index) => {
                assert_eq!(index, self.lines.len() as u64);
                self.lines.push(line);
                Ok(index)
            }
            Err(error) => {
                assert_eq!(Err(&error.problem), admitted.as_ref());
                let after = (self.replay.size(), self.replay.root(), self.replay.tally_json());
                assert_eq!(before, after, "a refused entry changes nothing");
                assert!(!error.to_string().is_empty());
                Err(error.code_and_detail().0)
            }
        }
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

    /// The live tally without the size and the root of the log.
    pub(crate) fn figures(&self) -> Value {
        let (before, after) = self.replay.tally_json();
        let mut tally: Value = serde_json::from_slice(&[&before[..], b"0", &after].concat()).unwrap();
        tally.as_object_mut().unwrap().remove("log");
        tally
    }

    pub(crate) fn votes(&self, category: &str) -> Vec<(String, u64, u64)> {
        let standings = self.replay.tally().standings(category).unwrap();
        standings.into_iter().map(|entry| (entry.entry.to_string(), entry.rank, entry.votes)).collect()
    }
}

pub(crate) fn reason() -> RulingDetails {
    RulingDetails {
        by: "jury-office".to_owned(),
        reason: "scripted".to_owned(),
        note: None,
        at: "2021-03-01T12:00:00Z".parse().unwrap(),
    }
}

/// A contest of one day. The first two entries are champions, and the first of them wins.
pub(crate) fn header() -> ContestHeader {
    let rules = json!({
        "ballot": {"votes_per_category": [1, 1], "completion": "any", "revision": "replace", "revisions": 20,
            "period": "once", "cast_time": "day"},
        "channels": [],
        "champions": {"count": 2, "minimum_votes": 0, "ties": "include"},
        "winners": {"count": 1, "from": "champions", "by": "votes", "ties": "report"},
        "panels": [],
        "publication": {"standings": "public", "entries": "live", "result": "closed"},
    });
    ContestHeader {
        v: 1,
        contest: "test".parse().unwrap(),
        title: "Test".to_owned(),
        titles: Default::default(),
        test: false,
        time_zone: "UTC".to_owned(),
        opens: "2021-03-01T00:00:00Z".parse().unwrap(),
        closes: "2021-03-02T00:00:00Z".parse().unwrap(),
        rules: serde_json::from_value(rules).unwrap(),
        days: None,
        previous: None,
    }
}

pub(crate) fn category(id: &str) -> Category {
    serde_json::from_value(json!({"id": id, "title": format!("Category {id}")})).unwrap()
}

/// An entry. Its category is its first letter.
pub(crate) fn entry(id: &str) -> Entry {
    serde_json::from_value(json!({"id": id, "category": id[..1], "title": format!("Entry {id}")})).unwrap()
}
