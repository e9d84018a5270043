//! Golden cases of logs of version 2.
//!
//! They cover categories with their own numbers, limits over several categories, recusals,
//! countback, and ties that are broken within the places. They also cover undecided winners,
//! freezing undone, suspended voting, scores below zero, and corrected results.

use acclaim_ballot_log::{
    Event,
    entry::{Recusal, RulingDetails},
};

use super::{
    Case,
    steps::{certify, choose, draw, freeze, on, scores, try_scores, votes, votes_on, withdraw},
};
use crate::support::{Log, reason};

pub(super) const CASES: &[Case] = &[
    ("second-version", second_version),
    ("votes-by-category", votes_by_category),
    ("places-by-category", places_by_category),
    ("limit-over-categories", limit_over_categories),
    ("limit-and-replacement", limit_and_replacement),
    ("limit-by-sheet", limit_by_sheet),
    ("recused-from-scores", recused_from_scores),
    ("recused-and-trimmed", recused_and_trimmed),
    ("recused-from-points", recused_from_points),
    ("recused-from-points-trimmed", recused_from_points_trimmed),
    ("recused-from-ranks", recused_from_ranks),
    ("recused-and-rejoined", recused_and_rejoined),
    ("countback-of-points", countback_of_points),
    ("countback-of-ranks", countback_of_ranks),
    ("countback-of-points-and-ranks", countback_of_points_and_ranks),
    ("countback-exhausted", countback_exhausted),
    ("countback-without-the-recused", countback_without_the_recused),
    ("countback-within-the-places", countback_within_the_places),
    ("draw-within-the-places", draw_within_the_places),
    ("panel-within-the-places", panel_within_the_places),
    ("undecided-without-scores", undecided_without_scores),
    ("undecided-with-too-few-jurors", undecided_with_too_few_jurors),
    ("undecided-with-a-missing-juror", undecided_with_a_missing_juror),
    ("undecided-with-a-recusal-alone", undecided_with_a_recusal_alone),
    ("undecided-tie-with-a-missing-juror", undecided_tie_with_a_missing_juror),
    ("undecided-with-incomplete-scores", undecided_with_incomplete_scores),
    ("undecided-with-a-chosen-withdrawn", undecided_with_a_chosen_withdrawn),
    ("undecided-without-lots", undecided_without_lots),
    ("undecided-tie-without-a-figure", undecided_tie_without_a_figure),
    ("scores-below-zero", scores_below_zero),
    ("unfrozen", unfrozen),
    ("suspended-and-resumed", suspended_and_resumed),
    ("corrected-result", corrected_result),
    ("corrected-figures", corrected_figures),
    ("corrected-by-lots", corrected_by_lots),
];

fn recusal(juror: &str, entry: &str) -> Recusal {
    Recusal {
        panel: "experts".parse().unwrap(),
        juror: juror.to_owned(),
        entry: entry.parse().unwrap(),
        reason: "a relative".to_owned(),
        by: juror.to_owned(),
        at: reason().at,
    }
}

fn recuse(log: &mut Log, juror: &str, entry: &str) -> Result<u64, &'static str> {
    log.try_event(&Event::Recused(recusal(juror, entry)))
}

/// Casts ballots of numbered voters, each for a list of entries.
fn ballots(log: &mut Log, ballots: &[(u32, &[&str])]) {
    for (voter, entries) in ballots {
        log.cast(*voter, entries, None).unwrap();
    }
}

/// Same result as in a log of version 1, except for what depends on the version.
///
/// There are two champions, one winner and one void.
fn second_version(log: &mut Log) {
    let cast = votes(log, &["a1", "a2", "a1", "a3"]);
    log.void(cast[3]);
    log.close();
    certify(log);
}

/// A ballot has one vote in a, and two or three in b. One is too few in b, and four are too many.
fn votes_by_category(log: &mut Log) {
    ballots(log, &[(1, &["a1", "b1", "b2"]), (2, &["b1", "b3", "b4"])]);
    assert_eq!(log.cast(3, &["b1"], None), Err("too-few-in-category"));
    assert_eq!(log.cast(3, &["b1", "b2", "b3", "b4"], None), Err("too-many-in-category"));
    assert_eq!(log.cast(3, &["a1", "a2"], None), Err("too-many-in-category"));
    log.close();
}

