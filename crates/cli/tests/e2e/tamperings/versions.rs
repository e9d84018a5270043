//! Tamperings by the holder of the key that use features of only one version of the log.

use super::{Answer::Refused, REMARK, Tampering};
use crate::forgery::PublishedLog;

const SALT: &str = r#","salt":"AQIDBAUGBwgJCgsMDQ4PEA"}"#;
const SUSPENDED: &str = r#"{"type":"suspended","by":"chair","reason":"x","at":"2021-03-01T00:00:00Z"}"#;

/// Features that a log of version 1 cannot have.
pub(super) const FIRST: &[Tampering] = &[
    Tampering {
        name: "a salt",
        change: |log| log.insert(log.lines.len(), REMARK.replace('}', SALT)),
        audit: Refused("has a salt"),
        independent: Refused("the keys are"),
    },
    Tampering {
        name: "a type of version 2",
        change: |log| log.insert(log.ballot(3), SUSPENDED),
        audit: Refused("belongs in a log of version 2"),
        independent: Refused(""),
    },
    Tampering {
        name: "a rule of version 2",
        change: |log| {
            let limits = r#"},"limits":[{"categories":["a","b"],"most":1}]}"#;
            log.replace(0, r#"}}"#, limits)?;
            Some(0)
        },
        audit: Refused("belongs in a log of version 2"),
        independent: Refused(""),
    },
];

/// Features that a log of version 2 cannot have, or must have.
pub(super) const SECOND: &[Tampering] = &[
    Tampering {
        name: "a salt left out",
        change: |log| {
            let (index, salt) = salt_of(log);
            log.replace(index, &salt, "}")
        },
        audit: Refused("has no salt"),
        independent: Refused("the keys are"),
    },
    Tampering {
        name: "a salt cut short",
        change: |log| {
            let (index, salt) = salt_of(log);
            let short = format!(r#"{}"}}"#, &salt[..salt.len() - 3]);
            log.replace(index, &salt, &short)
        },
        audit: Refused("canonical"),
        independent: Refused(""),
    },
    Tampering {
        name: "a salt where there is none",
        change: |log| log.replace(log.find(0, r#""type":"closed""#), "}", SALT),
        audit: Refused("has a salt"),
        independent: Refused("the keys are"),
    },
    Tampering {
        name: "a ballot while voting is suspended",
        change: |log| log.insert(log.ballot(3), SUSPENDED).map(|index| index + 1),
        audit: Refused("suspended"),
        independent: Refused(""),
    },
];

/// Returns the void's index, and its salt with the text around it.
fn salt_of(log: &PublishedLog) -> (usize, String) {
    let index = log.find(0, r#""type":"voided""#);
    let line = String::from_utf8_lossy(&log.lines[index]).into_owned();
    (index, line[line.find(r#","salt":"#).unwrap()..].to_owned())
}
