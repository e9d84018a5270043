//! Reads the tables of channels, panels, the draw and the methods of admission.

use std::collections::{HashMap, HashSet};

use acclaim_text::quoted;

use super::{
    contradictions::ListPositions,
    fields::{Field, Table},
    mistakes::Findings,
    text,
};
use crate::{
    juror,
    rules::{AdmissionRules, Channel, Draw, MAX_LIST_LENGTH, MAX_POINTS, Panel, PanelKind},
};

/// The maximum weight.
pub(super) const MAX_WEIGHT: u64 = 1_000_000;
/// The maximum points in a table of ranks.
const MAX_RANK_POINTS: u64 = MAX_POINTS.unsigned_abs();
/// The maximum number of jurors that a panel can name.
const MAX_NAMED_JURORS: usize = 1_000;
/// The maximum of `minimum_jurors`, and of `trim`, the number of scores that are dropped.
const MAX_JURORS: u64 = 100_000;

/// Reads the channels. Incomplete channels are reported and left out.
pub(super) fn channels(root: &mut Table<'_>, findings: &mut Findings) -> (Vec<Channel>, ListPositions) {
    let mut ids = HashSet::new();
    let read = |mut table: Table<'_>, findings: &mut Findings| {
        let id = unique_id(&mut table, &mut ids, findings);
        let weight =
            table.required("weight", findings).and_then(|field| field.number(1..=MAX_WEIGHT, findings));
        table.finish(findings);
        Some(Channel { id: id?, weight: weight? })
    };
    read_list(root, "channel", read, findings)
}

/// Reads the panels. Incomplete panels are reported and left out.
pub(super) fn panels(root: &mut Table<'_>, findings: &mut Findings) -> (Vec<Panel>, ListPositions) {
    let mut ids = HashSet::new();
    let read = |mut table: Table<'_>, findings: &mut Findings| {
        let id = unique_id(&mut table, &mut ids, findings);
        let kinds = [("score", PanelKind::Score), ("points", PanelKind::Points), ("rank", PanelKind::Rank)];
        let kind = table.required("kind", findings).and_then(|field| field.word(&kinds, findings));
        let scale = read_key(&mut table, "scale", kind == Some(PanelKind::Score), findings)
            .and_then(|field| scale(&field, findings));
        let criteria = table.field("criteria").map(|field| criteria(&field, findings));
        let points = read_key(&mut table, "points", kind == Some(PanelKind::Rank), findings)
            .map(|field| points(&field, findings));
        let mut number = |key, range, default| {
            table.field(key).map_or(Some(default), |field| field.number(range, findings))
        };
        let trim = number("trim", 0..=MAX_JURORS, 0);
        let minimum_jurors = number("minimum_jurors", 1..=MAX_JURORS, 1);
        let weight = number("weight", 1..=MAX_WEIGHT, 1);
        let jurors = table.field("jurors").map(|field| jurors(&field, findings));
        table.finish(findings);
        Some(Panel {
            id: id?,
            kind: kind?,
            scale,
            criteria: criteria.unwrap_or_default(),
            points: points.unwrap_or_default(),
            trim: trim?,
            minimum_jurors: minimum_jurors?,
            weight: weight?,
            jurors: jurors.unwrap_or_default(),
        })
    };
    read_list(root, "panel", read, findings)
}

/// Reads the source of the seed of a draw.
pub(super) fn draw(root: &mut Table<'_>, findings: &mut Findings) -> Option<Draw> {
    let mut table = root.field("draw")?.table(findings)?;
    let source =
        table.required("source", findings).and_then(|field| field.checked(findings, text::check_title));
    table.finish(findings);
    // A wrong source has been reported. The table exists nevertheless.
    Some(Draw { source: source.unwrap_or_default() })
}

/// Reads the methods by which voters get a pass.
pub(super) fn admission(root: &mut Table<'_>, findings: &mut Findings) -> AdmissionRules {
    let mut table = root.table_or_empty("admission", findings);
    let methods = table.field("methods");
    table.finish(findings);
    let Some(field) = methods else { return AdmissionRules { methods: vec!["pass".to_owned()] } };
    let elements = field.elements(MAX_LIST_LENGTH, findings).unwrap_or_default();
    if elements.is_empty() {
        field.wrong(findings, "must be a list of methods, such as [\"pass\"]");
    }
    let words = ["pass", "email", "oidc", "code", "open"].map(|word| (word, word));
    let mut known = HashSet::new();
    let method = |element: Field<'_>| {
        let word = element.word(&words, findings)?;
        element.check_supported("admission.methods", word, findings);
        if !known.insert(word) {
            element.wrong(findings, format!("{} is there more than once", quoted(word)));
        }
        Some(word.to_owned())
    };
    AdmissionRules { methods: elements.into_iter().filter_map(method).collect() }
}

