//! Tamperings without the key. The checkpoint and the tiles are the honest ones.

use super::{
    Answer::{Clean, Refused, Somewhere, Unusable},
    REMARK, Tampering, flip,
};
use crate::forgery::PublishedLog;

/// See the [module](self).
pub(super) const UNSIGNED: &[Tampering] = &[
    Tampering {
        name: "a vote flipped",
        change: |log| flip(log, log.ballot(7)),
        audit: Refused("hash the log's tiles hold"),
        independent: Somewhere("the root of the entries"),
    },
    Tampering {
        name: "a byte of a title flipped",
        change: |log| log.replace(log.find(0, r#""id":"a1""#), "A1", "A0"),
        audit: Refused("hash the log's tiles hold"),
        independent: Somewhere("the root of the entries"),
    },
    Tampering {
        name: "an entry dropped",
        change: |log| {
            let index = log.ballot(9);
            log.lines.remove(index);
            Some(index)
        },
        audit: Refused("hash the log's tiles hold"),
        independent: Somewhere("missing"),
    },
    Tampering {
        name: "an entry added",
        change: |log| log.insert(log.ballot(5), REMARK),
        audit: Refused("hash the log's tiles hold"),
        independent: Somewhere("added"),
    },
    Tampering {
        name: "an entry added at the end",
        change: |log| log.insert(log.lines.len(), REMARK),
        audit: Refused("added"),
        independent: Refused("added"),
    },
    Tampering {
        name: "an entry duplicated",
        change: |log| log.insert(log.ballot(4), log.lines[log.ballot(3)].clone()),
        audit: Refused("recorded at index"),
        independent: Refused("recorded before"),
    },
    Tampering {
        name: "two entries reordered",
        change: |log| {
            let (one, other) = (log.ballot(2), log.ballot(6));
            log.lines.swap(one, other);
            Some(one)
        },
        audit: Refused("hash the log's tiles hold"),
        independent: Somewhere("the root of the entries"),
    },
    Tampering {
        name: "an entry changed beyond the first tile",
        change: |log| flip(log, log.ballot(270)),
        audit: Refused("hash the log's tiles hold"),
        independent: Somewhere("the root of the entries"),
    },
    Tampering {
        name: "the log truncated in the middle of an entry",
        change: |log| {
            log.torn = 7;
            Some(log.lines.len() - 1)
        },
        audit: Refused("middle of this entry"),
        independent: Refused("middle of this entry"),
    },
    Tampering {
        name: "the last newline missing",
        change: |log| {
            log.torn = 1;
            Some(log.lines.len() - 1)
        },
        audit: Refused("middle of this entry"),
        independent: Refused("middle of this entry"),
    },
    Tampering {
        name: "the log truncated after an entry",
        change: |log| {
            log.lines.truncate(200);
            Some(200)
        },
        audit: Refused("missing"),
        independent: Refused("missing"),
    },
    Tampering {
        name: "the log emptied",
        change: |log| {
            log.lines.clear();
            Some(0)
        },
        audit: Refused("missing"),
        independent: Refused("missing"),
    },
    Tampering {
        name: "the root changed",
        change: |log| {
            let root = log.note.lines().nth(2).unwrap().to_owned();
            log.note = log.note.replace(&root, &log.tree(3).root().to_string());
            None
        },
        audit: Unusable("checkpoint"),
        independent: Unusable("checkpoint"),
    },
    Tampering {
        name: "the size changed",
        change: |log| {
            let size = log.lines.len();
            log.note = log.note.replacen(&format!("\n{size}\n"), &format!("\n{}\n", size - 1), 1);
            log.lines.pop();
            None
        },
        audit: Unusable("checkpoint"),
        independent: Unusable("checkpoint"),
    },
    Tampering {
        name: "signed by another key in the log's name",
        change: |log| {
            log.note =
                log.key_of_other_party().sign(log.lines.len() as u64, log.tree(log.lines.len()).root());
            None
        },
        audit: Unusable("checkpoint"),
        independent: Unusable("checkpoint"),
    },
    Tampering {
        name: "the checkpoint of another contest",
        change: |log| {
            log.note =
                log.key_of_another_contest().sign(log.lines.len() as u64, log.tree(log.lines.len()).root());
            None
        },
        audit: Unusable("checkpoint"),
        independent: Unusable("checkpoint"),
    },
    Tampering {
        name: "rolled back to a genuine checkpoint of earlier",
        change: |log| {
            log.earlier_checkpoint = Some(log.note.clone());
            log.lines.truncate(100);
            log.result = None;
            log.sign();
            Some(100)
        },
        audit: Refused("rolled back"),
        independent: Refused("rolled back"),
    },
    Tampering {
        name: "a vote of the result changed",
        change: |log| {
            change_result(log, |text| {
                let at = text.find(r#""rank":1,"votes":"#).unwrap() + r#""rank":1,"votes":"#.len();
                let digit = if &text[at..=at] == "9" { "8" } else { "9" };
                format!("{}{digit}{}", &text[..at], &text[at + 1..])
            })
        },
        audit: Refused("the published result has categories[0].standings[0].votes"),
        independent: Refused("the votes of"),
    },
    Tampering {
        name: "the result's voided ballots hidden",
        change: |log| change_result(log, |text| text.replacen(r#""voided":1"#, r#""voided":0"#, 1)),
        audit: Refused("the published result has counts.ballots.voided"),
        independent: Refused("the ballots voided"),
    },
    Tampering {
        name: "a result called certified",
        change: |log| change_result(log, |text| text.replacen("provisional", "certified", 1)),
        audit: Refused("the published result has status"),
        independent: Refused("the result is not one of this log"),
    },
    Tampering {
        name: "a winner of the result exchanged",
        change: |log| {
            change_result(log, |text| {
                let at = text.find(r#""winners":{"by":"votes","decision""#).unwrap();
                let entry = at + text[at..].find(r#""entry":"a"#).unwrap() + r#""entry":"a"#.len();
                let digit = if &text[entry..=entry] == "1" { "2" } else { "1" };
                format!("{}{digit}{}", &text[..entry], &text[entry + 1..])
            })
        },
        audit: Refused("the published result has categories[0].winners"),
        // It does not compute the winners.
        independent: Clean,
    },
    Tampering {
        name: "no result document at all",
        change: |log| change_result(log, |_| "[1".to_owned()),
        audit: Refused("the published result is not JSON"),
        independent: Refused("the result"),
    },
    Tampering {
        name: "a hash of a tile changed",
        change: |log| {
            log.spoil_tile = Some(|tile| tile[33 * 32] ^= 1);
            Some(33)
        },
        audit: Refused("hash the log's tiles hold"),
        // It checks the entries and the checkpoint, but no tiles.
        independent: Clean,
    },
    Tampering {
        name: "a tile truncated",
        change: |log| {
            log.spoil_tile = Some(|tile| tile.truncate(100 * 32 + 5));
            Some(100)
        },
        audit: Refused("hash the log's tiles hold"),
        independent: Clean,
    },
];

/// Changes the result document. No entry must be named.
fn change_result(log: &mut PublishedLog, change: impl Fn(String) -> String) -> Option<usize> {
    let text = String::from_utf8(log.result.take().unwrap()).unwrap();
    let changed = change(text.clone());
    assert_ne!(text, changed);
    log.result = Some(changed.into_bytes());
    None
}
