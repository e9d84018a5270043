//! Figures as the document writes them: rounded decimal texts and exact fractions.
//!
//! A decimal text is rounded once, by the tally. This crate does not compute with it.

use serde::{Deserialize, Deserializer, de::Error as _};

/// The most digits before the decimal point. Figures of real contests have far fewer.
const MAX_DIGITS: usize = 30;

/// A figure with two decimals, for example `42.38`.
///
/// In a document of version 2 a figure can be below zero, for example `-1.50`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figure {
    text: String,
    hundredths: i128,
}

impl Figure {
    /// Returns the text as the document has it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns the figure in hundredths, which sets the length of its bar.
    #[must_use]
    pub fn hundredths(&self) -> i128 {
        self.hundredths
    }

    /// Returns whether the figure is below zero.
    pub(crate) fn is_below_zero(&self) -> bool {
        self.hundredths < 0
    }
}

impl<'de> Deserialize<'de> for Figure {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match hundredths(&text) {
            Some(hundredths) => Ok(Self { text, hundredths }),
            None => Err(D::Error::custom("not a figure with two decimals, for example \"42.38\"")),
        }
    }
}

fn hundredths(text: &str) -> Option<i128> {
    let (sign, unsigned) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text),
    };
    let (whole, rest) = unsigned.split_once('.')?;
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || whole.len() > MAX_DIGITS || !digits(rest) || rest.len() != 2 {
        return None;
    }
    Some(sign * (whole.parse::<i128>().ok()? * 100 + rest.parse::<i128>().ok()?))
}

/// An exact fraction, for example `10379/20000`, or a whole number.
///
/// In a document of version 2 a fraction can be below zero, for example `-3/2`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fraction(String);

impl Fraction {
    /// Returns the text as the document has it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Fraction {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let (above, below) = text.split_once('/').unwrap_or((&text, "1"));
        let above = above.strip_prefix('-').unwrap_or(above);
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if digits(above) && digits(below) {
            Ok(Self(text))
        } else {
            Err(D::Error::custom("not a fraction, for example \"10379/20000\""))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_has_digits_and_two_decimals() {
        let longest = format!("{}.99", "9".repeat(MAX_DIGITS));
        for (text, expected) in [
            ("0.00", 0),
            ("42.38", 4238),
            ("100.00", 10_000),
            ("007.50", 750),
            ("-1.50", -150),
            ("-0.01", -1),
        ] {
            assert_eq!(hundredths(text), Some(expected));
        }
        assert!(hundredths(&longest).is_some());
        for text in [
            "",
            "1",
            ".50",
            "1.5",
            "1.500",
            "--1.00",
            "+1.00",
            "1,00",
            "١.٠٠",
            "1e9.00",
            &format!("9{longest}"),
        ] {
            assert_eq!(hundredths(text), None, "{text}");
        }
    }

    #[test]
    fn a_fraction_is_digits_over_digits() {
        let read = |text: &str| serde_json::from_value::<Fraction>(text.into()).is_ok();
        assert!(["0", "1/3", "10379/20000", "-3/2", "-7"].into_iter().all(read));
        assert!(!["", "1/", "/2", "1/2/3", "1/-2", "--1/2", "-", "0.5"].into_iter().any(read));
    }
}