/// a has two champions and one winner. b has three champions and two winners.
///
/// b2 and b3 are equal. The contest's rule for ties is `report`, so both share the second place.
fn places_by_category(log: &mut Log) {
    ballots(
        log,
        &[(1, &["a1", "b1"]), (2, &["a1", "b1"]), (3, &["a2", "b1"]), (4, &["a3", "b2"]), (5, &["a2", "b3"])],
    );
    log.close();
}

/// A voter votes in one of a and b. c is not limited. A void changes neither the slot nor the
/// limit.
fn limit_over_categories(log: &mut Log) {
    ballots(log, &[(1, &["a1", "c1"]), (2, &["b1"]), (3, &["c2"]), (3, &["b2"])]);
    assert_eq!(log.cast(4, &["a1", "b1"], None), Err("too-many-categories"));
    assert_eq!(log.cast(1, &["b1"], None), Err("too-many-categories"));
    assert_eq!(log.cast(3, &["a1"], None), Err("too-many-categories"));
    let voided = log.cast(5, &["a2"], None).unwrap();
    log.void(voided);
    assert_eq!(log.cast(5, &["b2"], None), Err("too-many-categories"));
    log.close();
}

/// A replaced ballot no longer counts towards the limit.
fn limit_and_replacement(log: &mut Log) {
    let first = log.cast(1, &["a1"], None).unwrap();
    assert_eq!(log.cast(1, &["b1"], None), Err("too-many-categories"));
    log.cast(1, &["b1"], Some(first)).unwrap();
    assert_eq!(log.cast(1, &["a2"], None), Err("too-many-categories"));
    log.close();
}

/// Each channel is a sheet of its own with its own limit.
fn limit_by_sheet(log: &mut Log) {
    log.cast_on(on("unique"), 1, &["a1"], None).unwrap();
    assert_eq!(log.cast_on(on("unique"), 1, &["b1"], None), Err("too-many-categories"));
    log.cast_on(on("fan"), 1, &["b1"], None).unwrap();
    votes_on(log, on("fan"), &["a2"]);
    log.close();
}

/// a1 has the mean of two jurors, (8 + 4)/2 = 6, because the third is recused.
///
/// a2 has (5 + 5 + 8)/3 = 6, so both are equal. a3 has one of three jurors left, and needs two: it
/// has no figure.
fn recused_from_scores(log: &mut Log) {
    log.close();
    recuse(log, "j3", "a1").unwrap();
    scores(log, "experts", "j1", "a1 8, a2 5");
    scores(log, "experts", "j2", "a1 4, a2 5");
    scores(log, "experts", "j3", "a2 8, a3 9");
    assert_eq!(try_scores(log, "experts", "j3", None, "a1 1, a2 8, a3 9"), Err("score-of-recused"));
    recuse(log, "j1", "a3").unwrap();
    recuse(log, "j2", "a3").unwrap();
}

/// Four jurors score a1. One gives 10 before the recusal, which drops this score.
///
/// 2, 4 and 9 are left. Without the lowest and the highest the figure is 4. a2 has all four, 1, 3,
/// 5 and 10: (3 + 5)/2 = 4.
fn recused_and_trimmed(log: &mut Log) {
    log.close();
    for (juror, values) in
        [("j1", "a1 2, a2 1"), ("j2", "a1 4, a2 3"), ("j3", "a1 9, a2 5"), ("j4", "a1 10, a2 10")]
    {
        scores(log, "experts", juror, values);
    }
    recuse(log, "j4", "a1").unwrap();
}

/// Three jurors, one of them recused for a1. Its 12 + 10 of two jurors are multiplied by 3/2,
/// to 33.
///
/// a2 has 10 + 12 + 12 = 34, a3 has 8 + 8 + 10 = 26.
fn recused_from_points(log: &mut Log) {
    log.close();
    recuse(log, "j3", "a1").unwrap();
    scores(log, "experts", "j1", "a1 12, a2 10, a3 8");
    scores(log, "experts", "j2", "a2 12, a1 10, a3 8");
    scores(log, "experts", "j3", "a2 12, a3 10");
    assert_eq!(recuse(log, "j3", "a1"), Err("already-recused"));
    assert_eq!(recuse(log, "j3", "z9"), Err("unknown-entry"));
}

