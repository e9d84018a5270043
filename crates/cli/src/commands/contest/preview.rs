//! What voters will see of a definition's entries: before it opens is the time to notice what was not meant to be published.

use std::collections::BTreeSet;

use acclaim_contest::Definition;
use anyhow::Result;

use crate::output::{self, Table};

/// Entries that are shown.
const MAX_SHOWN: usize = 3;

/// Prints what the entries have that voters see, and the first of them.
pub(super) fn print(definition: &Definition) -> Result<()> {
    let entries = &definition.entries;
    if entries.is_empty() {
        return Ok(());
    }
    let mut seen = vec!["title".to_owned()];
    for (name, is_there) in [
        ("summary", entries.iter().any(|entry| entry.summary.is_some())),
        ("image", entries.iter().any(|entry| entry.image.is_some())),
        ("url", entries.iter().any(|entry| entry.url.is_some())),
    ] {
        seen.extend(is_there.then(|| name.to_owned()));
    }
    let labels: BTreeSet<&str> =
        entries.iter().flat_map(|entry| &entry.details).map(|(label, _)| label.as_str()).collect();
    seen.extend(labels.into_iter().map(|label| format!("{label:?}")));
    output::line(format_args!("voters see:   {}", seen.join(", ")))?;
    output::line("")?;
    let mut table = Table::new(&["entry", "category", "title", "details"]);
    for entry in entries.iter().take(MAX_SHOWN) {
        let details: Vec<String> =
            entry.details.iter().map(|(label, value)| format!("{label}: {value}")).collect();
        table.row([
            entry.id.to_string(),
            entry.category.to_string(),
            entry.title.clone(),
            details.join("; "),
        ]);
    }
    table.print()?;
    if entries.len() > MAX_SHOWN {
        output::line(format_args!("and {} more", entries.len() - MAX_SHOWN))?;
    }
    Ok(())
}
