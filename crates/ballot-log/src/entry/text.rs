//! The forms of texts inside entries: cut times, days, numbers, hex.

use jiff::civil::Date;

/// Whether `text` is an existing time of casting, cut to a precision of the log.
///
/// The forms are `2021-03-14T12:05Z`, `2021-03-14T12Z` and `2021-03-14`.
pub(super) fn is_cut_time(text: &str) -> bool {
    match text.as_bytes() {
        [day @ .., b'T', h1, h2, b':', m1, m2, b'Z'] => {
            is_day_of(day) && below(*h1, *h2, 24) && below(*m1, *m2, 60)
        }
        [day @ .., b'T', h1, h2, b'Z'] => is_day_of(day) && below(*h1, *h2, 24),
        day => is_day_of(day),
    }
}

/// Whether `text` is an existing day of the years 1 to 9999: `2021-03-14`.
pub(super) fn is_day(text: &str) -> bool {
    is_day_of(text.as_bytes())
}

/// Whether `text` is a period: a day, or the number of a ballot, which starts at 1.
pub(super) fn is_period(text: &str) -> bool {
    is_day(text) || (!text.starts_with(['0', '+']) && text.parse::<u32>().is_ok())
}

/// Whether `text` is 32 bytes in lowercase hex.
pub(super) fn is_hex_of_32(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

fn is_day_of(bytes: &[u8]) -> bool {
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = *bytes else { return false };
    let (Some(century), Some(year), Some(month), Some(day)) =
        (two(y1, y2), two(y3, y4), two(m1, m2), two(d1, d2))
    else {
        return false;
    };
    let year = i16::from(century) * 100 + i16::from(year);
    year > 0 && Date::new(year, month, day).is_ok()
}

fn two(tens: u8, ones: u8) -> Option<i8> {
    let digits = tens.is_ascii_digit() && ones.is_ascii_digit();
    digits.then(|| ((tens - b'0') * 10 + (ones - b'0')).cast_signed())
}

fn below(tens: u8, ones: u8, limit: i8) -> bool {
    two(tens, ones).is_some_and(|value| value < limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_only_truncated_calendar_times() {
        for good in
            ["2021-03-14T12:05Z", "2021-03-14T00Z", "2021-03-14", "2020-02-29", "2000-02-29", "0001-01-01"]
        {
            assert!(is_cut_time(good), "{good}");
        }
        for bad in [
            "",
            "2021-03-14T12:05:00Z",
            "2021-03-14T12:05",
            "2021-03-14T24Z",
            "2021-03-14T12:60Z",
            "2021-03-14Z",
            "2021-02-29",
            "1900-02-29",
            "2021-13-01",
            "2021-00-01",
            "2021-04-31",
            "2021-04-00",
            "0000-01-01",
            "2021-3-14",
            "+021-03-14",
            "T12Z",
        ] {
            assert!(!is_cut_time(bad), "{bad}");
        }
    }

    #[test]
    fn numbers_have_one_spelling() {
        for good in ["1", "10", "4294967295", "2021-03-14"] {
            assert!(is_period(good), "{good}");
        }
        for bad in ["", "0", "01", "+1", "-1", "1 ", "4294967296", "2021-02-30", "2021-03-14T12Z"] {
            assert!(!is_period(bad), "{bad}");
        }
    }

    #[test]
    fn hashes_are_lowercase_hex() {
        assert!(is_hex_of_32(&"0a".repeat(32)));
        for bad in ["", "0A", &"0A".repeat(32), &"0a".repeat(31), &"0g".repeat(32)] {
            assert!(!is_hex_of_32(bad), "{bad}");
        }
    }
}
