//! What a cell of a workbook holds, as text: numbers as a sheet shows them, dates by ISO 8601, which no country reads in another way.

use calamine::{Data, ExcelDateTime, Style};

/// How a sheet shows a number, as far as that changes what it says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum NumberFormat {
    /// As the number is.
    #[default]
    General,
    /// With zeros in front up to so many digits, as identifiers have them.
    Padded(usize),
    /// In hundredths.
    Percent,
}

/// The most digits that a format asks for.
const MAX_DIGITS: usize = 32;
/// The places behind the first digit that a spreadsheet keeps.
const PLACES: usize = 14;

impl NumberFormat {
    /// The format of a cell's style.
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

/// The text of a cell that is neither empty nor an error.
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

/// A number with as many digits as a spreadsheet keeps, and never with an exponent.
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

/// A date, a time of day, or both.
fn time_text(time: &ExcelDateTime) -> String {
    let value = time.as_f64();
    let (year, month, day, hour, minute, second, _) = time.to_ymd_hms_milli();
    let date = format!("{year:04}-{month:02}-{day:02}");
    let seconds = if second == 0 { String::new() } else { format!(":{second:02}") };
    let clock = format!("{hour:02}:{minute:02}{seconds}");
    match value {
        // A length of time, which a sheet counts in days.
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
    fn numbers_and_dates_are_text_as_a_sheet_shows_them() {
        let shown_as = |value: f64, format| cell_text(&Data::Float(value), format);
        for (value, text) in [
            (7.0, "7"),
            (8.5, "8.5"),
            (-1.0, "-1"),
            (0.1 + 0.2, "0.3"),
            (1e15, "1000000000000000"),
            (-0.0, "0"),
        ] {
            assert_eq!(shown_as(value, NumberFormat::General), text);
        }
        assert_eq!(shown_as(42.0, NumberFormat::Padded(4)), "0042");
        assert_eq!(shown_as(0.5, NumberFormat::Percent), "50%");
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