/// Five jurors, one of them recused for a1. One value is dropped at each end.
///
/// a1: of 1, 2, 4, 9 remain 2 + 4 = 6, times (5 - 2)/(5 - 1 - 2) = 3/2, which is 9. a2: of 0, 2, 3,
/// 4, 9 remain 2 + 3 + 4 = 9. The fifth juror only has a recusal. This juror counts for a2 with
/// 0 points, and is missing.
fn recused_from_points_trimmed(log: &mut Log) {
    log.close();
    for (juror, values) in
        [("j1", "a1 1, a2 2"), ("j2", "a1 2, a2 3"), ("j3", "a1 4, a2 4"), ("j4", "a1 9, a2 9")]
    {
        scores(log, "experts", juror, values);
    }
    recuse(log, "j5", "a1").unwrap();
}

/// Ranks give 12, 10 and 8 points. a1 has 12 of the first juror alone, times 2/1: 24.
///
/// a2 has 10 + 12 = 22, a3 has 8 + 10 = 18.
fn recused_from_ranks(log: &mut Log) {
    log.close();
    recuse(log, "j2", "a1").unwrap();
    scores(log, "experts", "j1", "a1 1, a2 2, a3 3");
    scores(log, "experts", "j2", "a2 1, a3 2");
}

/// The recusal drops the 5 for a1. The juror rejoins and scores again. a1 1 + 7 = 8, a2 2 + 3 = 5.
fn recused_and_rejoined(log: &mut Log) {
    log.close();
    scores(log, "experts", "j1", "a1 5, a2 2");
    scores(log, "experts", "j2", "a1 1, a2 3");
    recuse(log, "j1", "a1").unwrap();
    assert_eq!(log.try_event(&Event::Rejoined(recusal("j2", "a1"))), Err("not-recused"));
    log.event(Event::Rejoined(recusal("j1", "a1")));
    assert_eq!(log.try_event(&Event::Rejoined(recusal("j1", "a1"))), Err("not-recused"));
    scores(log, "experts", "j1", "a1 7, a2 2");
}

/// a1 and a2 have 22 points and one twelve each. a2 has one ten and a1 none, so a2 comes first.
///
/// a3 has 20.
fn countback_of_points(log: &mut Log) {
    log.close();
    scores(log, "experts", "j1", "a1 12, a2 10, a3 8");
    scores(log, "experts", "j2", "a2 12, a1 8, a3 6");
    scores(log, "experts", "j3", "a3 6, a1 2");
}

/// First and second places give 5 and 3 points, all others nothing.
///
/// a1 and a2 have a first and a second place each, so 8 points. a1 has a third place and a2 a
/// fourth: a1 comes first.
fn countback_of_ranks(log: &mut Log) {
    log.close();
    scores(log, "experts", "j1", "a1 1, a2 2, a3 3");
    scores(log, "experts", "j2", "a2 1, a1 2, a3 3");
    scores(log, "experts", "j3", "a3 1, a1 3, a2 4");
}

/// Points and ranks together: each of a1 and a2 has 22, with one 12 and one 10.
///
/// a1 has 12 points and a second place, which is 10. a2 has 10 points and a first place, which
/// is 12. Then j2 gives a1 a 2, and j3 and j4 give a2 a 1 each. The 2 is higher, so a1 comes first.
fn countback_of_points_and_ranks(log: &mut Log) {
    log.close();
    scores(log, "experts", "j1", "a1 12, a2 10");
    scores(log, "public", "p1", "a2 1, a1 2");
    scores(log, "experts", "j2", "a1 2");
    scores(log, "experts", "j3", "a2 1");
    scores(log, "experts", "j4", "a2 1");
}

