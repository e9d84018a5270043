//! The section `subjects` of the configuration: the operator's table of mail domains, by which
//! voters' mail addresses are compared.

use acclaim_contest::subject::{DomainRule, DomainTable};
use anyhow::{Result, anyhow};
use serde::Deserialize;

/// The section `subjects`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Subjects {
    /// The domains whose addresses are read differently from the built-in rules. A contest keeps
    /// the table that is configured when its first pass for a subject is minted.
    pub domain: Vec<DomainRule>,
}

impl Subjects {
    /// Returns the table with the built-in rows.
    ///
    /// # Errors
    /// If a row cannot be used. The error names the key.
    pub(crate) fn table(&self) -> Result<DomainTable> {
        DomainTable::new(&self.domain)
            .map_err(|error| anyhow!("`subjects.domain[{}].{}`: {error}", error.row, error.key))
    }
}

#[cfg(test)]
mod tests {
    use crate::config::Config;

    fn read(text: &str) -> anyhow::Result<acclaim_api::Settings> {
        toml::from_str::<Config>(text)?.api()
    }

    #[test]
    fn names_key_of_bad_domain_row() {
        let rows = "[[subjects.domain]]\ndomain = 'uni.example'\nplus = 'keep'\n
            [[subjects.domain]]\ndomain = '*.uni.example'\nalias_of = 'uni.example'\n
            [[subjects.domain]]\ndomain = 'gmail.com'\nstrip = ''\n";
        let domains = read(rows).unwrap().domains;
        let names: Vec<_> = domains.rows().iter().map(|row| row.domain.as_str()).collect();
        assert_eq!(names, ["*.uni.example", "gmail.com", "googlemail.com", "uni.example"]);
        for (text, expected) in [
            ("domain = 'uni'", "`subjects.domain[0].domain`"),
            ("domain = 'a.example'\nalias_of = 'b'", "`subjects.domain[0].alias_of`"),
            ("domain = 'a.example'\nstrip = 'x'", "`subjects.domain[0].strip`"),
            ("domain = 'a.example'\nplus = 'away'", "unknown variant `away`"),
            ("domain = 'a.example'\ndots = 'keep'", "unknown field `dots`"),
            ("plus = 'keep'", "missing field `domain`"),
        ] {
            let error = read(&format!("[[subjects.domain]]\n{text}\n")).map(|_| ()).unwrap_err();
            assert!(format!("{error:#}").contains(expected), "{error:#}");
        }
    }
}
