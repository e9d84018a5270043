//! Reads the times of the voting window as instants.
//!
//! A time is local to a time zone, or has an offset.

use acclaim_text::quoted;
use jiff::{
    civil::DateTime,
    tz::{AmbiguousOffset, Offset, TimeZone, TimeZoneDatabase},
};

use crate::time::Instant;

/// Returns the time zone of an IANA name, from the built-in table, which is the same on every
/// machine.
pub(super) fn time_zone(name: &str) -> Result<TimeZone, String> {
    let unknown = || format!("{} is not a time zone such as Europe/Zurich", quoted(name));
    let zone = TimeZoneDatabase::bundled().get(name).map_err(|_| unknown())?;
    match zone.iana_name() {
        Some(exact) if exact == name && !zone.is_unknown() => Ok(zone),
        Some(exact) if !zone.is_unknown() => {
            Err(format!("must be written \"{exact}\", not {}", quoted(name)))
        }
        _ => Err(unknown()),
    }
}

/// Reads an instant, written local to the zone as `2021-03-01T00:00:00`, or with an offset as
/// `2021-03-01T00:00:00+01:00` or `2021-02-28T23:00:00Z`.
///
/// Seconds may be left out. `Ok(None)` if the text is valid but local, and the zone is unknown.
pub(super) fn instant(text: &str, zone: Option<&TimeZone>) -> Result<Option<Instant>, String> {
    if text == "now" {
        return Err(
            "\"now\" is possible for the opening on the command line only; give a date and time".to_owned()
        );
    }
    let wrong_format = || {
        format!(
            "must be a date and time such as 2021-03-01T00:00:00 or 2021-03-01T00:00:00+01:00, to the second, not {}",
            quoted(text)
        )
    };
    let parts = DateTimeParts::parse(text).ok_or_else(wrong_format)?;
    let local =
        parts.local().ok_or_else(|| format!("{} is not a date and time of the calendar", quoted(text)))?;
    let time = match (parts.offset, zone) {
        (Some(offset), _) => offset.to_timestamp(local).ok(),
        (None, None) => return Ok(None),
        (None, Some(zone)) => local_offset(text, local, zone)?.to_timestamp(local).ok(),
    };
    let instant = time.and_then(|time| Instant::from_seconds(time.as_second()));
    instant.map(Some).ok_or_else(|| format!("{} is out of range", quoted(text)))
}

/// Returns the zone's offset at a local time that exists exactly once.
fn local_offset(text: &str, local: DateTime, zone: &TimeZone) -> Result<Offset, String> {
    let name = zone.iana_name().unwrap_or_default();
    let with_offset = |offset: Offset| format!("{local}{}", offset_text(offset));
    match zone.to_ambiguous_timestamp(local).offset() {
        AmbiguousOffset::Unambiguous { offset } => Ok(offset),
        AmbiguousOffset::Gap { before, after } => Err(format!(
            "{} does not exist in {name}, where the clocks are put forward then; give it with an offset, such as {} or {}",
            quoted(text),
            with_offset(before),
            with_offset(after),
        )),
        AmbiguousOffset::Fold { before, after } => Err(format!(
            "{} exists twice in {name}, where the clocks are put back then; give it with an offset: {} or {}",
            quoted(text),
            with_offset(before),
            with_offset(after),
        )),
    }
}

/// Formats an offset as `+01:00`. Seconds, which offsets before 1972 can have, are left out.
fn offset_text(offset: Offset) -> String {
    let minutes = offset.seconds() / 60;
    let sign = if minutes < 0 { '-' } else { '+' };
    format!("{sign}{:02}:{:02}", minutes.abs() / 60, minutes.abs() % 60)
}

/// The numbers of a date and time, not yet checked against the calendar.
struct DateTimeParts {
    date: [i16; 3],
    time: [i16; 3],
    offset: Option<Offset>,
}

