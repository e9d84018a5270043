//! Two kinds of load on a server: a closed loop and an open loop.
//!
//! In a closed loop each connection sends its next request after the answer. In an open loop
//! requests arrive at random times, independent of the answers.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, VecDeque},
    future::Future,
    net::SocketAddr,
    rc::Rc,
    time::Duration,
};

use anyhow::{Context as _, Result};
use hdrhistogram::Histogram;
use tokio::{
    sync::Notify,
    task::{JoinSet, LocalSet},
    time::Instant,
};

use crate::{
    connection::Connection,
    voters::{Voters, write_request},
};

/// The server, route and connections of a load.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    /// The address of the server.
    pub address: SocketAddr,
    /// The path of the route.
    pub path: &'a str,
    /// The number of connections.
    pub connections: usize,
    /// Whether [`Voters`] keeps the answers. It is false for a route that records no ballots.
    pub noted: bool,
}

/// Runs a future that is not `Send` to its end, on one thread.
///
/// # Errors
/// - `work` fails.
/// - The runtime cannot start.
pub fn run<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, work)
}

/// Sends requests over all connections for `duration`.
///
/// Each connection sends its next request after the answer to its previous request. Returns the
/// number of answers with status 201 per second.
///
/// # Errors
/// - A connection breaks.
/// - There are not enough voters.
pub async fn run_closed_loop(target: Target<'_>, voters: &Rc<Voters>, duration: Duration) -> Result<f64> {
    let created = Rc::new(Cell::new(0_u64));
    let mut connections = Vec::with_capacity(target.connections);
    for _ in 0..target.connections {
        connections.push(Connection::open(target.address).await?);
    }
    let started = Instant::now();
    let end = started + duration;
    let mut tasks = JoinSet::new();
    for mut connection in connections {
        let (voters, created, path) = (Rc::clone(voters), Rc::clone(&created), target.path.to_owned());
        let noted = target.noted;
        tasks.spawn_local(async move {
            let mut request = Vec::with_capacity(512);
            while Instant::now() < end {
                voters
                    .next(|number, pass| write_request(&mut request, &path, number, pass))
                    .context("there are not enough voters")?;
                let answer = connection
                    .exchange(&request)
                    .await
                    .with_context(|| format!("{path} after {:?}", started.elapsed()))?;
                created.set(created.get() + u64::from(answer.status == 201));
                if noted {
                    voters.note(answer);
                }
            }
            anyhow::Ok(())
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended??;
    }
    #[expect(clippy::cast_precision_loss, reason = "a rate needs no exact value")]
    Ok(created.get() as f64 / started.elapsed().as_secs_f64())
}

/// The outcome of an open loop.
#[derive(Debug)]
pub struct OpenLoopResult {
    /// The number of arrivals: requests that the load created.
    pub offered: u64,
    /// The number of answers by status.
    pub statuses: BTreeMap<u16, u64>,
    /// Microseconds from the intended arrival to an answer with status 201.
    pub latency: Histogram<u64>,
    /// Microseconds from the intended arrival to an answer with another status.
    pub refusal: Histogram<u64>,
    /// The time from the first arrival to the last answer.
    pub elapsed: Duration,
}

impl OpenLoopResult {
    /// Returns the number of answers with status 201 per second.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a rate needs no exact value")]
    pub fn created(&self) -> f64 {
        self.latency.len() as f64 / self.elapsed.as_secs_f64()
    }
}

struct OpenLoop {
    voters: Rc<Voters>,
    path: String,
    /// Intended arrivals that no connection has taken yet.
    queue: RefCell<VecDeque<Instant>>,
    arrived: Notify,
    /// True after the last arrival.
    is_complete: Cell<bool>,
    outcome: RefCell<OpenLoopResult>,
}

/// Sends requests that arrive at random times, on average `rate` a second, for `duration`.
///
/// The arrivals are a Poisson process. Latency counts from the intended arrival. It therefore
/// includes the wait for a free connection, if the server stalls.
///
/// # Errors
/// As [`run_closed_loop`].
pub async fn run_open_loop(
    target: Target<'_>,
    voters: &Rc<Voters>,
    rate: f64,
    duration: Duration,
) -> Result<OpenLoopResult> {
    let histogram = || Histogram::new_with_bounds(1, 600_000_000, 3);
    let outcome = OpenLoopResult {
        offered: 0,
        statuses: BTreeMap::new(),
        latency: histogram()?,
        refusal: histogram()?,
        elapsed: Duration::ZERO,
    };
    let load = Rc::new(OpenLoop {
        voters: Rc::clone(voters),
        path: target.path.to_owned(),
        queue: RefCell::default(),
        arrived: Notify::new(),
        is_complete: Cell::new(false),
        outcome: RefCell::new(outcome),
    });
    let mut tasks = JoinSet::new();
    for _ in 0..target.connections {
        let connection = Connection::open(target.address).await?;
        tasks.spawn_local(Rc::clone(&load).send_requests(connection));
    }
    let started = Instant::now();
    create_arrivals(&load, rate, duration).await;
    while let Some(ended) = tasks.join_next().await {
        ended??;
    }
    let load = Rc::into_inner(load).context("a connection is still in use")?;
    let mut outcome = load.outcome.into_inner();
    outcome.elapsed = started.elapsed();
    Ok(outcome)
}

/// Creates the arrivals. The times between them are exponentially distributed.
async fn create_arrivals(load: &OpenLoop, rate: f64, duration: Duration) {
    let mut random = fastrand::Rng::new();
    let mut next = Instant::now();
    let end = next + duration;
    while next < end {
        if next > Instant::now() {
            tokio::time::sleep_until(next).await;
        } else {
            // The arrivals are late. The task yields, so that the connections can run.
            tokio::task::yield_now().await;
        }
        let now = Instant::now();
        while next <= now && next < end {
            load.outcome.borrow_mut().offered += 1;
            load.queue.borrow_mut().push_back(next);
            load.arrived.notify_one();
            next += Duration::from_secs_f64(-(1.0 - random.f64()).ln() / rate);
        }
    }
    load.is_complete.set(true);
    load.arrived.notify_waiters();
}

impl OpenLoop {
    /// Sends a request for each arrival in the queue.
    ///
    /// Ends when no more arrivals come and the queue is empty.
    async fn send_requests(self: Rc<Self>, mut connection: Connection) -> Result<()> {
        let mut request = Vec::with_capacity(512);
        loop {
            let Some(intended) = self.take() else {
                if self.is_complete.get() {
                    return Ok(());
                }
                self.arrived.notified().await;
                continue;
            };
            self.voters
                .next(|number, pass| write_request(&mut request, &self.path, number, pass))
                .context("there are not enough voters")?;
            let answer = connection.exchange(&request).await?;
            self.voters.note(answer);
            let mut outcome = self.outcome.borrow_mut();
            let micros = u64::try_from(intended.elapsed().as_micros()).unwrap_or(u64::MAX);
            let histogram = if answer.status == 201 { &mut outcome.latency } else { &mut outcome.refusal };
            histogram.saturating_record(micros);
            *outcome.statuses.entry(answer.status).or_default() += 1;
        }
    }

    fn take(&self) -> Option<Instant> {
        self.queue.borrow_mut().pop_front()
    }
}
