//! Simulated voters over HTTP, for the demonstration and for load tests. Each connection casts its
//! next ballot as soon as the last one is answered.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use axum::http::{Request, StatusCode, header};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, task::JoinSet};

/// The largest number of attempts to cast one ballot.
const MAX_ATTEMPTS: u32 = 50;

/// A ballot as a voter sends it.
#[derive(Debug, Clone)]
pub struct Ballot {
    /// The voter's pass.
    pub pass: String,
    /// The body of the request.
    pub body: Bytes,
}

/// The connection of one voter. It is made again if it breaks.
#[derive(Debug)]
pub struct VotingClient {
    address: SocketAddr,
    path: String,
    connection: Option<SendRequest<Full<Bytes>>>,
}

impl VotingClient {
    /// Makes a client for ballots of `contest` on the server at `address`. Does not connect yet.
    #[must_use]
    pub fn new(address: SocketAddr, contest: &str) -> Self {
        Self { address, path: format!("/v1/contests/{contest}/ballots"), connection: None }
    }

    /// Casts a ballot, and returns the last answer.
    ///
    /// Sends the ballot again while the server asks to wait or the connection breaks. The same
    /// ballot never counts twice.
    ///
    /// # Errors
    /// If no attempt gets a final answer.
    pub async fn cast(&mut self, ballot: &Ballot) -> Result<(StatusCode, Bytes)> {
        let mut last_error = None;
        for attempt in 0..MAX_ATTEMPTS {
            match self.send(ballot).await {
                Ok((status, _, wait)) if matches!(status.as_u16(), 429 | 503) => {
                    last_error = Some(anyhow::anyhow!("the server answered {status} to every attempt"));
                    tokio::time::sleep(wait).await;
                }
                Ok((status, body, _)) => return Ok((status, body)),
                Err(error) => {
                    self.connection = None;
                    last_error = Some(error);
                    tokio::time::sleep(Duration::from_millis(10 * u64::from(attempt.min(100)))).await;
                }
            }
        }
        Err(last_error.unwrap_or_else(|| anyhow::anyhow!("nothing was sent")))
    }

    async fn send(&mut self, ballot: &Ballot) -> Result<(StatusCode, Bytes, Duration)> {
        let connection = match &mut self.connection {
            Some(connection) => connection,
            none => none.insert(connect(self.address).await?),
        };
        connection.ready().await?;
        let request = Request::post(&self.path)
            .header(header::HOST, "acclaim")
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::AUTHORIZATION, format!("Bearer {}", ballot.pass))
            .body(Full::new(ballot.body.clone()))?;
        let response = connection.send_request(request).await?;
        let wait =
            response.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        Ok((status, body, Duration::from_secs(wait.unwrap_or(1))))
    }
}

async fn connect(address: SocketAddr) -> Result<SendRequest<Full<Bytes>>> {
    let stream = TcpStream::connect(address).await.with_context(|| format!("cannot connect to {address}"))?;
    stream.set_nodelay(true)?;
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // This task ends when the sender is dropped.
    tokio::spawn(connection);
    Ok(sender)
}

/// A ballot that the server refused.
#[derive(Debug, Clone, thiserror::Error)]
#[error("a ballot was answered {status}: {body}")]
pub struct RefusedBallot {
    /// The index of the ballot among the given ballots, from 0.
    pub place: usize,
    /// The answer's status.
    pub status: StatusCode,
    /// The answer's body. Bytes that are not UTF-8 are replaced.
    pub body: String,
}

/// The outcome of many ballots.
#[derive(Debug, Clone, Copy)]
pub struct VotingSummary {
    /// The number of ballots answered 201: recorded now.
    pub recorded: u64,
    /// The number of ballots answered 200: recorded before.
    pub again: u64,
    /// The time from the first request to the last answer.
    pub elapsed: Duration,
}

impl VotingSummary {
    /// Returns the number of ballots recorded in a second.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    pub fn rate(&self) -> f64 {
        self.recorded as f64 / self.elapsed.as_secs_f64().max(1e-9)
    }
}

/// Casts ballots over this number of connections. `progress` counts the answers as they come.
///
/// # Errors
/// [`RefusedBallot`] for the first answer that is neither 201 nor 200, or another error if the
/// server does not answer.
pub async fn cast_all(
    address: SocketAddr,
    contest: &str,
    ballots: Vec<Ballot>,
    connections: usize,
    progress: Arc<AtomicU64>,
) -> Result<VotingSummary> {
    let ballots: Arc<[Ballot]> = ballots.into();
    let next = Arc::new(AtomicUsize::new(0));
    let started = Instant::now();
    let mut voters = JoinSet::new();
    for _ in 0..connections {
        let (ballots, next, progress) = (Arc::clone(&ballots), Arc::clone(&next), Arc::clone(&progress));
        let mut voting_client = VotingClient::new(address, contest);
        voters.spawn(async move {
            let (mut recorded, mut again) = (0, 0);
            loop {
                let place = next.fetch_add(1, Ordering::Relaxed);
                let Some(ballot) = ballots.get(place) else { break };
                let (status, body) = voting_client.cast(ballot).await?;
                match status {
                    StatusCode::CREATED => recorded += 1,
                    StatusCode::OK => again += 1,
                    _ => {
                        let body = String::from_utf8_lossy(&body).into_owned();
                        return Err(RefusedBallot { place, status, body }.into());
                    }
                }
                progress.fetch_add(1, Ordering::Relaxed);
            }
            anyhow::Ok((recorded, again))
        });
    }
    let mut summary = VotingSummary { recorded: 0, again: 0, elapsed: Duration::ZERO };
    while let Some(voter) = voters.join_next().await {
        let (recorded, again) = voter??;
        summary.recorded += recorded;
        summary.again += again;
    }
    summary.elapsed = started.elapsed();
    Ok(summary)
}
