//! Golden cases of panels: what jurors' scores, points and ranks come to.

use super::{
    Case,
    steps::{bring_back, criterion, scores, try_scores, votes, withdraw},
};
use crate::support::Log;

pub(super) const CASES: &[Case] = &[
    ("score-panel-trimmed", score_panel_trimmed),
    ("score-panel-with-a-criterion-missing", score_panel_with_a_criterion_missing),
    ("score-corrected-and-taken-back", score_corrected_and_taken_back),
    ("score-panel-minimum-jurors", score_panel_minimum_jurors),
    ("scores-and-a-withdrawal-undone", scores_and_a_withdrawal_undone),
    ("points-panel-trimmed", points_panel_trimmed),
    ("points-of-zero", points_of_zero),
    ("rank-panel-with-a-short-table", rank_panel_with_a_short_table),
    ("two-score-panels-weighted", two_score_panels_weighted),
    ("points-and-rank-panels-weighted", points_and_rank_panels_weighted),
];

/// Impact weighs 2, reach 1; one score is dropped at either end. a1: 21/3 = 7, 24/3 = 8, 30/3 = 10, 6/3 = 2; without 2 and 10 the mean is 15/2.
/// a2, which juror 4 did not score: 18/3 = 6, 21/3 = 7, 28/3; without 6 and 28/3 it is 7. a3: 1/3, 2/3, 1, 0; 1/2. Untrimmed a2 would win, with 67/9 before 27/4.
fn score_panel_trimmed(log: &mut Log) {
    votes(log, &["a2"]);
    log.close();
    let jurors = [
        ("j1", "a1 8, a2 6, a3 0", "a1 5, a2 6, a3 1"),
        ("j2", "a1 9, a2 9, a3 1", "a1 6, a2 3, a3 0"),
        ("j3", "a1 10, a2 10, a3 1", "a1 10, a2 8, a3 1"),
        ("j4", "a1 2, a3 0", "a1 2, a3 0"),
    ];
    for (juror, impact, reach) in jurors {
        criterion(log, "experts", juror, "impact", impact);
        criterion(log, "experts", juror, "reach", reach);
    }
}

/// Juror 1 scores a2 and a3 by impact alone, juror 3 a2: these do not count. a1 (8 + 6)/2 = 7 and 5, in the mean 6; a2 (6 + 8)/2 = 7 of juror 2 alone; a3 has
/// no figure. Three jurors entered something.
fn score_panel_with_a_criterion_missing(log: &mut Log) {
    log.close();
    criterion(log, "experts", "j1", "impact", "a1 8, a2 9, a3 3");
    criterion(log, "experts", "j1", "reach", "a1 6");
    criterion(log, "experts", "j2", "impact", "a1 5, a2 6");
    criterion(log, "experts", "j2", "reach", "a1 5, a2 8");
    criterion(log, "experts", "j3", "impact", "a2 10");
    assert_eq!(try_scores(log, "experts", "j3", None, "a2 10"), Err("wrong-criterion"));
}

/// Juror 1's second list replaces the first, a2's score with it; juror 3's empty one takes all back. a1 (2 + 4)/2 = 3, a2 7/2 by juror 2 alone. Before that it was
/// 10/3 for a1 and 11/6 for a2. What is refused replaces nothing.
fn score_corrected_and_taken_back(log: &mut Log) {
    log.close();
    scores(log, "experts", "j1", "a1 5, a2 1");
    scores(log, "experts", "j2", "a1 4, a2 3.5");
    scores(log, "experts", "j3", "a1 1, a2 1");
    scores(log, "experts", "j1", "a1 2");
    for values in ["a1 5.5", "a1 0.9999"] {
        assert_eq!(try_scores(log, "experts", "j2", None, values), Err("invalid-score"), "{values}");
    }
    scores(log, "experts", "j3", "");
}

/// Two jurors are asked for. a1's 10 is of one: it has no figure and does not win, though there are two winners. a2 (6 + 7)/2 = 13/2.
fn score_panel_minimum_jurors(log: &mut Log) {
    votes(log, &["a1"]);
    log.close();
    scores(log, "experts", "j1", "a1 10, a2 6");
    scores(log, "experts", "j2", "a2 7");
}

/// a1 is scored by juror 2 while it is withdrawn, and comes back: (9 + 8)/2 = 17/2 before a2's (7 + 8)/2 = 15/2. a3 stays withdrawn with its 10.
fn scores_and_a_withdrawal_undone(log: &mut Log) {
    votes(log, &["a1"]);
    scores(log, "experts", "j1", "a1 9, a2 7, a3 10");
    withdraw(log, "a1");
    withdraw(log, "a3");
    scores(log, "experts", "j2", "a1 8, a2 8");
    bring_back(log, "a1");
    log.close();
}

/// Who is not named has 0 points, and trimming sees these too. a1 12, 10, 8, 0: 10 + 8 = 18. a2 10, 12, 12, 12: 24. a3 0, 0, 0, 1: 0. Untrimmed it would be
/// 30, 46 and 1.
fn points_panel_trimmed(log: &mut Log) {
    log.close();
    scores(log, "jury", "j1", "a1 12, a2 10");
    scores(log, "jury", "j2", "a2 12, a1 10");
    scores(log, "jury", "j3", "a2 12, a1 8");
    scores(log, "jury", "j4", "a2 12, a3 1");
}

/// Two winners are wanted, and one entry has points: nobody wins with a figure of 0, as nobody wins without a vote. a2 and a3 have rank 2 all the same.
fn points_of_zero(log: &mut Log) {
    log.close();
    scores(log, "jury", "j1", "a1 12");
}

/// The table has 5, 3 and 1 points; the fourth rank has none, nor has who is not ranked. a1 5 + 3 + 3 = 11, a2 3 + 0 + 5 = 8, a3 1 + 0 + 1 = 2, a4 0 + 5 + 0 = 5.
fn rank_panel_with_a_short_table(log: &mut Log) {
    log.close();
    scores(log, "jury", "j1", "a1 1, a2 2, a3 3, a4 4");
    scores(log, "jury", "j2", "a4 1, a1 2");
    scores(log, "jury", "j3", "a2 1, a1 2, a3 3, a4 4");
    for values in ["a1 1, a2 1", "a1 0", "a1 1.5"] {
        assert_eq!(try_scores(log, "jury", "j4", None, values), Err("invalid-score"));
    }
}

/// Experts weigh 2, users 1. a1 (2*9 + 3)/3 = 7, a2 (2*6 + 10)/3 = 22/3. a3 has 8 of the experts and no figure of the users: it has none in all.
fn two_score_panels_weighted(log: &mut Log) {
    log.close();
    scores(log, "experts", "j1", "a1 9, a2 6, a3 8");
    scores(log, "users", "u1", "a1 3, a2 10");
}

/// The jury weighs 2, and its table has 3, 2 and 1 points: a1 3, a2 2 + 3 = 5, a3 2. The public: a1 5, a3 7. In all a1 2*3 + 5 = 11, a2 2*5 = 10, a3 2*2 + 7 = 11.
/// The tie goes to the higher figure of the jury, by itself: a1 3, a3 2.
fn points_and_rank_panels_weighted(log: &mut Log) {
    log.close();
    scores(log, "jury", "j1", "a1 1, a2 2");
    scores(log, "jury", "j2", "a2 1, a3 2");
    scores(log, "public", "p1", "a1 5, a3 7");
}
