//! Tests of each contradiction by itself, and of rules without contradictions.

use serde_json::{Value, json};

use super::*;

/// Rules as the log writes them, without any contradiction: three winners by votes.
fn plain() -> Value {
    json!({
        "ballot": {"votes_per_category": [1, 2], "completion": "any", "revision": "final", "period": "once", "cast_time": "minute"},
        "channels": [],
        "winners": {"count": 3, "from": "all", "by": "votes", "ties": "report"},
        "panels": [],
        "publication": {"standings": "organisers", "entries": "after-close", "result": "certified"},
    })
}

fn panel(id: &str) -> Value {
    json!({"id": id, "kind": "score", "scale": [0, 10], "trim": 1, "minimum_jurors": 3, "weight": 1})
}

fn points(id: &str) -> Value {
    json!({"id": id, "kind": "points", "trim": 0, "minimum_jurors": 1, "weight": 1})
}

/// Returns the keys of the contradictions after these changes, each a pointer and its new value.
fn conflicts(changes: &[(&str, Value)]) -> Vec<String> {
    let mut rules = plain();
    for (pointer, value) in changes {
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        rules.pointer_mut(parent).unwrap()[key] = value.clone();
    }
    let rules: Rules = serde_json::from_value(rules).unwrap();
    let text = |contradiction: &Contradiction| {
        assert!(!contradiction.reason.is_empty());
        let element = contradiction.element.map_or(String::new(), |i| format!("[{i}]"));
        format!("{}{element} {}", contradiction.keys[0], contradiction.keys[1])
    };
    rules.contradictions().iter().map(text).collect()
}

fn by(by: &str, ties: &str, panels: Value) -> Vec<(&'static str, Value)> {
    let mut changes = vec![("/winners/by", json!(by)), ("/winners/ties", json!(ties)), ("/panels", panels)];
    if by == "weighted" {
        changes.extend([("/winners/votes_weight", json!(1)), ("/winners/scores_weight", json!(2))]);
    }
    changes
}

#[test]
fn valid_rules_have_no_contradictions() {
    let none: [String; 0] = [];
    assert_eq!(conflicts(&[]), none);
    assert_eq!(conflicts(&by("scores", "votes", json!([panel("a"), panel("b")]))), none);
    assert_eq!(conflicts(&by("scores", "panel:b", json!([points("a"), points("b")]))), none);
    assert_eq!(conflicts(&by("weighted", "panel:a", json!([panel("a")]))), none);
    assert_eq!(conflicts(&by("votes", "panel:a", json!([panel("a"), points("b")]))), none);
    assert_eq!(conflicts(&by("choice", "report", json!([panel("a"), points("b")]))), none);
    let channels = ("/channels", json!([{"id": "unique", "weight": 70}, {"id": "fan", "weight": 30}]));
    let drawn = ("/winners/ties", json!("draw"));
    assert_eq!(conflicts(&[channels, drawn, ("/draw", json!({"source": "drand"}))]), none);
    let counted = [("/ballot/period", json!("counted")), ("/ballot/ballots_per_voter", json!(10_000))];
    assert_eq!(conflicts(&counted), none);
}

#[test]
fn rejects_impossible_vote_counts() {
    let per_category = "ballot.votes_per_category ballot.votes_per_category";
    assert_eq!(conflicts(&[("/ballot/votes_per_category", json!([0, 0]))]), [per_category]);
    assert_eq!(conflicts(&[("/ballot/votes_per_category", json!([3, 2]))]), [per_category]);
    let in_all = [("/ballot/votes_per_category", json!([2, 2])), ("/ballot/votes_in_all", json!(1))];
    assert_eq!(conflicts(&in_all), ["ballot.votes_in_all ballot.votes_per_category"]);
}

#[test]
fn numbers_need_matching_rule() {
    assert_eq!(conflicts(&[("/ballot/revisions", json!(1))]), ["ballot.revisions ballot.revision"]);
    assert_eq!(conflicts(&[("/ballot/revision", json!("replace"))]), ["ballot.revision ballot.revisions"]);
    assert_eq!(
        conflicts(&[("/ballot/ballots_per_voter", json!(1))]),
        ["ballot.ballots_per_voter ballot.period"]
    );
    assert_eq!(
        conflicts(&[("/ballot/period", json!("counted"))]),
        ["ballot.period ballot.ballots_per_voter"]
    );
    for ballots in [0, 10_001] {
        let counted = [("/ballot/period", json!("counted")), ("/ballot/ballots_per_voter", json!(ballots))];
        assert_eq!(conflicts(&counted), ["ballot.ballots_per_voter ballot.ballots_per_voter"]);
    }
    assert_eq!(conflicts(&[("/winners/votes_weight", json!(1))]), ["winners.votes_weight winners.by"]);
    assert_eq!(conflicts(&[("/winners/scores_weight", json!(1))]), ["winners.scores_weight winners.by"]);
    let mut weighted = by("weighted", "report", json!([panel("a")]));
    weighted.push(("/winners/scores_weight", json!(0)));
    assert_eq!(conflicts(&weighted), ["winners.scores_weight winners.scores_weight"]);
    weighted.push(("/winners/scores_weight", Value::Null));
    assert_eq!(conflicts(&weighted), ["winners.by winners.scores_weight"]);
}

