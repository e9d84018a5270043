//! Compressed answers: the encoding that a client accepts (RFC 9110, section 12.5.3), and writing
//! it.
//!
//! Only content that is large and requested by many clients is compressed, once for all of them.
//! Answers to ballots and event streams are never compressed.

use std::{
    io::{self, Write as _},
    mem,
    sync::OnceLock,
};

use axum::{
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, IntoResponseParts, Response},
};
use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use futures_util::{Stream, TryStreamExt as _, stream};

use crate::{
    conditional::{etag_of, is_not_modified},
    negotiation::thousandths,
    shared::shared,
};

/// Smallest content that is compressed, in bytes. Smaller content fits into one or two packets.
const MIN_SIZE: usize = 1_024;

/// An encoding of content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    Brotli,
    Gzip,
}

impl Encoding {
    const ALL: [Self; 2] = [Self::Brotli, Self::Gzip];

    /// Its name in headers.
    fn name(self) -> &'static str {
        match self {
            Self::Brotli => "br",
            Self::Gzip => "gzip",
        }
    }

    /// Returns the encoding to which a request gives the most weight; `None` is uncompressed
    /// content.
    ///
    /// Of equal weights the first of [`Self::ALL`] is taken.
    pub(crate) fn accepted(headers: &HeaderMap) -> Option<Self> {
        let mut best = (None, 0);
        for encoding in Self::ALL {
            let weight = weight_of(headers, encoding.name());
            if weight > best.1 {
                best = (Some(encoding), weight);
            }
        }
        best.0
    }

    /// Whether a request accepts this encoding.
    pub(crate) fn is_accepted(self, headers: &HeaderMap) -> bool {
        weight_of(headers, self.name()) > 0
    }

    /// Writes content in this encoding.
    ///
    /// # Errors
    /// No case is known: the content is written to memory.
    pub(crate) fn compress(self, content: &[u8]) -> io::Result<Vec<u8>> {
        match self {
            Self::Gzip => {
                let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
                encoder.write_all(content)?;
                encoder.finish().map(without_spare)
            }
            Self::Brotli => {
                let parameters =
                    brotli::enc::BrotliEncoderParams { quality: BROTLI_QUALITY, ..Default::default() };
                let mut compressed = Vec::new();
                brotli::BrotliCompress(&mut &*content, &mut compressed, &parameters)?;
                Ok(without_spare(compressed))
            }
        }
    }
}

/// Frees the spare capacity of bytes that are kept.
pub(crate) fn without_spare(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.shrink_to_fit();
    bytes
}

/// Brotli quality, of 0 to 11. 5 is about as fast as gzip by default, and smaller.
const BROTLI_QUALITY: i32 = 5;

/// Returns the weight of an encoding in `Accept-Encoding`, in thousandths.
///
/// The weight is 0 if the client does not accept the encoding.
fn weight_of(headers: &HeaderMap, name: &str) -> u16 {
    let values = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    let mut any = 0;
    for item in values.flat_map(|value| value.split(',')) {
        let (coding, parameters) = item.split_once(';').unwrap_or((item, ""));
        let weight = match parameters.trim().split_once('=') {
            Some((q, weight)) if q.trim().eq_ignore_ascii_case("q") => {
                thousandths(weight.trim()).unwrap_or(0)
            }
            _ => 1000,
        };
        match coding.trim() {
            coding if coding.eq_ignore_ascii_case(name) => return weight,
            "*" => any = weight,
            _ => {}
        }
    }
    any
}

/// Content as it is sent.
#[derive(Debug, Clone)]
pub(crate) struct Encoded {
    pub(crate) bytes: Bytes,
    pub(crate) encoding: Option<Encoding>,
}

impl Encoded {
    /// Content without an encoding.
    pub(crate) fn plain(bytes: Bytes) -> Self {
        Self { bytes, encoding: None }
    }

    /// Content in an encoding, if it is long enough.
    pub(crate) fn new(bytes: Bytes, encoding: Option<Encoding>) -> Self {
        let Some(encoding) = encoding.filter(|_| should_compress(&bytes)) else { return Self::plain(bytes) };
        match encoding.compress(&bytes) {
            Ok(compressed) => Self { bytes: compressed.into(), encoding: Some(encoding) },
            Err(error) => {
                tracing::error!(%error, "compression failed: the answer is sent uncompressed");
                Self::plain(bytes)
            }
        }
    }

