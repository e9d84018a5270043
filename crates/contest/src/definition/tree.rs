//! One view of both formats of a definition. A node is looked at one level at a time, so that a file takes no more memory than
//! its own and what it is read into, whatever it holds.

use std::{borrow::Cow, fmt, marker::PhantomData};

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use toml::de::{DeTable, DeValue};

use super::mistakes::{Findings, Place, clipped, clipped_message};

/// The most elements of an array that are looked at: no list of a definition may be longer.
pub(super) const MAX_ELEMENTS: usize = 100_000;
/// The most keys of a table that are looked at: more than any table has, with the most languages of a title in mind.
pub(super) const MAX_KEYS: usize = 64;
/// In a TOML file of up to so many bytes every syntax error is looked for, in a longer one only the first.
const MAX_RECOVERABLE_LENGTH: usize = 1 << 20;

/// A value and the offset at which it stands in the file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Node<'t> {
    pub(super) at: usize,
    source: Source<'t>,
}

#[derive(Debug, Clone, Copy)]
enum Source<'t> {
    Toml(&'t DeValue<'t>),
    /// Checked to be one JSON value; not yet looked into.
    Json(&'t RawValue),
}

/// What a node is.
#[derive(Debug)]
pub(super) enum View<'t> {
    Text(Cow<'t, str>),
    /// `None` if it is beyond 64 bits.
    Integer(Option<i64>),
    Boolean(bool),
    /// A date or time without quotes, which only TOML has.
    Time(String),
    Array {
        elements: Vec<Node<'t>>,
        /// How many there are; more than `elements` holds if there are too many.
        count: usize,
    },
    Table {
        pairs: Vec<(Cow<'t, str>, Node<'t>)>,
        count: usize,
    },
    /// Something that a definition never holds; what it is called.
    Other(&'static str),
    /// Not readable, and why.
    Broken(String),
}

impl View<'_> {
    /// What messages call it.
    pub(super) fn name(&self) -> &'static str {
        match self {
            View::Text(_) => "text",
            View::Integer(_) => "a number",
            View::Boolean(_) => "true or false",
            View::Time(_) => "a date without quotes",
            View::Array { .. } => "a list",
            View::Table { .. } => "a table",
            View::Other(name) => name,
            View::Broken(_) => "unreadable",
        }
    }
}

impl<'t> Node<'t> {
    /// Looks one level deep.
    pub(super) fn view(self) -> View<'t> {
        match self.source {
            Source::Toml(value) => view_toml(value),
            Source::Json(raw) => view_json(self.at, raw),
        }
    }
}

/// Parses TOML. Repeated keys are reported and the rest is read on; after any other error of syntax nothing is.
pub(super) fn parse_toml<'t>(text: &'t str, findings: &mut Findings) -> Option<DeValue<'t>> {
    let (table, errors) = if text.len() <= MAX_RECOVERABLE_LENGTH {
        DeTable::parse_recoverable(text)
    } else {
        match DeTable::parse(text) {
            Ok(table) => (table, Vec::new()),
            Err(error) => (toml::Spanned::new(0..0, DeTable::new()), vec![error]),
        }
    };
    let repeated = |error: &toml::de::Error| error.message() == "duplicate key";
    if let Some(error) = errors.iter().find(|error| !repeated(error)) {
        let place = error.span().map_or(Place::Nowhere, |span| Place::Main(span.start));
        findings.add(place, "", format!("not TOML: {}", clipped_message(error.message())));
        return None;
    }
    for error in &errors {
        let span = error.span().unwrap_or_default();
        findings.add(
            Place::Main(span.start),
            clipped(text.get(span).unwrap_or_default()),
            "is there more than once",
        );
    }
    if !errors.is_empty() && text.len() > MAX_RECOVERABLE_LENGTH {
        return None;
    }
    Some(DeValue::Table(table.into_inner()))
}

/// The root of parsed TOML.
pub(super) fn toml_root<'t>(value: &'t DeValue<'t>) -> Node<'t> {
    Node { at: 0, source: Source::Toml(value) }
}

/// Checks that `text` is one JSON value. Its depth is of no matter: what is nested deeper than a definition is never looked into.
pub(super) fn parse_json<'t>(text: &'t str, findings: &mut Findings) -> Option<Node<'t>> {
    match serde_json::from_str::<&RawValue>(text) {
        Ok(raw) => Some(Node { at: offset(text, raw.get()), source: Source::Json(raw) }),
        Err(error) => {
            findings.add(
                Place::Main(offset_of_line(text, error.line())),
                "",
                format!("not JSON: {}", cause(&error)),
            );
            None
        }
    }
}

