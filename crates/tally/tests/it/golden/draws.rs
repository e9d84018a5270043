//! Golden cases of the draw. A lot is BLAKE3 of the seed's 32 bytes, and of category and entry, each after its length as u32 little-endian. In category a, by another
//! program than this one, as first digits in hex:
//!
//! | seed | a1 | a2 | a3 |
//! |---|---|---|---|
//! | 32 times 01 | 60642d75 | 5d42ecc0 | a24f002e |
//! | 32 times 02 | b15552b2 | bc199388 | 0f3ebe22 |

use super::{
    Case,
    steps::{certify, draw, draw_from, freeze, votes},
};
use acclaim_ballot_log::Event;

use crate::support::{Log, reason};

pub(super) const CASES: &[Case] = &[
    ("draw-without-a-seed", draw_without_a_seed),
    ("draw-at-the-cut", draw_at_the_cut),
    ("draw-of-all-winners", draw_of_all_winners),
    ("draw-again-after-reopening", draw_again_after_reopening),
];

/// a1 has two votes, a2 and a3 have one each, and there are two champions.
fn tied_and_frozen(log: &mut Log) {
    votes(log, &["a1", "a2", "a3", "a1"]);
    log.close();
    assert_eq!(draw(log, &"02".repeat(32)), Err("no-draw"));
    freeze(log);
}

/// No seed, no draw: both are champions, and the tie says that nothing resolved it.
fn draw_without_a_seed(log: &mut Log) {
    tied_and_frozen(log);
}

/// By seed 02 the second champion is a3: 0f... before bc... of a2. The seed is at index 13.
fn draw_at_the_cut(log: &mut Log) {
    tied_and_frozen(log);
    assert_eq!(draw_from(log, "a coin", &"02".repeat(32)), Err("wrong-source"));
    draw(log, &"02".repeat(32)).unwrap();
    assert_eq!(draw(log, &"01".repeat(32)), Err("no-draw"));
}

/// Three entries with a vote each, two winners: by seed 02 a3 (0f...), then a1 (b1...), then a2 (bc...).
fn draw_of_all_winners(log: &mut Log) {
    votes(log, &["a1", "a2", "a3"]);
    log.close();
    freeze(log);
    draw(log, &"02".repeat(32)).unwrap();
}

/// By seed 02 the champion is a3. After reopening its vote is void and the seed forgotten; of a1 and a2 seed 02 would take a1 (b1... before bc...), seed 01, at index
/// 16, takes a2 (5d... before 60...).
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
