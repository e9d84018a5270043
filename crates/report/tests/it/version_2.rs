//! Documents of version 2: the logs use all that version 2 added, and the tally counts them.

use serde_json::{Value, json};

use crate::logs::{AT, Log, rules};

fn begin(rest: &Value, categories: &[Value]) -> Log {
    let header = json!({"type": "contest", "v": 2, "contest": "test", "title": "Test", "test": false, "time_zone": "UTC",
        "opens": "2021-03-01T00:00:00Z", "closes": "2021-03-02T00:00:00Z", "rules": rules(&json!({}), rest)});
    Log::begin(&header, categories)
}

fn only_a() -> Vec<Value> {
    vec![json!({"id": "a", "title": "Category a"})]
}

fn recuse(log: &mut Log, juror: &str, entry: &str) {
    log.event(
        &json!({"type": "recused", "panel": "experts", "juror": juror, "entry": entry, "reason": "a relative", "by": "office", "at": AT}),
    );
}

/// Scores below zero, limits, and categories with their own numbers.
///
/// Of four jurors one has scored all entries, one has scored some, one is recused for an entry, and
/// one has not scored.
pub(crate) fn jurors() -> Vec<u8> {
    let rest = json!({
        "champions": {"count": 3, "minimum_votes": 0, "ties": "include"},
        "winners": {"count": 1, "from": "champions", "by": "scores", "ties": "report"},
        "panels": [{"id": "experts", "kind": "score", "scale": [-3, 3], "trim": 0, "minimum_jurors": 2, "weight": 1,
            "jurors": ["Ama Mensah", "Bo Lind", "Kofi Boateng", "Li Wei"]}],
        "publication": {"standings": "public", "entries": "certified", "result": "closed"},
        "limits": [{"categories": ["a", "b", "c"], "most": 2}],
        "admission": {"methods": ["pass", "email", "sms"]},
    });
    let categories = [
        json!({"id": "a", "title": "Figure skating"}),
        json!({"id": "b", "title": "Ice dance", "votes": [1, 2], "champions": 2, "winners": 2}),
        json!({"id": "c", "title": "Curling", "winners": 2}),
    ];
    let mut log = begin(&rest, &categories);
    for (voter, entry) in [("1", "a1"), ("2", "a1"), ("3", "a2"), ("4", "a3")] {
        log.cast(voter, None, None, entry);
    }
    recuse(&mut log, "Kofi Boateng", "a3");
    log.score("experts", "Ama Mensah", None, &json!([["a1", "2.5"], ["a2", "-1"], ["a3", "-3"]]));
    log.score("experts", "Kofi Boateng", None, &json!([["a1", "-1"], ["a2", "-1.5"]]));
    log.score("experts", "Li Wei", None, &json!([["a1", "0"]]));
    log.close();
    log.document()
}

/// Ties that countback separates by the second value, with a panel of points; a recused juror.
pub(crate) fn countback() -> Vec<u8> {
    let rest = json!({
        "winners": {"count": 1, "from": "all", "by": "scores", "ties": "countback"},
        "panels": [{"id": "experts", "kind": "points", "trim": 0, "minimum_jurors": 1, "weight": 1}],
    });
    let mut log = begin(&rest, &only_a());
    log.score("experts", "se", None, &json!([["a1", "12"], ["a2", "10"], ["a3", "8"]]));
    log.score("experts", "no", None, &json!([["a2", "12"], ["a1", "8"], ["a3", "6"]]));
    log.score("experts", "fi", None, &json!([["a3", "6"], ["a1", "2"]]));
    recuse(&mut log, "dk", "a4");
    log.close();
    log.document()
}

/// Ties that countback separates, with a panel of ranks.
pub(crate) fn countback_of_places() -> Vec<u8> {
    let rest = json!({
        "winners": {"count": 1, "from": "all", "by": "scores", "ties": "countback"},
        "panels": [{"id": "experts", "kind": "rank", "points": [5, 3], "trim": 0, "minimum_jurors": 1, "weight": 1}],
    });
    let mut log = begin(&rest, &only_a());
    log.score("experts", "se", None, &json!([["a1", "1"], ["a2", "2"], ["a3", "3"]]));
    log.score("experts", "no", None, &json!([["a2", "1"], ["a1", "2"], ["a3", "3"]]));
    log.score("experts", "fi", None, &json!([["a3", "1"], ["a1", "3"], ["a2", "4"]]));
    log.close();
    log.document()
}

