//! Refuses keys and values of version 2 in a document of version 1.
//!
//! These types read the document a second time, and look only at the places where version 2 has
//! more. A key of version 2 is refused with any value, also with an empty list. The path in the
//! error is the place in the document.

#![expect(dead_code, reason = "the types check their input, and no code reads the fields")]

use acclaim_contest::rules::{PublishEntries, WinnerTies};
use serde::{
    Deserialize, Deserializer,
    de::{Error as _, IgnoredAny},
};

use crate::document::{
    category::Rule,
    figure::{Figure, Fraction},
};

/// The parts of a document in which version 1 has less than version 2.
#[derive(Deserialize)]
pub(super) struct VersionOne {
    #[serde(default, deserialize_with = "absent")]
    corrects: (),
    rules: Rules,
    categories: Vec<Category>,
}

#[derive(Deserialize)]
struct Rules {
    #[serde(default, deserialize_with = "absent")]
    limits: (),
    #[serde(default, deserialize_with = "absent")]
    admission: (),
    winners: WinnerRules,
    panels: Vec<PanelRules>,
    publication: Publication,
}

#[derive(Deserialize)]
struct WinnerRules {
    #[serde(deserialize_with = "ties")]
    ties: (),
}

#[derive(Deserialize)]
struct PanelRules {
    #[serde(default, deserialize_with = "absent")]
    jurors: (),
    #[serde(default)]
    scale: Option<[u32; 2]>,
}

#[derive(Deserialize)]
struct Publication {
    #[serde(deserialize_with = "entries")]
    entries: (),
}

#[derive(Deserialize)]
struct Category {
    #[serde(default, deserialize_with = "absent")]
    own_rules: (),
    standings: Vec<Standing>,
    #[serde(default)]
    panels: Vec<Panel>,
    ranking: Option<Vec<RankedFigure>>,
    champions: Option<Vec<Place>>,
    winners: Winners,
    ties: Vec<Tie>,
    without_rulings: Vec<StandingWithoutRulings>,
}

#[derive(Deserialize)]
struct Standing {
    #[serde(deserialize_with = "figure")]
    share: (),
    #[serde(default, deserialize_with = "fraction")]
    exact: (),
    #[serde(default)]
    channels: Vec<Share>,
}

#[derive(Deserialize)]
struct Share {
    #[serde(deserialize_with = "figure")]
    share: (),
}

#[derive(Deserialize)]
struct StandingWithoutRulings {
    #[serde(default, deserialize_with = "figure")]
    share: (),
}

#[derive(Deserialize)]
struct Panel {
    #[serde(default, deserialize_with = "absent")]
    missing: (),
    #[serde(default, deserialize_with = "absent")]
    incomplete: (),
    #[serde(default, deserialize_with = "absent")]
    recused: (),
    figures: Vec<RankedFigure>,
    without_figure: Vec<WithoutFigure>,
}

#[derive(Deserialize)]
struct RankedFigure {
    #[serde(deserialize_with = "figure")]
    figure: (),
    #[serde(deserialize_with = "fraction")]
    exact: (),
    #[serde(default, deserialize_with = "absent")]
    recused: (),
}

#[derive(Deserialize)]
struct WithoutFigure {
    #[serde(default, deserialize_with = "absent")]
    recused: (),
}

#[derive(Deserialize)]
struct Winners {
    #[serde(default, deserialize_with = "absent")]
    undecided: (),
    entries: Vec<Place>,
}

#[derive(Deserialize)]
struct Place {
    #[serde(default, deserialize_with = "figure")]
    figure: (),
    #[serde(deserialize_with = "rule")]
    decided_by: (),
}

#[derive(Deserialize)]
struct Tie {
    #[serde(default, deserialize_with = "figure")]
    figure: (),
    #[serde(deserialize_with = "rule")]
    resolved_by: (),
    #[serde(default)]
    order: Vec<OrderedEntry>,
}

#[derive(Deserialize)]
struct OrderedEntry {
    #[serde(default, deserialize_with = "absent")]
    counts: (),
}

const KEY: &str = "only documents of version 2 have this key: set `v` to 2 or remove the key";
const BELOW_ZERO: &str = "only documents of version 2 have figures below zero: set `v` to 2";
const WORD: &str = "only documents of version 2 have this value: set `v` to 2";

fn refuse<E: serde::de::Error>(is_later: bool, why: &str) -> Result<(), E> {
    if is_later { Err(E::custom(why)) } else { Ok(()) }
}

fn absent<'de, D: Deserializer<'de>>(deserializer: D) -> Result<(), D::Error> {
    IgnoredAny::deserialize(deserializer)?;
    Err(D::Error::custom(KEY))
}

/// Optional keys may be `null` for the reader.
fn figure<'de, D: Deserializer<'de>>(deserializer: D) -> Result<(), D::Error> {
    let figure = Option::<Figure>::deserialize(deserializer)?;
    refuse(figure.is_some_and(|figure| figure.is_below_zero()), BELOW_ZERO)
}

fn fraction<'de, D: Deserializer<'de>>(deserializer: D) -> Result<(), D::Error> {
    let fraction = Option::<Fraction>::deserialize(deserializer)?;
    refuse(fraction.is_some_and(|fraction| fraction.as_str().starts_with('-')), BELOW_ZERO)
}

fn rule<'de, D: Deserializer<'de>>(deserializer: D) -> Result<(), D::Error> {
    refuse(Rule::deserialize(deserializer)? == Rule::Countback, WORD)
}

fn ties<'de, D: Deserializer<'de>>(deserializer: D) -> Result<(), D::Error> {
    refuse(WinnerTies::deserialize(deserializer)? == WinnerTies::Countback, WORD)
}

fn entries<'de, D: Deserializer<'de>>(deserializer: D) -> Result<(), D::Error> {
    refuse(PublishEntries::deserialize(deserializer)? == PublishEntries::Certified, WORD)
}
