//! Refuses ambiguous requests: a proxy may see the end of such a request at another byte than this
//! server does (request smuggling).
//!
//! The HTTP library accepts a bare LF as the end of a line, as RFC 9112, section 2.2, allows. If a
//! request has both `Content-Length` and `Transfer-Encoding`, the library uses `Transfer-Encoding`.
//! A proxy in front of the server may read the same bytes differently. One client's request can
//! then contain another request that the proxy has not seen.
//!
//! So this module checks the bytes before the library gets them. If a line of a head is ambiguous,
//! the module replaces the line's LF with a NUL. The library answers such a request with 400.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use memchr::memchr;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Number of bytes that are kept from the beginning of a line, if the line arrives in parts.
///
/// They are enough for the two headers that this module reads.
const LINE_START_BYTES: usize = 128;
/// Maximum number of hexadecimal digits of a chunk's size.
const MAX_SIZE_DIGITS: u32 = 15;

/// A connection whose requests are checked as they are read.
pub(crate) struct CheckedStream<S> {
    stream: S,
    framing: Framing,
}

impl<S> CheckedStream<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self { stream, framing: Framing::default() }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for CheckedStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        let received = buf.filled_mut().get_mut(before..).unwrap_or_default();
        Poll::Ready(self.framing.check(received))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for CheckedStream<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

/// The state of the check of a connection: where in a request the next byte is.
#[derive(Default)]
struct Framing {
    position: Position,
    line: Line,
    body: Body,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Position {
    /// Before the end of a request's first line.
    #[default]
    Start,
    /// In the lines of the head after the first.
    Head,
    /// In a body with `Content-Length`. This number of bytes is left.
    Body(u64),
    /// In the content of a chunk. This number of bytes is left.
    Chunk(u64),
    /// In the digits of a chunk's size, after this number of them.
    ChunkSize { size: u64, digits: u32 },
    /// After the digits of a chunk's size, in the same line.
    ChunkSizeEnd { size: u64 },
    /// In the CR LF after the content of a chunk.
    ChunkEnd,
    /// In the lines after the last chunk.
    Trailer,
    /// Refused: the library answers and closes the connection.
    Refused,
}

/// The length of a body, as its head declares it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Body {
    #[default]
    None,
    Length(u64),
    Chunked,
}

/// The part of the current line that arrived in earlier reads.
#[derive(Default)]
struct Line {
    /// Its first bytes, at most [`LINE_START_BYTES`].
    start: Vec<u8>,
    /// Its last byte. In a chunk's size or at a chunk's end, only this field is used.
    last: Option<u8>,
}

impl Line {
    fn add(&mut self, part: &[u8]) {
        let free = LINE_START_BYTES - self.start.len();
        self.start.extend_from_slice(part.get(..free).unwrap_or(part));
        self.last = part.last().copied().or(self.last);
    }

    fn clear(&mut self) {
        self.start.clear();
        self.last = None;
    }
}

impl Framing {
    /// Checks the next bytes.
    ///
    /// If a line of a head is ambiguous, its LF becomes a NUL. So the request reaches no handler.
    ///
    /// # Errors
    /// `InvalidData` if a chunk of a body, or a line after the last chunk, is malformed.
    fn check(&mut self, received: &mut [u8]) -> io::Result<()> {
        let mut at = 0;
        while let Some(rest) = received.get_mut(at..).filter(|rest| !rest.is_empty()) {
            at += match self.position {
                Position::Start | Position::Head | Position::Trailer => self.check_line(rest)?,
                Position::Body(left) => self.skip(left, rest.len(), Position::Body, Position::Start),
                Position::Chunk(left) => self.skip(left, rest.len(), Position::Chunk, Position::ChunkEnd),
                Position::ChunkSize { size, digits } => self.read_chunk_size(size, digits, rest)?,
                Position::ChunkSizeEnd { size } => self.end_chunk_size(size, rest)?,
                Position::ChunkEnd => self.end_chunk(rest)?,
                Position::Refused => rest.len(),
            };
        }
        Ok(())
    }

    /// Skips content and returns the number of bytes skipped.
    fn skip(
        &mut self,
        left: u64,
        available: usize,
        unfinished: fn(u64) -> Position,
        next: Position,
    ) -> usize {
        let skipped = usize::try_from(left).unwrap_or(usize::MAX).min(available);
        let left = left - skipped as u64;
        self.position = if left == 0 { next } else { unfinished(left) };
        skipped
    }

