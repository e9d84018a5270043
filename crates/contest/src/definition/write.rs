//! Writes the definition as JSON: the structure that is read, with canonical key order and
//! defaults.

use serde::Serialize;

use super::{Definition, text};
use crate::{
    days::Days,
    entry::MAX_ENTRY_LENGTH,
    entry::{Category, Entry, Titles},
    id::ContestId,
    rounds::Rounds,
    rules::{
        AdmissionRules, BallotRules, ChampionRules, Channel, Draw, Limit, Panel, Publication, Rules,
        WinnerRules,
    },
    time::Instant,
};

/// The maximum length of names, window, rules and days as JSON, in bytes.
///
/// It is a log entry without the keys that only the log adds.
const MAX_ENCODED_LENGTH: usize = MAX_ENTRY_LENGTH - 2_048;

#[derive(Serialize)]
struct DefinitionJson<'a> {
    contest: Contest<'a>,
    ballot: &'a BallotRules,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    channel: &'a [Channel],
    #[serde(skip_serializing_if = "Option::is_none")]
    champions: Option<&'a ChampionRules>,
    winners: &'a WinnerRules,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    panel: &'a [Panel],
    #[serde(skip_serializing_if = "Option::is_none")]
    draw: Option<&'a Draw>,
    publication: &'a Publication,
    #[serde(skip_serializing_if = "Option::is_none")]
    rounds: Option<&'a Rounds>,
    #[serde(skip_serializing_if = "Option::is_none")]
    admission: Option<&'a AdmissionRules>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    limit: &'a [Limit],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    category: &'a [Category],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    entry: &'a [Entry],
}

#[derive(Serialize)]
struct Contest<'a> {
    id: &'a ContestId,
    title: &'a str,
    #[serde(skip_serializing_if = "Titles::is_empty")]
    titles: &'a Titles,
    test: bool,
    time_zone: &'a str,
    opens: Instant,
    closes: Instant,
}

/// Returns the definition as JSON on one line.
pub(super) fn json(definition: &Definition) -> String {
    let Definition { rules, rounds, categories, entries, .. } = definition;
    let structure = DefinitionJson {
        contest: contest(definition),
        ballot: &rules.ballot,
        channel: &rules.channels,
        champions: rules.champions.as_ref(),
        winners: &rules.winners,
        panel: &rules.panels,
        draw: rules.draw.as_ref(),
        publication: &rules.publication,
        rounds: rounds.as_ref(),
        admission: rules.admission.as_ref(),
        limit: &rules.limits,
        category: categories,
        entry: entries,
    };
    #[expect(clippy::expect_used, reason = "every key is text, and the JSON is only written to memory")]
    serde_json::to_string(&structure).expect("a definition can be written as JSON")
}

/// Checks that names, window, rules and days fit in the first entry of the log.
pub(super) fn check_header(definition: &Definition) -> Result<(), String> {
    #[derive(Serialize)]
    struct Header<'a> {
        contest: Contest<'a>,
        rules: &'a Rules,
        days: Option<Days>,
    }
    let header = Header { contest: contest(definition), rules: &definition.rules, days: definition.days() };
    text::check_encoded(&header, MAX_ENCODED_LENGTH)
}

fn contest(definition: &Definition) -> Contest<'_> {
    Contest {
        id: &definition.id,
        title: &definition.title,
        titles: &definition.titles,
        test: definition.test,
        time_zone: &definition.time_zone,
        opens: definition.opens,
        closes: definition.closes,
    }
}
