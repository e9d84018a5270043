//! Detects rows of totals in a spreadsheet. A total is never a voter, a juror or an entry.

/// The words in the first cell of a row of totals, in the languages of many spreadsheets.
const TOTAL_WORDS: [&str; 26] = [
    "total",
    "totals",
    "grand total",
    "subtotal",
    "sub-total",
    "sum",
    "sums",
    "average",
    "avg",
    "mean",
    "median",
    "count",
    "summe",
    "gesamt",
    "gesamtsumme",
    "mittelwert",
    "durchschnitt",
    "anzahl",
    "somme",
    "moyenne",
    "suma",
    "promedio",
    "total general",
    "totale",
    "media",
    "итого",
];

/// Whether a cell names a row of totals or averages, for example `Total` or `Average:`.
#[must_use]
pub fn is_total(cell: &str) -> bool {
    let word = cell.trim().trim_end_matches([':', '.']).trim_end().to_lowercase();
    TOTAL_WORDS.contains(&word.as_str())
}
