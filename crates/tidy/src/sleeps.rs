//! Sleeps in tests.

use crate::{Finding, Source};

/// What a comment before a sleep begins with. The reason follows.
const MARK: &str = "// Sleeps:";

/// The calls of `sleep` that have no comment `// Sleeps: REASON` in one of the three lines before.
///
/// A test waits for a notification where there is one: a sleep is too short on a slow machine, and
/// wasted on a fast one.
#[must_use]
pub fn sleeps_without_reason(source: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (number, line) in source.numbered() {
        let calls = line.code.contains("sleep(") && !line.code.contains("fn ");
        let before = source.lines.get(number.saturating_sub(4)..number).unwrap_or_default();
        if calls && !before.iter().any(|line| line.comment.starts_with(MARK)) {
            let message =
                format!("a sleep in a test: wait for a notification, or write `{MARK} REASON` before it");
            findings.push(Finding::new(number, message));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::sleeps_without_reason;
    use crate::Source;

    #[test]
    fn asks_for_a_reason_of_each_sleep() {
        let source = Source::read(
            "thread::sleep(A);\n\n\n\n// Sleeps: another process is polled.\nsleep(B).await;\nfn sleep(x: u8) {}\n\"pg_sleep(2)\";",
        );
        let lines: Vec<_> = sleeps_without_reason(&source).iter().map(|found| found.line).collect();
        assert_eq!(lines, [1]);
    }
}
