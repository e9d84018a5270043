//! The preview of what voters will see of a definition's entries. It comes before the opening, when
//! a detail that should not be published can still be removed.

use std::collections::BTreeSet;

use acclaim_contest::Definition;
use anyhow::Result;

use crate::output::{self, Table};

/// The number of entries in the preview.
const MAX_SHOWN: usize = 3;

/// Prints the names of the fields that voters see, and the first entries.
pub(super) fn print(definition: &Definition) -> Result<()> {
    let entries = &definition.entries;
    if entries.is_empty() {
        return Ok(());
    }
    let mut visible = vec!["title".to_owned()];
    for (name, is_there) in [
        ("summary", entries.iter().any(|entry| entry.summary.is_some())),
        ("image", entries.iter().any(|entry| entry.image.is_some())),
        ("url", entries.iter().any(|entry| entry.url.is_some())),
    ] {
        visible.extend(is_there.then(|| name.to_owned()));
    }
    let labels: BTreeSet<&str> =
        entries.iter().flat_map(|entry| &entry.details).map(|(label, _)| label.as_str()).collect();
    visible.extend(labels.into_iter().map(|label| format!("{label:?}")));
    output::line(format_args!("voters see:   {}", visible.join(", ")))?;
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
