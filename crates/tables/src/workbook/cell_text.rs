//! Converts the cells of a workbook to text.
//!
//! Numbers become what the sheet displays. Dates follow ISO 8601, which has one meaning in every
//! country.

use calamine::{Data, ExcelDateTime, Style};

/// The display format of a number, as far as it changes the meaning.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum NumberFormat {
    /// The number itself.
    #[default]
    General,
    /// Leading zeros up to this number of digits, as in identifiers.
    Padded(usize),
    /// A percentage.
    Percent,
}

/// The maximum number of digits of a padded format.
const MAX_DIGITS: usize = 32;
/// The number of digits after the first one that a spreadsheet keeps.
const PLACES: usize = 14;

impl NumberFormat {
    /// Returns the format of a cell's style.
    pub(super) fn of(style: &Style) -> Self {
        let Some(format) = &style.number_format else { return Self::General };
        let code = format.format_code.as_str();
        match code {
            _ if code.len() > 1 && code.len() <= MAX_DIGITS && code.bytes().all(|byte| byte == b'0') => {
                Self::Padded(code.len())
            }
            _ if code.trim_end().ends_with('%') => Self::Percent,
            _ => Self::General,
        }
    }
}

/// Returns the text of a cell that is neither empty nor an error.
pub(super) fn cell_text(value: &Data, format: NumberFormat) -> String {
    match value {
        Data::Int(number) => number_text(number.to_string(), format),
        Data::Float(number) => match format {
            NumberFormat::Percent => format!("{}%", decimal(number * 100.0)),
            format => number_text(decimal(*number), format),
        },
        Data::String(text) | Data::DurationIso(text) => text.clone(),
        Data::DateTimeIso(text) => text.replacen('T', " ", 1),
        Data::Bool(value) => if *value { "TRUE" } else { "FALSE" }.to_owned(),
        Data::DateTime(time) => time_text(time),
        Data::Error(_) | Data::Empty => String::new(),
    }
}

/// Formats a number with the digits that a spreadsheet keeps, and never with an exponent.
fn decimal(number: f64) -> String {
    let rounded = format!("{number:.PLACES$e}").parse().unwrap_or(number);
    if rounded == 0.0 { "0".to_owned() } else { format!("{rounded}") }
}

fn number_text(text: String, format: NumberFormat) -> String {
    match format {
        NumberFormat::Padded(digits) if text.bytes().all(|byte| byte.is_ascii_digit()) => {
            format!("{text:0>digits$}")
        }
        _ => text,
    }
}

/// Formats a date, a time of day, or both.
fn time_text(time: &ExcelDateTime) -> String {
    let value = time.as_f64();
    let (year, month, day, hour, minute, second, _) = time.to_ymd_hms_milli();
    let date = format!("{year:04}-{month:02}-{day:02}");
    let seconds = if second == 0 { String::new() } else { format!(":{second:02}") };
    let clock = format!("{hour:02}:{minute:02}{seconds}");
    match value {
        // A sheet counts a duration in days.
        _ if time.is_duration() => decimal(value),
        value if (0.0..1.0).contains(&value) => clock,
        value if value.fract() == 0.0 => date,
        _ => format!("{date} {clock}"),
    }
}

#[cfg(test)]
mod tests {
    use calamine::ExcelDateTimeType;

    use super::*;

    #[test]
    fn converts_numbers_and_dates_as_displayed() {
        let text_of = |value: f64, format| cell_text(&Data::Float(value), format);
        for (value, text) in [
            (7.0, "7"),
            (8.5, "8.5"),
            (-1.0, "-1"),
            (0.1 + 0.2, "0.3"),
            (1e15, "1000000000000000"),
            (-0.0, "0"),
        ] {
            assert_eq!(text_of(value, NumberFormat::General), text);
        }
        assert_eq!(text_of(42.0, NumberFormat::Padded(4)), "0042");
        assert_eq!(text_of(0.5, NumberFormat::Percent), "50%");
        let date = |value| {
            cell_text(
                &Data::DateTime(ExcelDateTime::new(value, ExcelDateTimeType::DateTime, false)),
                NumberFormat::General,
            )
        };
        assert_eq!(date(45943.0), "2025-10-13");
        assert_eq!(date(45943.5), "2025-10-13 12:00");
        assert_eq!(date(0.5), "12:00");
        assert_eq!(
            cell_text(&Data::DateTimeIso("2025-10-13T12:00:00".into()), NumberFormat::General),
            "2025-10-13 12:00:00"
        );
    }
}
