//! Golden cases of panels: the figures of jurors' scores, points and ranks.

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

/// Impact weighs 2 and reach 1. One value is dropped at each end.
///
/// a1: 21/3 = 7, 24/3 = 8, 30/3 = 10, 6/3 = 2. Without 2 and 10 the mean is 15/2. Juror 4 did not
/// score a2: 18/3 = 6, 21/3 = 7, 28/3. Without 6 and 28/3 the mean is 7. a3: 1/3, 2/3, 1, 0. The
/// mean is 1/2. Untrimmed, a2 would win with 67/9, ahead of 27/4.
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

/// Juror 1 scores a2 and a3 only by impact, and juror 3 scores only a2. These scores do not count.
///
/// a1 has (8 + 6)/2 = 7 and 5, and the mean is 6. a2 has (6 + 8)/2 = 7 of juror 2 alone. a3 has no
/// figure. Three jurors entered something.
fn score_panel_with_a_criterion_missing(log: &mut Log) {
    log.close();
    criterion(log, "experts", "j1", "impact", "a1 8, a2 9, a3 3");
    criterion(log, "experts", "j1", "reach", "a1 6");
    criterion(log, "experts", "j2", "impact", "a1 5, a2 6");
    criterion(log, "experts", "j2", "reach", "a1 5, a2 8");
    criterion(log, "experts", "j3", "impact", "a2 10");
    assert_eq!(try_scores(log, "experts", "j3", None, "a2 10"), Err("wrong-criterion"));
}

/// The second list of juror 1 replaces the first, and with it the score of a2.
///
/// The empty list of juror 3 takes all scores back. a1 (2 + 4)/2 = 3, a2 7/2 by juror 2 alone.
/// Before that a1 had 10/3 and a2 had 11/6. A refused list replaces nothing.
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

/// A figure needs two jurors. The 10 of a1 comes from one juror, so a1 has no figure.
///
/// a1 does not win, though there are two winners. a2 (6 + 7)/2 = 13/2.
fn score_panel_minimum_jurors(log: &mut Log) {
    votes(log, &["a1"]);
    log.close();
    scores(log, "experts", "j1", "a1 10, a2 6");
    scores(log, "experts", "j2", "a2 7");
}

/// Juror 2 scores a1 while it is withdrawn. Then a1 is reinstated.
///
/// a1 (9 + 8)/2 = 17/2 is ahead of a2 (7 + 8)/2 = 15/2. a3 stays withdrawn with its 10.
fn scores_and_a_withdrawal_undone(log: &mut Log) {
    votes(log, &["a1"]);
    scores(log, "experts", "j1", "a1 9, a2 7, a3 10");
    withdraw(log, "a1");
    withdraw(log, "a3");
    scores(log, "experts", "j2", "a1 8, a2 8");
    bring_back(log, "a1");
    log.close();
}

/// An entry that a juror does not name gets 0 points, and trimming includes these zeros.
///
/// a1 12, 10, 8, 0: 10 + 8 = 18. a2 10, 12, 12, 12: 24. a3 0, 0, 0, 1: 0. Untrimmed the sums would
/// be 30, 46 and 1.
fn points_panel_trimmed(log: &mut Log) {
    log.close();
    scores(log, "jury", "j1", "a1 12, a2 10");
    scores(log, "jury", "j2", "a2 12, a1 10");
    scores(log, "jury", "j3", "a2 12, a1 8");
    scores(log, "jury", "j4", "a2 12, a3 1");
}

/// There are two winners, and only one entry has points. No entry wins with a figure of 0.
///
/// No entry wins without a vote either. a2 and a3 still have rank 2.
fn points_of_zero(log: &mut Log) {
    log.close();
    scores(log, "jury", "j1", "a1 12");
}

/// The table has 5, 3 and 1 points. The fourth rank and entries without a rank get no points.
///
/// a1 5 + 3 + 3 = 11, a2 3 + 0 + 5 = 8, a3 1 + 0 + 1 = 2, a4 0 + 5 + 0 = 5.
fn rank_panel_with_a_short_table(log: &mut Log) {
    log.close();
    scores(log, "jury", "j1", "a1 1, a2 2, a3 3, a4 4");
    scores(log, "jury", "j2", "a4 1, a1 2");
    scores(log, "jury", "j3", "a2 1, a1 2, a3 3, a4 4");
    for values in ["a1 1, a2 1", "a1 0", "a1 1.5"] {
        assert_eq!(try_scores(log, "jury", "j4", None, values), Err("invalid-score"));
    }
}

/// Experts weigh 2 and users weigh 1. a1 (2*9 + 3)/3 = 7, a2 (2*6 + 10)/3 = 22/3.
///
/// a3 has 8 of the experts and no figure of the users, so it has no figure in total.
fn two_score_panels_weighted(log: &mut Log) {
    log.close();
    scores(log, "experts", "j1", "a1 9, a2 6, a3 8");
    scores(log, "users", "u1", "a1 3, a2 10");
}

/// The jury weighs 2, and its table has 3, 2 and 1 points: a1 3, a2 2 + 3 = 5, a3 2.
///
/// The public: a1 5, a3 7. In total a1 2*3 + 5 = 11, a2 2*5 = 10, a3 2*2 + 7 = 11. The figure of
/// the jury alone breaks the tie: a1 has 3, a3 has 2.
fn points_and_rank_panels_weighted(log: &mut Log) {
    log.close();
    scores(log, "jury", "j1", "a1 1, a2 2");
    scores(log, "jury", "j2", "a2 1, a3 2");
    scores(log, "public", "p1", "a1 5, a3 7");
}
