//! The contests in `deploy/contests` are what they say.

use std::{fs, path::PathBuf};

use acclaim_contest::{
    definition::{Definition, Overrides},
    rules::{Revision, WinnersBy},
};

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
