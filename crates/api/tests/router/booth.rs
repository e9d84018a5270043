//! A contest with one ballot, and checks that refused ballots leave it unchanged.

use serde_json::{Value, json};

use crate::site::{Site, ballot};

/// An instant before every test begins.
pub(crate) const OPENED: &str = "2021-01-01T00:00:00Z";

/// A contest with one good ballot, and a voter who has not voted.
pub(crate) struct VotedContest<'a> {
    pub(crate) site: &'a Site,
    pub(crate) first: Value,
    pub(crate) voted: String,
    pub(crate) voter: String,
    /// The tally with only the first ballot.
    pub(crate) tally: Value,
}

impl<'a> VotedContest<'a> {
    pub(crate) fn open(site: &'a Site) -> Self {
        site.create(
            "main",
            OPENED,
            &json!({"ballot": {"revision": "replace", "votes_per_category": [1, 2]}}),
        );
        let voted = site.pass("main", "mailto:first@example.org");
        let voter = site.pass("main", "mailto:second@example.org");
        let answer = site.cast("main", &voted, &ballot(&["a1"]));
        assert_eq!(answer.status, 201, "{answer:?}");
        let tally = site.tally("main", answer.body["log"]["size"].as_u64().unwrap());
        Self { site, first: answer.body, voted, voter, tally }
    }

    /// Checks that the figures are still those of the first ballot.
    #[track_caller]
    pub(crate) fn unchanged(&self) {
        let tally = self.site.tally("main", 0);
        for figure in ["ballots", "voters", "votes", "categories"] {
            assert_eq!(tally[figure], self.tally[figure], "{figure}");
        }
        // The backlog is polled a few times a second: it may still count a ballot that was just
        // refused.
        self.site.poll("nothing to wait", || (self.site.tally("main", 0)["pending"] == 0).then_some(()));
    }

    /// Checks that the log has these ballots in this order, and no other.
    pub(crate) fn log_has(&self, ballots: &[&Value]) {
        let log = self.site.log("main");
        let ids: Vec<Value> = log
            .iter()
            .map(|line| serde_json::from_str::<Value>(line).unwrap())
            .filter(|entry| entry["type"] == "ballot")
            .map(|entry| entry["id"].clone())
            .collect();
        assert_eq!(ids.iter().collect::<Vec<_>>(), ballots);
    }
}

/// Checks ballots for a taken slot, and ballots that replace a ballot that they cannot replace.
pub(crate) fn check_conflicting_ballots(site: &Site) {
    let booth = VotedContest::open(site);
    let replacing = |entry: &str, replaced: &Value| {
        let mut body = ballot(&[entry]);
        body["replaces"] = replaced.clone();
        body
    };
    let answer = site.cast("main", &booth.voted, &ballot(&["a2", "b1"]));
    assert_eq!(answer.problem(409, "already-voted")["categories"], json!(["a"]));
    booth.unchanged();
    // The same ballot again is not a second ballot.
    let again = site.cast("main", &booth.voted, &ballot(&["a1"]));
    assert_eq!((again.status, &again.body["status"]), (200, &json!("recorded")));
    for figure in ["ballot", "index", "leaf_hash"] {
        assert_eq!(again.body[figure], booth.first[figure]);
    }
    booth.unchanged();
    // A ballot of another voter cannot be replaced, nor a ballot that does not exist.
    let foreign = site.cast("main", &booth.voter, &replacing("a2", &booth.first["ballot"]));
    assert_eq!(foreign.problem(409, "replaced-is-not-standing")["standing"], Value::Null);
    booth.unchanged();
    let absent = site.cast("main", &booth.voted, &replacing("a2", &json!("lG5tUEkm0RjspEyBHMakFQ")));
    assert_eq!(absent.problem(409, "replaced-is-not-standing")["standing"], booth.first["ballot"]);
    let malformed = site.cast("main", &booth.voted, &replacing("a2", &json!("no id")));
    malformed.problem(400, "malformed");
    malformed.names("`replaces`");
    booth.unchanged();
    // Once replaced, a ballot cannot be replaced again.
    let second = site.cast("main", &booth.voted, &replacing("a2", &booth.first["ballot"]));
    assert_eq!(second.status, 201, "{second:?}");
    let stale = site.cast("main", &booth.voted, &replacing("a3", &booth.first["ballot"]));
    assert_eq!(stale.problem(409, "replaced-is-not-standing")["standing"], second.body["ballot"]);
    let again = site.cast("main", &booth.voted, &ballot(&["a1"]));
    assert_eq!((again.status, &again.body["status"]), (200, &json!("replaced")));
    booth.log_has(&[&booth.first["ballot"], &second.body["ballot"]]);
    let tally = site.tally("main", second.body["log"]["size"].as_u64().unwrap());
    assert_eq!((&tally["ballots"]["counted"], &tally["ballots"]["replaced"]), (&json!(1), &json!(1)));

    // Where ballots are final, no ballot can be replaced.
    site.create("final", OPENED, &json!({}));
    let pass = site.pass("final", "mailto:first@example.org");
    let only = site.cast("final", &pass, &ballot(&["a1"]));
    assert_eq!(only.status, 201, "{only:?}");
    let answer = site.cast("final", &pass, &replacing("a2", &only.body["ballot"]));
    assert_eq!(answer.problem(422, "invalid-selection")["reason"], "replacement-not-allowed");
    assert_eq!(site.log("final").iter().filter(|line| line.contains(r#""type":"ballot""#)).count(), 1);
}
