//! Subjects: by what a voter is known before there is a tag. One person has one canonical form, however the subject is written, so that a
//! person who is on a list twice is one voter.
//!
//! | scheme | canonical form |
//! |---|---|
//! | `mailto:` | local part in lower case and NFC, without `+tag`; domain as A-labels |
//! | `tel:` | E.164: `+` and 7 to 15 digits |
//! | `oidc:<issuer URL>#<sub>` | as it is |
//! | `code:<id>`, `open:<hash>` | as it is |
//! | `pass:<name>` | as it is: made up by the server for voters without names |
//! | `id:<text>` | NFC, outer white space removed |
//!
//! The function is [`SubjectRules::canonical`]. The rules are kept with the contest from its first pass of a subject on: another program or another table of
//! domains must not make a second voter of a person. A change of what a form does is a new form, a new variant of [`SubjectRules`].

mod characters;
mod domains;
pub mod list;
mod mail;
mod telephone;

use std::str::FromStr;

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization as _;

pub use domains::{DomainRule, DomainTable, DomainTableError, PlusHandling};
pub use list::{Person, RefusedSubject, RefusedSubjects};

/// Characters of a canonical subject, and of a raw one: the longest address with its scheme fits.
pub const MAX_LENGTH: usize = 330;
/// Characters of a subject as it is given: a display name may stand before the address.
pub const MAX_INPUT_LENGTH: usize = 1_000;

/// How the subjects of a contest are compared. Its JSON is stored with the contest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "form", deny_unknown_fields)]
pub enum SubjectRules {
    /// Byte for byte: contests that were created before there was a canonical form.
    #[serde(rename = "raw")]
    Raw,
    /// In canonical form, version 1.
    #[serde(rename = "canonical-1")]
    Canonical1 {
        /// What a subject without a scheme is.
        subjects_are: DefaultScheme,
        /// How addresses are read, by domain.
        domains: DomainTable,
    },
}

/// What a subject without a scheme is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DefaultScheme {
    /// A mail address; anything else is refused.
    #[default]
    Addresses,
    /// An identifier of the organiser's own, an `id:`.
    Ids,
}

impl DefaultScheme {
    /// The word that is sent and stored.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Addresses => "addresses",
            Self::Ids => "ids",
        }
    }
}

impl FromStr for DefaultScheme {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        [Self::Addresses, Self::Ids]
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or_else(|| "subjects are `addresses` or `ids`".to_owned())
    }
}

/// The organiser says that subjects are something else than the contest's first list said.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SubjectRulesConflict {
    /// The contest is older than the canonical form.
    #[error(
        "the contest's subjects are compared byte for byte, since it was created before there were ids: leave `{asked}` out"
    )]
    Raw {
        /// What the request says.
        asked: &'static str,
    },
    /// The contest's passes were minted for the other kind.
    #[error(
        "the contest's subjects are {kept}, as its first list said, and cannot become {asked}: one person could be two voters"
    )]
    OtherScheme {
        /// What the contest's subjects are.
        kept: &'static str,
        /// What the request says.
        asked: &'static str,
    },
}

