//! The transport to a running server, over HTTP.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use axum::http::{Request, Response, Uri, header};
use bytes::Bytes;
use ureq::{Agent, Error, config::AutoHeaderValue};

use super::transport::{Body, Transport, TransportError};
use crate::loopback::is_loopback_host;

/// The time that a server may take to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// The time that a server may take to answer. Recording a large definition takes long.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(120);
/// The longest pause within a body.
const READ_TIMEOUT: Duration = Duration::from_secs(60);

/// HTTP to one server.
pub(super) struct HttpTransport {
    agent: Agent,
    /// The address without a slash at the end.
    url: String,
    /// The value of `Authorization`.
    authorization: Option<String>,
}

impl HttpTransport {
    /// Makes a transport to the server at `url`, with this staff key or without a key.
    ///
    /// # Errors
    /// If `url` is not the address of a server, or contains a password.
    pub(super) fn new(url: &str, key: Option<String>) -> Result<Self> {
        let url = url.trim_end_matches('/');
        let uri: Uri = url.parse().with_context(|| format!("`{url}` is not an address"))?;
        let (Some("http" | "https"), Some(host)) = (uri.scheme_str(), uri.host()) else {
            bail!("`{url}` is not the address of a server, such as https://vote.example.org");
        };
        if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
            bail!("the address must not contain a password: give the key in ACCLAIM_KEY or with --key-file");
        }
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            // A redirection must not send the key to another server.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .timeout_recv_response(Some(ANSWER_TIMEOUT))
            .timeout_per_read(Some(READ_TIMEOUT))
            .user_agent(concat!("acclaim/", env!("CARGO_PKG_VERSION")));
        if is_loopback_host(host) {
            // Without a network in between, compression costs more time than it saves.
            config = config.proxy(None).accept_encoding(AutoHeaderValue::None);
        }
        Ok(Self {
            agent: config.build().into(),
            url: url.to_owned(),
            authorization: key.map(|key| format!("Bearer {key}")),
        })
    }
}

impl Transport for HttpTransport {
    fn send(&self, request: Request<Bytes>) -> Result<Response<Body>, TransportError> {
        let (mut parts, body) = request.into_parts();
        let permanent = |error: anyhow::Error| TransportError::Permanent(error);
        parts.uri = format!("{}{}", self.url, parts.uri).parse().map_err(|error| {
            permanent(anyhow::Error::new(error).context("the address of the request is invalid"))
        })?;
        if let Some(authorization) = &self.authorization {
            let value = authorization.parse().map_err(|_| {
                // The original error does not name the key as its subject.
                permanent(anyhow::anyhow!("the staff key has characters that a key cannot have"))
            })?;
            parts.headers.insert(header::AUTHORIZATION, value);
        }
        let sent = match body.is_empty() {
            true => self.agent.run(Request::from_parts(parts, ())),
            false => self.agent.run(Request::from_parts(parts, &body[..])),
        };
        match sent {
            Ok(response) => Ok(response.map(|body| -> Body { Box::new(body.into_reader()) })),
            Err(error) => {
                let is_transient = is_transient(&error);
                let error = anyhow::Error::new(error).context(format!("no answer from {}", self.url));
                Err(if is_transient {
                    TransportError::Transient(error)
                } else {
                    TransportError::Permanent(error)
                })
            }
        }
    }

    fn public_url(&self) -> Option<&str> {
        Some(&self.url)
    }
}

/// Whether the connection broke while it was in use. A refused connection is not transient: no
/// server is there, so waiting does not help.
fn is_transient(error: &Error) -> bool {
    use std::io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    match error {
        Error::Io(error) => {
            matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof)
        }
        _ => false,
    }
}
