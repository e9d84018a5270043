//! Reads the table `[contest]`: names, the time zone and the voting window.

use jiff::tz::TimeZone;

use super::{
    fields::{Field, Table},
    mistakes::{Findings, Place},
    overrides::Overrides,
    text, window,
};
use crate::{entry::Titles, id::ContestId, time::Instant};

/// The values of the table. A value that is `None` was missing or wrong and has been reported.
pub(super) struct ContestTable {
    pub(super) id: Option<ContestId>,
    pub(super) title: Option<String>,
    pub(super) titles: Titles,
    pub(super) test: bool,
    pub(super) time_zone: Option<String>,
    pub(super) opens: Option<Instant>,
    pub(super) closes: Option<Instant>,
    /// The place of `closes`.
    pub(super) closes_place: Place,
    /// The place of the table.
    pub(super) place: Place,
}

pub(super) fn read(
    root: &mut Table<'_>,
    overrides: &Overrides,
    findings: &mut Findings,
) -> Option<ContestTable> {
    let mut table = root.required("contest", findings)?.table(findings)?;
    let id = match &overrides.id {
        Some(id) => {
            table.field("id");
            Some(id.clone())
        }
        None => table.required("id", findings).and_then(|field| field.parsed(findings)),
    };
    let title = title(&mut table, findings);
    let titles = titles(&mut table, findings);
    let test = table.field("test").and_then(|field| field.boolean(findings)).unwrap_or(false);
    let zone_field = table.required("time_zone", findings);
    let (time_zone, zone) = zone_field.and_then(|field| time_zone(&field, findings)).unzip();
    let opens = instant(&mut table, "opens", overrides.opens.as_deref(), zone.as_ref(), findings);
    let closes = instant(&mut table, "closes", overrides.closes.as_deref(), zone.as_ref(), findings);
    if let (Some((_, opens)), Some((place, closes))) = (opens, closes)
        && closes <= opens
    {
        let when = if closes == opens { "when" } else { "before" };
        findings.add(
            place,
            "contest.closes",
            format!("the window ends {when} it starts: {closes} is not after {opens}"),
        );
    }
    let place = table.place;
    table.finish(findings);
    Some(ContestTable {
        id,
        title,
        titles,
        test: overrides.test.unwrap_or(test),
        time_zone,
        opens: opens.map(|(_, instant)| instant),
        closes: closes.map(|(_, instant)| instant),
        closes_place: closes.map_or(place, |(place, _)| place),
        place,
    })
}

/// Reads the title of a contest, category or entry.
pub(super) fn title(table: &mut Table<'_>, findings: &mut Findings) -> Option<String> {
    table.required("title", findings)?.checked(findings, text::check_title)
}

/// Reads the titles in other languages.
pub(super) fn titles(table: &mut Table<'_>, findings: &mut Findings) -> Titles {
    let Some(field) = table.field("titles") else { return Titles::new() };
    let Some(table) = field.table(findings) else { return Titles::new() };
    let pairs = table.into_pairs();
    if pairs.len() > text::MAX_LANGUAGES {
        field.wrong(
            findings,
            format!("has {} languages; at most {} are possible", pairs.len(), text::MAX_LANGUAGES),
        );
    }
    let title = |(tag, field): (String, Field<'_>)| {
        if let Err(problem) = text::check_language(&tag) {
            field.wrong(findings, problem);
        }
        field.checked(findings, text::check_title).map(|title| (tag, title))
    };
    pairs.into_iter().filter_map(title).collect()
}

fn time_zone(field: &Field<'_>, findings: &mut Findings) -> Option<(String, TimeZone)> {
    let name = field.text(findings)?;
    match window::time_zone(&name) {
        Ok(zone) => Some((name.into_owned(), zone)),
        Err(problem) => {
            field.wrong(findings, problem);
            None
        }
    }
}

/// Reads an end of the window, from the command line if it is given there.
fn instant(
    table: &mut Table<'_>,
    key: &'static str,
    given: Option<&str>,
    zone: Option<&TimeZone>,
    findings: &mut Findings,
) -> Option<(Place, Instant)> {
    let (place, path, text) = match given {
        Some(text) => {
            table.field(key);
            (Place::Nowhere, format!("--{key}"), text.to_owned())
        }
        None => {
            let field = table.required(key, findings)?;
            let text = field.time(findings)?;
            (field.place, field.path, text)
        }
    };
    match window::instant(&text, zone) {
        Ok(instant) => Some((place, instant?)),
        Err(problem) => {
            findings.add(place, path, problem);
            None
        }
    }
}
