//! Names of jurors: which names are valid, which spellings are one juror, and the nearest name.
//!
//! A log knows jurors by the bytes of their names, so each juror is written in one spelling, the
//! registered one. A juror is found by the normalized form of the name.

use std::collections::BTreeMap;

use acclaim_text::{characters, quoted};
use unicode_normalization::{UnicodeNormalization as _, char::is_combining_mark};

use crate::id::PanelId;

/// The maximum number of characters of the name of a juror or a staff key.
pub const MAX_NAME_LENGTH: usize = 100;
/// The minimum similarity of two names, from 0 to 1, for a suggestion.
const MIN_SIMILARITY: f64 = 0.6;

/// Checks the name of a juror or of a staff key. The name is displayed, and written into logs.
///
/// # Errors
/// A message if the name is empty, too long, not trimmed, or has a refused character.
pub fn check_name(name: &str) -> Result<(), String> {
    let characters = name.chars().count();
    if characters > MAX_NAME_LENGTH {
        return Err(format!("a name has 1 to {MAX_NAME_LENGTH} characters, and this has {characters}"));
    }
    if normalize_name(name).is_empty() {
        return Err(format!("a name has 1 to {MAX_NAME_LENGTH} visible characters"));
    }
    characters::check(name).map_err(|refused| format!("a name {refused}"))?;
    if name.contains(['\n', '\t']) {
        return Err("a name has neither new lines nor tabs".to_owned());
    }
    if name.trim() != name {
        return Err("a name neither begins nor ends with white space".to_owned());
    }
    Ok(())
}

/// Returns the form in which names are compared.
///
/// The form is NFC without case, without invisible characters, with white space collapsed and
/// trimmed.
///
/// Case is removed with the upper and then the lower case of the standard library. The result
/// equates the same letters as Unicode's full case folding (`ß` and `SS`, both small sigmas). It
/// also equates the Turkish `ı` and its capital `I`, because a name in capitals is the same person.
/// A crate for case folding would add a Unicode table and lack the last case.
#[must_use]
pub fn normalize_name(name: &str) -> String {
    // A refused character is kept: no spelling of a valid name contains it.
    let is_kept =
        |character: &char| !characters::is_invisible(*character) || characters::is_refused(*character);
    let visible: String = name.chars().filter(is_kept).collect();
    let words: Vec<&str> = visible.split_whitespace().collect();
    let composed: String = words.join(" ").nfc().collect();
    composed.to_uppercase().to_lowercase().nfc().collect()
}

/// Whether two spellings name one juror.
#[must_use]
pub fn is_same_name(one: &str, other: &str) -> bool {
    one == other || normalize_name(one) == normalize_name(other)
}

/// Returns the name that is most similar to `name`, if one is similar enough.
#[must_use]
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let plain = |name: &str| -> String {
        normalize_name(name).nfd().filter(|character| !is_combining_mark(*character)).collect()
    };
    let plain_name = plain(name);
    let rated = known.into_iter().map(|known| (rating(&plain_name, &plain(known)), known));
    let similar = rated.filter(|(rating, _)| *rating >= MIN_SIMILARITY);
    // The first wins if several are equally similar, so that the same question has the same answer.
    similar.reduce(|best, next| if next.0 > best.0 { next } else { best }).map(|(_, known)| known)
}

/// Returns the similarity of two names, as written or with sorted words (`Mensah, Ama`).
fn rating(one: &str, other: &str) -> f64 {
    let sorted = |name: &str| {
        let mut words: Vec<&str> =
            name.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
        words.sort_unstable();
        words.join(" ")
    };
    let written = strsim::normalized_damerau_levenshtein(one, other);
    written.max(strsim::normalized_damerau_levenshtein(&sorted(one), &sorted(other)))
}

/// The jurors of a contest, by panel, each in the registered spelling.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Jurors {
    panels: BTreeMap<PanelId, Vec<String>>,
}