    /// Reads up to the end of a line and returns the number of bytes read.
    fn check_line(&mut self, rest: &mut [u8]) -> io::Result<usize> {
        let Some(end) = memchr(b'\n', rest) else {
            self.line.add(rest);
            return Ok(rest.len());
        };
        let part = rest.get(..end).unwrap_or_default();
        let last = part.last().copied().or(self.line.last);
        let is_valid = last == Some(b'\r')
            && if self.line.last.is_none() {
                // The whole line is in this part, as in nearly all cases.
                self.end_line(part)
            } else {
                self.line.add(part);
                let line = std::mem::take(&mut self.line.start);
                let is_valid = self.end_line(&line);
                self.line.start = line;
                is_valid
            };
        self.line.clear();
        if !is_valid {
            // The handler already has the request of this trailer, so the connection is closed.
            if self.position == Position::Trailer {
                return Err(malformed_chunk());
            }
            self.position = Position::Refused;
            if let Some(byte) = rest.get_mut(end) {
                *byte = 0;
            }
        }
        Ok(end + 1)
    }

    /// Handles a line with its CR. Of a long line that arrived in parts, it gets the beginning.
    ///
    /// Returns `false` if the request must be refused.
    fn end_line(&mut self, line: &[u8]) -> bool {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        match (self.position, line.is_empty()) {
            // Empty lines before a request are skipped.
            (Position::Start, true) => {}
            (Position::Start, false) => (self.position, self.body) = (Position::Head, Body::None),
            (Position::Head, false) => return self.read_header(line),
            (Position::Head, true) => {
                self.position = match self.body {
                    Body::None | Body::Length(0) => Position::Start,
                    Body::Length(length) => Position::Body(length),
                    Body::Chunked => Position::ChunkSize { size: 0, digits: 0 },
                };
            }
            (Position::Trailer, true) => self.position = Position::Start,
            _ => {}
        }
        true
    }

    /// Reads the length of the body from a header. Returns `false` if the request must be refused.
    fn read_header(&mut self, line: &[u8]) -> bool {
        let Some((name, value)) = memchr(b':', line).and_then(|colon| line.split_at_checked(colon)) else {
            // The library refuses a line without a colon.
            return true;
        };
        let value = value.get(1..).unwrap_or_default().trim_ascii();
        let is_framing = ["content-length", "transfer-encoding"]
            .iter()
            .any(|framing| name.eq_ignore_ascii_case(framing.as_bytes()));
        // Of a line that arrives in parts, only the beginning is kept. The bytes after it could
        // change the value.
        if is_framing && line.len() >= LINE_START_BYTES {
            return false;
        }
        if name.eq_ignore_ascii_case(b"content-length") {
            let is_number = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
            let length = str::from_utf8(value).ok().filter(|_| is_number).and_then(|text| text.parse().ok());
            match (length, self.body) {
                (Some(length), Body::None) => self.body = Body::Length(length),
                // The header is repeated, comes after `Transfer-Encoding`, or is not a number.
                _ => return false,
            }
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            if self.body != Body::None || !value.eq_ignore_ascii_case(b"chunked") {
                return false;
            }
            self.body = Body::Chunked;
        }
        true
    }

    fn read_chunk_size(&mut self, size: u64, digits: u32, rest: &[u8]) -> io::Result<usize> {
        let Some(byte) = rest.first() else { return Ok(0) };
        self.position = match char::from(*byte).to_digit(16) {
            Some(digit) if digits < MAX_SIZE_DIGITS => {
                Position::ChunkSize { size: size * 16 + u64::from(digit), digits: digits + 1 }
            }
            None if digits > 0 => {
                self.line.clear();
                // This byte belongs to the end of the line.
                self.position = Position::ChunkSizeEnd { size };
                return Ok(0);
            }
            _ => return Err(malformed_chunk()),
        };
        Ok(1)
    }

    /// Skips the rest of the line after a chunk's size.
    fn end_chunk_size(&mut self, size: u64, rest: &[u8]) -> io::Result<usize> {
        let Some(end) = memchr(b'\n', rest) else {
            self.line.last = rest.last().copied();
            return Ok(rest.len());
        };
        let last = rest.get(..end).and_then(<[u8]>::last).copied().or(self.line.last);
        if last != Some(b'\r') {
            return Err(malformed_chunk());
        }
        self.line.clear();
        self.position = if size == 0 { Position::Trailer } else { Position::Chunk(size) };
        Ok(end + 1)
    }

    /// Expects the CR LF after a chunk.
    fn end_chunk(&mut self, rest: &[u8]) -> io::Result<usize> {
        match (rest.first(), self.line.last) {
            (Some(b'\r'), None) => self.line.last = Some(b'\r'),
            (Some(b'\n'), Some(b'\r')) => {
                self.line.clear();
                self.position = Position::ChunkSize { size: 0, digits: 0 };
            }
            _ => return Err(malformed_chunk()),
        }
        Ok(1)
    }
}

