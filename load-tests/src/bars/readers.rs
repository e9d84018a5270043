//! Bar 10: readers during the voting.

use std::{cell::Cell, net::SocketAddr, rc::Rc, thread, time::Duration};

use anyhow::{Result, anyhow, bail, ensure};
use hdrhistogram::Histogram;
use load_tests::{
    connection::Connection,
    deployment::{Contest, Deployment},
    load::run,
};
use tokio::{
    io::AsyncReadExt as _,
    task::JoinSet,
    time::{Instant, interval, timeout},
};

use crate::{
    Plan,
    rates::{ballots, voters},
    table::{Table, Threshold, median},
};

/// The number of event streams.
const STREAMS: usize = 1_000;
/// The time by which streams start before the voting. The voters connect in this time.
const STREAM_LEAD_TIME: Duration = Duration::from_secs(1);
/// The time by which streams continue after the voting.
const STREAM_TAIL_TIME: Duration = Duration::from_secs(1);
/// The interval between two reads of the tally.
const READ_INTERVAL: Duration = Duration::from_millis(10);

pub(crate) fn measure(
    plan: &Plan,
    deployment: &Deployment,
    contest: &Contest,
    table: &mut Table,
) -> Result<()> {
    let (mut alone, mut beside) = (Vec::new(), Vec::new());
    let mut latency = Histogram::<u64>::new_with_bounds(1, 60_000_000, 3)?;
    let mut received = 0;
    for _ in 0..plan.rounds {
        voters(plan, deployment, contest, 2)?;
        alone.push(ballots(plan, deployment, contest)?);
        let (rate, read_latency, events) = with_readers(plan, deployment, contest)?;
        beside.push(rate);
        latency.add(read_latency)?;
        received += events;
    }
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    let p99 = latency.value_at_quantile(0.99) as f64 / 1000.0;
    let figure = format!(
        "{p99:.1} ms of {} reads (p50 {:.1}, p90 {:.1})",
        latency.len(),
        latency.value_at_quantile(0.5) as f64 / 1000.0,
        latency.value_at_quantile(0.9) as f64 / 1000.0
    );
    table.bar(10, "tally read 100 times a second beside voters, p99", figure, p99, Threshold::AtMost(20.0));
    let (alone, beside) = (median(alone), median(beside));
    let figure = format!("{beside:.0} of {alone:.0} a second: {:.2}", beside / alone);
    table.bar(
        10,
        "voting beside 1,000 event streams and these reads",
        figure,
        beside / alone,
        Threshold::AtLeast(0.9),
    );
    table.note(format!("readers: {STREAMS} streams were sent {} MB", received >> 20));
    Ok(())
}

/// Measures the voting with readers.
///
/// Streams and reads have a thread each, so that the voters do not delay the reads.
fn with_readers(
    plan: &Plan,
    deployment: &Deployment,
    contest: &Contest,
) -> Result<(f64, Histogram<u64>, u64)> {
    let (address, id, duration) = (deployment.engine.address, &contest.id, plan.duration);
    thread::scope(|scope| {
        let streams =
            scope.spawn(move || run(follow_all(address, id, STREAM_LEAD_TIME + duration + STREAM_TAIL_TIME)));
        // All streams are open before the voting begins.
        thread::sleep(STREAM_LEAD_TIME);
        let reads = scope.spawn(move || run(read(address, id, duration)));
        let rate = ballots(plan, deployment, contest)?;
        let ended = |_| anyhow!("a reader panicked");
        Ok((rate, reads.join().map_err(ended)??, streams.join().map_err(ended)??))
    })
}

/// Follows many streams for `duration` and returns the number of bytes received.
async fn follow_all(address: SocketAddr, contest: &str, duration: Duration) -> Result<u64> {
    let received = Rc::new(Cell::new(0));
    let mut streams = JoinSet::new();
    for _ in 0..STREAMS {
        streams.spawn_local(follow(address, contest.to_owned(), Rc::clone(&received)));
    }
    match timeout(duration, streams.join_next()).await {
        Err(_) => Ok(received.get()),
        Ok(Some(ended)) => bail!("an event stream ended: {:?}", ended?),
        Ok(None) => bail!("no event stream was opened"),
    }
}

/// Reads the tally at a fixed interval.
///
/// A late read delays the next reads, and their latency counts from their intended time.
async fn read(address: SocketAddr, contest: &str, duration: Duration) -> Result<Histogram<u64>> {
    let request = format!("GET /v1/contests/{contest}/tally HTTP/1.1\r\nhost: acclaim\r\n\r\n");
    let mut connection = Connection::open(address).await?;
    let mut latency = Histogram::new_with_bounds(1, 60_000_000, 3)?;
    let mut every = interval(READ_INTERVAL);
    let end = Instant::now() + duration;
    while Instant::now() < end {
        let intended = every.tick().await;
        let answer = connection.exchange(request.as_bytes()).await?;
        ensure!(answer.status == 200, "the tally was answered {}", answer.status);
        latency.saturating_record(u64::try_from(intended.elapsed().as_micros())?);
    }
    Ok(latency)
}

/// Follows the event stream of the tally and counts its bytes.
async fn follow(address: SocketAddr, contest: String, received: Rc<Cell<u64>>) -> Result<()> {
    let request = format!(
        "GET /v1/contests/{contest}/tally/stream HTTP/1.1\r\nhost: acclaim\r\naccept: text/event-stream\r\n\r\n"
    );
    let mut stream = Connection::open(address).await?.into_stream(request.as_bytes()).await?;
    let mut buffer = vec![0; 16 << 10];
    loop {
        match stream.read(&mut buffer).await? {
            0 => return Ok(()),
            read => received.set(received.get() + read as u64),
        }
    }
}