/// Why a name does not name a juror.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnknownJuror {
    /// The panel has no such juror.
    #[error("the panel {panel} has no juror {name}{}", suggestion(nearest.as_deref()))]
    NotFound {
        /// The panel.
        panel: PanelId,
        /// The name, quoted.
        name: String,
        /// The most similar juror, if one is similar enough.
        nearest: Option<String>,
    },
    /// The name can mean several jurors.
    ///
    /// In an old contest, two spellings of one name scored before names were compared. This name is
    /// a third spelling.
    #[error("{name} can be any of {}: write the name exactly like one of them, byte for byte", candidates.join(", "))]
    Ambiguous {
        /// The name, quoted.
        name: String,
        /// The possible jurors, quoted.
        candidates: Vec<String>,
    },
}

impl Jurors {
    /// Registers a juror of a panel. A spelling that is already registered changes nothing.
    pub fn add(&mut self, panel: &PanelId, juror: &str) {
        let jurors = self.panels.entry(panel.clone()).or_default();
        if !jurors.iter().any(|known| known == juror) {
            jurors.push(juror.to_owned());
        }
    }

    /// Returns the jurors of a panel, in the order of their registration.
    #[must_use]
    pub fn of(&self, panel: &PanelId) -> &[String] {
        self.panels.get(panel).map_or(&[], Vec::as_slice)
    }

    /// Returns the registered spelling of a juror of a panel.
    ///
    /// This is the exact spelling if it is registered. Otherwise it is the spelling with the same
    /// normalized form.
    ///
    /// # Errors
    /// [`UnknownJuror::NotFound`] if no registered name is equal, [`UnknownJuror::Ambiguous`] if
    /// several are.
    pub fn find(&self, panel: &PanelId, name: &str) -> Result<&str, UnknownJuror> {
        let jurors = self.of(panel);
        if let Some(juror) = jurors.iter().find(|juror| *juror == name) {
            return Ok(juror);
        }
        let normalized = normalize_name(name);
        let matches: Vec<&String> =
            jurors.iter().filter(|juror| normalize_name(juror) == normalized).collect();
        match matches[..] {
            [juror] => Ok(juror),
            [] => {
                let nearest = nearest(name, jurors.iter().map(String::as_str)).map(str::to_owned);
                Err(UnknownJuror::NotFound { panel: panel.clone(), name: quoted(name), nearest })
            }
            _ => {
                let candidates = matches.iter().map(|juror| escape_non_ascii(juror)).collect();
                Err(UnknownJuror::Ambiguous { name: quoted(name), candidates })
            }
        }
    }
}

fn suggestion(nearest: Option<&str>) -> String {
    match nearest {
        Some(nearest) => format!("; did you mean {}?", quoted(nearest)),
        None => {
            "; name jurors in the definition, or create one with `acclaim key create --role juror`".to_owned()
        }
    }
}

