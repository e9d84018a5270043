//! Reads the table `[rounds]`: the entries come from another contest, and the definition has none.

use super::{fields::Table, mistakes::Findings};
use crate::{
    MAX_SAFE_INTEGER,
    rounds::{PreviousRound, Rounds},
};

/// The maximum length of an origin in bytes. A host name and an identifier fit.
const MAX_ORIGIN_LENGTH: usize = 400;

/// The content of the table.
pub(super) enum RoundsTable {
    /// There is no such table. The contest has its own entries.
    None,
    /// The source of the entries has been resolved, and the definition has the entries.
    Resolved(Option<Rounds>),
    /// The entries have not been taken from the other contest yet.
    Unresolved(Option<Rounds>),
}

impl RoundsTable {
    /// Whether the entries have not been taken from the other contest yet.
    pub(super) fn is_unresolved(&self) -> bool {
        matches!(self, Self::Unresolved(_))
    }

    /// Returns the rounds. `None` if there is no table, or if it was wrong and has been reported.
    pub(super) fn into_rounds(self) -> Option<Rounds> {
        match self {
            Self::None => None,
            Self::Resolved(rounds) | Self::Unresolved(rounds) => rounds,
        }
    }
}

pub(super) fn read(root: &mut Table<'_>, findings: &mut Findings) -> RoundsTable {
    let Some(field) = root.field("rounds") else { return RoundsTable::None };
    let Some(mut table) = field.table(findings) else { return RoundsTable::Unresolved(None) };
    let from = table.required("from", findings).and_then(|field| field.parsed(findings));
    let resolution = table.field("previous").map(|field| field.table(findings));
    table.finish(findings);
    match resolution {
        None => RoundsTable::Unresolved(from.map(|from| Rounds { from, previous: None })),
        Some(previous) => {
            let previous = previous.and_then(|table| previous_of(table, findings));
            RoundsTable::Resolved(
                from.zip(previous).map(|(from, previous)| Rounds { from, previous: Some(previous) }),
            )
        }
    }
}

fn previous_of(mut table: Table<'_>, findings: &mut Findings) -> Option<PreviousRound> {
    let mut text = |key, check: fn(&str) -> Result<(), String>, findings: &mut Findings| {
        table.required(key, findings).and_then(|field| field.checked(findings, check))
    };
    let origin = text("origin", check_origin, findings);
    let root = text("root", check_root, findings);
    let result = text("result", check_result, findings);
    let size =
        table.required("size", findings).and_then(|field| field.number(1..=MAX_SAFE_INTEGER, findings));
    table.finish(findings);
    Some(PreviousRound { origin: origin?, size: size?, root: root?, result: result? })
}

fn check_origin(text: &str) -> Result<(), String> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'+');
    match !text.is_empty() && text.len() <= MAX_ORIGIN_LENGTH && is_plain {
        true => Ok(()),
        false => Err("is not the origin of a log".to_owned()),
    }
}

fn check_root(text: &str) -> Result<(), String> {
    let digits = text.strip_suffix('=').unwrap_or_default();
    let is_base64 = digits.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'));
    // The last digit carries four bits. Its last two bits are zero.
    let is_whole = digits.ends_with(|last| "AEIMQUYcgkosw048".contains(last));
    match digits.len() == 43 && is_base64 && is_whole {
        true => Ok(()),
        false => Err("is not 32 bytes in base64".to_owned()),
    }
}

fn check_result(text: &str) -> Result<(), String> {
    let is_hex = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    match text.len() == 64 && is_hex {
        true => Ok(()),
        false => Err("is not 32 bytes in lowercase hex".to_owned()),
    }
}

/// Refuses own entries of a contest whose entries come from another contest.
pub(super) fn refuse_entries(root: &mut Table<'_>, findings: &mut Findings) {
    for key in ["entry", "entries_csv", "details"] {
        if let Some(field) = root.field(key) {
            let place = field.first_element().unwrap_or(field.place);
            findings.add(
                place,
                key,
                "does not go with rounds.from: the entries are the champions of that contest",
            );
        }
    }
}
