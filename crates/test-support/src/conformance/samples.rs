//! The definitions, appends and changes from which the checks are made.

use acclaim_ballot_log::{Hash, TileId};
use acclaim_contest::definition::{Definition, Overrides};
use acclaim_store::{
    contests::{ContestChange, ContestState},
    intake::{Cursor, Cursors},
    ledger::{Append, Head},
};
use bytes::Bytes;

/// A small definition with this id.
///
/// # Panics
/// Never: the definition is valid.
#[must_use]
#[expect(clippy::panic, reason = "a test's own definition")]
pub fn definition(id: &str) -> Definition {
    let json = format!(
        r#"{{"contest":{{"id":"{id}","title":"T","time_zone":"UTC","opens":"2021-03-01T00:00:00Z","closes":"2021-04-01T00:00:00Z"}},
            "winners":{{"count":1,"from":"all","by":"votes"}},
            "category":[{{"id":"a","title":"A"}}],"entry":[{{"id":"p1","category":"a","title":"One"}}]}}"#
    );
    match Definition::from_json(json.as_bytes(), &Overrides::default()) {
        Ok(definition) => definition,
        Err(mistakes) => panic!("{mistakes}"),
    }
}

/// An append of `entries` to the log with the head `from`.
pub(super) fn append(from: Option<(u64, Hash)>, entries: &[&str], root: u8) -> Append {
    let size = from.map_or(0, |head| head.0) + entries.len() as u64;
    Append {
        expected: from,
        head: Head {
            size,
            root: Hash([root; 32]),
            checkpoint: format!("note {size}"),
            cursors: Cursors { epoch: u64::MAX, shards: vec![Cursor { position: size, digest: [root; 20] }] },
        },
        entries: entries.iter().map(|entry| Bytes::from((*entry).to_owned())).collect(),
        ballots: Vec::new(),
        marks: Vec::new(),
        rejected: Vec::new(),
        turnout: Vec::new(),
        tiles: vec![(TileId { level: 0, number: 0 }, vec![root; 32])],
        contest: None,
        commands: Vec::new(),
    }
}

/// A change of a contest with this revision and tag key. An empty tag key was destroyed.
pub(super) fn change(revision: u64, tag_key: &[u8], state: &ContestState) -> ContestChange {
    let (tag_key, state) = (Some(tag_key.to_vec()).filter(|key| !key.is_empty()), state.clone());
    ContestChange { revision, tag_key, definition: None, state, tag_key_destroyed: false }
}
