//! The bytes of entries: each entry has one line, and every other spelling is refused.

use std::collections::BTreeMap;

use acclaim_ballot_log::{
    Amendment, BallotEntry, Event, LogEntry, NewBallot, Salt,
    entry::{EntryError, MAX_ENTRY_LENGTH, RulingDetails, opening_events},
};
use acclaim_contest::{
    BallotId, Category, ContestId, Definition, Entry, Instant, Overrides, VoterTag, id::is_id,
};
use proptest::{prelude::*, sample::Index};

use crate::vectors::lines;

fn decode(line: &str) -> Result<LogEntry<'_>, EntryError> {
    LogEntry::decode(line.as_bytes())
}

fn instant() -> Instant {
    "2021-03-01T00:00:00Z".parse().unwrap()
}

/// A ballot's line, read and written by `serde_json` as a reference implementation.
///
/// The keys are in the format's order. Plain code checks every value.
fn reference(line: &[u8]) -> Option<String> {
    #[derive(serde::Serialize, serde::Deserialize)]
    struct Ballot {
        r#type: String,
        id: BallotId,
        voter: VoterTag,
        #[serde(skip_serializing_if = "Option::is_none")]
        channel: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        period: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        replaces: Option<BallotId>,
        at: String,
        selections: Vec<(String, String)>,
    }
    let ballot: Ballot = serde_json::from_slice(line).ok()?;
    let is_day = |text: &str| text.len() == 10 && format!("{text}T00:00:00Z").parse::<Instant>().is_ok();
    let is_number = |text: &str| text.parse::<u32>().is_ok_and(|n| n > 0 && n.to_string() == text);
    let full_time = match ballot.at.len() {
        10 => format!("{}T00:00:00Z", ballot.at),
        14 => ballot.at.replace('Z', ":00:00Z"),
        17 => ballot.at.replace('Z', ":00Z"),
        _ => return None,
    };
    let is_valid = ballot.r#type == "ballot"
        && ballot.channel.as_deref().is_none_or(is_id)
        && ballot.period.as_deref().is_none_or(|period| is_day(period) || is_number(period))
        && full_time.parse::<Instant>().is_ok()
        && !ballot.selections.is_empty()
        && ballot.selections.iter().all(|(category, entry)| is_id(category) && is_id(entry))
        && ballot.selections.is_sorted_by(|a, b| a < b);
    is_valid.then(|| serde_json::to_string(&ballot).unwrap())
}

#[derive(Debug, Clone)]
struct Parts {
    voter: [u8; 16],
    channel: Option<String>,
    period: Option<String>,
    replaces: Option<[u8; 16]>,
    at: String,
    selections: std::collections::BTreeSet<(String, String)>,
}

impl Parts {
    fn ballot(&self) -> NewBallot<'_, impl Iterator<Item = (&str, &str)> + Clone> {
        NewBallot {
            voter: VoterTag(self.voter),
            channel: self.channel.as_deref(),
            period: self.period.as_deref(),
            replaces: self.replaces.map(BallotId),
            at: &self.at,
            selections: self.selections.iter().map(|(category, entry)| (category.as_str(), entry.as_str())),
        }
    }
}

fn parts() -> impl Strategy<Value = Parts> {
    let id = "[a-z0-9][a-z0-9_.-]{0,6}";
    let period = prop_oneof!["2021-03-[012][1-9]", (1..=u32::MAX).prop_map(|n| n.to_string())];
    let at = "2021-03-[012][1-9](T[01][0-9](:[0-5][0-9])?Z)?";
    let selections = prop::collection::btree_set((id, id), 1..5);
    (
        any::<[u8; 16]>(),
        prop::option::of(id),
        prop::option::of(period),
        any::<Option<[u8; 16]>>(),
        at,
        selections,
    )
        .prop_map(|(voter, channel, period, replaces, at, selections)| Parts {
            voter,
            channel,
            period,
            replaces,
            at,
            selections,
        })
}

fn contest() -> ContestId {
    "photo-2021".parse().unwrap()
}

