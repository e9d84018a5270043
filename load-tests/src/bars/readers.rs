//! Bar 10: readers beside voters.

use std::{net::SocketAddr, rc::Rc, time::Duration};

use anyhow::{Result, ensure};
use hdrhistogram::Histogram;
use load_tests::{
    connection::Connection,
    ground::{Contest, Ground},
    load::{closed, run},
};
use tokio::{
    io::AsyncReadExt as _,
    task::JoinSet,
    time::{Instant, interval},
};

use crate::{
    Plan,
    rates::{ballots, target, voters},
    table::{Table, Wanted, median},
};

/// Event streams that are followed.
const STREAMS: usize = 1_000;
/// Between two reads of the tally.
const EVERY: Duration = Duration::from_millis(10);

pub(crate) fn measure(plan: &Plan, ground: &Ground, contest: &Contest, table: &mut Table) -> Result<()> {
    let (mut alone, mut beside) = (Vec::new(), Vec::new());
    let mut latency = Histogram::<u64>::new_with_bounds(1, 60_000_000, 3)?;
    let mut heard = 0;
    for _ in 0..plan.rounds {
        voters(plan, ground, contest, 2)?;
        alone.push(ballots(plan, ground, contest)?);
        let (rate, seen, events) = run(with_readers(plan, ground, contest))?;
        beside.push(rate);
        latency.add(seen)?;
        heard += events;
    }
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    let p99 = latency.value_at_quantile(0.99) as f64 / 1000.0;
    let figure = format!("{p99:.1} ms of {} reads", latency.len());
    table.bar(10, "tally read 100 times a second beside voters, p99", figure, p99, Wanted::AtMost(20.0));
    let (alone, beside) = (median(alone), median(beside));
    let figure = format!("{beside:.0} of {alone:.0} a second: {:.2}", beside / alone);
    table.bar(
        10,
        "voting beside 1,000 event streams and these reads",
        figure,
        beside / alone,
        Wanted::AtLeast(0.9),
    );
    table.note(format!("readers: {STREAMS} streams were sent {} MB", heard >> 20));
    Ok(())
}

async fn with_readers(plan: &Plan, ground: &Ground, contest: &Contest) -> Result<(f64, Histogram<u64>, u64)> {
    let mut streams = JoinSet::new();
    let heard = Rc::new(std::cell::Cell::new(0));
    for _ in 0..STREAMS {
        streams.spawn_local(follow(ground.engine.address, contest.id.clone(), Rc::clone(&heard)));
    }
    // All of them are there before it begins.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let reading = tokio::task::spawn_local(read(ground.engine.address, contest.id.clone(), plan.duration));
    let path = contest.ballots();
    let rate = closed(target(plan, ground, &path), &contest.voters, plan.duration).await?;
    let latency = reading.await??;
    Ok((rate, latency, heard.get()))
}

/// Reads the tally again and again; a read that is late makes the next ones late, and they are charged for it.
async fn read(address: SocketAddr, contest: String, duration: Duration) -> Result<Histogram<u64>> {
    let request = format!("GET /v1/contests/{contest}/tally HTTP/1.1\r\nhost: acclaim\r\n\r\n");
    let mut connection = Connection::open(address).await?;
    let mut latency = Histogram::new_with_bounds(1, 60_000_000, 3)?;
    let mut every = interval(EVERY);
    let end = Instant::now() + duration;
    while Instant::now() < end {
        let intended = every.tick().await;
        let answer = connection.exchange(request.as_bytes()).await?;
        ensure!(answer.status == 200, "the tally was answered {}", answer.status);
        latency.saturating_record(u64::try_from(intended.elapsed().as_micros())?);
    }
    Ok(latency)
}

/// Follows the tally's event stream, and counts its bytes.
async fn follow(address: SocketAddr, contest: String, heard: Rc<std::cell::Cell<u64>>) -> Result<()> {
    let request = format!(
        "GET /v1/contests/{contest}/tally/stream HTTP/1.1\r\nhost: acclaim\r\naccept: text/event-stream\r\n\r\n"
    );
    let mut stream = Connection::open(address).await?.into_stream(request.as_bytes()).await?;
    let mut buffer = vec![0; 16 << 10];
    loop {
        match stream.read(&mut buffer).await? {
            0 => return Ok(()),
            read => heard.set(heard.get() + read as u64),
        }
    }
}
