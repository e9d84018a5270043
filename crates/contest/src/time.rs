//! Instants in whole seconds of UTC, and the truncated times of casting in the log.

use std::{fmt, str::FromStr};

use acclaim_text::shortened;
use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::rules::CastTime;

/// A point in time in whole seconds, written `2021-03-01T00:00:00Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Instant(Timestamp);

/// The text is not an [`Instant`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an instant such as 2021-03-01T00:00:00Z")]
pub struct InvalidInstant(String);

/// The first second of year 1, and the last whole second of year 9999 that [`Timestamp`] supports.
///
/// The text form has four digits for the year.
const VALID_SECONDS: std::ops::RangeInclusive<i64> = -62_135_596_800..=253_402_207_200;

impl Instant {
    /// Returns the instant this number of seconds after 1970-01-01T00:00:00Z.
    ///
    /// `None` outside the years 1 to 9999.
    #[must_use]
    pub fn from_seconds(seconds: i64) -> Option<Self> {
        if !VALID_SECONDS.contains(&seconds) {
            return None;
        }
        Timestamp::from_second(seconds).ok().map(Self)
    }

    /// Returns the last whole second that is not after `time`.
    #[must_use]
    pub fn at_or_before(time: Timestamp) -> Self {
        let seconds = time.as_nanosecond().div_euclid(1_000_000_000);
        let clamped = i64::try_from(seconds).unwrap_or(0).clamp(*VALID_SECONDS.start(), *VALID_SECONDS.end());
        Self(Timestamp::from_second(clamped).unwrap_or(Timestamp::UNIX_EPOCH))
    }

    /// Returns the first whole second that is not before `time`.
    #[must_use]
    pub fn at_or_after(time: Timestamp) -> Self {
        let floor = Self::at_or_before(time);
        if floor.0 == time { floor } else { Self::from_seconds(floor.seconds() + 1).unwrap_or(floor) }
    }

    /// Returns the seconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub fn seconds(self) -> i64 {
        self.0.as_second()
    }

    /// Returns the same point in time, for arithmetic and comparison with a clock.
    #[must_use]
    pub fn timestamp(self) -> Timestamp {
        self.0
    }
}

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.0}", self.0)
    }
}

impl FromStr for Instant {
    type Err = InvalidInstant;

    /// Reads exactly the form that [`Instant`] writes. Other spellings of the instant are refused.
    fn from_str(text: &str) -> Result<Self, InvalidInstant> {
        let invalid = || InvalidInstant(shortened(text, 40).into_owned());
        let time: Timestamp = text.parse().map_err(|_| invalid())?;
        let instant = Self::from_seconds(time.as_second()).ok_or_else(invalid)?;
        if instant.to_string() == text { Ok(instant) } else { Err(invalid()) }
    }
}

impl Serialize for Instant {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Instant {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

impl CastTime {
    /// Returns the time of casting as the log writes it, in UTC: `2021-03-14T12:05Z`,
    /// `2021-03-14T12Z` or `2021-03-14`.
    #[must_use]
    pub fn truncate(self, time: Timestamp) -> String {
        let mut text = Instant::at_or_before(time).to_string();
        match self {
            Self::Minute => text.replace_range(16.., "Z"),
            Self::Hour => text.replace_range(13.., "Z"),
            Self::Day => text.truncate(10),
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rejects_other_spellings_of_instant() {
        let instant: Instant = "2021-03-01T00:00:00Z".parse().unwrap();
        assert_eq!(instant.to_string(), "2021-03-01T00:00:00Z");
        for other in [
            "2021-03-01T01:00:00+01:00",
            "2021-03-01T00:00:00.000Z",
            "2021-03-01 00:00:00Z",
            "2021-03-01",
            "",
        ] {
            assert!(other.parse::<Instant>().is_err(), "{other}");
        }
    }

    #[test]
    fn rounding_goes_outward_only_for_fractions() {
        let exact: Timestamp = "2021-03-01T00:00:00Z".parse().unwrap();
        let later: Timestamp = "2021-03-01T00:00:00.001Z".parse().unwrap();
        assert_eq!(Instant::at_or_before(later), Instant::at_or_after(exact));
        assert_eq!(Instant::at_or_after(later).to_string(), "2021-03-01T00:00:01Z");
        assert_eq!(
            Instant::at_or_before("1969-12-31T23:59:59.5Z".parse().unwrap()).to_string(),
            "1969-12-31T23:59:59Z"
        );
    }

    #[test]
    fn truncates_cast_time() {
        let time: Timestamp = "2021-03-14T12:05:59.999Z".parse().unwrap();
        assert_eq!(CastTime::Minute.truncate(time), "2021-03-14T12:05Z");
        assert_eq!(CastTime::Hour.truncate(time), "2021-03-14T12Z");
        assert_eq!(CastTime::Day.truncate(time), "2021-03-14");
    }
}
