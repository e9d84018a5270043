//! Rules that a definition can state, but this version does not support yet.
//!
//! They are read and checked like all other rules, and then refused by name, not ignored. A rule
//! that becomes supported loses its line here.

/// A key, and a word that it cannot have yet.
const UNSUPPORTED_WORDS: &[(&str, &str)] = &[
    ("admission.methods", "email"),
    ("admission.methods", "oidc"),
    ("admission.methods", "code"),
    ("admission.methods", "open"),
];

/// Whether this version supports `word` at `key`.
pub(super) fn is_supported(key: &str, word: &str) -> bool {
    !UNSUPPORTED_WORDS.contains(&(key, word))
}