proptest! {
    #[test]
    fn a_ballot_comes_back_as_it_was_written(parts in parts()) {
        let mut line = Vec::new();
        let id = parts.ballot().write(&contest(), &mut line).unwrap();
        let decoded = LogEntry::decode(&line).unwrap();
        prop_assert_eq!(&decoded.encode().unwrap(), &line);
        prop_assert_eq!(reference(&line).map(String::into_bytes), Some(line.clone()));
        let LogEntry::Ballot(ballot) = decoded else { panic!("not a ballot") };
        prop_assert_eq!((ballot.id, ballot.voter), (id, VoterTag(parts.voter)));
        prop_assert_eq!(ballot.expected_id(&contest()), id);
        prop_assert_eq!(ballot.channel, parts.channel.as_deref());
        prop_assert_eq!(ballot.period, parts.period.as_deref());
        prop_assert_eq!(ballot.replaces, parts.replaces.map(BallotId));
        prop_assert_eq!(ballot.at, parts.at.as_str());
        prop_assert_eq!(ballot.selections.len(), parts.selections.len());
        prop_assert!(ballot.selections.iter().eq(parts.ballot().selections));
    }

    #[test]
    fn a_ballot_is_accepted_exactly_if_canonical(parts in parts(), at in any::<Index>(), byte: u8, kind in 0..3) {
        let mut line = Vec::new();
        parts.ballot().write(&contest(), &mut line).unwrap();
        let at = at.index(line.len() + usize::from(kind == 1));
        // Bytes with a meaning at this position find more errors than arbitrary bytes.
        let byte = if byte < 160 { b"\"[],:{}\\ 0129-TZ._azA"[usize::from(byte) % 21] } else { byte };
        match kind {
            0 => line[at] = byte,
            1 => line.insert(at, byte),
            _ => drop(line.remove(at)),
        }
        let canonical = reference(&line).is_some_and(|text| text.as_bytes() == line);
        prop_assert_eq!(LogEntry::decode(&line).is_ok(), canonical, "{}", String::from_utf8_lossy(&line));
    }

    #[test]
    fn accepted_bytes_encode_to_themselves(line in any::<Index>(), at in any::<Index>(), byte: u8) {
        let mut line = lines().nth(line.index(lines().count())).unwrap().to_vec();
        let at = at.index(line.len());
        line[at] = byte;
        if let Ok(entry) = LogEntry::decode(&line) {
            prop_assert_eq!(entry.encode().unwrap(), line);
        }
    }

    #[test]
    fn any_text_in_an_event_comes_back(text: String, other: String) {
        let event = Event::Entry(Entry {
            id: "p1".parse().unwrap(),
            category: "c1".parse().unwrap(),
            title: text.clone(),
            titles: BTreeMap::from([(other.clone(), text.clone())]),
            summary: Some(other.clone()),
            image: None,
            url: Some(String::new()),
            details: vec![(text, other)],
        });
        let line = event.encode(None).unwrap();
        prop_assert_eq!(LogEntry::decode(&line).unwrap(), LogEntry::Event(Box::new(event), None));
    }

    #[test]
    fn arbitrary_bytes_do_not_panic(bytes: Vec<u8>) {
        let _ = LogEntry::decode(&bytes);
        let _ = LogEntry::decode(&[br#"{"type":"ballot","#, bytes.as_slice()].concat());
    }
}

/// Every type of event. Every optional key is present at least once.
const EVENTS: [&str; 28] = [
    r#"{"type":"category","id":"c1","title":"","titles":{"de":"b","fr":"a"}}"#,
    r#"{"type":"entry","id":"p1","category":"c1","title":"t","titles":{"fr":"a"},"summary":"s","image":"i","url":"u","details":[["k","v"]]}"#,
    r#"{"type":"opened","at":"2021-03-01T00:00:00Z"}"#,
    r#"{"type":"issued","source":"email","passes":18446744073709551615,"at":"2021-03-01T00:00:00Z"}"#,
    r#"{"type":"amended","what":"closes","key":"closes","to":"2021-04-02T00:00:00Z","by":"b","reason":"r","at":"2021-03-01T00:00:00Z"}"#,
    r#"{"type":"amended","what":"entry:p1","key":"url","to":"","by":"b","reason":"r","note":"n","at":"2021-03-01T00:00:00Z"}"#,
    r#"{"type":"amended","what":"entry:p1","key":"details","to":[["k","v"]],"by":"b","reason":"r","at":"2021-03-01T00:00:00Z"}"#,
    r#"{"type":"amended","what":"category:c1","key":"titles","to":{"fr":"a"},"by":"b","reason":"r","at":"2021-03-01T00:00:00Z"}"#,
    r#"{"type":"withdrawn","entry":"p1","by":"b","reason":"r","note":"n","at":"2021-03-01T00:00:00Z"}"#,
    r#"{"type":"voided","ballots":["lG5tUEkm0RjspEyBHMakFQ"],"by":"b","reason":"r","at":"2021-03-01T00:00:00Z"}"#,
    r#"{"type":"reinstated","entry":"p1","by":"b","reason":"r","at":"2021-03-01T00:00:00Z"}"#,
    r#"{"type":"reinstated","ballots":["lG5tUEkm0RjspEyBHMakFQ"],"by":"b","reason":"r","at":"2021-03-01T00:00:00Z"}"#,
    r#"{"type":"scores","panel":"x","juror":"j","category":"c1","criterion":"k","values":[["p1","8.5"]],"by":"b","at":"2021-03-01T00:00:00Z"}"#,
    r#"{"type":"scores","panel":"x","juror":"j","category":"c1","values":[],"by":"b","at":"2021-03-01T00:00:00Z"}"#,
    r#"{"type":"closed","at":"2021-03-01T00:00:00Z"}"#,
    r#"{"type":"frozen","by":"b","at":"2021-03-01T00:00:00Z"}"#,
    r#"{"type":"drawn","source":"s","seed":"0000000000000000000000000000000000000000000000000000000000000000","by":"b","at":"2021-03-01T00:00:00Z"}"#,
    r#"{"type":"choice","category":"c1","winners":["p1"],"by":"b","note":"n","at":"2021-03-01T00:00:00Z"}"#,
    r#"{"type":"choice","category":"c1","winners":[],"by":"b","at":"2021-03-01T00:00:00Z"}"#,
    r#"{"type":"certified","result":"0000000000000000000000000000000000000000000000000000000000000000","by":"b","at":"2021-03-01T00:00:00Z"}"#,
    r#"{"type":"reopened","by":"b","reason":"r","note":"n","at":"2021-03-01T00:00:00Z"}"#,
    r#"{"type":"recused","panel":"x","juror":"j","entry":"p1","reason":"r","by":"b","at":"2021-03-01T00:00:00Z"}"#,
    r#"{"type":"rejoined","panel":"x","juror":"j","entry":"p1","reason":"r","by":"b","at":"2021-03-01T00:00:00Z"}"#,
    r#"{"type":"suspended","by":"b","reason":"r","note":"n","at":"2021-03-01T00:00:00Z"}"#,
    r#"{"type":"resumed","by":"b","reason":"r","at":"2021-03-01T00:00:00Z"}"#,
    r#"{"type":"unfrozen","by":"b","reason":"r","note":"n","at":"2021-03-01T00:00:00Z"}"#,
    r#"{"type":"scores","panel":"x","juror":"j","category":"c1","values":[["p1","-0.5"]],"by":"b","at":"2021-03-01T00:00:00Z"}"#,
    r#"{"type":"statement","kind":"tag-key-destroyed","text":"t","by":"b","at":"2021-03-01T00:00:00Z"}"#,
];

#[test]
fn every_event_has_one_line() {
    for line in EVENTS {
        let entry = decode(line).unwrap();
        assert_eq!(entry.encode().unwrap(), line.as_bytes());
        let LogEntry::Event(event, None) = entry else { panic!("{line}") };
        assert!(line.starts_with(&format!("{{\"type\":\"{}\"", event.type_name())), "{line}");
    }
}

/// The same with a salt, which is the last key and has one spelling.
#[test]
fn every_event_has_one_line_with_salt() {
    for line in EVENTS {
        let salted = line.replace_suffix("}", r#","salt":"AQIDBAUGBwgJCgsMDQ4PEA"}"#);
        let LogEntry::Event(event, Some(salt)) = decode(&salted).unwrap() else { panic!("{salted}") };
        assert_eq!(salt, Salt([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]));
        assert_eq!(event.encode(Some(salt)).unwrap(), salted.as_bytes());
        assert_eq!(event.encode(None).unwrap(), line.as_bytes());
        for bad in [
            salted.replace("PEA", "PEB"),
            salted.replace("PEA", "PEA="),
            salted.replace("PEA", "PE"),
            salted.replace(r#""salt":"AQ"#, r#""salt": "AQ"#),
            salted.replace_suffix("}", r#","salt":"AQIDBAUGBwgJCgsMDQ4PEA"}"#),
            line.replacen(r#","#, r#","salt":"AQIDBAUGBwgJCgsMDQ4PEA","#, 1),
        ] {
            assert!(decode(&bad).is_err(), "{bad}");
        }
    }
}

trait ReplaceSuffix {
    fn replace_suffix(&self, from: &str, to: &str) -> String;
}

impl ReplaceSuffix for str {
    fn replace_suffix(&self, from: &str, to: &str) -> String {
        format!("{}{to}", self.strip_suffix(from).unwrap())
    }
}

#[test]
fn no_text_looks_like_a_salt() {
    let text = r#"x","salt":"AQIDBAUGBwgJCgsMDQ4PEA"#;
    let event: Event =
        serde_json::from_value(serde_json::json!({"type": "category", "id": "c1", "title": text})).unwrap();
    let line = event.encode(None).unwrap();
    assert_eq!(LogEntry::decode(&line).unwrap(), LogEntry::Event(Box::new(event), None));
}

#[test]
fn a_header_with_days_and_rounds_has_its_line() {
    let line = std::str::from_utf8(lines().next().unwrap()).unwrap();
    let with = |more: &str| format!("{},{more}}}", line.strip_suffix('}').unwrap());
    let days = |days: &str| with(&format!(r#""days":[{days}]"#));
    let previous = |origin: &str, root: &str| {
        with(&format!(
            r#""previous":{{"origin":"{origin}","size":9,"root":"{root}","result":"{}"}}"#,
            "0".repeat(64)
        ))
    };
    let root = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
    let (first, second) =
        (r#"["2021-03-01","2021-02-28T23:00:00Z"]"#, r#"["2021-03-02","2021-03-01T23:00:00Z"]"#);
    for good in [days(first), days(&format!("{first},{second}")), previous("a/b", root)] {
        assert_eq!(decode(&good).unwrap().encode().unwrap(), good.as_bytes());
    }
    let bad_day = first.replace("03-01", "02-30");
    for bad in [
        days(""),
        days(&format!("{second},{first}")),
        days(&bad_day),
        previous("a b", root),
        previous("a/b", ""),
    ] {
        assert!(matches!(decode(&bad), Err(EntryError::Invalid(_))), "{bad}");
    }
    let other_version = line.replace(r#""v":1"#, r#""v":3"#);
    assert!(matches!(decode(&other_version), Err(EntryError::Invalid(_))));
}

#[test]
fn the_log_of_a_daily_vote_begins_with_its_days() {
    let toml = "[contest]\nid = \"daily\"\ntitle = \"T\"\ntime_zone = \"America/Sao_Paulo\"
opens = \"2018-11-03T10:00:00\"\ncloses = \"2018-11-05T00:00:00\"\n[ballot]\nperiod = \"day\"
[[category]]\nid = \"c1\"\ntitle = \"C\"\n[[entry]]\nid = \"e1\"\ncategory = \"c1\"\ntitle = \"E\"\n";
    let none = &mut |_: &str| Err(String::new());
    let definition = Definition::from_toml(toml.as_bytes(), none, &Overrides::default()).unwrap();
    let line = opening_events(&definition)[0].encode(None).unwrap();
    let line = String::from_utf8(line).unwrap();
    // There was no midnight on 4 November.
    let begins = r#""days":[["2018-11-03","2018-11-03T03:00:00Z"],["2018-11-04","2018-11-04T03:00:00Z"],["2018-11-05","#;
    assert!(line.contains(begins), "{line}");
    assert_eq!(decode(&line).unwrap().encode().unwrap(), line.as_bytes());
    let once =
        Definition::from_toml(toml.replace("\"day\"", "\"once\"").as_bytes(), none, &Overrides::default());
    assert!(
        !String::from_utf8(opening_events(&once.unwrap())[0].encode(None).unwrap()).unwrap().contains("days")
    );
}

#[test]
fn other_spellings_of_an_event_are_refused() {
    let line = r#"{"type":"category","id":"c1","title":"t","titles":{"de":"b","fr":"a"}}"#;
    for (from, to) in [
        (r#""id":"c1","title":"t""#, r#""title":"t","id":"c1""#),
        (r#"{"de":"b","fr":"a"}"#, r#"{"fr":"a","de":"b"}"#),
        (r#"{"de":"b","fr":"a"}"#, "{}"),
        (r#"{"de":"b","#, r#"{"de":"b","de":"b","#),
        (r#""t""#, r#""\u0074""#),
        (r#""t""#, r#""\/""#),
        (r#""t""#, r#""\u000A""#),
        (r#""type""#, r#" "type""#),
        ("}}", "}}\n"),
    ] {
        let other = line.replace(from, to);
        assert_eq!(decode(&other), Err(EntryError::NotCanonical), "{other}");
    }
    for (from, to) in
        [(r#""title""#, r#""x":1,"title""#), (r#""id""#, r#""id":"c1","id""#), (r#""id":"c1","#, "")]
    {
        let other = line.replace(from, to);
        assert!(matches!(decode(&other), Err(EntryError::Malformed(_))), "{other}");
    }
    for event in EVENTS {
        let body = event.strip_suffix('}').unwrap();
        for more in [r#","x":1"#, r#","note":null"#, r#","by":"b""#, r#","type":"opened""#] {
            assert!(decode(&format!("{body}{more}}}")).is_err(), "{event} and {more}");
        }
    }
    for (event, float) in [(EVENTS[3], "4.0"), (EVENTS[3], "4e0"), (EVENTS[3], "-0")] {
        assert!(decode(&event.replace("18446744073709551615", float)).is_err(), "{float}");
    }
}

#[test]
fn other_spellings_of_a_ballot_are_refused() {
    let line = r#"{"type":"ballot","id":"3py_Y7b8Q_zLqsin0E59FA","voter":"3py_Y3DapPeT9B0eMT_u7g","channel":"fan","period":"7","at":"2021-03-02T10:07Z","selections":[["c1","p1"],["c1","p2"]]}"#;
    assert!(decode(line).is_ok());
    for end in ["\n", " ", "}", ",", "\0"] {
        assert_eq!(decode(&format!("{line}{end}")), Err(EntryError::NotCanonical), "{end:?}");
    }
    for (from, to) in [
        (r#","selections""#, r#","x":1,"selections""#),
        (r#","at""#, r#","replaces":null,"at""#),
        (r#","at""#, r#","period":"8","at""#),
        (r#""channel":"fan","period":"7""#, r#""period":"7","channel":"fan""#),
        (r#""fan""#, r#""\u0066an""#),
        (r#""fan""#, r#""""#),
        (r#""7""#, r#""07""#),
        ("9FA", "9FB"),
        ("T10:07Z", "T10:07:00Z"),
        (r#",["c1","p2"]"#, r#",["c1","p1"]"#),
        (r#",["c1","p2"]"#, r#",["c0","p2"]"#),
        (r#",["c1","p2"]"#, ","),
        (r#"["c1","p1"],["c1","p2"]"#, ""),
        (r#"["c1","p1"],"#, r#"["c1","p1"], "#),
        (r#"["c1","p1"]"#, r#"["c1","p1","p2"]"#),
        (r#"["c1","p1"]"#, r#"["c1"]"#),
    ] {
        assert!(line.contains(from) && decode(&line.replacen(from, to, 1)).is_err(), "{to}");
    }
}

#[test]
fn refusals_name_their_reason() {
    assert_eq!(decode(r#"{"type":"poll","id":1}"#), Err(EntryError::UnknownType("poll".to_owned())));
    assert_eq!(decode(r#"{"type":"ballot","id":1}"#), Err(EntryError::NotCanonical));
    assert!(matches!(decode(r#"{"id":1,"type":"poll"}"#), Err(EntryError::Malformed(_))));
    assert!(matches!(decode(""), Err(EntryError::NotJson(_))));
    assert!(matches!(
        decode(&"[".repeat(MAX_ENTRY_LENGTH)),
        Err(EntryError::Malformed(_) | EntryError::NotJson(_))
    ));
    assert_eq!(LogEntry::decode(b"\xff"), Err(EntryError::NotUtf8));
    assert_eq!(
        LogEntry::decode(&[b' '; MAX_ENTRY_LENGTH + 1]),
        Err(EntryError::TooLong(MAX_ENTRY_LENGTH + 1))
    );
    let long = format!(r#"{{"type":"{}"}}"#, "x".repeat(60_000));
    let Err(EntryError::UnknownType(name)) = decode(&long) else { panic!("accepted") };
    assert_eq!(name, "x".repeat(200) + "…");
}

#[test]
fn events_that_no_log_can_hold_are_refused() {
    for (event, from, to) in [
        (8, r#""reason":"r""#, r#""reason":"""#),
        (20, r#""reason":"r""#, r#""reason":"""#),
        (9, r#"["lG5tUEkm0RjspEyBHMakFQ"]"#, "[]"),
        (9, r#"["lG"#, r#"["lG5tUEkm0RjspEyBHMakFQ","lG"#),
        (10, r#""entry":"p1","#, ""),
        (10, r#""by""#, r#""ballots":["lG5tUEkm0RjspEyBHMakFQ"],"by""#),
        (11, r#"["lG5tUEkm0RjspEyBHMakFQ"]"#, "[]"),
        (12, "8.5", "8.50"),
        (12, r#"["p1","8.5"]"#, r#"["p1","8.5"],["p1","9"]"#),
        (16, "\"0000", "\"00"),
        (17, r#"["p1"]"#, r#"["p1","p1"]"#),
        (19, "\"0000", "\"A000"),
        (4, r#""key":"closes""#, r#""key":"opens""#),
        (4, r#""what":"closes""#, r#""what":"entry:p1""#),
        (4, "2021-04-02T00:00:00Z", "2021-04-02"),
        (5, "entry:p1", "entry:P1"),
        (5, "entry:p1", "category:p1"),
        (5, r#""key":"url""#, r#""key":"title""#),
        (5, r#""key":"url""#, r#""key":"category""#),
        (5, r#""to":"""#, r#""to":{}"#),
        (6, r#""key":"details""#, r#""key":"titles""#),
        (7, r#""key":"titles""#, r#""key":"details""#),
    ] {
        let line = EVENTS[event].replace(from, to);
        assert_ne!(line, EVENTS[event]);
        assert!(matches!(decode(&line), Err(EntryError::Invalid(_))), "{line}");
    }
}

#[test]
fn writer_refuses_what_reader_refuses() {
    let reason = RulingDetails { by: "b".to_owned(), reason: String::new(), note: None, at: instant() };
    assert!(matches!(Event::Reopened(reason.clone()).encode(None), Err(EntryError::Invalid(_))));
    let amended = Event::Amended {
        what: "entry:p1".to_owned(),
        key: "title".to_owned(),
        to: Amendment::Text("t".repeat(MAX_ENTRY_LENGTH)),
        reason: RulingDetails { reason: "r".to_owned(), ..reason },
    };
    assert!(matches!(amended.encode(None), Err(EntryError::TooLong(_))));
    let category = Category {
        id: "c1".parse().unwrap(),
        title: "\u{1}".repeat(20_000),
        titles: BTreeMap::new(),
        votes: None,
        champions: None,
        winners: None,
    };
    assert!(matches!(Event::Category(category).encode(None), Err(EntryError::TooLong(_))));

    let ballot = |at, selections: &'static [(&'static str, &'static str)]| {
        let mut out = b"before".to_vec();
        let voter = VoterTag([7; 16]);
        let selections = selections.iter().copied();
        let result = NewBallot { voter, channel: None, period: None, replaces: None, at, selections }
            .write(&contest(), &mut out);
        assert_eq!(out == b"before", result.is_err());
        result
    };
    assert!(ballot("2021-03-01", &[("c1", "p1"), ("c1", "p2"), ("c2", "p0")]).is_ok());
    for (at, selections) in [
        ("2021-03-01T00:00:00Z", &[("c1", "p1")][..]),
        ("2021-03-01", &[]),
        ("2021-03-01", &[("c1", "p1\"")]),
        ("2021-03-01", &[("c1", "p1"), ("c1", "p1")]),
        ("2021-03-01", &[("c2", "p1"), ("c1", "p1")]),
    ] {
        assert!(ballot(at, selections).is_err(), "{at} {selections:?}");
    }
    let many: Vec<String> = (0..9_000).map(|n| format!("p{n:05}")).collect();
    let selections = many.iter().map(|entry| ("c", entry.as_str()));
    let large = NewBallot {
        voter: VoterTag([0; 16]),
        channel: None,
        period: None,
        replaces: None,
        at: "2021-03-01",
        selections,
    };
    assert!(matches!(large.write(&contest(), &mut Vec::new()), Err(EntryError::TooLong(_))));
}

#[test]
fn the_length_limit_is_exact() {
    let line =
        |length: usize| format!(r#"{{"type":"category","id":"c1","title":"{}"}}"#, "t".repeat(length - 40));
    assert_eq!(line(MAX_ENTRY_LENGTH).len(), MAX_ENTRY_LENGTH);
    assert!(decode(&line(MAX_ENTRY_LENGTH)).is_ok());
    assert!(decode(&line(MAX_ENTRY_LENGTH + 1)).is_err());
}

#[test]
fn a_borrowed_ballot_is_small_enough_to_copy() {
    assert!(size_of::<BallotEntry<'_>>() <= 136);
}
