//! Warnings: valid settings that the organiser should review before voters read the definition.

use serde::Serialize;

use super::Definition;
use crate::rules::{PublishEntries, PublishResult, PublishStandings};

/// A setting that a definition allows, but the organiser may not intend.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Warning {
    /// The key of the definition, for example `publication.entries`.
    pub key: &'static str,
    /// The effect of its value, and what to write instead.
    pub problem: String,
}

/// The time at which content becomes public.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Moment {
    Opening,
    Closing,
    Certification,
}

impl Moment {
    fn as_str(self) -> &'static str {
        match self {
            Self::Opening => "from the opening on",
            Self::Closing => "from the closing on",
            Self::Certification => "once it is certified",
        }
    }
}

impl Definition {
    /// Returns the warnings about the definition. A rehearsal gets the warnings of the real
    /// contest.
    #[must_use]
    pub fn warnings(&self) -> Vec<Warning> {
        early_entries(self).into_iter().collect()
    }
}

/// Warns of log entries that are public before the standings or the result.
///
/// The entries suffice to compute both.
fn early_entries(definition: &Definition) -> Option<Warning> {
    let publication = &definition.rules.publication;
    let (word, entries) = match publication.entries {
        PublishEntries::Live => ("live", Moment::Opening),
        PublishEntries::AfterClose => ("after-close", Moment::Closing),
        PublishEntries::Certified => ("certified", Moment::Certification),
    };
    let result = match publication.result {
        PublishResult::Closed => Moment::Closing,
        PublishResult::Certified => Moment::Certification,
    };
    let standings = match publication.standings {
        PublishStandings::Public => Moment::Opening,
        PublishStandings::AfterClose => Moment::Closing,
        // The result includes the standings.
        PublishStandings::Organisers => result,
    };
    let mut later = Vec::new();
    if entries < standings {
        later.push(match publication.standings {
            PublishStandings::Organisers => "the standings are for organisers and auditors only".to_owned(),
            _ => format!("the standings are public {}", standings.as_str()),
        });
    }
    if entries < result {
        later.push(format!("the result is public {}", result.as_str()));
    }
    if later.is_empty() {
        return None;
    }
    let scores =
        if definition.rules.panels.is_empty() { "" } else { " and the scores of each juror by name" };
    let instead = match standings.max(result) {
        Moment::Closing => "\"after-close\" or \"certified\"",
        _ => "\"certified\"",
    };
    let problem = format!(
        "is \"{word}\": {} anyone can read all ballots{scores}, and compute standings and result from them, though {}. To keep them secret until then write {instead}.",
        entries.as_str(),
        later.join(" and "),
    );
    Some(Warning { key: "publication.entries", problem })
}
