//! Rules that a definition can state and this version does not yet count by. They are read and checked like all others and then
//! refused by name, rather than ignored. What becomes supported loses its line here.

/// A key and the word that it cannot have yet.
const UNSUPPORTED_WORDS: &[(&str, &str)] = &[
    ("admission.methods", "email"),
    ("admission.methods", "oidc"),
    ("admission.methods", "code"),
    ("admission.methods", "open"),
];

/// Whether this version counts by `word` at `key`.
pub(super) fn is_supported(key: &str, word: &str) -> bool {
    !UNSUPPORTED_WORDS.contains(&(key, word))
}