/// A corrected result: the provisional document, and the document of the second certification.
///
/// The contest is certified and reopened. Two of the winner's ballots are voided, an entry is
/// withdrawn, and the contest is certified again.
pub(crate) fn corrected() -> [Vec<u8>; 2] {
    let rest = json!({
        "champions": {"count": 2, "minimum_votes": 1, "ties": "include"},
        "winners": {"count": 1, "from": "champions", "by": "votes", "ties": "report"},
    });
    let categories = [json!({"id": "a", "title": "Access"}), json!({"id": "b", "title": "Bridges"})];
    let mut log = begin(&rest, &categories);
    let ballots: Vec<String> =
        [("1", "a1"), ("2", "a1"), ("3", "a1"), ("4", "a2"), ("5", "a2"), ("6", "a3"), ("7", "a4")]
            .into_iter()
            .map(|(voter, entry)| log.cast(voter, None, None, entry))
            .collect();
    log.close();
    log.certify();
    let reason = json!({"by": "office", "reason": "cast by a script", "at": AT});
    let with = |event: Value| {
        let mut event = event;
        event.as_object_mut().unwrap().extend(reason.as_object().unwrap().clone());
        event
    };
    log.event(&with(json!({"type": "reopened"})));
    log.event(&with(json!({"type": "voided", "ballots": ballots[..2]})));
    log.event(&with(json!({"type": "withdrawn", "entry": "a4"})));
    let provisional = log.document();
    [provisional, log.certify()]
}

/// A contest that is certified and reopened, with no further change.
pub(crate) fn corrected_without_a_change() -> Vec<u8> {
    let rest = json!({"winners": {"count": 1, "from": "all", "by": "votes", "ties": "report"}});
    let mut log = begin(&rest, &only_a());
    log.cast("1", None, None, "a1");
    log.close();
    log.certify();
    log.event(&json!({"type": "reopened", "by": "office", "reason": "a complaint", "at": AT}));
    log.document()
}

/// A certified result whose tied winners wait for lots that are not drawn.
pub(crate) fn without_lots() -> Vec<u8> {
    let rest = json!({
        "winners": {"count": 1, "from": "all", "by": "votes", "ties": "draw"},
        "draw": {"source": "dice"},
    });
    let mut log = begin(&rest, &only_a());
    log.cast("1", None, None, "a1");
    log.cast("2", None, None, "a2");
    log.close();
    log.certify()
}

/// Tied winners for a panel to separate. The panel has scored only one of them.
pub(crate) fn tied_without_a_figure() -> Vec<u8> {
    let rest = json!({
        "winners": {"count": 1, "from": "all", "by": "votes", "ties": "panel:experts"},
        "panels": [{"id": "experts", "kind": "score", "scale": [0, 10], "trim": 0, "minimum_jurors": 1, "weight": 1}],
    });
    let mut log = begin(&rest, &only_a());
    log.cast("1", None, None, "a1");
    log.cast("2", None, None, "a2");
    log.close();
    log.score("experts", "Ama", None, &json!([["a1", "5"]]));
    log.document()
}

/// A tie that goes to the entry that reached its total first.
fn earliest() -> Vec<u8> {
    let rest = json!({"winners": {"count": 1, "from": "all", "by": "votes", "ties": "earliest"}});
    let mut log = begin(&rest, &only_a());
    log.cast("1", None, None, "a2");
    log.cast("2", None, None, "a1");
    log.close();
    log.document()
}

/// Winners by choice: no choice is logged, or a chosen entry is withdrawn after the choice.
pub(crate) fn choice(is_made: bool) -> Vec<u8> {
    let rest = json!({"winners": {"count": 2, "from": "all", "by": "choice", "ties": "report"}});
    let mut log = begin(&rest, &only_a());
    log.cast("1", None, None, "a1");
    log.close();
    if is_made {
        log.event(&json!({"type": "choice", "category": "a", "winners": ["a1", "a2"], "by": "office", "note": "By four votes to one", "at": AT}));
        log.event(&json!({"type": "withdrawn", "entry": "a1", "by": "office", "reason": "late", "at": AT}));
    }
    log.document()
}

/// All documents of this file, by name.
pub(crate) fn all() -> Vec<(String, Vec<u8>)> {
    let [reopened, corrected] = corrected();
    [
        ("jurors", jurors()),
        ("countback", countback()),
        ("countback-of-places", countback_of_places()),
        ("reopened", reopened),
        ("corrected", corrected),
        ("corrected-without-a-change", corrected_without_a_change()),
        ("without-lots", without_lots()),
        ("tied-without-a-figure", tied_without_a_figure()),
        ("earliest", earliest()),
        ("no-choice", choice(false)),
        ("chosen-withdrawn", choice(true)),
    ]
    .map(|(name, document)| (name.to_owned(), document))
    .into()
}
