//! Rules that a definition can state and this version does not yet count by. They are read and checked like all others and then
//! refused by name, rather than ignored. What becomes supported loses its line here.

use super::{fields::Field, mistakes::Findings};

/// A key and the word that it cannot have yet.
const WORDS: &[(&str, &str)] = &[
    ("admission.methods", "email"),
    ("admission.methods", "oidc"),
    ("admission.methods", "code"),
    ("admission.methods", "open"),
];

/// Refuses the word of `key` at `field` if it is not supported yet.
pub(super) fn check_word(field: &Field<'_>, key: &str, word: &str, findings: &mut Findings) {
    if WORDS.contains(&(key, word)) {
        let name = key.rsplit('.').next().unwrap_or(key);
        field.wrong(findings, format!("{name} = \"{word}\" is not supported yet"));
    }
}
