//! The HTTP/1.1 connection of a voter, with little work for each request.
//!
//! Requests follow one after the other.

use std::net::SocketAddr;

use anyhow::{Context as _, Result, bail};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// The most headers of an answer.
const MAX_HEADERS: usize = 32;

/// A connection that stays open between requests.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    read: Vec<u8>,
}

/// The status and the body of an answer.
#[derive(Debug, Clone, Copy)]
pub struct Answer<'a> {
    /// The HTTP status, for example 201.
    pub status: u16,
    /// The whole body.
    pub body: &'a [u8],
}

impl Connection {
    /// Opens a connection.
    ///
    /// # Errors
    /// The server does not accept the connection.
    pub async fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await.with_context(|| format!("connecting to {address}"))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, read: Vec::with_capacity(4096) })
    }

    /// Sends a request, head and body, and waits for its answer.
    ///
    /// # Errors
    /// - The connection breaks.
    /// - The answer has no `content-length`.
    pub async fn exchange(&mut self, request: &[u8]) -> Result<Answer<'_>> {
        self.stream.write_all(request).await?;
        self.read.clear();
        let (status, from, to) = loop {
            if self.stream.read_buf(&mut self.read).await? == 0 {
                bail!("the server closed the connection");
            }
            if let Some((status, head, length)) = read_head(&self.read)? {
                break (status, head, head + length);
            }
        };
        while self.read.len() < to {
            if self.stream.read_buf(&mut self.read).await? == 0 {
                bail!("the server closed the connection before the end of an answer");
            }
        }
        Ok(Answer { status, body: self.read.get(from..to).unwrap_or_default() })
    }

    /// Sends a request and returns the stream, for an answer that does not end.
    ///
    /// # Errors
    /// The connection breaks.
    pub async fn into_stream(mut self, request: &[u8]) -> Result<TcpStream> {
        self.stream.write_all(request).await?;
        Ok(self.stream)
    }
}

/// Returns the status, the length of the head and the length of the body.
///
/// `None` while the head is not complete.
fn read_head(read: &[u8]) -> Result<Option<(u16, usize, usize)>> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(head) = response.parse(read)? else { return Ok(None) };
    let length = response.headers.iter().find(|header| header.name.eq_ignore_ascii_case("content-length"));
    let length = match length {
        Some(header) => std::str::from_utf8(header.value)?.parse()?,
        None if matches!(response.code, Some(204 | 304)) => 0,
        None => bail!("the answer has no `content-length`"),
    };
    Ok(Some((response.code.unwrap_or_default(), head, length)))
}
