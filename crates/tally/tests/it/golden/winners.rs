//! Golden cases of winners by scores or by votes and scores, and of ties among them.

use super::{
    Case,
    steps::{on, scores, votes, votes_on, withdraw},
};
use crate::support::Log;

pub(super) const CASES: &[Case] = &[
    ("scores-tied-and-a-panel", scores_tied_and_a_panel),
    ("scores-tied-and-votes", scores_tied_and_votes),
    ("scores-tied-and-votes-of-channels", scores_tied_and_votes_of_channels),
    ("votes-tied-and-a-panel", votes_tied_and_a_panel),
    ("weighted-votes-and-scores", weighted_votes_and_scores),
    ("weighted-without-a-vote", weighted_without_a_vote),
    ("weighted-entry-without-a-figure", weighted_entry_without_a_figure),
    ("weighted-with-channels-and-a-withdrawal", weighted_with_channels_and_a_withdrawal),
    ("winners-from-all-beside-champions", winners_from_all_beside_champions),
    ("winners-by-scores-among-champions", winners_by_scores_among_champions),
];

/// A song contest. The public breaks the tie: a2 with 22 is ahead of a1 with 10.
///
/// Jury: a1 12 + 12 = 24, a2 10 + 2 = 12, a3 10. Public: a1 10, a2 12 + 10 = 22, a3 12. In total
/// 34, 34 and 22.
fn scores_tied_and_a_panel(log: &mut Log) {
    log.close();
    scores(log, "jury", "fr", "a1 12, a2 10");
    scores(log, "jury", "de", "a1 12, a3 10, a2 2");
    scores(log, "public", "fr", "a2 12, a1 10");
    scores(log, "public", "de", "a3 12, a2 10");
}

/// a1, a2 and a3 have 8. a2 has 2 of 4 votes, a1 and a3 have 1 each.
///
/// So a2 has place 1, and a1 and a3 share place 2. All three are within two places.
fn scores_tied_and_votes(log: &mut Log) {
    votes(log, &["a1", "a2", "a2", "a3"]);
    log.close();
    scores(log, "experts", "j1", "a1 8, a2 8, a3 8, a4 5");
}

/// Both have 8. With channels, more votes means a larger share of the votes.
///
/// a2 has 70/100 by its one vote, a1 has 30/100 by three.
fn scores_tied_and_votes_of_channels(log: &mut Log) {
    votes_on(log, on("unique"), &["a2"]);
    votes_on(log, on("fan"), &["a1", "a1", "a1"]);
    log.close();
    scores(log, "experts", "j1", "a1 8, a2 8");
}

/// One vote each, and two winners. The panel needs two jurors.
///
/// a3 has 7 and a2 has 5. a1 has a 10 from one juror, so it has no figure and comes last.
fn votes_tied_and_a_panel(log: &mut Log) {
    votes(log, &["a1", "a2", "a3"]);
    log.close();
    scores(log, "experts", "j1", "a2 4, a3 7");
    scores(log, "experts", "j2", "a2 6, a3 7");
    scores(log, "experts", "j3", "a1 10");
}

/// The weights are 50 and 50. Votes 3/4, 1/4, 0; scores 4, 9, 7 of 20.
///
/// a1 (3/4 + 4/20)/2 = 19/40, a2 (1/4 + 9/20)/2 = 7/20, a3 (0 + 7/20)/2 = 7/40.
fn weighted_votes_and_scores(log: &mut Log) {
    votes(log, &["a1", "a1", "a1", "a2"]);
    log.close();
    scores(log, "experts", "j1", "a1 4, a2 9, a3 7");
}

/// Every share of the votes is 0: a1 (0 + 4/10)/2 = 1/5, a2 (0 + 6/10)/2 = 3/10.
fn weighted_without_a_vote(log: &mut Log) {
    log.close();
    scores(log, "experts", "j1", "a1 4, a2 6");
}

/// a3 has 7 of 10 votes and no score, so it has no figure and cannot win.
///
/// Its votes still count in the total: a1 (2/10 + 6/10)/2 = 2/5, a2 (1/10 + 4/10)/2 = 1/4 wins as
/// the second.
fn weighted_entry_without_a_figure(log: &mut Log) {
    votes(log, &["a3", "a3", "a3", "a3", "a3", "a3", "a3", "a1", "a1", "a2"]);
    log.close();
    scores(log, "experts", "j1", "a1 6, a2 4");
}

/// The weights are 60 and 40, the channels weigh 1 and 1. a1 and a2 are equal, and both win.
///
/// a3 is withdrawn with 1 + 3 votes and a 6. Votes: a1 (2/3 + 0)/2 = 1/3, a2 (1/3 + 1)/2 = 2/3.
/// Scores: 9/12 and 3/12. In total a1 (60/3 + 40*3/4)/100 = 1/2, a2 (60*2/3 + 40/4)/100 = 1/2.
///
/// Without the withdrawal `unique` and `fan` have 4 votes each: a3 (1/4 + 3/4)/2 = 1/2, a1 (2/4 +
/// 0)/2 = 1/4, a2 (1/4 + 1/4)/2 = 1/4.
fn weighted_with_channels_and_a_withdrawal(log: &mut Log) {
    votes_on(log, on("unique"), &["a1", "a1", "a2", "a3"]);
    votes_on(log, on("fan"), &["a2", "a3", "a3", "a3"]);
    withdraw(log, "a3");
    log.close();
    scores(log, "experts", "j1", "a1 9, a2 3, a3 6");
}

/// The only champion is a1 with 2 of 3 votes. The winner by scores comes from all entries: a2.
fn winners_from_all_beside_champions(log: &mut Log) {
    votes(log, &["a1", "a2", "a1"]);
    log.close();
    scores(log, "experts", "j1", "a1 5, a2 9");
}

/// 8 votes: a1 3, a2 and a4 2 each, a3 1, which is too few for a champion.
///
/// Scores: a3 10, a2 7, a4 6, a1 5. Of the champions a2 and a4 win.
fn winners_by_scores_among_champions(log: &mut Log) {
    votes(log, &["a1", "a1", "a1", "a2", "a2", "a3", "a4", "a4"]);
    log.close();
    scores(log, "experts", "j1", "a1 5, a2 7, a3 10, a4 6");
}
