//! Two ways to put load on a server: as many requests as it answers (closed loop), and as many as come, whatever it answers (open loop).

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

/// Where voters send what, over how many connections.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    /// The server.
    pub address: SocketAddr,
    /// The route.
    pub path: &'a str,
    /// Connections.
    pub connections: usize,
    /// Whether what is told is noted as told to voters: not of routes that record nothing.
    pub noted: bool,
}

/// Runs what is not to be shared between threads to its end.
///
/// # Errors
/// Its own, or if there is no runtime.
pub fn run<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, work)
}

/// As many requests as are answered in this time, over all connections at once. Returns the answers with status 201 a second.
///
/// # Errors
/// If a connection breaks, or there are not enough voters.
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
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    Ok(created.get() as f64 / started.elapsed().as_secs_f64())
}

/// What came of arrivals at random times.
#[derive(Debug)]
pub struct OpenLoopResult {
    /// So many requests came.
    pub offered: u64,
    /// Answers by status.
    pub statuses: BTreeMap<u16, u64>,
    /// Microseconds from the intended arrival to a 201.
    pub latency: Histogram<u64>,
    /// Microseconds from the intended arrival to any other answer.
    pub refusal: Histogram<u64>,
    /// From the first arrival to the last answer.
    pub elapsed: Duration,
}

impl OpenLoopResult {
    /// Answers with status 201 a second.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
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
    is_over: Cell<bool>,
    seen: RefCell<OpenLoopResult>,
}

/// Requests that arrive at random, so many a second on average (a Poisson process), for this time. Latency counts from the intended arrival, so that
/// a server that stalls is charged for those who had to wait for a connection.
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
    let seen = OpenLoopResult {
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
        is_over: Cell::new(false),
        seen: RefCell::new(seen),
    });
    let mut tasks = JoinSet::new();
    for _ in 0..target.connections {
        let connection = Connection::open(target.address).await?;
        tasks.spawn_local(Rc::clone(&load).serve(connection));
    }
    let started = Instant::now();
    arrive(&load, rate, duration).await;
    while let Some(ended) = tasks.join_next().await {
        ended??;
    }
    let load = Rc::into_inner(load).context("a connection is still at work")?;
    let mut seen = load.seen.into_inner();
    seen.elapsed = started.elapsed();
    Ok(seen)
}

/// Lets arrivals happen: the gaps between them are exponential.
async fn arrive(load: &OpenLoop, rate: f64, duration: Duration) {
    let mut random = fastrand::Rng::new();
    let mut next = Instant::now();
    let end = next + duration;
    while next < end {
        if next > Instant::now() {
            tokio::time::sleep_until(next).await;
        } else {
            // Connections have their turn also when arrivals are late.
            tokio::task::yield_now().await;
        }
        let now = Instant::now();
        while next <= now && next < end {
            load.seen.borrow_mut().offered += 1;
            load.queue.borrow_mut().push_back(next);
            load.arrived.notify_one();
            next += Duration::from_secs_f64(-(1.0 - random.f64()).ln() / rate);
        }
    }
    load.is_over.set(true);
    load.arrived.notify_waiters();
}

impl OpenLoop {
    /// Takes arrivals as long as there are any.
    async fn serve(self: Rc<Self>, mut connection: Connection) -> Result<()> {
        let mut request = Vec::with_capacity(512);
        loop {
            let Some(intended) = self.take() else {
                if self.is_over.get() {
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
            let mut seen = self.seen.borrow_mut();
            let micros = u64::try_from(intended.elapsed().as_micros()).unwrap_or(u64::MAX);
            let histogram = if answer.status == 201 { &mut seen.latency } else { &mut seen.refusal };
            histogram.saturating_record(micros);
            *seen.statuses.entry(answer.status).or_default() += 1;
        }
    }

    fn take(&self) -> Option<Instant> {
        self.queue.borrow_mut().pop_front()
    }
}
