//! The interface of a transport, which carries the client's requests to an engine.

use std::io::Read;

use axum::http::{Request, Response};
use bytes::Bytes;

/// The body of an answer, as a stream.
pub type Body = Box<dyn Read + Send>;

/// A way to send one request and get its answer, of any status.
pub(super) trait Transport: Send + Sync {
    /// Sends a request, and returns its answer.
    ///
    /// # Errors
    /// [`TransportError`] if no answer comes.
    fn send(&self, request: Request<Bytes>) -> Result<Response<Body>, TransportError>;

    /// Returns the address of the engine for links, for example `https://vote.example.org`. `None`
    /// if the engine has no address.
    fn public_url(&self) -> Option<&str>;
}

/// The reason why no answer came.
pub(super) enum TransportError {
    /// A second attempt can help. It does no harm, because every request of the client can be
    /// repeated.
    Transient(anyhow::Error),
    /// A second attempt does not help.
    Permanent(anyhow::Error),
}