/// Why a text is no subject. Each is worded so that it can follow the text: "`email` is neither ...".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SubjectError {
    /// Nothing but white space.
    #[error("is empty")]
    Empty,
    /// More characters than any subject has.
    #[error("is longer than {0} characters")]
    TooLong(usize),
    /// A character that is invisible, or that turns the direction of writing.
    #[error("has the invisible character {} inside: remove it", acclaim_text::characters::code_point(*.0))]
    Invisible(char),
    /// White space where there is none in a subject of this kind.
    #[error("has white space inside: is it a whole address, and nothing else?")]
    Space,
    /// A row of a table.
    #[error("looks like a row of a table: the list has one subject a line, and no other columns")]
    TableRow,
    /// No `@`, and no scheme.
    #[error(
        "is neither a mail address nor begins with mailto:, tel:, oidc:, code: or id:. Remove the line, or say that subjects are ids"
    )]
    NoAddress,
    /// Something before a colon that is no scheme.
    #[error(
        "begins with `{0}:`, which is no scheme of subjects (mailto:, tel:, oidc:, code:, id:). Correct it, or say that subjects are ids"
    )]
    UnknownScheme(String),
    /// The part before the `@`.
    #[error("has {0} before the `@`, which is no address")]
    Local(&'static str),
    /// A character that an address does not have there without quotation marks.
    #[error("has `{0}` before the `@`, which is no address")]
    LocalCharacter(char),
    /// Nothing is left of the part before the `@`.
    #[error("has nothing before the `@` that tells its person apart")]
    EmptyLocalPart,
    /// The part behind the `@`.
    #[error("has no domain name behind the `@`: correct it, as in ama@example.org")]
    Domain,
    /// More than one `@`.
    #[error("has more than one `@`: a line is one address")]
    SeveralAddresses,
    /// Not E.164.
    #[error("is no telephone number of the form tel:+41791234567: `+`, the country, 7 to 15 digits")]
    Telephone,
    /// Not an issuer and a subject.
    #[error("is not of the form oidc:<issuer URL>#<sub>, without white space")]
    Oidc,
    /// Not a name made by the server.
    #[error("is not of the form `{0}:` and 1 to 128 visible ASCII characters")]
    Name(&'static str),
}

impl SubjectRules {
    /// The rules of a request: the contest's own, or if it has none yet those that it gets. `asked` is what the request says that subjects are, if it does.
    ///
    /// # Errors
    /// [`SubjectRulesConflict`] if the request contradicts the contest's.
    pub fn resolve(
        kept: Option<Self>,
        asked: Option<DefaultScheme>,
        domains: &DomainTable,
    ) -> Result<Self, SubjectRulesConflict> {
        match (kept, asked) {
            (None, asked) => {
                Ok(Self::Canonical1 { subjects_are: asked.unwrap_or_default(), domains: domains.clone() })
            }
            (Some(Self::Raw), Some(DefaultScheme::Ids)) => {
                Err(SubjectRulesConflict::Raw { asked: DefaultScheme::Ids.as_str() })
            }
            (Some(Self::Canonical1 { subjects_are, .. }), Some(asked)) if asked != subjects_are => {
                Err(SubjectRulesConflict::OtherScheme { kept: subjects_are.as_str(), asked: asked.as_str() })
            }
            (Some(kept), _) => Ok(kept),
        }
    }

    /// The canonical form of a subject: of what is equal there is one voter. Pure and idempotent.
    ///
    /// # Errors
    /// [`SubjectError`], if the text is no subject.
    pub fn canonical(&self, text: &str) -> Result<String, SubjectError> {
        match self {
            Self::Raw => raw(text),
            Self::Canonical1 { subjects_are, domains } => canonical_1(text, *subjects_are, domains),
        }
    }
}

/// A subject as it was taken before there was a canonical form.
fn raw(text: &str) -> Result<String, SubjectError> {
    if text.trim().is_empty() {
        return Err(SubjectError::Empty);
    }
    check_length(text, MAX_LENGTH)?;
    match text.chars().find(|character| character.is_control()) {
        Some(control) => Err(SubjectError::Invisible(control)),
        None => Ok(text.to_owned()),
    }
}

fn canonical_1(
    text: &str,
    subjects_are: DefaultScheme,
    domains: &DomainTable,
) -> Result<String, SubjectError> {
    let text = characters::trimmed(text);
    if text.is_empty() {
        return Err(SubjectError::Empty);
    }
    check_length(text, MAX_INPUT_LENGTH)?;
    let canonical = match (Scheme::of(text), subjects_are) {
        (Some((scheme, rest)), _) => {
            let rest = characters::trimmed(rest);
            let body = match scheme {
                Scheme::Mailto => mail::address(rest, domains)?,
                Scheme::Tel => telephone::number(rest)?,
                Scheme::Oidc => oidc(rest)?,
                Scheme::Code | Scheme::Open | Scheme::Pass => name(scheme, rest)?,
                Scheme::Id => id(rest)?,
            };
            format!("{}:{body}", scheme.as_str())
        }
        (None, DefaultScheme::Ids) => format!("{}:{}", Scheme::Id.as_str(), id(text)?),
        (None, DefaultScheme::Addresses) => {
            format!("{}:{}", Scheme::Mailto.as_str(), mail::bare_address(text, domains)?)
        }
    };
    check_length(&canonical, MAX_LENGTH)?;
    Ok(canonical)
}

fn check_length(text: &str, most: usize) -> Result<(), SubjectError> {
    // Every character has at least one byte: long texts are not counted to their end.
    match text.len() > most && text.chars().nth(most).is_some() {
        true => Err(SubjectError::TooLong(most)),
        false => Ok(()),
    }
}

/// The schemes. What is of different schemes is different voters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scheme {
    Mailto,
    Tel,
    Oidc,
    Code,
    Open,
    Pass,
    Id,
}

impl Scheme {
    const ALL: [Self; 7] =
        [Self::Mailto, Self::Tel, Self::Oidc, Self::Code, Self::Open, Self::Pass, Self::Id];

    fn as_str(self) -> &'static str {
        match self {
            Self::Mailto => "mailto",
            Self::Tel => "tel",
            Self::Oidc => "oidc",
            Self::Code => "code",
            Self::Open => "open",
            Self::Pass => "pass",
            Self::Id => "id",
        }
    }

    /// A text's scheme, in any case, and what follows it.
    fn of(text: &str) -> Option<(Self, &str)> {
        let (word, rest) = text.split_once(':')?;
        let scheme = Self::ALL.into_iter().find(|scheme| word.eq_ignore_ascii_case(scheme.as_str()))?;
        Some((scheme, rest))
    }
}

/// Issuer and subject, exact. The issuer's URL has no fragment, so that the first `#` ends it.
fn oidc(text: &str) -> Result<String, SubjectError> {
    let (issuer, sub) = text.split_once('#').ok_or(SubjectError::Oidc)?;
    let host = issuer.strip_prefix("https://").or_else(|| issuer.strip_prefix("http://"));
    let is_visible = text.chars().all(|c| !c.is_whitespace() && !characters::is_refused_in_subject(c));
    match host {
        Some(host) if !host.is_empty() && !sub.is_empty() && is_visible => Ok(text.to_owned()),
        _ => Err(SubjectError::Oidc),
    }
}

/// What the server has made up, exact.
fn name(scheme: Scheme, text: &str) -> Result<String, SubjectError> {
    match (1..=128).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        true => Ok(text.to_owned()),
        false => Err(SubjectError::Name(scheme.as_str())),
    }
}

/// An identifier of the organiser's own. Scripts that need joiners and variation selectors have them.
fn id(text: &str) -> Result<String, SubjectError> {
    if text.is_empty() {
        return Err(SubjectError::Empty);
    }
    let is_unwanted = |c: &char| characters::is_refused_in_subject(*c) && !characters::is_part_of_script(*c);
    match text.chars().find(is_unwanted) {
        Some(invisible) => Err(SubjectError::Invisible(invisible)),
        None => Ok(text.nfc().collect()),
    }
}

#[cfg(test)]
mod tests;
