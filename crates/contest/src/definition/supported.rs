//! Rules that a definition can state and this version does not yet count by. They are read and checked like all others and then
//! refused by name, rather than ignored. What becomes supported loses its line here.

use super::{
    fields::Field,
    mistakes::{Findings, Place},
};

/// A key and the word that it cannot have yet.
const WORDS: &[(&str, &str)] = &[
    ("admission.methods", "email"),
    ("admission.methods", "oidc"),
    ("admission.methods", "code"),
    ("admission.methods", "open"),
];

/// Tables that cannot be there yet, and how TOML writes their heads.
const TABLES: &[(&str, &str)] = &[("rounds", "[rounds]")];

/// Refuses the word of `key` at `field` if it is not supported yet.
pub(super) fn check_word(field: &Field<'_>, key: &str, word: &str, findings: &mut Findings) {
    if WORDS.contains(&(key, word)) {
        let name = key.rsplit('.').next().unwrap_or(key);
        field.wrong(findings, format!("{name} = \"{word}\" is not supported yet"));
    }
}

/// Refuses the table of `key` if it is not supported yet.
pub(super) fn check_table(place: Place, key: &str, findings: &mut Findings) {
    if let Some((_, head)) = TABLES.iter().find(|(name, _)| *name == key) {
        findings.add(place, key, format!("{head} is not supported yet"));
    }
}
