//! The client of the HTTP API that commands use, over one of two transports.
//!
//! One transport sends requests to a running server. The other one sends them to an engine in this
//! process, on a data directory that no server uses. In both cases the same requests meet the same
//! router.

mod http;
mod in_process;
pub mod problem;
mod transport;

use std::{io::Read as _, path::PathBuf, thread, time::Duration};

use acclaim_contest::ContestId;
use anyhow::{Context as _, Result, anyhow, bail};
use axum::http::{HeaderMap, Method, Request, Response, StatusCode, header};
use bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

pub use self::transport::Body;
use self::{
    http::HttpTransport,
    in_process::InProcessTransport,
    problem::Problem,
    transport::{Transport, TransportError},
};
use crate::{
    args::target::{Target, data_of_environment},
    config::Config,
    outcome::Hint,
    random,
};

/// The largest number of attempts to send a request that the engine cannot take now.
const MAX_ATTEMPTS: u32 = 8;
/// The longest wait between two attempts, even if the engine asks for a longer one.
const MAX_RETRY_DELAY: Duration = Duration::from_secs(15);
/// The wait between two attempts if the engine names no time.
const DEFAULT_RETRY_DELAY: Duration = Duration::from_secs(1);
/// The size of the largest answer kept in memory, in bytes. A contest with the most entries is
/// smaller.
const MAX_ANSWER_LENGTH: u64 = 256 << 20;

/// A client of one installation. Its errors never contain the staff key.
pub struct Client {
    transport: Box<dyn Transport>,
}

/// One JSON answer.
#[derive(Debug)]
pub struct Answer {
    /// The headers of the answer.
    pub headers: HeaderMap,
    /// The body of the answer, byte for byte.
    pub bytes: Vec<u8>,
}

impl Answer {
    /// Reads the body as JSON.
    ///
    /// # Errors
    /// If the body is not JSON, or does not have the shape of `T`.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_slice(&self.bytes).context("the server's answer is not the expected JSON")
    }
}

/// The idempotency key of a command's requests. It stays the same, however often a request is sent.
#[derive(Debug)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// Makes a new random key.
    ///
    /// # Errors
    /// If the system gives no random bytes.
    pub fn new() -> Result<Self> {
        Ok(Self(format!("cli-{}", random::hex::<16>()?)))
    }

    /// Returns the key that belongs to this content: a command with the same content repeats the
    /// same request.
    #[must_use]
    pub fn of(content: &str) -> Self {
        Self(format!("cli-{}", blake3::hash(content.as_bytes()).to_hex()))
    }

    /// Returns the key of the command's request with this number.
    #[must_use]
    pub fn part(&self, number: usize) -> String {
        format!("{}-{number}", self.0)
    }
}

/// Returns the data directory that a command works on without a server.
///
/// # Errors
/// If no data directory is named and the environment names a cluster: then the command is most
/// likely meant for the cluster.
fn own_directory(target: &Target) -> Result<PathBuf> {
    if target.data.is_none() && data_of_environment().is_none() && Config::read(None)?.cluster()?.is_some() {
        let hint = "name a server of the cluster with --url, or a data directory with --data";
        return Err(anyhow!(Hint(hint.to_owned())).context(
            "the environment names a cluster, and this command can reach it only through a server",
        ));
    }
    Ok(target.data_directory())
}

impl Client {
    /// Makes a client of the server, or starts an engine on the data directory.
    ///
    /// # Errors
    /// If the address or the key is unusable, or if the directory is missing, in use or unusable.
    pub fn open(target: &Target) -> Result<Self> {
        let transport: Box<dyn Transport> = match &target.url {
            Some(url) => Box::new(HttpTransport::new(url, target.key()?)?),
            None => Box::new(InProcessTransport::start(&own_directory(target)?, false)?),
        };
        Ok(Self { transport })
    }

    /// Makes a client like [`Client::open`], but creates a data directory that does not exist.
    ///
    /// # Errors
    /// If the address or the key is unusable, or if the directory is in use or unusable.
    pub fn open_or_create(target: &Target) -> Result<Self> {
        match &target.url {
            Some(_) => Self::open(target),
            None => {
                Ok(Self { transport: Box::new(InProcessTransport::start(&own_directory(target)?, true)?) })
            }
        }
    }

    /// Makes a client of the server at `url`, with this staff key or without a key.
    ///
    /// # Errors
    /// If `url` is not the address of a server.
    pub fn of_server(url: &str, key: Option<String>) -> Result<Self> {
        Ok(Self { transport: Box::new(HttpTransport::new(url, key)?) })
    }

    /// Returns the address of the server, for links. `None` if the engine runs in this process.
    #[must_use]
    pub fn public_url(&self) -> Option<&str> {
        self.transport.public_url()
    }

    /// Fetches a resource into memory.
    ///
    /// # Errors
    /// [`Problem`] if the engine refuses, or another error if no answer comes.
    pub fn get(&self, path: &str) -> Result<Answer> {
        self.answer(&Method::GET, path, &[], &Bytes::new())
    }

    /// Fetches a resource that may not exist yet. Returns `None` if the engine answers 404 (not
    /// found) or 409 (too early).
    ///
    /// # Errors
    /// [`Problem`] with another status, or another error if no answer comes.
    pub fn get_if_there(&self, path: &str) -> Result<Option<Answer>> {
        match self.get(path) {
            Ok(answer) => Ok(Some(answer)),
            Err(error) => match error.downcast_ref::<Problem>() {
                Some(Problem { status: 404 | 409, .. }) => Ok(None),
                _ => Err(error),
            },
        }
    }