pub(super) fn read_list<'t, T>(
    root: &mut Table<'t>,
    key: &'static str,
    mut read: impl FnMut(Table<'t>, &mut Findings) -> Option<T>,
    findings: &mut Findings,
) -> (Vec<T>, ListPositions) {
    let mut list_positions = ListPositions { positions: Vec::new(), complete: true };
    let Some(field) = root.field(key) else { return (Vec::new(), list_positions) };
    let elements = field.elements(MAX_LIST_LENGTH, findings).unwrap_or_default();
    let mut items = Vec::with_capacity(elements.len());
    for (position, element) in elements.into_iter().enumerate() {
        match element.table(findings).and_then(|table| read(table, findings)) {
            Some(item) => {
                items.push(item);
                list_positions.positions.push(position);
            }
            None => list_positions.complete = false,
        }
    }
    (items, list_positions)
}

/// Reads the id of a table, and reports an id that an earlier table has.
fn unique_id<T>(table: &mut Table<'_>, ids: &mut HashSet<T>, findings: &mut Findings) -> Option<T>
where
    T: std::str::FromStr<Err: std::fmt::Display> + Clone + Eq + std::hash::Hash + AsRef<str>,
{
    let field = table.required("id", findings)?;
    let id: T = field.parsed(findings)?;
    if !ids.insert(id.clone()) {
        field.wrong(findings, format!("{} is there more than once", quoted(id.as_ref())));
    }
    Some(id)
}

/// Reads a key, and reports a missing key if `is_required`.
fn read_key<'t>(
    table: &mut Table<'t>,
    key: &'static str,
    is_required: bool,
    findings: &mut Findings,
) -> Option<Field<'t>> {
    if is_required { table.required(key, findings) } else { table.field(key) }
}

fn scale(field: &Field<'_>, findings: &mut Findings) -> Option<[i64; 2]> {
    let [lowest, highest] = field.pair("[lowest, highest], such as [0, 10]", findings)?;
    let lowest = lowest.integer(-MAX_POINTS..=MAX_POINTS, findings);
    let highest = highest.integer(-MAX_POINTS..=MAX_POINTS, findings);
    let (lowest, highest) = (lowest?, highest?);
    if lowest >= highest {
        field.wrong(findings, format!("the lowest ({lowest}) must be below the highest ({highest})"));
    }
    Some([lowest, highest])
}

fn jurors(field: &Field<'_>, findings: &mut Findings) -> Vec<String> {
    let elements = field.elements(MAX_NAMED_JURORS, findings).unwrap_or_default();
    if elements.is_empty() {
        field.wrong(findings, "must be a list of names; without the key, every juror with a key may score");
    }
    // Names are compared as in score entry: two spellings of one name are one juror.
    let mut names: HashMap<String, String> = HashMap::new();
    let name = |element: Field<'_>| {
        let name = element.checked(findings, juror::check_name)?;
        match names.insert(juror::normalize_name(&name), name.clone()) {
            Some(earlier) if earlier == name => {
                element.wrong(findings, format!("{} is there more than once", quoted(&name)));
            }
            Some(earlier) => {
                let problem =
                    format!("{} is the same juror as {}: leave out one", quoted(&name), quoted(&earlier));
                element.wrong(findings, problem);
            }
            None => {}
        }
        Some(name)
    };
    elements.into_iter().filter_map(name).collect()
}

fn criteria(field: &Field<'_>, findings: &mut Findings) -> Vec<(String, u32)> {
    let elements = field.elements(MAX_LIST_LENGTH, findings).unwrap_or_default();
    let mut names = HashSet::new();
    let criterion = |element: Field<'_>| {
        let [name, weight] = element.pair("[name, weight], such as [\"impact\", 2]", findings)?;
        let text = name.checked(findings, text::check_label);
        let weight = weight.number(1..=MAX_WEIGHT, findings);
        let text = text?;
        if !names.insert(text.clone()) {
            name.wrong(findings, format!("{} is there more than once", quoted(&text)));
        }
        Some((text, weight?))
    };
    elements.into_iter().filter_map(criterion).collect()
}

fn points(field: &Field<'_>, findings: &mut Findings) -> Vec<u32> {
    let elements = field.elements(MAX_LIST_LENGTH, findings).unwrap_or_default();
    if elements.is_empty() {
        field.wrong(findings, "must be a list of points, from the first place down");
    }
    elements.into_iter().filter_map(|element| element.number(0..=MAX_RANK_POINTS, findings)).collect()
}
