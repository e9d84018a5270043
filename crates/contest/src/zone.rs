//! A contest's time zone, in which its times are written and read in addition to UTC.

use jiff::{
    civil::DateTime,
    tz::{TimeZone, TimeZoneDatabase},
};

use crate::{definition::local_instant, time::Instant};

/// A time zone of the built-in table, which is the same on every machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone {
    name: String,
    zone: TimeZone,
}

impl Zone {
    /// Returns the zone with an IANA name, for example `Europe/Zurich`. `None` if it does not
    /// exist.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let zone = TimeZoneDatabase::bundled().get(name).ok()?;
        Some(Self { name: name.to_owned(), zone })
    }

    /// Returns the IANA name of the zone.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the local date and time.
    #[must_use]
    pub fn at(&self, instant: Instant) -> DateTime {
        self.zone.to_datetime(instant.timestamp())
    }

    /// Whether the local clocks show UTC at this instant.
    #[must_use]
    pub fn is_utc_at(&self, instant: Instant) -> bool {
        self.zone.to_offset(instant.timestamp()).seconds() == 0
    }

    /// Reads a date and time as definitions write it.
    ///
    /// It is local to the zone, for example `2021-03-01T00:00:00`, or has an offset.
    ///
    /// # Errors
    /// A message if the text is not a date and time, or does not exist exactly once in the zone.
    pub fn instant(&self, text: &str) -> Result<Instant, String> {
        local_instant(text, &self.zone)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn converts_between_utc_and_zone() {
        let zone = Zone::from_name("Europe/Zurich").unwrap();
        let summer: Instant = "2021-06-30T22:00:00Z".parse().unwrap();
        assert_eq!(zone.at(summer).to_string(), "2021-07-01T00:00:00");
        assert_eq!(zone.instant("2021-07-01T00:00:00"), Ok(summer));
        assert_eq!(zone.instant("2021-06-30T22:00:00Z"), Ok(summer));
        assert!(zone.instant("2021-03-28T02:30:00").unwrap_err().contains("does not exist"));
        assert!(!zone.is_utc_at(summer) && Zone::from_name("UTC").unwrap().is_utc_at(summer));
        assert!(Zone::from_name("Europe/Atlantis").is_none());
    }
}
