//! Staff entries cannot be guessed from their public hashes.
//!
//! Each entry ends with a salt that only the sequencer knows until the entry is published.

use std::collections::HashSet;

use acclaim_ballot_log::{LogEntry, leaf_hash};
use acclaim_store::{
    command::{Command, QueuedCommand, Reason},
    hub::Notice,
};

use crate::support::TestContest;

#[tokio::test]
async fn salts_every_staff_entry() {
    let mut world = TestContest::open().await;
    let reason = || Reason { reason: "not the author's own".to_owned(), note: None };
    let commands = [
        Command::Withdraw { entry: "p1".parse().unwrap(), reason: reason() },
        Command::ReinstateEntry { entry: "p1".parse().unwrap(), reason: reason() },
        Command::State { kind: "note".to_owned(), text: "the jury meets in May".to_owned() },
        // The same text as before. Its entry has another hash.
        Command::State { kind: "note".to_owned(), text: "the jury meets in May".to_owned() },
    ];
    for (number, command) in (0..).zip(commands) {
        let key = format!("key-{number}");
        let received = world.stores.clock.now();
        let queued = QueuedCommand { key: key.clone(), by: "chair".to_owned(), command, received };
        world.stores.database.queue_command(&world.contest, &queued).await.unwrap();
        world.stores.hub.send(Notice::CommandQueued(world.contest.clone()));
        let is_decided = |notice: &Notice| match notice {
            Notice::Decided(decided) => decided.commands.iter().any(|(decided, _)| decided.key == key),
            _ => false,
        };
        world.until(is_decided).await;
    }
    let mut salts = HashSet::new();
    let mut leaves = HashSet::new();
    let lines = world.lines().await;
    for line in &lines {
        leaves.insert(leaf_hash(line.as_bytes()));
        let LogEntry::Event(event, salt) = LogEntry::decode(line.as_bytes()).unwrap() else { continue };
        assert_eq!(salt.is_some(), event.is_salted(), "{line}");
        if let Some(salt) = salt {
            assert!(salts.insert(salt.0), "each salt is used once");
            // Without the salt, the content does not lead to a public hash.
            assert!(!leaves.contains(&leaf_hash(&event.encode(None).unwrap())), "{line}");
        }
    }
    assert_eq!((salts.len(), leaves.len()), (4, lines.len()));
    assert!(world.audit().await.clean);
    world.stop().await;
}
