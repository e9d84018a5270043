//! What the client sends its requests through.

use std::io::Read;

use axum::http::{Request, Response};
use bytes::Bytes;

/// An answer's body, read as it comes.
pub type Body = Box<dyn Read + Send>;

/// Takes one request and brings the answer, whatever its status.
pub(super) trait Transport: Send + Sync {
    /// # Errors
    /// [`TransportError`]
    fn send(&self, request: Request<Bytes>) -> Result<Response<Body>, TransportError>;

    /// Where the engine is, for links: `https://vote.example.org`. `None` if nobody can get there.
    fn public_url(&self) -> Option<&str>;
}

/// Why no answer came.
pub(super) enum TransportError {
    /// Sending it again can help, and does no harm: every request of the client may be repeated.
    Transient(anyhow::Error),
    /// Sending it again does not help.
    Permanent(anyhow::Error),
}
