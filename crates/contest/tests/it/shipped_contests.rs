//! Tests that the contests in `deploy/contests` can be read and have their documented properties.

use std::{fs, path::PathBuf};

use acclaim_contest::{
    definition::{Definition, Overrides},
    rules::{Period, Revision, WinnersBy},
};

use crate::support::{PLAIN, from_toml};

fn shipped(name: &str) -> Definition {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../deploy/contests");
    let text = fs::read(folder.join(name)).unwrap();
    let mut load = |file: &str| fs::read(folder.join(file)).map_err(|error| error.to_string());
    Definition::from_toml(&text, &mut load, &Overrides::default())
        .unwrap_or_else(|mistakes| panic!("{mistakes}"))
}

#[test]
fn the_wsis_prizes_have_18_categories_of_20_sample_entries() {
    let wsis = shipped("wsis-prizes.toml");
    assert_eq!(wsis.categories.len(), 18);
    for category in &wsis.categories {
        let entries: Vec<_> = wsis.entries.iter().filter(|entry| entry.category == category.id).collect();
        assert_eq!(entries.len(), 20, "{}", category.id);
        assert!(entries.iter().all(|entry| entry.title.to_lowercase().contains("sample")));
    }
    assert_eq!(wsis.rules.champions.as_ref().map(|champions| champions.count), Some(5));
    assert_eq!(wsis.rules.winners.by, WinnersBy::Choice);
}

#[test]
fn the_photo_contest_has_three_winners_by_votes() {
    let photos = shipped("photo-contest.toml");
    assert_eq!((photos.categories.len(), photos.rules.winners.count), (1, 3));
    assert_eq!(
        (photos.rules.winners.by, photos.rules.ballot.revision),
        (WinnersBy::Votes, Revision::Replace)
    );
}

#[test]
fn the_broadcast_vote_has_two_channels_and_numbered_ballots() {
    let broadcast = shipped("broadcast-vote.toml").rules;
    let channels: Vec<_> =
        broadcast.channels.iter().map(|channel| (channel.id.as_str(), channel.weight)).collect();
    assert_eq!(channels, [("unique", 70), ("fan", 30)]);
    assert_eq!((broadcast.ballot.period, broadcast.ballot.ballots_per_voter), (Period::Counted, Some(10)));
}

#[test]
fn the_daily_award_has_a_day_of_23_hours() {
    let award = shipped("daily-award.toml");
    let days = award.days().unwrap();
    let first = |day: &str| days.iter().find(|(name, _)| name == day).unwrap().1.seconds();
    assert_eq!(first("2027-03-29") - first("2027-03-28"), 23 * 3600);
    assert_eq!((award.rules.panels.len(), award.rules.winners.by), (1, WinnersBy::Scores));
}

#[test]
fn every_shipped_contest_is_tested() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../deploy/contests");
    let names = fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
    for name in names.filter(|name| name.ends_with(".toml")) {
        shipped(&name);
        assert!(include_str!("shipped_contests.rs").contains(&format!("shipped(\"{name}\")")), "{name}");
    }
}

/// The examples of `docs/rules.md` are valid rules, exactly as written.
#[test]
fn documented_rules_are_valid() {
    let text = include_str!("../../../../docs/rules.md");
    let (head, rest) = PLAIN.split_once("[ballot]").unwrap();
    let (_, entries) = rest.split_once("[[category]]").unwrap();
    let more: String =
        (0..9).map(|n| format!("[[entry]]\nid = \"m{n}\"\ncategory = \"c1\"\ntitle = \"M\"\n")).collect();
    let mut read = 0;
    for example in text.split("```toml\n").skip(1) {
        let (example, _) = example.split_once("```").unwrap();
        // A contest with rounds has no own entries.
        if example.contains("[rounds]") {
            continue;
        }
        let definition = format!("{head}{example}\n[[category]]{entries}{more}");
        from_toml(&definition).unwrap_or_else(|mistakes| panic!("{example}\n{mistakes}"));
        read += 1;
    }
    assert!(read >= 7, "{read}");
}
