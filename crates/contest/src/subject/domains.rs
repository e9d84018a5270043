//! The table of domains: where mail addresses are read in another way than elsewhere.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::mail::ascii_domain;

/// Rows, at most: the table is kept with every contest.
const MAX_ROWS: usize = 1_000;
/// Characters that one row can strip.
const MAX_STRIP: usize = 16;

/// How the addresses of a domain are read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DomainRule {
    /// `example.org`, or `*.example.org` for every domain below it.
    pub domain: String,
    /// The domain that this one is another name of; its own row says the rest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alias_of: Option<String>,
    /// What becomes of `+` and what follows, before the `@`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plus: Option<PlusHandling>,
    /// Characters before the `@` that do not distinguish mailboxes, for example the dots at gmail.com.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strip: Option<String>,
}

/// What becomes of `+` and what follows, before the `@`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PlusHandling {
    /// `ama+vote@` is `ama@`, as it is at most servers.
    #[default]
    Remove,
    /// `ama+vote@` is another mailbox.
    Keep,
}

/// Rows by domain, each once, in byte order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DomainTable(Vec<DomainRule>);

/// Why rows make no table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct DomainTableError {
    /// Which row, from 0 on.
    pub row: usize,
    /// Its key that is wrong.
    pub key: &'static str,
    /// What is wrong and what to do.
    pub problem: String,
}

/// What a domain's addresses become.
pub(super) struct AddressRule<'t> {
    pub(super) domain: String,
    pub(super) removes_plus: bool,
    pub(super) strip: &'t str,
}

/// The rows that are there without any of the operator's.
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
    /// The built-in rows and these; a row takes the place of the built-in one of its domain.
    ///
    /// # Errors
    /// [`DomainTableError`] for the first row that cannot be used.
    pub fn new(rows: &[DomainRule]) -> Result<Self, DomainTableError> {
        let at = |row, key, problem: String| DomainTableError { row, key, problem };
        if rows.len() > MAX_ROWS {
            return Err(at(MAX_ROWS, "domain", format!("there are more than {MAX_ROWS} rows")));
        }
        let mut own = Vec::new();
        let mut named = BTreeSet::new();
        for (number, row) in rows.iter().enumerate() {
            let row = checked(row).map_err(|(key, problem)| at(number, key, problem))?;
            if !named.insert(row.domain.clone()) {
                return Err(at(number, "domain", format!("`{}` has a row before this one", row.domain)));
            }
            own.push(row);
        }
        let mut all: Vec<DomainRule> =
            built_in().into_iter().filter(|row| !named.contains(&row.domain)).chain(own.clone()).collect();
        all.sort_by(|a, b| a.domain.cmp(&b.domain));
        let table = Self(all);
        for (number, row) in own.iter().enumerate() {
            table.check_alias(row).map_err(|problem| at(number, "alias_of", problem))?;
        }
        for row in &table.0 {
            // A built-in row can be what is wrong now: the operator's row of its target has caused it.
            if let Err(problem) = table.check_alias(row) {
                let target = row.alias_of.as_deref().unwrap_or_default();
                let number = own.iter().position(|own| own.domain == target).unwrap_or_default();
                return Err(at(number, "alias_of", problem));
            }
        }
        Ok(table)
    }

    /// The rows.
    #[must_use]
    pub fn rows(&self) -> &[DomainRule] {
        &self.0
    }

    /// One step leads to a domain that is no alias of a third one: else reading twice would come to something else.
    fn check_alias(&self, row: &DomainRule) -> Result<(), String> {
        let Some(target) = &row.alias_of else { return Ok(()) };
        match self.row(target).and_then(|row| row.alias_of.as_ref()) {
            Some(further) if further != target => {
                Err(format!("`{target}` is an alias of `{further}` itself: name `{further}` here"))
            }
            _ => Ok(()),
        }
    }

    /// The row of a domain, given as A-labels: its own, or that of the longest `*.` that covers it.
    fn row(&self, domain: &str) -> Option<&DomainRule> {
        let find = |name: &str| {
            let found = self.0.binary_search_by(|row| row.domain.as_str().cmp(name)).ok()?;
            self.0.get(found)
        };
        let above = domain.match_indices('.').filter_map(|(at, _)| domain.get(at..));
        find(domain).or_else(|| above.into_iter().find_map(|suffix| find(&format!("*{suffix}"))))
    }

    /// What becomes of a domain's addresses. The domain is given as A-labels.
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

/// A row with its domains as A-labels.
fn checked(row: &DomainRule) -> Result<DomainRule, (&'static str, String)> {
    let none = |text: &str| format!("`{text}` is no domain name such as example.org");
    let domain = match row.domain.strip_prefix("*.") {
        Some(rest) => ascii_domain(rest).map(|rest| format!("*.{rest}")),
        None => ascii_domain(&row.domain),
    };
    let domain = domain.ok_or_else(|| ("domain", format!("{}, nor *.example.org", none(&row.domain))))?;
    let alias_of = match &row.alias_of {
        Some(text) => Some(ascii_domain(text).ok_or_else(|| ("alias_of", none(text)))?),
        None => None,
    };
    if alias_of.is_some() && (row.plus.is_some() || row.strip.is_some()) {
        let problem =
            "an alias has no `plus` and no `strip`: those of the domain that it is an alias of hold";
        return Err(("alias_of", problem.to_owned()));
    }
    let strip = row.strip.clone().unwrap_or_default();
    if strip.len() > MAX_STRIP || !strip.chars().all(|c| matches!(c, '.' | '-' | '_' | '\'' | '/' | '=')) {
        let problem = format!("`{strip}` has other characters than . - _ ' / = or more than {MAX_STRIP}");
        return Err(("strip", problem));
    }
    Ok(DomainRule { domain, alias_of, ..row.clone() })
}
