//! The forms of texts inside entries: cut times, days, numbers, hex.

/// Whether `text` is a time of casting as the log tells it, and one that the calendar has: `2021-03-14T12:05Z`,
/// `2021-03-14T12Z` or `2021-03-14`.
pub(super) fn is_cut_time(text: &str) -> bool {
    match text.as_bytes() {
        [day @ .., b'T', h1, h2, b':', m1, m2, b'Z'] => {
            is_day_of(day) && below(*h1, *h2, 24) && below(*m1, *m2, 60)
        }
        [day @ .., b'T', h1, h2, b'Z'] => is_day_of(day) && below(*h1, *h2, 24),
        day => is_day_of(day),
    }
}

/// Whether `text` is a day of the years 1 to 9999 that the calendar has: `2021-03-14`.
pub(super) fn is_day(text: &str) -> bool {
    is_day_of(text.as_bytes())
}

/// Whether `text` is a period: a day, or the number of a ballot from 1 on.
pub(super) fn is_period(text: &str) -> bool {
    is_day(text) || (!text.starts_with(['0', '+']) && text.parse::<u32>().is_ok())
}

/// Whether `text` is a decimal in its one spelling: up to ten digits without leading zeros, then, if need be, a point and up to
/// four digits of which the last is not 0; a minus sign before what is below zero. So ten thousand times its value fits an `i64`.
pub(super) fn is_decimal(text: &str) -> bool {
    match text.strip_prefix('-') {
        Some(amount) => amount != "0" && is_unsigned_decimal(amount),
        None => is_unsigned_decimal(text),
    }
}

fn is_unsigned_decimal(text: &str) -> bool {
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let (whole, places) = text.split_once('.').map_or((text, None), |(whole, places)| (whole, Some(places)));
    (1..=10).contains(&whole.len())
        && digits(whole)
        && (whole == "0" || !whole.starts_with('0'))
        && places
            .is_none_or(|places| (1..=4).contains(&places.len()) && digits(places) && !places.ends_with('0'))
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
    let leap = if year == 0 { century % 4 == 0 } else { year % 4 == 0 };
    let last = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => return false,
    };
    (century, year) != (0, 0) && (1..=last).contains(&day)
}

fn two(tens: u8, ones: u8) -> Option<u8> {
    (tens.is_ascii_digit() && ones.is_ascii_digit()).then(|| (tens - b'0') * 10 + (ones - b'0'))
}

fn below(tens: u8, ones: u8, limit: u8) -> bool {
    two(tens, ones).is_some_and(|value| value < limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_cut_and_on_the_calendar() {
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
        for good in ["0", "7", "10", "8.5", "0.0001", "4294967295.9999", "9999999999", "-1", "-0.5", "-3"] {
            assert!(is_decimal(good), "{good}");
        }
        for bad in [
            "",
            ".",
            "0.",
            ".5",
            "00",
            "01",
            "+1",
            "-0",
            "-0.0",
            "--1",
            "-01",
            "-",
            "8.50",
            "1.0",
            "0.12345",
            "1e2",
            "10000000000",
            "1.2.3",
            "٣",
        ] {
            assert!(!is_decimal(bad), "{bad}");
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