#[test]
fn winners_need_champions_or_panels() {
    let from = ("/winners/from", json!("champions"));
    assert_eq!(conflicts(std::slice::from_ref(&from)), ["winners.from champions"]);
    let champions = ("/champions", json!({"count": 2, "minimum_votes": 0, "ties": "include"}));
    assert_eq!(conflicts(&[from, champions.clone()]), ["winners.count champions.count"]);
    assert!(conflicts(&[champions]).is_empty());
    assert_eq!(conflicts(&by("scores", "report", json!([]))), ["winners.by panel"]);
    assert_eq!(conflicts(&by("weighted", "report", json!([]))), ["winners.by panel"]);
    assert_eq!(conflicts(&by("votes", "report", json!([panel("a")]))), ["panel winners.by"]);
}

#[test]
fn tie_rule_must_differ_from_criterion() {
    let with_by = "winners.ties winners.by";
    assert_eq!(conflicts(&by("votes", "votes", json!([]))), [with_by]);
    assert_eq!(conflicts(&by("choice", "votes", json!([]))), [with_by]);
    assert_eq!(conflicts(&by("choice", "panel:a", json!([panel("a")]))), [with_by]);
    assert_eq!(conflicts(&by("scores", "panel:a", json!([panel("a")]))), ["winners.ties panel"]);
    assert_eq!(conflicts(&by("scores", "panel:x", json!([panel("a")]))), ["winners.ties panel"]);
    assert_eq!(conflicts(&by("scores", "earliest", json!([panel("a")]))), [with_by]);
    assert_eq!(conflicts(&by("weighted", "earliest", json!([panel("a")]))), [with_by]);
    let channels = ("/channels", json!([{"id": "fan", "weight": 1}]));
    let mut earliest = by("votes", "earliest", json!([]));
    assert!(conflicts(&earliest).is_empty());
    earliest.push(channels.clone());
    assert_eq!(conflicts(&earliest), ["winners.ties channel"]);
    let champions = ("/champions", json!({"count": 5, "minimum_votes": 0, "ties": "earliest"}));
    assert_eq!(conflicts(&[channels, champions]), ["champions.ties channel"]);
}

#[test]
fn draw_needs_source_and_source_needs_draw() {
    assert_eq!(conflicts(&[("/draw", json!({"source": "drand"}))]), ["draw winners.ties"]);
    let champions = ("/champions", json!({"count": 5, "minimum_votes": 0, "ties": "draw"}));
    let both = [("/winners/ties", json!("draw")), champions];
    assert_eq!(conflicts(&both), ["champions.ties draw", "winners.ties draw"]);
}

#[test]
fn panel_keys_must_match_kind() {
    let with = |key: &str, value: Value| {
        let mut second = panel("b");
        second[key] = value;
        conflicts(&by("choice", "report", json!([panel("a"), second])))
    };
    assert_eq!(with("trim", json!(2)), ["panel.trim[1] panel.minimum_jurors"]);
    assert_eq!(with("minimum_jurors", json!(2)), ["panel.trim[1] panel.minimum_jurors"]);
    assert_eq!(with("trim", json!(u32::MAX)), ["panel.trim[1] panel.minimum_jurors"]);
    assert_eq!(with("weight", json!(0)), ["panel.weight[1] panel.weight"]);
    assert_eq!(with("id", json!("a")), ["panel.id[1] panel.id"]);
    assert_eq!(with("scale", Value::Null), ["panel.scale[1] panel.kind"]);
    assert_eq!(with("scale", json!([5, 5])), ["panel.scale[1] panel.scale"]);
    assert_eq!(with("criteria", json!([["x", 1], ["x", 1]])), ["panel.criteria[1] panel.criteria"]);
    assert_eq!(with("criteria", json!([["x", 0]])), ["panel.criteria[1] panel.criteria"]);
    assert_eq!(with("points", json!([1])), ["panel.points[1] panel.kind"]);
    assert_eq!(with("kind", json!("points")), ["panel.scale[1] panel.kind"]);
    assert_eq!(with("kind", json!("rank")), ["panel.scale[1] panel.kind", "panel.points[1] panel.kind"]);
}

#[test]
fn panels_must_have_addable_figures() {
    for decided in ["scores", "weighted"] {
        let mixed = by(decided, "report", json!([panel("a"), panel("b"), points("c")]));
        assert_eq!(conflicts(&mixed), ["panel.kind[2] winners.by"]);
        let mut other = panel("b");
        other["scale"] = json!([1, 10]);
        assert_eq!(
            conflicts(&by(decided, "report", json!([panel("a"), other]))),
            ["panel.scale[1] winners.by"]
        );
    }
}

#[test]
fn channels_have_ids_and_weights() {
    let channels = json!([{"id": "a", "weight": 1}, {"id": "a", "weight": 0}]);
    assert_eq!(
        conflicts(&[("/channels", channels)]),
        ["channel.id[1] channel.id", "channel.weight[1] channel.weight"]
    );
}

#[test]
fn limits_length_of_lists() {
    let channels =
        |count: usize| (0..count).map(|n| json!({"id": format!("c{n}"), "weight": 1})).collect::<Vec<_>>();
    assert_eq!(conflicts(&[("/channels", channels(100).into())]), Vec::<String>::new());
    assert_eq!(conflicts(&[("/channels", channels(101).into())]), ["channel channel"]);
    let panels: Vec<Value> = (0..101).map(|n| points(&format!("p{n}"))).collect();
    let by_scores = ("/winners/by", json!("scores"));
    assert_eq!(conflicts(&[("/panels", panels.into()), by_scores.clone()]), ["panel panel"]);
    let criteria: Vec<Value> = (0..101).map(|n| json!([format!("c{n}"), 1])).collect();
    let mut many = panel("p");
    many["criteria"] = criteria.into();
    assert_eq!(conflicts(&[("/panels", json!([many])), by_scores]), ["panel.criteria[0] panel.criteria"]);
}
