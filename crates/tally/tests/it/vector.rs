//! The published logs of both versions, and the `result` of their `expected.json`.

use acclaim_tally::Replay;

const LOG: &str = include_str!("../../../ballot-log/tests/vectors/log.jsonl");
const LOG_2: &str = include_str!("../../../ballot-log/tests/vectors/2/log.jsonl");
const EXPECTED_2: &str = include_str!("../../../ballot-log/tests/vectors/2/expected.json");

#[test]
fn the_published_log_has_the_published_result() {
    let mut replay = Replay::new("vote.example.org/photo-2021");
    for line in LOG.lines() {
        replay.push(line.as_bytes()).unwrap();
    }
    assert_eq!(replay.root().to_string(), "0aStYs6ulABRg9jUNVqJTTT4ivU2vWs0OuKvfpMAzSs=");
    let standings = replay.tally().standings("photos").unwrap();
    let votes: Vec<_> =
        standings.iter().map(|s| (s.entry.as_str(), s.rank, s.votes, &*s.share, s.tied)).collect();
    assert_eq!(
        votes,
        [("p2", 1, 1, "50.00", true), ("p3", 1, 1, "50.00", true), ("p1", 3, 0, "0.00", false)]
    );
    let counts = replay.tally().ballot_counts();
    assert_eq!((counts.recorded, counts.counted, counts.replaced, counts.voided), (4, 2, 1, 1));
    let (before, after) = replay.tally_json();
    let tally = format!("{}4{}", String::from_utf8(before).unwrap(), String::from_utf8(after).unwrap());
    let start = r#"{"contest":"photo-2021","phase":"closed","log":{"size":13,"root":"0aStYs6ulABRg9jUNVqJTTT4ivU2vWs0OuKvfpMAzSs="},"pending":4,"ballots":{"recorded":4,"counted":2,"replaced":1,"voided":1,"incomplete":0},"voters":3,"votes":2,"categories":[{"id":"photos","votes":2,"withdrawn_votes":0,"standings":[{"entry":"p2","rank":1,"votes":1,"share":"50.00","tied":true},"#;
    assert!(tally.starts_with(start), "{tally}");
}

#[test]
fn the_published_log_of_version_2_has_the_published_result() {
    let expected: serde_json::Value = serde_json::from_str(EXPECTED_2).unwrap();
    let mut replay = Replay::new("vote.example.org/photo-2021");
    for line in LOG_2.lines() {
        replay.push(line.as_bytes()).unwrap();
    }
    assert_eq!(hex::encode(replay.root().0), expected["root_hex"]);
    let result: serde_json::Value = serde_json::from_slice(&replay.result().unwrap().json).unwrap();
    let (films, photos) = (&result["categories"][0], &result["categories"][1]);
    let expected = &expected["result"];
    assert_eq!(films["winners"]["decision"], expected["films"]["decision"]);
    assert_eq!(films["winners"]["undecided"][0]["reason"], expected["films"]["undecided"][0]);
    for figure in photos["ranking"].as_array().unwrap() {
        assert_eq!(figure["figure"], expected["photos"][figure["entry"].as_str().unwrap()]);
    }
    let winners = photos["winners"]["entries"].as_array().unwrap();
    let winners: Vec<_> = winners.iter().map(|place| place["entry"].clone()).collect();
    assert_eq!(&winners, expected["photos"]["winners"].as_array().unwrap());
    assert_eq!(photos["winners"]["decision"], "decided");
}
