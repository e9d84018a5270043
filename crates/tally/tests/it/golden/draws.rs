//! Golden cases of the draw.
//!
//! A lot is the BLAKE3 hash of the seed's 32 bytes, the category and the entry. Before category and
//! entry comes the length as u32 little-endian. The table has the first hexadecimal digits of lots
//! in category a. Another program computed them:
//!
//! | seed | a1 | a2 | a3 |
//! |---|---|---|---|
//! | 32 times 01 | 60642d75 | 5d42ecc0 | a24f002e |
//! | 32 times 02 | b15552b2 | bc199388 | 0f3ebe22 |

use acclaim_ballot_log::Event;

use super::{
    Case,
    steps::{certify, draw, draw_from, freeze, votes},
};
use crate::support::{Log, reason};

pub(super) const CASES: &[Case] = &[
    ("draw-without-a-seed", draw_without_a_seed),
    ("draw-at-the-cut", draw_at_the_cut),
    ("draw-of-all-winners", draw_of_all_winners),
    ("draw-again-after-reopening", draw_again_after_reopening),
];

/// a1 has two votes, a2 and a3 have one vote each, and there are two champions.
fn tied_and_frozen(log: &mut Log) {
    votes(log, &["a1", "a2", "a3", "a1"]);
    log.close();
    assert_eq!(draw(log, &"02".repeat(32)), Err("no-draw"));
    freeze(log);
}

/// Without a seed there is no draw. Both are champions, and the tie is reported as not resolved.
fn draw_without_a_seed(log: &mut Log) {
    tied_and_frozen(log);
}

/// By seed 02 the second champion is a3: 0f... is before bc... of a2. The seed is at index 13.
fn draw_at_the_cut(log: &mut Log) {
    tied_and_frozen(log);
    assert_eq!(draw_from(log, "a coin", &"02".repeat(32)), Err("wrong-source"));
    draw(log, &"02".repeat(32)).unwrap();
    assert_eq!(draw(log, &"01".repeat(32)), Err("no-draw"));
}

/// Three entries have one vote each, and there are two winners.
///
/// The order by seed 02 is a3 (0f...), a1 (b1...), a2 (bc...).
fn draw_of_all_winners(log: &mut Log) {
    votes(log, &["a1", "a2", "a3"]);
    log.close();
    freeze(log);
    draw(log, &"02".repeat(32)).unwrap();
}

/// By seed 02 the champion is a3. After reopening, its vote is voided and the seed is dropped.
///
/// Between a1 and a2, seed 02 would choose a1 (b1... is before bc...). Seed 01 at index 16 chooses
/// a2 (5d... is before 60...).
fn draw_again_after_reopening(log: &mut Log) {
    let ballots = votes(log, &["a1", "a2", "a3"]);
    log.close();
    freeze(log);
    draw(log, &"02".repeat(32)).unwrap();
    certify(log);
    log.event(Event::Reopened(reason()));
    log.void(ballots[2]);
    assert_eq!(draw(log, &"01".repeat(32)), Err("no-draw"));
    freeze(log);
    draw(log, &"01".repeat(32)).unwrap();
    certify(log);
}