    /// Returns the answer with this content.
    pub(crate) fn answer(self, head: impl IntoResponseParts) -> Response {
        let mut response = (head, shared([self.bytes])).into_response();
        set_encoding(&mut response, self.encoding);
        response
    }
}

/// Whether content is long enough to be compressed.
pub(crate) fn should_compress(content: &[u8]) -> bool {
    content.len() >= MIN_SIZE
}

/// Sets the header of an answer that says how its content is encoded.
///
/// The ETag becomes a weak one: it is the ETag of the content before compression.
fn set_encoding(response: &mut Response, encoding: Option<Encoding>) {
    let headers = response.headers_mut();
    let Some(encoding) = encoding else { return };
    headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding.name()));
    let weak = headers.get(header::ETAG).and_then(|tag| tag.to_str().ok()).map(|tag| format!("W/{tag}"));
    if let Some(weak) = weak.and_then(|tag| HeaderValue::try_from(tag).ok()) {
        headers.insert(header::ETAG, weak);
    }
}

/// Content that stays the same as long as the process runs.
///
/// Each encoding is made at the first request for it.
pub(crate) struct StaticContent {
    bytes: Bytes,
    etag: String,
    brotli: OnceLock<Encoded>,
    gzip: OnceLock<Encoded>,
}

impl StaticContent {
    pub(crate) fn new(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        Self { etag: etag_of(&bytes), bytes, brotli: OnceLock::new(), gzip: OnceLock::new() }
    }

