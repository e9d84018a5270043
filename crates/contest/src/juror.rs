//! Names of jurors: what can be one, when two spellings are one juror, and which juror was probably meant.
//!
//! A log knows jurors by the bytes of their names, so each juror is written in one spelling, the registered one. Whoever names a juror finds the juror by the
//! form in which names are compared.

use std::collections::BTreeMap;

use acclaim_text::{characters, quoted};
use unicode_normalization::{UnicodeNormalization as _, char::is_combining_mark};

use crate::id::PanelId;

/// The most characters of a juror's or staff key's name.
pub const MAX_NAME_LENGTH: usize = 100;
/// How similar two names must be, from 0 to 1, for one to be suggested for the other.
const MIN_SIMILARITY: f64 = 0.6;

/// Whether a text can be the name of a juror or of a staff key: it is shown, and written into logs.
///
/// # Errors
/// What is wrong with it.
pub fn check_name(name: &str) -> Result<(), String> {
    let characters = name.chars().count();
    if characters > MAX_NAME_LENGTH {
        return Err(format!("a name has 1 to {MAX_NAME_LENGTH} characters, and this has {characters}"));
    }
    if normalize_name(name).is_empty() {
        return Err(format!("a name has 1 to {MAX_NAME_LENGTH} characters that can be seen"));
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

/// The form in which names are compared: NFC, white space collapsed and trimmed, invisible characters left out, without case.
///
/// Case goes by upper and then lower case of the standard library, which makes equal what Unicode's full case folding does (`ß` and `SS`, both small sigmas)
/// and a Turkish `ı` and its capital `I` as well: names in capitals are the same people. A crate for case folding would add a table of Unicode and lack the
/// latter.
#[must_use]
pub fn normalize_name(name: &str) -> String {
    // A character that no name may hold is no spelling of one.
    let is_seen =
        |character: &char| !characters::is_invisible(*character) || characters::is_refused(*character);
    let visible: String = name.chars().filter(is_seen).collect();
    let words: Vec<&str> = visible.split_whitespace().collect();
    let composed: String = words.join(" ").nfc().collect();
    composed.to_uppercase().to_lowercase().nfc().collect()
}

/// Whether two spellings name one juror.
#[must_use]
pub fn is_same_name(one: &str, other: &str) -> bool {
    one == other || normalize_name(one) == normalize_name(other)
}

/// Of some names the one that is most like `name`, if it is like it.
#[must_use]
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let plain = |name: &str| -> String {
        normalize_name(name).nfd().filter(|character| !is_combining_mark(*character)).collect()
    };
    let wanted = plain(name);
    let rated = known.into_iter().map(|known| (rating(&wanted, &plain(known)), known));
    let similar = rated.filter(|(rating, _)| *rating >= MIN_SIMILARITY);
    // Of equally similar ones the first, so that the same question has the same answer.
    similar.reduce(|best, next| if next.0 > best.0 { next } else { best }).map(|(_, known)| known)
}

/// How similar two names are: as they are written, or with their words in order (`Mensah, Ama`).
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

/// Why a name names no juror.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnknownJuror {
    /// There is no such juror.
    #[error("the panel {panel} has no juror {name}{}", suggestion(nearest.as_deref()))]
    NotFound {
        /// Of which panel.
        panel: PanelId,
        /// The name, quoted.
        name: String,
        /// The juror that is most like it.
        nearest: Option<String>,
    },
    /// Jurors of a contest from before names were compared: two spellings have scored, and this is a third.
    #[error("{name} can be each of {}: write the name as one of them is written, byte for byte", candidates.join(", "))]
    Ambiguous {
        /// The name, quoted.
        name: String,
        /// The jurors it can be, quoted.
        candidates: Vec<String>,
    },
}

impl Jurors {
    /// Registers a juror of a panel. The same spelling again changes nothing.
    pub fn add(&mut self, panel: &PanelId, juror: &str) {
        let jurors = self.panels.entry(panel.clone()).or_default();
        if !jurors.iter().any(|known| known == juror) {
            jurors.push(juror.to_owned());
        }
    }

    /// The jurors of a panel, in the order in which they were registered.
    #[must_use]
    pub fn of(&self, panel: &PanelId) -> &[String] {
        self.panels.get(panel).map_or(&[], Vec::as_slice)
    }

    /// The registered spelling of the juror of a panel who is named: the very spelling if it is registered, else the one that is equal in the form in
    /// which names are compared.
    ///
    /// # Errors
    /// [`UnknownJuror`]
    pub fn find(&self, panel: &PanelId, name: &str) -> Result<&str, UnknownJuror> {
        let jurors = self.of(panel);
        if let Some(juror) = jurors.iter().find(|juror| *juror == name) {
            return Ok(juror);
        }
        let form = normalize_name(name);
        let found: Vec<&String> = jurors.iter().filter(|juror| normalize_name(juror) == form).collect();
        match found[..] {
            [juror] => Ok(juror),
            [] => {
                let nearest = nearest(name, jurors.iter().map(String::as_str)).map(str::to_owned);
                Err(UnknownJuror::NotFound { panel: panel.clone(), name: quoted(name), nearest })
            }
            _ => {
                let candidates = found.iter().map(|juror| escape_non_ascii(juror)).collect();
                Err(UnknownJuror::Ambiguous { name: quoted(name), candidates })
            }
        }
    }
}

fn suggestion(nearest: Option<&str>) -> String {
    match nearest {
        Some(nearest) => format!("; did you mean {}?", quoted(nearest)),
        None => "; jurors are named in the definition, or come to be with `acclaim key create --role juror`"
            .to_owned(),
    }
}

/// A name, shown in full: names that look alike are distinguished.
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
    fn a_juror_is_found_in_the_registered_spelling() {
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
            problem.starts_with(r#"the panel experts has no juror "A\u{202e}"; jurors are named"#),
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
