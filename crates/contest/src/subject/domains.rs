//! The table of domains whose mail addresses are read differently from other domains.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::domain_name::ascii_domain;

/// The maximum number of rows. The table is stored with every contest.
const MAX_ROWS: usize = 1_000;
/// The maximum number of characters that one row can strip.
const MAX_STRIP: usize = 16;

/// How the addresses of a domain are read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DomainRule {
    /// `example.org`, or `*.example.org` for every domain below it.
    pub domain: String,
    /// The target domain if this domain is an alias. The row of the target has the other keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alias_of: Option<String>,
    /// The treatment of `+` and the text after it, before the `@`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plus: Option<PlusHandling>,
    /// Characters before the `@` that do not distinguish mailboxes, for example the dots at
    /// gmail.com.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strip: Option<String>,
}

/// The treatment of `+` and the text after it, before the `@`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PlusHandling {
    /// `ama+vote@` is `ama@`, as at most mail servers.
    #[default]
    Remove,
    /// `ama+vote@` is another mailbox.
    Keep,
}

/// Rows in byte order of their domains, each domain once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DomainTable(Vec<DomainRule>);

/// Why rows cannot form a table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct DomainTableError {
    /// The index of the row, from 0.
    pub row: usize,
    /// The wrong key of the row.
    pub key: &'static str,
    /// The problem, and how to correct it.
    pub problem: String,
}

/// How the addresses of a domain are changed.
pub(super) struct AddressRule<'t> {
    pub(super) domain: String,
    pub(super) removes_plus: bool,
    pub(super) strip: &'t str,
}

/// The built-in rows.
fn built_in() -> [DomainRule; 2] {
    [
        DomainRule { domain: "gmail.com".to_owned(), strip: Some(".".to_owned()), ..DomainRule::default() },
        DomainRule {
            domain: "googlemail.com".to_owned(),
            alias_of: Some("gmail.com".to_owned()),
            ..DomainRule::default()
        },
    ]
}

impl Default for DomainTable {
    fn default() -> Self {
        Self(built_in().into())
    }
}

impl DomainTable {
    /// Makes a table of the built-in rows and these rows.
    ///
    /// A given row replaces the built-in row of its domain.
    ///
    /// # Errors
    /// [`DomainTableError`] for the first row that cannot be used.
    pub fn new(rows: &[DomainRule]) -> Result<Self, DomainTableError> {
        let error = |row, key, problem: String| DomainTableError { row, key, problem };
        if rows.len() > MAX_ROWS {
            return Err(error(MAX_ROWS, "domain", format!("there are more than {MAX_ROWS} rows")));
        }
        let mut own = Vec::new();
        let mut named = BTreeSet::new();
        for (number, row) in rows.iter().enumerate() {
            let row = normalize_row(row).map_err(|(key, problem)| error(number, key, problem))?;
            if !named.insert(row.domain.clone()) {
                return Err(error(number, "domain", format!("`{}` has a row before this one", row.domain)));
            }
            own.push(row);
        }
        let mut all: Vec<DomainRule> =
            built_in().into_iter().filter(|row| !named.contains(&row.domain)).chain(own.clone()).collect();
        all.sort_by(|a, b| a.domain.cmp(&b.domain));
        let table = Self(all);
        for (number, row) in own.iter().enumerate() {
            table.check_alias(row).map_err(|problem| error(number, "alias_of", problem))?;
        }
        for row in &table.0 {
            // A built-in row can be wrong now. Then the given row of its target domain is the
            // cause.
            if let Err(problem) = table.check_alias(row) {
                let target = row.alias_of.as_deref().unwrap_or_default();
                let number = own.iter().position(|own| own.domain == target).unwrap_or_default();
                return Err(error(number, "alias_of", problem));
            }
        }
        Ok(table)
    }

    /// The rows in byte order of their domains.
    #[must_use]
    pub fn rows(&self) -> &[DomainRule] {
        &self.0
    }

    /// Checks that the target of an alias is not itself an alias of a third domain.
    ///
    /// Otherwise the canonical form of a canonical form would be another form.
    fn check_alias(&self, row: &DomainRule) -> Result<(), String> {
        let Some(target) = &row.alias_of else { return Ok(()) };
        match self.row(target).and_then(|row| row.alias_of.as_ref()) {
            Some(further) if further != target => {
                Err(format!("`{target}` is an alias of `{further}` itself: name `{further}` here"))
            }
            _ => Ok(()),
        }
    }

    /// Returns the row of a domain, given as A-labels.
    ///
    /// It is the domain's own row, or that of the longest `*.` that covers it.
    fn row(&self, domain: &str) -> Option<&DomainRule> {
        let find = |name: &str| {
            let index = self.0.binary_search_by(|row| row.domain.as_str().cmp(name)).ok()?;
            self.0.get(index)
        };
        let above = domain.match_indices('.').filter_map(|(at, _)| domain.get(at..));
        find(domain).or_else(|| above.into_iter().find_map(|suffix| find(&format!("*{suffix}"))))
    }

    /// Returns how the addresses of a domain are changed. The domain is given as A-labels.
    pub(super) fn rule(&self, domain: &str) -> AddressRule<'_> {
        let row = self.row(domain);
        let domain = row.and_then(|row| row.alias_of.as_deref()).unwrap_or(domain);
        let row = self.row(domain);
        AddressRule {
            domain: domain.to_owned(),
            removes_plus: row.and_then(|row| row.plus).unwrap_or_default() == PlusHandling::Remove,
            strip: row.and_then(|row| row.strip.as_deref()).unwrap_or_default(),
        }
    }
}

/// Checks a row, and converts its domains to A-labels.
fn normalize_row(row: &DomainRule) -> Result<DomainRule, (&'static str, String)> {
    let not_a_domain = |text: &str| format!("`{text}` is not a domain name such as example.org");
    let domain = match row.domain.strip_prefix("*.") {
        Some(rest) => ascii_domain(rest).map(|rest| format!("*.{rest}")),
        None => ascii_domain(&row.domain),
    };
    let domain =
        domain.ok_or_else(|| ("domain", format!("{}, nor *.example.org", not_a_domain(&row.domain))))?;
    let alias_of = match &row.alias_of {
        Some(text) => Some(ascii_domain(text).ok_or_else(|| ("alias_of", not_a_domain(text)))?),
        None => None,
    };
    if alias_of.is_some() && (row.plus.is_some() || row.strip.is_some()) {
        let problem = "an alias has no `plus` and no `strip`: it uses those of its target domain";
        return Err(("alias_of", problem.to_owned()));
    }
    let strip = row.strip.clone().unwrap_or_default();
    if strip.len() > MAX_STRIP || !strip.chars().all(|c| matches!(c, '.' | '-' | '_' | '\'' | '/' | '=')) {
        let problem = format!("`{strip}` has other characters than . - _ ' / = or more than {MAX_STRIP}");
        return Err(("strip", problem));
    }
    Ok(DomainRule { domain, alias_of, ..row.clone() })
}