fn malformed_chunk() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the chunks of a request's body cannot be read")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Returns the bytes that the library gets if a client sends `sent` in parts of `part_size`
    /// bytes.
    ///
    /// `None` if the connection is closed.
    fn received(sent: &[u8], part_size: usize) -> Option<Vec<u8>> {
        let mut framing = Framing::default();
        let mut all = Vec::new();
        for part in sent.chunks(part_size) {
            let mut part = part.to_vec();
            framing.check(&mut part).ok()?;
            all.extend(part);
        }
        Some(all)
    }

    const BODY: &str = "POST / HTTP/1.1\r\nhost: a\r\nContent-Length: 7\r\n\r\na\nb\n\nc\n";
    const CHUNKS: &str = "POST / HTTP/1.1\r\ntransfer-Encoding:\tChunked \r\n\r\n5;x\r\n\n\n\n\n\n\r\nA\r\n0123456789\r\n0\r\nx: y\r\n\r\n";

    #[test]
    fn requests_pass_unchanged_in_parts_of_any_size() {
        let long =
            format!("GET /{} HTTP/1.1\r\n{}: {}\r\n\r\n", "a".repeat(500), "n".repeat(300), "v".repeat(900));
        let all = format!("\r\n\r\n{BODY}{CHUNKS}GET / HTTP/1.0\r\n\r\n{long}{BODY}");
        for part in 1..all.len() {
            assert_eq!(received(all.as_bytes(), part).as_deref(), Some(all.as_bytes()), "{part}");
        }
    }

    #[test]
    fn replaces_lf_of_ambiguous_line_with_nul() {
        let long = format!("POST / HTTP/1.1\r\ncontent-length: {}100\r\n\r\n", "0".repeat(111));
        let spaced = format!("POST / HTTP/1.1\r\ncontent-length:{}100\r\n\r\n", " ".repeat(112));
        for head in [
            &*long,
            &*spaced,
            "\n",
            "GET / HTTP/1.1\nhost: a\r\n\r\n",
            "GET / HTTP/1.1\r\nhost: a\n\r\n",
            "GET / HTTP/1.1\r\nhost: a\r\n\n",
            "GET / HTTP/1.1\r\na: b\nhost: a\r\n\r\n",
            "POST / HTTP/1.1\r\ntransfer-encoding: gzip, chunked\r\n\r\n",
            "POST / HTTP/1.1\r\ntransfer-encoding: chunked, chunked\r\n\r\n",
            "POST / HTTP/1.1\r\ntransfer-encoding: \x0bchunked\r\n\r\n",
            "POST / HTTP/1.1\r\ntransfer-encoding: gzip\r\ntransfer-encoding: chunked\r\n\r\n",
            "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n",
            "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n",
            "POST / HTTP/1.1\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n",
            "POST / HTTP/1.1\r\ncontent-length: 5\r\ncontent-length: 5\r\n\r\n",
            "POST / HTTP/1.1\r\ncontent-length: 5, 5\r\n\r\n",
            "POST / HTTP/1.1\r\ncontent-length: +5\r\n\r\n",
            "POST / HTTP/1.1\r\ncontent-length: 99999999999999999999\r\n\r\n",
            "POST / HTTP/1.1\r\ncontent-length:\r\n\r\n",
        ] {
            for before in ["", BODY] {
                let sent = format!("{before}{head}");
                for part in 1..=sent.len() {
                    let got = received(sent.as_bytes(), part).unwrap();
                    assert!(got.starts_with(before.as_bytes()), "{head:?}");
                    let changed: Vec<_> =
                        got.iter().zip(sent.as_bytes()).filter(|(got, sent)| got != sent).collect();
                    assert_eq!(changed, [(&0, &b'\n')], "{head:?} in parts of {part}");
                }
            }
        }
    }

    #[test]
    fn malformed_chunk_closes_connection() {
        let head = "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n";
        for chunks in [
            "\r\n",
            "x\r\n",
            "5\n",
            "5;a\nb\r\n",
            "5\r\n12345\n",
            "0\r\n\n",
            "0\r\nx: y\n",
            "5\r\n123456\r\n",
            "1000000000000000\r\n",
        ] {
            for part in 1..chunks.len() {
                assert_eq!(received(format!("{head}{chunks}").as_bytes(), part), None, "{chunks:?}");
            }
        }
    }

    const PIECES: &[&[u8]] = &[
        b"\r\n",
        b"\n",
        b"\r",
        b"5",
        b"0\r\n",
        b"content-length: 3\r\n",
        b"transfer-encoding: chunked\r\n",
        b"GET / HTTP/1.1\r\n",
        b"abc",
        b"\r\n\r\n",
    ];

    proptest! {
        #[test]
        fn size_of_parts_does_not_change_the_outcome(
            pieces in proptest::collection::vec(proptest::sample::select(PIECES), 0..30),
            part in 1..20_usize,
        ) {
            let sent = pieces.concat();
            prop_assert_eq!(received(&sent, part), received(&sent, usize::MAX));
        }
    }
}
