//! Decodes the text of a file: UTF-8 and UTF-16, with or without a byte order mark.
//!
//! A file in another encoding is refused with an error that names the encoding.

use std::borrow::Cow;

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};

/// How to save a file whose encoding is refused.
const SAVE_ADVICE: &str = "save it as UTF-8 (Excel: Save as, \"CSV UTF-8\"; LibreOffice: Save as, character set \"Unicode (UTF-8)\")";
/// The number of bytes from which UTF-16 without a byte order mark is recognised.
const SAMPLE: usize = 1024;

/// A text that cannot be decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodeError {
    /// The offset of the first wrong bytes, in bytes after a byte order mark.
    ///
    /// In a UTF-16 file it counts the bytes of the text decoded so far, as UTF-8.
    pub at: usize,
    /// The line of the first wrong bytes, from 1.
    pub line: u32,
    /// The encoding that the text seems to have, and what to do.
    pub problem: String,
}

/// Returns the text of a file without its byte order mark.
///
/// # Errors
/// [`DecodeError`] if the file is neither UTF-8 nor UTF-16, has a zero byte, or has a broken UTF-16
/// character. It names the encoding that the text seems to have.
pub fn decode(content: &[u8]) -> Result<Cow<'_, str>, DecodeError> {
    if content.starts_with(b"\xff\xfe\0\0") || content.starts_with(b"\0\0\xfe\xff") {
        return Err(decode_error(content, 0, format!("the file is UTF-32; {SAVE_ADVICE}")));
    }
    if let Some(rest) = content.strip_prefix(b"\xff\xfe") {
        return decode_utf_16(rest, u16::from_le_bytes).map(Cow::Owned);
    }
    if let Some(rest) = content.strip_prefix(b"\xfe\xff") {
        return decode_utf_16(rest, u16::from_be_bytes).map(Cow::Owned);
    }
    let text = strip_byte_order_mark(content);
    if let Some(at) = text.iter().position(|&byte| byte == 0) {
        return match detect_utf_16(text) {
            Some(from_bytes) => decode_utf_16(text, from_bytes).map(Cow::Owned),
            None => Err(decode_error(content, at, "the file has a zero byte, so it is not text".to_owned())),
        };
    }
    std::str::from_utf8(text).map(Cow::Borrowed).map_err(|error| {
        let at = error.valid_up_to();
        let byte = text.get(at).copied().unwrap_or_default();
        let name = guess_encoding(text);
        decode_error(
            text,
            at,
            format!("not UTF-8 (byte 0x{byte:02X}): the file looks like {name}; {SAVE_ADVICE}"),
        )
    })
}

/// Returns the content without a UTF-8 byte order mark at its beginning.
#[must_use]
pub fn strip_byte_order_mark(content: &[u8]) -> &[u8] {
    content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(content)
}

/// Detects UTF-16 without a byte order mark by the positions of its zero bytes.
///
/// Returns the conversion from two bytes to a unit. `None` if the content is not UTF-16.
fn detect_utf_16(content: &[u8]) -> Option<fn([u8; 2]) -> u16> {
    let sample = content.get(..SAMPLE).unwrap_or(content);
    let zeros = |offset: usize| sample.iter().skip(offset).step_by(2).filter(|byte| **byte == 0).count();
    let (first, second) = (zeros(0), zeros(1));
    let pairs = sample.len() / 2;
    match (first, second) {
        _ if !content.len().is_multiple_of(2) => None,
        // Every text has line ends, spaces or delimiters. Half of their bytes are zero.
        (0, second) if second * 8 >= pairs => Some(u16::from_le_bytes),
        (first, 0) if first * 8 >= pairs => Some(u16::from_be_bytes),
        _ => None,
    }
}

fn decode_utf_16(content: &[u8], from_bytes: fn([u8; 2]) -> u16) -> Result<String, DecodeError> {
    let units = content.chunks_exact(2).map(|pair| match pair {
        [first, second] => from_bytes([*first, *second]),
        _ => 0,
    });
    let mut text = String::with_capacity(content.len() / 2);
    let broken = |text: &str| DecodeError {
        at: text.len(),
        line: line_of(text.as_bytes(), text.len()),
        problem: format!("the file is UTF-16 and has a broken character; {SAVE_ADVICE}"),
    };
    for character in char::decode_utf16(units) {
        match character {
            Ok('\0') | Err(_) => return Err(broken(&text)),
            Ok(character) => text.push(character),
        }
    }
    if !content.len().is_multiple_of(2) {
        return Err(broken(&text));
    }
    Ok(text)
}

/// Guesses the encoding of a text.
fn guess_encoding(content: &[u8]) -> String {
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    detector.feed(content, true);
    let name = detector.guess(None, Utf8Detection::Deny).name();
    match name.strip_prefix("windows-") {
        Some(number) => format!("Windows-{number}"),
        None => name.to_owned(),
    }
}

fn decode_error(content: &[u8], at: usize, problem: String) -> DecodeError {
    DecodeError { at, line: line_of(content, at), problem }
}

/// Returns the line of an offset, from 1. Lines end with LF, CR LF or CR.
fn line_of(content: &[u8], at: usize) -> u32 {
    let before = content.get(..at).unwrap_or(content);
    let is_end =
        |(at, byte): (usize, &u8)| *byte == b'\n' || (*byte == b'\r' && content.get(at + 1) != Some(&b'\n'));
    let ends = before.iter().enumerate().filter(|end| is_end(*end)).count();
    u32::try_from(ends).unwrap_or(u32::MAX).saturating_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn utf_16_is_read_with_or_without_mark() {
        let text = "id,title\ne1,Zoë 🎉\n";
        let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        for content in [
            text.as_bytes().to_vec(),
            [b"\xef\xbb\xbf", text.as_bytes()].concat(),
            little.clone(),
            big.clone(),
            [&b"\xff\xfe"[..], &little].concat(),
            [&b"\xfe\xff"[..], &big].concat(),
        ] {
            assert_eq!(decode(&content).unwrap(), text);
        }
        let odd = [&b"\xff\xfe"[..], &little, b"a"].concat();
        assert!(decode(&odd).unwrap_err().problem.contains("UTF-16"));
    }

    #[test]
    fn error_names_other_encoding_and_line() {
        for (content, line, name) in [
            (&b"mailto:zo\xeb@example.org\n"[..], 1, "Windows-1252"),
            (b"id,title\re1,plain\r\ne2,caf\xe9\n", 3, "Windows-1252"),
            (b"\xc8\xe2\xe0\xed \xcf\xe5\xf2\xf0\xee\xe2\n", 1, "Windows-1251"),
            (b"\n\x82\xa0\x82\xa2\x82\xa4\x93\xfa\x96\x7b", 2, "Shift_JIS"),
            (b"\xff\xfe\0\0a\0\0\0", 1, "UTF-32"),
            (b"a\nb\0c", 2, "zero byte"),
        ] {
            let refused = decode(content).unwrap_err();
            assert_eq!(refused.line, line, "{refused:?}");
            assert!(refused.problem.contains(name), "{refused:?}");
        }
    }
}
