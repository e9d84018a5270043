//! The body of a ballot request becomes a canonical entry of its voter, or a bounded problem.

#![no_main]

use std::sync::LazyLock;

use acclaim_api::fuzz::OpenContest;
use acclaim_ballot_log::LogEntry;
use acclaim_contest::{Definition, Overrides, VoterTag};
use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;

static CONTEST: LazyLock<OpenContest> = LazyLock::new(|| {
    let text = include_bytes!("../../deploy/contests/photo-contest.toml");
    let definition = Definition::from_toml(text, &mut |_| Err(String::new()), &Overrides::default());
    OpenContest::new(definition.unwrap())
});

fuzz_target!(|body: &[u8]| {
    let voter = VoterTag([7; 16]);
    match CONTEST.entry(body, voter, Timestamp::from_second(1_800_000_000).unwrap()) {
        Ok(line) => {
            let Ok(LogEntry::Ballot(ballot)) = LogEntry::decode(&line) else {
                panic!("{line:?} is no ballot")
            };
            assert_eq!(ballot.voter, voter);
            assert!((1..=3).contains(&ballot.selections.len()));
            assert_eq!(ballot.expected_id(&"photo-contest-2027".parse().unwrap()), ballot.id);
        }
        Err(problem) => assert!(problem.len() < 4_096, "{problem}"),
    }
});