impl DateTimeParts {
    /// Parses `YYYY-MM-DDThh:mm[:ss][Z|+hh:mm|-hh:mm]`. A space may replace the `T`.
    fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let date = [
            digits(bytes, 0, 4)?,
            digits(after(bytes, 4, b"-")?, 5, 2)?,
            digits(after(bytes, 7, b"-")?, 8, 2)?,
        ];
        let hour = digits(after(bytes, 10, b"T ")?, 11, 2)?;
        let minute = digits(after(bytes, 13, b":")?, 14, 2)?;
        let (second, rest) = match after(bytes, 16, b":") {
            Some(_) => (digits(bytes, 17, 2)?, bytes.get(19..)?),
            None => (0, bytes.get(16..)?),
        };
        let offset = match rest {
            [] => None,
            [b'Z'] => Some(Offset::UTC),
            [sign @ (b'+' | b'-'), _, _, b':', _, _] => {
                let (hours, minutes) = (i32::from(digits(rest, 1, 2)?), i32::from(digits(rest, 4, 2)?));
                let seconds = (hours * 60 + minutes) * 60 * if *sign == b'-' { -1 } else { 1 };
                if hours > 23 || minutes > 59 {
                    return None;
                }
                Some(Offset::from_seconds(seconds).ok()?)
            }
            _ => return None,
        };
        Some(Self { date, time: [hour, minute, second], offset })
    }

    fn local(&self) -> Option<DateTime> {
        let [year, month, day] = self.date;
        let [hour, minute, second] = self.time;
        let small = |number: i16| i8::try_from(number).ok();
        DateTime::new(year, small(month)?, small(day)?, small(hour)?, small(minute)?, small(second)?, 0).ok()
    }
}

/// Returns the bytes if the byte at `at` is one of `expected`.
fn after<'a>(bytes: &'a [u8], at: usize, expected: &[u8]) -> Option<&'a [u8]> {
    expected.contains(bytes.get(at)?).then_some(bytes)
}

fn digits(bytes: &[u8], at: usize, count: usize) -> Option<i16> {
    let digits = bytes.get(at..at + count)?;
    let number =
        |sum: i16, digit: &u8| Some(sum * 10 + i16::from(digit.checked_sub(b'0').filter(|d| *d < 10)?));
    digits.iter().try_fold(0, number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zurich(text: &str) -> Result<String, String> {
        let zone = time_zone("Europe/Zurich").unwrap();
        instant(text, Some(&zone)).map(|instant| instant.unwrap().to_string())
    }

    #[test]
    fn local_times_follow_the_zone_and_offsets_need_none() {
        assert_eq!(zurich("2021-03-01T00:00:00").unwrap(), "2021-02-28T23:00:00Z");
        assert_eq!(zurich("2021-07-01 00:00").unwrap(), "2021-06-30T22:00:00Z");
        assert_eq!(zurich("2021-07-01T00:00:00-03:30").unwrap(), "2021-07-01T03:30:00Z");
        assert_eq!(
            instant("2021-07-01T00:00:00Z", None).unwrap().unwrap().to_string(),
            "2021-07-01T00:00:00Z"
        );
        assert_eq!(instant("2021-07-01T00:00:00", None), Ok(None));
    }

    #[test]
    fn ambiguous_local_time_needs_offset() {
        let gap = zurich("2021-03-28T02:30").unwrap_err();
        assert!(gap.contains("does not exist in Europe/Zurich") && gap.contains("offset"), "{gap}");
        let fold = zurich("2021-10-31T02:30:00").unwrap_err();
        assert!(fold.contains("exists twice"), "{fold}");
        assert!(fold.contains("2021-10-31T02:30:00+02:00 or 2021-10-31T02:30:00+01:00"), "{fold}");
        assert_eq!(zurich("2021-10-31T02:30:00+02:00").unwrap(), "2021-10-31T00:30:00Z");
        assert_eq!(zurich("2021-10-31T02:30:00+01:00").unwrap(), "2021-10-31T01:30:00Z");
        assert!(zurich("2021-03-28T01:59:59").is_ok() && zurich("2021-03-28T03:00:00").is_ok());
    }

    #[test]
    fn rejects_other_formats() {
        for bad in [
            "",
            "now",
            "2021-03-01",
            "2021-03-01T00",
            "2021-03-01T00:00:00.5",
            "2021-03-01T00:00:00.000Z",
            "2021-02-30T00:00:00",
            "2021-03-01T24:00:00",
            "2021-03-01T23:59:60",
            "2021-03-01T00:00:00+1:00",
            "2021-03-01T00:00:00+24:00",
            "2021-03-01T00:00:00+01:00[Europe/Zurich]",
            "+021-03-01T00:00:00",
            "2021-03-01T00:00:00Zé",
            "０２１",
            "9999-12-31T23:59:59Z",
        ] {
            assert!(zurich(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn time_zones_are_written_as_iana_does() {
        assert!(time_zone("UTC").is_ok() && time_zone("America/Argentina/Buenos_Aires").is_ok());
        assert!(time_zone("europe/zurich").unwrap_err().contains("\"Europe/Zurich\""));
        for bad in ["", "Mars/Olympus", "CET+1", "Etc/Unknown", "../etc/passwd"] {
            assert!(time_zone(bad).is_err(), "{bad}");
        }
    }
}
