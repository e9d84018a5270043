//! The client of a witness, which the sequencer uses to submit checkpoints over HTTP (C2SP
//! tlog-witness).

use std::{io::Read as _, sync::Arc, thread, time::Duration};

use acclaim_ballot_log::{AddCheckpoint, WitnessKey};
use acclaim_store::{StoreError, Witness, WitnessAnswer};
use acclaim_text::shortened;
use anyhow::{Context as _, Result, bail};
use async_trait::async_trait;
use axum::http::{Response, Uri, header};
use tokio::sync::{Semaphore, oneshot};
use ureq::Agent;

use crate::{loopback::is_loopback_host, output::printable};

/// The time that a witness may take to answer. It is shorter than the sequencer's own time-out, so
/// that no request outlives it.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(4);
/// The largest number of requests at the same time, of all contests together. Each request has a
/// thread.
const MAX_CONCURRENT_REQUESTS: usize = 8;
/// The largest number of bytes that are read of an answer.
const MAX_ANSWER_LENGTH: u64 = 64 << 10;
/// The largest number of characters that are quoted from a witness's message.
const MAX_REASON_LENGTH: usize = 200;
/// The content type of an answer that is a size (tlog-witness).
pub const SIZE_TYPE: &str = "text/x.tlog.size";

/// A client of one witness.
#[derive(Debug)]
pub struct HttpWitness {
    key: WitnessKey,
    /// The address of its `add-checkpoint`.
    url: String,
    agent: Agent,
    permits: Arc<Semaphore>,
}

impl HttpWitness {
    /// Makes a client of the witness with this submission prefix and key.
    ///
    /// # Errors
    /// If the prefix is not the address of a server, or contains a password.
    pub fn new(prefix: &str, key: WitnessKey) -> Result<Self> {
        let prefix = prefix.trim_end_matches('/');
        let uri: Uri = prefix.parse().with_context(|| format!("`{prefix}` is not an address"))?;
        let (Some("http" | "https"), Some(host), None) = (uri.scheme_str(), uri.host(), uri.query()) else {
            bail!("`{prefix}` is not the address of a witness, such as https://witness.example.org");
        };
        if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
            bail!("the address must not contain a password: a witness asks for none");
        }
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_global(Some(ANSWER_TIMEOUT))
            .user_agent(concat!("acclaim/", env!("CARGO_PKG_VERSION")));
        if is_loopback_host(host) {
            config = config.proxy(None);
        }
        let (url, agent) = (format!("{prefix}/add-checkpoint"), config.build().into());
        Ok(Self { key, url, agent, permits: Arc::new(Semaphore::new(MAX_CONCURRENT_REQUESTS)) })
    }
}

#[async_trait]
impl Witness for HttpWitness {
    fn key(&self) -> &WitnessKey {
        &self.key
    }

    async fn add_checkpoint(&self, request: &AddCheckpoint) -> Result<WitnessAnswer, StoreError> {
        let closed = |_| StoreError::Unavailable("this process is stopping".to_owned());
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(closed)?;
        let (agent, url, body) = (self.agent.clone(), self.url.clone(), request.to_string());
        let (sender, receiver) = oneshot::channel();
        // The request runs on a separate thread. The runtime waits for its own blocking threads
        // when it ends, and databases need them.
        let send_and_release = move || {
            let _receiver_gone = sender.send(send(&agent, &url, &body));
            drop(permit);
        };
        let spawned = thread::Builder::new().name("witness".to_owned()).spawn(send_and_release);
        spawned.map_err(|error| {
            StoreError::Unavailable(format!("cannot start a thread for the request: {error}"))
        })?;
        receiver.await.map_err(|_| StoreError::Unavailable("the request was abandoned".to_owned()))?
    }
}

fn send(agent: &Agent, url: &str, body: &str) -> Result<WitnessAnswer, StoreError> {
    let unavailable = |error: &dyn std::fmt::Display| StoreError::Unavailable(error.to_string());
    let response = agent
        .post(url)
        .header(header::CONTENT_TYPE, "text/plain; charset=utf-8")
        .send(body)
        .map_err(|error| unavailable(&error))?;
    let (parts, body) = response.into_parts();
    let mut text = String::new();
    body.into_reader()
        .take(MAX_ANSWER_LENGTH)
        .read_to_string(&mut text)
        .map_err(|error| unavailable(&error))?;
    read_answer(&Response::from_parts(parts, text))
}

/// Reads a witness's answer by the table of statuses in tlog-witness.
fn read_answer(response: &Response<String>) -> Result<WitnessAnswer, StoreError> {
    let (status, body) = (response.status(), response.body());
    let content_type =
        response.headers().get(header::CONTENT_TYPE).map_or(&b""[..], |value| value.as_bytes());
    let reason = || {
        let first_line = shortened(body.lines().next().unwrap_or_default(), MAX_REASON_LENGTH);
        format!("{} {}", status.as_u16(), printable(&first_line)).trim_end().to_owned()
    };
    match status.as_u16() {
        200 => Ok(WitnessAnswer::Cosigned(body.clone())),
        409 if content_type == SIZE_TYPE.as_bytes() => match body.trim_end().parse() {
            Ok(size) => Ok(WitnessAnswer::Stale(size)),
            Err(_) => Err(StoreError::Unavailable(format!("the answer is not a size: {}", reason()))),
        },
        409 | 422 => Ok(WitnessAnswer::Inconsistent(reason())),
        400..=499 if status != 408 && status != 429 => Ok(WitnessAnswer::Refused(reason())),
        _ => Err(StoreError::Unavailable(reason())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_by_the_specifications_table() {
        let read = |status: u16, content_type: &str, body: &str| {
            let response = Response::builder().status(status).header("content-type", content_type);
            read_answer(&response.body(body.to_owned()).unwrap())
        };
        let lines = "\u{2014} w AAAA\n";
        assert_eq!(read(200, "text/plain", lines).unwrap(), WitnessAnswer::Cosigned(lines.to_owned()));
        assert_eq!(read(409, SIZE_TYPE, "17\n").unwrap(), WitnessAnswer::Stale(17));
        assert!(read(409, SIZE_TYPE, "many").is_err());
        for status in [409, 422] {
            let WitnessAnswer::Inconsistent(reason) =
                read(status, "text/plain", "no\u{1b}[2J\nmore").unwrap()
            else {
                panic!("{status}")
            };
            assert_eq!(reason, format!("{status} no␛[2J"));
        }
        for status in [400, 403, 404] {
            assert!(matches!(read(status, "text/plain", "").unwrap(), WitnessAnswer::Refused(_)), "{status}");
        }
        for status in [204, 302, 408, 429, 500, 503] {
            assert!(read(status, "text/plain", "").is_err(), "{status}");
        }
    }

    #[test]
    fn an_address_is_one_of_a_server_and_holds_no_password() {
        let vkey =
            "witness.navigli.sunlight.geomys.org+a3e00fe2+BNy/co4C1Hn1p+INwJrfUlgz7W55dSZReusH/GhUhJ/G";
        let url = |prefix: &str| HttpWitness::new(prefix, vkey.parse().unwrap()).map(|witness| witness.url);
        assert_eq!(url("https://w.example.org/a/").unwrap(), "https://w.example.org/a/add-checkpoint");
        for bad in ["", "w.example.org", "ftp://w.example.org", "http://", "https://w?x=1", "https://a:b@w"] {
            assert!(url(bad).is_err(), "{bad}");
        }
    }
}