    /// Fetches a resource as a stream. The body can end early with an error.
    ///
    /// # Errors
    /// [`Problem`] if the engine refuses, or another error if no answer comes.
    pub fn stream(&self, path: &str) -> Result<Body> {
        Ok(self.send(&Method::GET, path, &[], &Bytes::new())?.into_body())
    }

    /// Fetches a resource from a byte on, as a stream. Returns `true` with the rest, or `false`
    /// with the whole resource if the server does not support ranges.
    ///
    /// # Errors
    /// [`Problem`] if the engine refuses, or another error if no answer comes.
    pub fn stream_from(&self, path: &str, byte: u64) -> Result<(Body, bool)> {
        let range = format!("bytes={byte}-");
        let response = self.send(&Method::GET, path, &[("range", &range)], &Bytes::new())?;
        let is_rest = response.status() == StatusCode::PARTIAL_CONTENT;
        Ok((response.into_body(), is_rest))
    }

    /// Fetches one contest.
    ///
    /// # Errors
    /// The errors of [`Client::get`], and an answer that is not JSON.
    pub fn contest(&self, contest: &ContestId) -> Result<Value> {
        self.get(&format!("/v1/contests/{contest}"))?.json()
    }

    /// Posts a change. `key` is its idempotency key, for every attempt.
    ///
    /// # Errors
    /// The errors of [`Client::get`], and an answer that is not JSON.
    pub fn post(&self, path: &str, key: &str, body: &impl Serialize) -> Result<Value> {
        let body = serde_json::to_vec(body).context("cannot write the request as JSON")?;
        self.answer(&Method::POST, path, &[("idempotency-key", key)], &body.into())?.json()
    }

    /// Puts a contest's definition. `key` is the idempotency key of the change. `revision` is the
    /// revision of the draft that the definition replaces.
    ///
    /// # Errors
    /// The errors of [`Client::get`], and an answer that is not JSON.
    pub fn put(
        &self,
        path: &str,
        key: &IdempotencyKey,
        revision: Option<&str>,
        body: String,
    ) -> Result<Value> {
        let key = key.part(0);
        let mut headers = vec![("idempotency-key", &*key)];
        headers.extend(revision.map(|revision| ("if-match", revision)));
        self.answer(&Method::PUT, path, &headers, &body.into())?.json()
    }

    /// Deletes a resource. `key` is the idempotency key of the deletion.
    ///
    /// # Errors
    /// The errors of [`Client::get`].
    pub fn delete(&self, path: &str, key: &str) -> Result<()> {
        self.send(&Method::DELETE, path, &[("idempotency-key", key)], &Bytes::new()).map(|_| ())
    }

    fn answer(&self, method: &Method, path: &str, headers: &[(&str, &str)], body: &Bytes) -> Result<Answer> {
        let response = self.send(method, path, headers, body)?;
        let (parts, body) = response.into_parts();
        let bytes =
            read_bounded(body).with_context(|| format!("cannot read the answer to {method} {path}"))?;
        Ok(Answer { headers: parts.headers, bytes })
    }

    /// Sends a request. Sends it again if the engine asks to wait or the connection breaks. Returns
    /// only a successful answer.
    fn send(
        &self,
        method: &Method,
        path: &str,
        headers: &[(&str, &str)],
        body: &Bytes,
    ) -> Result<Response<Body>> {
        let mut was_sent_before = false;
        for attempt in 1.. {
            let mut request = Request::builder().method(method).uri(path);
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            if !body.is_empty() {
                request = request.header(header::CONTENT_TYPE, "application/json");
            }
            let wait = match self.transport.send(request.body(body.clone())?) {
                Ok(response) if response.status().is_success() => return Ok(response),
                Ok(response) => {
                    let wait = retry_after(&response);
                    let status = response.status().as_u16();
                    let problem = Problem::from_answer(status, &read_bounded(response.into_body())?);
                    match wait {
                        Some(wait) if attempt < MAX_ATTEMPTS => {
                            was_sent_before |= status >= 500;
                            wait
                        }
                        _ => return Err(problem.after_an_attempt(was_sent_before).into()),
                    }
                }
                Err(TransportError::Transient(_)) if attempt < MAX_ATTEMPTS => {
                    was_sent_before = true;
                    DEFAULT_RETRY_DELAY
                }
                Err(TransportError::Transient(error) | TransportError::Permanent(error)) => {
                    return Err(error);
                }
            };
            thread::sleep(wait.min(MAX_RETRY_DELAY));
        }
        bail!("no attempt was made")
    }
}

/// Returns the time that the engine asks to wait: for a status of 429 or 503, otherwise `None`.
fn retry_after(response: &Response<Body>) -> Option<Duration> {
    if !matches!(response.status().as_u16(), 429 | 503) {
        return None;
    }
    let seconds =
        response.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    Some(seconds.map_or(DEFAULT_RETRY_DELAY, Duration::from_secs))
}

fn read_bounded(body: Body) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    body.take(MAX_ANSWER_LENGTH + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_ANSWER_LENGTH {
        bail!("the answer is larger than {MAX_ANSWER_LENGTH} bytes");
    }
    Ok(bytes)
}