/// Writes a name in full, with escapes that distinguish similar names.
fn escape_non_ascii(name: &str) -> String {
    let escape = |character: char| {
        if character.is_ascii() && !character.is_ascii_control() {
            character.to_string()
        } else {
            character.escape_unicode().to_string()
        }
    };
    format!("\"{}\"", name.chars().map(escape).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jurors(names: &[&str]) -> (Jurors, PanelId) {
        let (mut jurors, panel) = (Jurors::default(), "experts".parse().unwrap());
        names.iter().for_each(|name| jurors.add(&panel, name));
        (jurors, panel)
    }

    #[test]
    fn spellings_of_one_name_are_one_juror() {
        for (one, other) in [
            ("Julián Diaz", "Julia\u{301}n Diaz"),
            ("Ama Mensah", " ama\u{a0}\u{3000}MENSAH\t"),
            ("Zoë", "ZOE\u{308}"),
            ("Weiß", "WEISS"),
            ("Σίσυφος", "ΣΊΣΥΦΟΣ"),
            ("Işık", "IŞIK"),
            ("Ama", "\u{feff}A\u{200b}ma\u{ad}"),
            ("J\u{30c}an", "\u{1f0}an"),
        ] {
            assert!(
                is_same_name(one, other),
                "{one:?} {other:?}: {:?} {:?}",
                normalize_name(one),
                normalize_name(other)
            );
        }
        for (one, other) in
            [("Ama", "A\u{202e}ma"), ("Ama", "Amá"), ("Ama Mensah", "AmaMensah"), ("Ana", "Anna"), ("Ø", "O")]
        {
            assert!(!is_same_name(one, other), "{one:?} {other:?}");
        }
        for name in ["Ama", "ÇAĞLA", "ΑΣ ΣΑΣ", "ß", "\u{1f0}", "İz", "ǅ"] {
            assert_eq!(normalize_name(&normalize_name(name)), normalize_name(name), "{name}");
        }
    }

    #[test]
    fn accepts_only_readable_names() {
        for name in ["Ama Mensah", "J", "علی\u{200c}رضا", "O'Brien, technical", &"é".repeat(100)] {
            assert_eq!(check_name(name), Ok(()), "{name}");
        }
        for name in [
            "",
            " ",
            "\u{200b}",
            " Ama",
            "Ama ",
            "A\nma",
            "A\tma",
            "A\u{202e}ma",
            "A\u{90}ma",
            "Am\u{fffd}",
            &"A".repeat(101),
        ] {
            assert!(check_name(name).unwrap_err().starts_with("a name "), "{name:?}");
        }
        let problem = check_name("A\u{202e}ma").unwrap_err();
        assert!(problem.contains("U+202E (right-to-left override) at character 2"), "{problem}");
    }

    #[test]
    fn finds_juror_in_registered_spelling() {
        let (jurors, panel) = jurors(&["Julián Diaz", "Ama Mensah"]);
        assert_eq!(jurors.find(&panel, "JULIA\u{301}N  diaz"), Ok("Julián Diaz"));
        assert_eq!(jurors.find(&panel, "Ama Mensah"), Ok("Ama Mensah"));
        let other = "students".parse().unwrap();
        assert!(jurors.find(&other, "Ama Mensah").is_err());
    }

    #[test]
    fn suggests_nearest_juror() {
        let (jurors, panel) = jurors(&["Ama Mensah", "Kofi Boateng", "Julián Diaz"]);
        for (name, nearest) in [
            ("Ama Mensha", Some("Ama Mensah")),
            ("Mensah, Ama", Some("Ama Mensah")),
            ("Julian Dias", Some("Julián Diaz")),
            ("Kofi", None),
            ("Average", None),
        ] {
            let Err(UnknownJuror::NotFound { nearest: found, .. }) = jurors.find(&panel, name) else {
                panic!("{name}")
            };
            assert_eq!(found.as_deref(), nearest, "{name}");
        }
        let problem = jurors.find(&panel, "Ama Mensha").unwrap_err().to_string();
        assert_eq!(problem, r#"the panel experts has no juror "Ama Mensha"; did you mean "Ama Mensah"?"#);
        let problem = jurors.find(&panel, "A\u{202e}").unwrap_err().to_string();
        assert!(
            problem.starts_with(r#"the panel experts has no juror "A\u{202e}"; name jurors in"#),
            "{problem}"
        );
    }

    #[test]
    fn finds_exact_spelling_first() {
        let (jurors, panel) = jurors(&["Julián", "Julia\u{301}n"]);
        assert_eq!(jurors.find(&panel, "Julia\u{301}n"), Ok("Julia\u{301}n"));
        assert_eq!(jurors.find(&panel, "Julián"), Ok("Julián"));
        let problem = jurors.find(&panel, "JULIÁN").unwrap_err().to_string();
        assert!(problem.contains(r#""Juli\u{e1}n", "Julia\u{301}n""#), "{problem}");
    }
}
