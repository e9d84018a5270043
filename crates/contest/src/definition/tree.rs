//! One view of both formats of a definition.
//!
//! A node is viewed one level at a time. So a file takes only the memory of its text and of the
//! values read from it, for every content.

use std::{borrow::Cow, fmt, marker::PhantomData};

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use toml::de::{DeTable, DeValue};

use super::mistakes::{Findings, Place, clipped, clipped_message};

/// The maximum number of elements of an array that are viewed. No list of a definition is longer.
pub(super) const MAX_ELEMENTS: usize = 100_000;
/// The maximum number of keys of a table that are viewed.
///
/// No table has more keys. The table with the most keys is a title in the maximum number of
/// languages.
pub(super) const MAX_KEYS: usize = 64;
/// The maximum length in bytes of a TOML file in which all syntax errors are searched.
///
/// In a longer file only the first one is reported.
const MAX_RECOVERABLE_LENGTH: usize = 1 << 20;

/// A value, and its byte offset in the file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Node<'t> {
    pub(super) at: usize,
    source: Source<'t>,
}

#[derive(Debug, Clone, Copy)]
enum Source<'t> {
    Toml(&'t DeValue<'t>),
    /// Text that is one valid JSON value. Its content has not been read.
    Json(&'t RawValue),
}

/// The value of a node.
#[derive(Debug)]
pub(super) enum View<'t> {
    Text(Cow<'t, str>),
    /// `None` if the number does not fit in 64 bits.
    Integer(Option<i64>),
    Boolean(bool),
    /// A date or time without quotes, which only TOML has.
    Time(String),
    Array {
        elements: Vec<Node<'t>>,
        /// The number of elements in the file. `elements` holds at most [`MAX_ELEMENTS`] of them.
        count: usize,
    },
    Table {
        pairs: Vec<(Cow<'t, str>, Node<'t>)>,
        count: usize,
    },
    /// A kind of value that a definition never has, by its name.
    Other(&'static str),
    /// A value that cannot be read, with the reason.
    Broken(String),
}

impl View<'_> {
    /// The name of the kind of value, for messages.
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
    /// Views the node, one level deep.
    pub(super) fn view(self) -> View<'t> {
        match self.source {
            Source::Toml(value) => view_toml(value),
            Source::Json(raw) => view_json(self.at, raw),
        }
    }
}

/// Parses TOML.
///
/// Repeated keys are reported, and reading continues. After any other syntax error, nothing is
/// read.
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

/// Returns the root of parsed TOML.
pub(super) fn toml_root<'t>(value: &'t DeValue<'t>) -> Node<'t> {
    Node { at: 0, source: Source::Toml(value) }
}

/// Checks that `text` is one JSON value.
///
/// The nesting depth has no limit here. Values that are nested deeper than a definition are never
/// viewed.
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
            elements: array.items.into_iter().map(node).collect(),
            count: array.count,
        }),
        Some(b'{') => serde_json::from_str::<Pairs<'t>>(text).map_or_else(broken, |table| View::Table {
            pairs: table.items.into_iter().map(|(key, child)| (Cow::Owned(key), node(child))).collect(),
            count: table.count,
        }),
        Some(b't') => View::Boolean(true),
        Some(b'f') => View::Boolean(false),
        Some(b'n') => View::Other("null"),
        _ if text.contains(['.', 'e', 'E']) => View::Other("a number with a fraction or exponent"),
        _ => View::Integer(text.parse().ok()),
    }
}

/// The elements of a JSON array, unread: at most [`MAX_ELEMENTS`] of them, and their number.
struct Elements<'t> {
    items: Vec<&'t RawValue>,
    count: usize,
}

/// The pairs of a JSON object with unread values: at most [`MAX_KEYS`] of them, and their number.
///
/// Repeated keys are included.
struct Pairs<'t> {
    items: Vec<(String, &'t RawValue)>,
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
        let mut items = Vec::new();
        while items.len() < MAX_ELEMENTS {
            let Some(value) = seq.next_element()? else {
                let count = items.len();
                return Ok(Elements { items, count });
            };
            items.push(value);
        }
        let mut count = items.len();
        while seq.next_element::<IgnoredAny>()?.is_some() {
            count += 1;
        }
        Ok(Elements { items, count })
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
        let mut items = Vec::new();
        while items.len() < MAX_KEYS {
            let Some(pair) = map.next_entry()? else {
                let count = items.len();
                return Ok(Pairs { items, count });
            };
            items.push(pair);
        }
        let mut count = items.len();
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {
            count += 1;
        }
        Ok(Pairs { items, count })
    }
}

/// Returns the byte offset in `whole` of its slice `part`.
fn offset(whole: &str, part: &str) -> usize {
    part.as_ptr().addr().saturating_sub(whole.as_ptr().addr())
}

/// Returns the byte offset at which a line begins. Lines are counted from 1.
fn offset_of_line(text: &str, line: usize) -> usize {
    let mut newlines = text.match_indices('\n').map(|(at, _)| at + 1);
    line.checked_sub(2).map_or(0, |passed| newlines.nth(passed).unwrap_or(text.len()))
}

/// Returns the error without the line and column of serde_json, which count from the part that was
/// read.
fn cause(error: &serde_json::Error) -> String {
    let text = error.to_string();
    clipped(text.rsplit_once(" at line ").map_or(text.as_str(), |(cause, _)| cause))
}
