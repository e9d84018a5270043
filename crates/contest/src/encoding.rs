//! Text files as people's programs save them: UTF-8 with or without a mark; anything else is named.

/// The text of a file without its mark. Offsets in it are offsets in the file's content without the mark as well.
///
/// # Errors
/// The offset of the first bytes that are not UTF-8, and what the file seems to be.
pub(crate) fn decode(content: &[u8]) -> Result<&str, (usize, String)> {
    let content = without_mark(content);
    if content.starts_with(&[0xff, 0xfe]) || content.starts_with(&[0xfe, 0xff]) {
        return Err((0, "the file is UTF-16; save it as UTF-8".to_owned()));
    }
    if let Some(at) = content.iter().position(|&byte| byte == 0) {
        let problem = if at < 4 {
            "the file seems to be UTF-16; save it as UTF-8"
        } else {
            "there is a zero byte; the file is no text"
        };
        return Err((at, problem.to_owned()));
    }
    std::str::from_utf8(content).map_err(|error| {
        let at = error.valid_up_to();
        let byte = content.get(at).copied().unwrap_or_default();
        let problem = format!(
            "not UTF-8 (byte 0x{byte:02X}); the file seems to be Latin-1 or Windows-1252, save it as UTF-8"
        );
        (at, problem)
    })
}

/// The content without a UTF-8 mark at its beginning.
pub(crate) fn without_mark(content: &[u8]) -> &[u8] {
    content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(content)
}