/// Both have a twelve and a ten. Nothing separates them, so they share the place.
fn countback_exhausted(log: &mut Log) {
    log.close();
    scores(log, "experts", "j1", "a1 12, a2 10");
    scores(log, "experts", "j2", "a2 12, a1 10");
}

/// a1: the 6 of the first juror, times 2/1, is 12. The recused juror gives it no value.
///
/// a2: 6 + 6 is also 12. a2 has two sixes and a1 has one, so a2 comes first.
fn countback_without_the_recused(log: &mut Log) {
    log.close();
    scores(log, "experts", "j1", "a1 6, a2 6");
    scores(log, "experts", "j2", "a1 7, a2 6");
    recuse(log, "j2", "a1").unwrap();
}

/// There are two places, and a1 and a2 have both. Their tie does not cross the cut.
///
/// a2 has more twelves and is still first. a1 10 + 12 + 2, a2 12 + 12 + 0, a3 8.
fn countback_within_the_places(log: &mut Log) {
    log.close();
    scores(log, "experts", "j1", "a2 12, a1 10, a3 8");
    scores(log, "experts", "j2", "a2 12, a1 2");
    scores(log, "experts", "j3", "a1 12");
}

/// a1 and a2 have both places. By seed 01 a2 (5d...) is before a1 (60...).
fn draw_within_the_places(log: &mut Log) {
    votes(log, &["a1", "a1", "a2", "a2", "a3"]);
    log.close();
    freeze(log);
    draw(log, &"01".repeat(32)).unwrap();
    certify(log);
}

/// a1 and a2 have both places, and the panel puts a2 first.
fn panel_within_the_places(log: &mut Log) {
    votes(log, &["a1", "a1", "a2", "a2", "a3"]);
    log.close();
    scores(log, "experts", "j1", "a2 5, a1 3");
}

/// Scores decide the winners, and there are no scores.
fn undecided_without_scores(log: &mut Log) {
    votes(log, &["a1"]);
    log.close();
}

/// a2 has one juror and needs two. It could have won.
fn undecided_with_too_few_jurors(log: &mut Log) {
    log.close();
    scores(log, "experts", "j1", "a1 5, a2 10");
    recuse(log, "j2", "a2").unwrap();
    scores(log, "experts", "j2", "a1 5");
}

/// The rules name Zoe, and she has not scored. Li is recused for every entry and is not missing.
///
/// Bo is not a juror of the panel.
fn undecided_with_a_missing_juror(log: &mut Log) {
    log.close();
    scores(log, "experts", "Ama", "a1 5, a2 3");
    recuse(log, "Li", "a1").unwrap();
    recuse(log, "Li", "a2").unwrap();
    assert_eq!(try_scores(log, "experts", "Bo", None, "a1 1"), Err("unknown-juror"));
    assert_eq!(recuse(log, "Bo", "a1"), Err("unknown-juror"));
}

/// Zoe is recused for a1, so its 10 points count twice. She gives nothing to a2.
///
/// So she is missing. It does not matter whether the rules name her.
fn undecided_with_a_recusal_alone(log: &mut Log) {
    log.close();
    scores(log, "experts", "Ama", "a1 10, a2 12");
    recuse(log, "Zoe", "a1").unwrap();
}

/// a1 and a2 are tied by votes. The panel puts a1 first, and one of its two jurors is missing.
fn undecided_tie_with_a_missing_juror(log: &mut Log) {
    votes(log, &["a1", "a2"]);
    log.close();
    scores(log, "experts", "Ama", "a1 5, a2 3");
}

/// Juror 2 has not scored a3, and is recused for a2. Only a3 is missing.
fn undecided_with_incomplete_scores(log: &mut Log) {
    log.close();
    scores(log, "experts", "j1", "a1 5, a2 3, a3 4");
    recuse(log, "j2", "a2").unwrap();
    scores(log, "experts", "j2", "a1 5");
}

/// The chosen entry is withdrawn after the choice.
fn undecided_with_a_chosen_withdrawn(log: &mut Log) {
    log.close();
    choose(log, "a", &["a1"]);
    withdraw(log, "a1");
}

/// The tie is within the places, and no lots are drawn yet.
fn undecided_without_lots(log: &mut Log) {
    votes(log, &["a1", "a1", "a2", "a2", "a3"]);
    log.close();
}