fn view_toml<'t>(value: &'t DeValue<'t>) -> View<'t> {
    let node = |value: &'t toml::Spanned<DeValue<'t>>| Node {
        at: value.span().start,
        source: Source::Toml(value.get_ref()),
    };
    match value {
        DeValue::String(text) => View::Text(Cow::Borrowed(text)),
        DeValue::Integer(number) => View::Integer(i64::from_str_radix(number.as_str(), number.radix()).ok()),
        DeValue::Float(_) => View::Other("a number with a fraction"),
        DeValue::Boolean(value) => View::Boolean(*value),
        DeValue::Datetime(time) => View::Time(time.to_string()),
        DeValue::Array(array) => {
            View::Array { elements: array.iter().take(MAX_ELEMENTS).map(node).collect(), count: array.len() }
        }
        DeValue::Table(table) => View::Table {
            pairs: table
                .iter()
                .take(MAX_KEYS)
                .map(|(key, value)| (Cow::Borrowed(&**key.get_ref()), node(value)))
                .collect(),
            count: table.len(),
        },
    }
}

fn view_json<'t>(at: usize, raw: &'t RawValue) -> View<'t> {
    let text = raw.get();
    let node = |child: &'t RawValue| Node { at: at + offset(text, child.get()), source: Source::Json(child) };
    let broken = |error: serde_json::Error| View::Broken(cause(&error));
    match text.as_bytes().first() {
        Some(b'"') => serde_json::from_str(text).map_or_else(broken, |text: String| View::Text(text.into())),
        Some(b'[') => serde_json::from_str::<Elements<'t>>(text).map_or_else(broken, |array| View::Array {
            elements: array.kept.into_iter().map(node).collect(),
            count: array.count,
        }),
        Some(b'{') => serde_json::from_str::<Pairs<'t>>(text).map_or_else(broken, |table| View::Table {
            pairs: table.kept.into_iter().map(|(key, child)| (Cow::Owned(key), node(child))).collect(),
            count: table.count,
        }),
        Some(b't') => View::Boolean(true),
        Some(b'f') => View::Boolean(false),
        Some(b'n') => View::Other("null"),
        _ if text.contains(['.', 'e', 'E']) => View::Other("a number with a fraction or exponent"),
        _ => View::Integer(text.parse().ok()),
    }
}

/// The elements of a JSON array, each unread: as many as may be, and how many there are.
struct Elements<'t> {
    kept: Vec<&'t RawValue>,
    count: usize,
}

/// The pairs of a JSON object, each value unread, repeated keys included: as many as may be, and how many there are.
struct Pairs<'t> {
    kept: Vec<(String, &'t RawValue)>,
    count: usize,
}

struct ChildVisitor<T>(PhantomData<T>);

impl<'de: 't, 't> Deserialize<'de> for Elements<'t> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(ChildVisitor::<Self>(PhantomData))
    }
}

impl<'de: 't, 't> Visitor<'de> for ChildVisitor<Elements<'t>> {
    type Value = Elements<'t>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Elements<'t>, A::Error> {
        let mut kept = Vec::new();
        while kept.len() < MAX_ELEMENTS {
            let Some(value) = seq.next_element()? else {
                let count = kept.len();
                return Ok(Elements { kept, count });
            };
            kept.push(value);
        }
        let mut count = kept.len();
        while seq.next_element::<IgnoredAny>()?.is_some() {
            count += 1;
        }
        Ok(Elements { kept, count })
    }
}

impl<'de: 't, 't> Deserialize<'de> for Pairs<'t> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ChildVisitor::<Self>(PhantomData))
    }
}

impl<'de: 't, 't> Visitor<'de> for ChildVisitor<Pairs<'t>> {
    type Value = Pairs<'t>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs<'t>, A::Error> {
        let mut kept = Vec::new();
        while kept.len() < MAX_KEYS {
            let Some(pair) = map.next_entry()? else {
                let count = kept.len();
                return Ok(Pairs { kept, count });
            };
            kept.push(pair);
        }
        let mut count = kept.len();
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {
            count += 1;
        }
        Ok(Pairs { kept, count })
    }
}

/// Where `part`, a slice of `whole`, begins in it.
fn offset(whole: &str, part: &str) -> usize {
    part.as_ptr().addr().saturating_sub(whole.as_ptr().addr())
}

/// The offset at which a line begins, lines counted from 1.
fn offset_of_line(text: &str, line: usize) -> usize {
    let mut newlines = text.match_indices('\n').map(|(at, _)| at + 1);
    line.checked_sub(2).map_or(0, |passed| newlines.nth(passed).unwrap_or(text.len()))
}

/// The error without serde_json's own line and column, which is relative to the part that was read.
fn cause(error: &serde_json::Error) -> String {
    let text = error.to_string();
    clipped(text.rsplit_once(" at line ").map_or(text.as_str(), |(cause, _)| cause))
}