    /// Returns the answer with these headers, or 304.
    pub(crate) fn answer<const N: usize>(
        &self,
        request: &HeaderMap,
        headers: [(HeaderName, &'static str); N],
    ) -> Response {
        let always = [(header::ETAG, &*self.etag), (header::VARY, "Accept-Encoding")];
        if is_not_modified(request, &self.etag) {
            return (StatusCode::NOT_MODIFIED, headers, always).into_response();
        }
        let make = |encoding| move || Encoded::new(self.bytes.clone(), Some(encoding));
        let content = match Encoding::accepted(request) {
            None => Encoded::plain(self.bytes.clone()),
            Some(Encoding::Brotli) => self.brotli.get_or_init(make(Encoding::Brotli)).clone(),
            Some(Encoding::Gzip) => self.gzip.get_or_init(make(Encoding::Gzip)).clone(),
        };
        content.answer((headers, always))
    }
}

/// Compresses a stream with gzip, piece by piece, on blocking threads.
pub(crate) fn gzip<E>(
    pieces: impl Stream<Item = Result<Bytes, E>> + Send + 'static,
) -> impl Stream<Item = Result<Bytes, io::Error>> + Send
where
    E: std::error::Error + Send + Sync + 'static,
{
    let encoder = GzEncoder::new(Vec::new(), Compression::fast());
    stream::try_unfold((Box::pin(pieces), Some(encoder)), |(mut pieces, mut encoder)| async move {
        while let Some(writer) = encoder.take() {
            let piece = pieces.try_next().await.map_err(io::Error::other)?;
            let (written, writer) = tokio::task::spawn_blocking(move || write_piece(writer, piece)).await??;
            encoder = writer;
            if !written.is_empty() {
                return Ok(Some((Bytes::from(written), (pieces, encoder))));
            }
        }
        Ok(None)
    })
}

type PieceWritten = (Vec<u8>, Option<GzEncoder<Vec<u8>>>);

/// Writes a piece, or the end if there is none.
///
/// Returns the bytes to send, and the encoder unless it has ended.
fn write_piece(mut writer: GzEncoder<Vec<u8>>, piece: Option<Bytes>) -> io::Result<PieceWritten> {
    let Some(piece) = piece else { return Ok((writer.finish()?, None)) };
    writer.write_all(&piece)?;
    Ok((mem::take(writer.get_mut()), Some(writer)))
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use http_body_util::BodyExt as _;

    use super::*;

    fn request(accept: &str) -> HeaderMap {
        HeaderMap::from_iter([(header::ACCEPT_ENCODING, accept.parse().unwrap())])
    }

    fn decoded(encoding: Option<Encoding>, bytes: &[u8]) -> Vec<u8> {
        let mut content = Vec::new();
        match encoding {
            None => content.extend_from_slice(bytes),
            Some(Encoding::Gzip) => {
                flate2::read::GzDecoder::new(bytes).read_to_end(&mut content).unwrap();
            }
            Some(Encoding::Brotli) => brotli::BrotliDecompress(&mut &*bytes, &mut content).unwrap(),
        }
        content
    }

    #[test]
    fn chooses_encoding_by_weight() {
        for (accept, expected) in [
            ("gzip, deflate, br, zstd", Some(Encoding::Brotli)),
            ("gzip", Some(Encoding::Gzip)),
            ("GZIP", Some(Encoding::Gzip)),
            ("gzip;q=1.0, br;q=0.9", Some(Encoding::Gzip)),
            ("gzip;q=0.5, *", Some(Encoding::Brotli)),
            ("*", Some(Encoding::Brotli)),
            ("*;q=0", None),
            ("br;q=0, gzip; q=0.001", Some(Encoding::Gzip)),
            ("gzip;q=0", None),
            ("gzip;q=nonsense", None),
            ("identity", None),
            ("deflate, zstd", None),
            ("gzipped", None),
            ("", None),
        ] {
            assert_eq!(Encoding::accepted(&request(accept)), expected, "{accept}");
        }
        assert_eq!(Encoding::accepted(&HeaderMap::new()), None);
    }

    #[tokio::test]
    async fn large_content_is_compressed_and_small_content_is_not() {
        let text = "{\"entry\":\"p0001\",\"votes\":12},".repeat(1_000);
        for (content, is_large) in [(&*text, true), (&text[..MIN_SIZE - 1], false), ("", false)] {
            let all = StaticContent::new(content.as_bytes().to_vec());
            for (accept, encoding) in [("br", Encoding::Brotli), ("gzip", Encoding::Gzip)] {
                let response = all.answer(&request(accept), [(header::CONTENT_TYPE, "text/plain")]);
                let encoding = Some(encoding).filter(|_| is_large);
                let header =
                    |name| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
                assert_eq!(header(header::CONTENT_ENCODING).as_deref(), encoding.map(Encoding::name));
                assert_eq!(header(header::VARY).unwrap(), "Accept-Encoding");
                let tag = header(header::ETAG).unwrap();
                assert_eq!(tag.starts_with("W/"), is_large, "{tag}");
                let again = HeaderMap::from_iter([(header::IF_NONE_MATCH, tag.parse().unwrap())]);
                assert_eq!(all.answer(&again, []).status(), StatusCode::NOT_MODIFIED);
                let sent = response.into_body().collect().await.unwrap().to_bytes();
                assert!(!is_large || sent.len() < content.len() / 4);
                assert_eq!(decoded(encoding, &sent), content.as_bytes());
            }
        }
    }

    #[tokio::test]
    async fn compresses_stream_and_passes_errors_on() {
        let pieces = || (0..50).map(|number| Ok(Bytes::from(format!("{number};").repeat(2_000))));
        let all: Vec<u8> = pieces().flat_map(|piece: Result<Bytes, io::Error>| piece.unwrap()).collect();
        let sent: Vec<Bytes> = gzip(stream::iter(pieces())).try_collect().await.unwrap();
        assert!(sent.len() > 1 && sent.iter().all(|piece| !piece.is_empty()));
        assert_eq!(decoded(Some(Encoding::Gzip), &sent.concat()), all);
        let empty: Vec<Bytes> =
            gzip(stream::iter([Ok::<_, io::Error>(Bytes::new())])).try_collect().await.unwrap();
        assert_eq!(decoded(Some(Encoding::Gzip), &empty.concat()), b"");
        let broken = pieces().chain([Err(io::Error::other("gone"))]);
        assert!(gzip(stream::iter(broken)).try_collect::<Vec<_>>().await.is_err());
    }
}