/// a1 and a2 are tied for the place, and the panel has scored only a1.
fn undecided_tie_without_a_figure(log: &mut Log) {
    votes(log, &["a1", "a2"]);
    log.close();
    scores(log, "experts", "j1", "a1 5");
}

/// The scale is from -3 to 3. Here figures below zero win places.
///
/// a1 (2 + -1)/2 = 1/2, a2 (-1 + -2)/2 = -3/2, a3 (-0.5 + 0)/2 = -1/4.
fn scores_below_zero(log: &mut Log) {
    log.close();
    scores(log, "experts", "j1", "a1 2, a2 -1, a3 -0.5");
    scores(log, "experts", "j2", "a1 -1, a2 -2, a3 0");
    for values in ["a1 -3.0001", "a1 4"] {
        assert_eq!(try_scores(log, "experts", "j1", None, values), Err("invalid-score"));
    }
}

/// The log is frozen too early. It is unfrozen, a ruling follows, and it is frozen again.
fn unfrozen(log: &mut Log) {
    votes(log, &["a1", "a1", "a2"]);
    log.close();
    assert_eq!(log.try_event(&Event::Unfrozen(reason())), Err("not-unfrozen"));
    freeze(log);
    let withdrawal = Event::Withdrawn { entry: "a1".parse().unwrap(), reason: reason() };
    assert_eq!(log.try_event(&withdrawal), Err("frozen"));
    log.event(Event::Unfrozen(reason()));
    log.event(withdrawal);
    freeze(log);
    certify(log);
    assert_eq!(log.try_event(&Event::Unfrozen(reason())), Err("out-of-place"));
}

/// Ballots between the two entries are refused. They can be cast again afterwards.
fn suspended_and_resumed(log: &mut Log) {
    votes(log, &["a1"]);
    assert_eq!(log.try_event(&Event::Resumed(reason())), Err("not-suspended"));
    log.event(Event::Suspended(RulingDetails { reason: "a fault of the network".to_owned(), ..reason() }));
    assert_eq!(log.cast(9, &["a2"], None), Err("voting-suspended"));
    assert_eq!(log.try_event(&Event::Suspended(reason())), Err("already-suspended"));
    log.event(Event::Resumed(reason()));
    log.cast(9, &["a2"], None).unwrap();
    log.event(Event::Suspended(reason()));
    log.close();
    assert_eq!(log.try_event(&Event::Resumed(reason())), Err("out-of-place"));
}

/// After the certification, two of the four ballots for a1 are found to be scripted.
///
/// a2 has three and becomes the winner. In b nothing changes.
fn corrected_result(log: &mut Log) {
    ballots(log, &[(1, &["a1", "b1"]), (2, &["a1"]), (3, &["a2"])]);
    let scripted = [log.cast(4, &["a1"], None).unwrap(), log.cast(5, &["a1"], None).unwrap()];
    ballots(log, &[(6, &["a2"]), (7, &["a2"]), (8, &["a3"])]);
    log.close();
    certify(log);
    log.event(Event::Reopened(reason()));
    scripted.into_iter().for_each(|ballot| log.void(ballot));
    certify(log);
}

/// a1 9, a2 5 and a3 4 become 6, 3 and 4.
///
/// The winner stays the same. All figures but one change, and two ranks change.
fn corrected_figures(log: &mut Log) {
    log.close();
    scores(log, "experts", "j1", "a1 9, a2 5, a3 4");
    certify(log);
    log.event(Event::Reopened(reason()));
    scores(log, "experts", "j1", "a1 6, a2 3, a3 4");
    certify(log);
}

/// a1 and a2 share the first of two places until lots are drawn.
///
/// By seed 02 a1 (b1...) is before a2 (bc...). The winners stay the same, and their places change.
fn corrected_by_lots(log: &mut Log) {
    votes(log, &["a1", "a1", "a2", "a2", "a3"]);
    log.close();
    certify(log);
    log.event(Event::Reopened(reason()));
    freeze(log);
    draw(log, &"02".repeat(32)).unwrap();
    certify(log);
}
