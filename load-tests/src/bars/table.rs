//! The table of performance bars.

use std::fmt;

use serde_json::{Value, json};

/// The measured figures.
#[derive(Debug, Default)]
pub(crate) struct Table {
    rows: Vec<Row>,
    notes: Vec<String>,
    proved: usize,
}

#[derive(Debug)]
struct Row {
    /// The number of the bar; `None` for a figure without a bar.
    bar: Option<u8>,
    measure: String,
    figure: String,
    value: f64,
    /// The threshold as text, and whether the value reaches it.
    wanted: Option<(String, bool)>,
}

/// The threshold of a value.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Threshold {
    AtLeast(f64),
    AtMost(f64),
}

impl Table {
    /// Adds the figure of a bar. `figure` is `value` as text.
    pub(crate) fn bar(&mut self, bar: u8, measure: &str, figure: String, value: f64, wanted: Threshold) {
        let wanted = match wanted {
            Threshold::AtLeast(bound) => (format!(">= {bound}"), value >= bound),
            Threshold::AtMost(bound) => (format!("<= {bound}"), value <= bound),
        };
        let measure = measure.to_owned();
        self.add(Row { bar: Some(bar), measure, figure, value, wanted: Some(wanted) });
    }

    /// Adds a figure without a bar.
    pub(crate) fn figure(&mut self, measure: &str, figure: String, value: f64) {
        self.add(Row { bar: None, measure: measure.to_owned(), figure, value, wanted: None });
    }

    /// Adds a note. It is printed now and again below the table.
    pub(crate) fn note(&mut self, note: String) {
        eprintln!("{note}");
        self.notes.push(note);
    }

    fn add(&mut self, row: Row) {
        eprintln!("{row}");
        self.rows.push(row);
    }

    /// Adds to the number of `recorded` answers that were found in an audited log.
    pub(crate) fn proved(&mut self, recorded: usize) {
        eprintln!("{recorded} answers `recorded` found in the log; audit clean");
        self.proved += recorded;
    }

    pub(crate) fn json(&self) -> String {
        let rows: Vec<Value> = self
            .rows
            .iter()
            .map(|row| {
                let wanted = row.wanted.as_ref();
                json!({"bar": row.bar, "measure": row.measure, "figure": row.figure, "value": row.value,
                    "wanted": wanted.map(|(text, _)| text), "reached": wanted.map(|(_, reached)| reached)})
            })
            .collect();
        format!("{:#}\n", json!({"rows": rows, "notes": self.notes, "recorded_and_found": self.proved}))
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bar = self.bar.map(|bar| bar.to_string()).unwrap_or_default();
        let (wanted, verdict) = match &self.wanted {
            Some((wanted, true)) => (&**wanted, "pass"),
            Some((wanted, false)) => (&**wanted, "short"),
            None => ("", ""),
        };
        write!(f, "| {bar:>2} | {:<58} | {:<44} | {wanted:<9} | {verdict:<5} |", self.measure, self.figure)
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "|  # | measure | figure | bar | |\n|---|---|---|---|---|")?;
        for row in &self.rows {
            writeln!(f, "{row}")?;
        }
        for note in &self.notes {
            writeln!(f, "{note}")?;
        }
        writeln!(f, "answers `recorded` found in audited logs: {}", self.proved)
    }
}

/// Returns the median: of an even number the upper of the two in the middle, of none zero.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}
