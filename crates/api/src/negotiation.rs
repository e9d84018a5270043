//! Chooses the format of an answer: from `format` in the query, otherwise from `Accept` (RFC 9110,
//! section 12.5.1).
//!
//! `format` is for links: a link can contain a query, but not a header.

use acclaim_contest::csv_cell::BYTE_ORDER_MARK;
use acclaim_report::Format;
use acclaim_text::first_chars;
use axum::{
    http::{HeaderMap, header},
    response::Response,
};
use bytes::Bytes;

use crate::{
    problem::{self, Problem},
    shared::shared,
};

/// Returns the format to answer in.
///
/// `requested` is `format` in the query. `offered` lists the available formats. A client without a
/// preference gets the first one.
///
/// # Errors
/// `INVALID_PARAMETER` if the query asks for a format that is not available.
pub(crate) fn negotiate(
    headers: &HeaderMap,
    requested: Option<&str>,
    offered: &[Format],
) -> Result<Format, Problem> {
    let Some(name) = requested else { return Ok(preferred(headers, offered)) };
    let format = name.parse::<Format>().ok().filter(|format| offered.contains(format));
    format.ok_or_else(|| {
        let names: Vec<&str> = offered.iter().map(|format| format.name()).collect();
        let name = first_chars(name, 40);
        let detail = format!("`format` is `{name}`, but must be one of {}", names.join(", "));
        Problem::new(&problem::INVALID_PARAMETER, detail)
    })
}

/// Returns the byte order mark to send before a table for Excel. Excel recognizes UTF-8 by this
/// mark.
///
/// For other answers the mark is empty.
///
/// # Errors
/// `INVALID_PARAMETER` if the mark is requested for a format that is not a table.
pub(crate) fn byte_order_mark(excel: Option<bool>, format: Format) -> Result<&'static str, Problem> {
    match (excel.unwrap_or_default(), format) {
        (false, _) => Ok(""),
        (true, Format::Csv) => Ok(BYTE_ORDER_MARK),
        (true, _) => {
            Err(Problem::new(&problem::INVALID_PARAMETER, "`excel` works only for tables: add `format=csv`"))
        }
    }
}

/// Returns a response with the mark, followed by the table.
pub(crate) fn table_with_mark(mark: &'static str, table: Bytes) -> Response {
    shared([Bytes::from_static(mark.as_bytes()), table])
}

/// Returns the format to which `Accept` gives the most weight. If several formats have this weight,
/// the first of them in `offered` is taken.
///
/// A client that accepts none of the formats still gets the first one, because it may be able to
/// read a part of the answer.
fn preferred(headers: &HeaderMap, offered: &[Format]) -> Format {
    let ranges: Vec<Range<'_>> = headers
        .get_all(header::ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(Range::read)
        .collect();
    let first = offered.first().copied().unwrap_or(Format::Json);
    let choose_heavier = |best: (Format, u16), &format: &Format| {
        let weight = weight_of(format, &ranges);
        if weight > best.1 { (format, weight) } else { best }
    };
    offered.iter().fold((first, 0), choose_heavier).0
}

/// Returns the weight of the most specific range that includes a format; 0 if no range does.
fn weight_of(format: Format, ranges: &[Range<'_>]) -> u16 {
    let matching = ranges.iter().filter_map(|range| Some((range.specificity(format)?, range.weight)));
    matching.max().map_or(0, |(_, weight)| weight)
}

/// A range of media types in `Accept`.
struct Range<'a> {
    kind: &'a str,
    subtype: &'a str,
    /// In thousandths.
    weight: u16,
}

impl<'a> Range<'a> {
    /// Reads a range; `None` if the text is not a range.
    fn read(text: &'a str) -> Option<Self> {
        let mut parts = text.split(';').map(str::trim);
        let (kind, subtype) = parts.next()?.split_once('/')?;
        let mut weight = 1000;
        for parameter in parts {
            if let Some((name, value)) = parameter.split_once('=')
                && name.trim().eq_ignore_ascii_case("q")
            {
                weight = thousandths(value.trim())?;
            }
        }
        Some(Self { kind, subtype, weight })
    }

    /// Returns how specific the range is: 0 for `*/*`, 1 for `text/*`, 2 for `text/csv`. `None` if
    /// the range does not include the format.
    fn specificity(&self, format: Format) -> Option<u8> {
        let (kind, subtype) = format.media_type();
        let same = |own: &str, other: &str| own.eq_ignore_ascii_case(other);
        match (self.kind, self.subtype) {
            ("*", "*") => Some(0),
            (own, "*") if same(own, kind) => Some(1),
            (own, sub) if same(own, kind) && same(sub, subtype) => Some(2),
            _ => None,
        }
    }
}

/// Reads a weight, from 0 to 1 with at most three decimals, as thousandths.
pub(crate) fn thousandths(text: &str) -> Option<u16> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    if decimals.len() > 3 || !decimals.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let decimals: u16 = format!("{decimals:0<3}").parse().ok()?;
    match whole {
        "0" => Some(decimals),
        "1" if decimals == 0 => Some(1000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn negotiated(accept: &str) -> &'static str {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::from_str(accept).unwrap());
        negotiate(&headers, None, &Format::ALL).unwrap().name()
    }

    #[test]
    fn chooses_format_by_weight_and_specificity() {
        let chrome = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8";
        for (accept, expected) in [
            ("*/*", "json"),
            (chrome, "html"),
            ("text/html", "html"),
            ("TEXT/HTML; charset=utf-8", "html"),
            ("text/csv", "csv"),
            ("text/csv;q=0.5, */*", "json"),
            ("text/csv;q=0.5, */*;q=0.4", "csv"),
            ("text/html;q=0.2, text/csv;q=0.21", "csv"),
            // CSV and HTML are both `text`, and CSV is offered before HTML.
            ("text/*", "csv"),
            ("text/*, text/csv;q=0", "html"),
            ("text/*;q=0.9, application/json;q=0.8", "csv"),
            ("*/*, application/json;q=0", "csv"),
            ("application/json;q=0, text/html;q=0.001", "html"),
            ("application/json, text/html", "json"),
            ("image/png", "json"),
            ("", "json"),
            ("nonsense", "json"),
            ("text/html;q=2", "json"),
            ("text/html;q=0.0001", "json"),
            ("text/html;q=, text/csv;q=0.1", "csv"),
        ] {
            assert_eq!(negotiated(accept), expected, "{accept}");
        }
        assert_eq!(negotiate(&HeaderMap::new(), None, &Format::ALL).unwrap(), Format::Json);
    }

    #[test]
    fn several_headers_are_one_list() {
        let mut headers = HeaderMap::new();
        headers.append(header::ACCEPT, HeaderValue::from_static("text/csv;q=0.3"));
        headers.append(header::ACCEPT, HeaderValue::from_static("text/html;q=0.4"));
        headers.append(header::ACCEPT, HeaderValue::from_bytes(b"\xff/json").unwrap());
        assert_eq!(negotiate(&headers, None, &Format::ALL).unwrap(), Format::Html);
    }

    #[test]
    fn query_overrides_accept_header() {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::from_static("text/html"));
        assert_eq!(negotiate(&headers, Some("csv"), &Format::ALL).unwrap(), Format::Csv);
        assert!(negotiate(&headers, Some("pdf"), &Format::ALL).is_err());
        assert!(negotiate(&headers, Some("html"), &[Format::Json, Format::Csv]).is_err());
        assert!(negotiate(&headers, Some(""), &Format::ALL).is_err());
    }
}
