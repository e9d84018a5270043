//! Scores: decimals with at most ten digits before the point and four after it.
//!
//! The log writes each number in one spelling. People may add zeros at the end.

use std::fmt;

/// A decimal number, stored as a whole number of ten-thousandths.
///
/// It has at most ten digits before the point and four after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Decimal(i64);

/// The maximum number of digits before the point.
const MAX_WHOLE: usize = 10;

impl Decimal {
    /// The number one in ten-thousandths.
    pub const ONE: i64 = 10_000;

    /// Reads a number as people write it: `7`, `8.25`, `-1.50`.
    ///
    /// Only ASCII digits are read. Zeros at the end of the decimal places are ignored. `None` if
    /// the text is not a number, or has too many digits.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let (sign, unsigned) = text.strip_prefix('-').map_or((1, text), |unsigned| (-1, unsigned));
        let (whole, places) = unsigned.split_once('.').unwrap_or((unsigned, "0"));
        let are_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let significant_places = places.trim_end_matches('0');
        let is_number = are_digits(whole) && are_digits(places) && whole.len() <= MAX_WHOLE;
        if !is_number || significant_places.len() > 4 || (whole.len() > 1 && whole.starts_with('0')) {
            return None;
        }
        let places: i64 = format!("{significant_places:0<4}").parse().ok()?;
        Some(Self(sign * (whole.parse::<i64>().ok()? * Self::ONE + places)))
    }

    /// Reads a number in the spelling of the log, which `Display` of [`Decimal`] writes.
    ///
    /// `None` for every other spelling.
    #[must_use]
    pub fn read_canonical(text: &str) -> Option<Self> {
        Self::read(text).filter(|decimal| decimal.to_string() == text)
    }

    /// Whether the number has no decimal places.
    #[must_use]
    pub fn is_whole(self) -> bool {
        self.0 % Self::ONE == 0
    }

    /// Returns the number in ten-thousandths.
    #[must_use]
    pub fn ten_thousandths(self) -> i64 {
        self.0
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sign, amount) = (if self.0 < 0 { "-" } else { "" }, self.0.unsigned_abs());
        let (whole, places) = (amount / Self::ONE.unsigned_abs(), amount % Self::ONE.unsigned_abs());
        match places {
            0 => write!(f, "{sign}{whole}"),
            _ => f.write_str(format!("{sign}{whole}.{places:04}").trim_end_matches('0')),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_exactly() {
        for (text, expected) in [
            ("0", Some(0)),
            ("8.5", Some(85_000)),
            ("8.50000", Some(85_000)),
            ("0.0001", Some(1)),
            ("10.25", Some(102_500)),
            ("9999999999.9999", Some(99_999_999_999_999)),
            ("-2.5", Some(-25_000)),
            ("-0.0001", Some(-1)),
            ("-0", Some(0)),
            ("1.00001", None),
            ("1.-5", None),
            ("--1", None),
            ("+1", None),
            ("01", None),
            (".5", None),
            ("5.", None),
            ("1e2", None),
            ("10000000000", None),
            ("1.2.3", None),
            ("٣", None),
            ("", None),
        ] {
            assert_eq!(Decimal::read(text).map(Decimal::ten_thousandths), expected, "{text}");
        }
    }

    #[test]
    fn reads_only_canonical_spelling() {
        for good in ["0", "7", "10", "8.5", "0.0001", "4294967295.9999", "9999999999", "-1", "-0.5", "-3"] {
            assert!(Decimal::read_canonical(good).is_some(), "{good}");
        }
        for bad in [
            "", ".", "0.", ".5", "00", "01", "+1", "-0", "-0.0", "--1", "-01", "-", "8.50", "1.0", "0.12345",
            "1e2",
        ] {
            assert!(Decimal::read_canonical(bad).is_none(), "{bad}");
        }
    }
}
