//! Casts ballots through the bulk route.

use std::{fmt::Write as _, rc::Rc, time::Duration};

use anyhow::{Context as _, Result, bail};
use tokio::{task::JoinSet, time::Instant};

use crate::{
    connection::Connection,
    load::Target,
    voters::{Voters, selections},
};

/// The number of ballots of one request, which is the most that a request may have.
const LINES_PER_REQUEST: usize = 10_000;

/// Casts `count` ballots with a gateway's key. Returns the time that it took.
///
/// # Errors
/// - A ballot is not recorded.
/// - There are not enough voters.
/// - A connection breaks.
pub async fn cast(target: Target<'_>, key: &str, voters: &Rc<Voters>, count: usize) -> Result<Duration> {
    let started = Instant::now();
    let mut tasks = JoinSet::new();
    let requests = count.div_ceil(LINES_PER_REQUEST);
    let remaining = Rc::new(std::cell::Cell::new(requests));
    for _ in 0..target.connections {
        let mut connection = Connection::open(target.address).await?;
        let (voters, remaining, path, key) =
            (Rc::clone(voters), Rc::clone(&remaining), target.path.to_owned(), key.to_owned());
        tasks.spawn_local(async move {
            while remaining.get() > 0 {
                remaining.set(remaining.get() - 1);
                let request = request(&voters, &path, &key)?;
                let answer = connection.exchange(&request).await?;
                if answer.status != 200 {
                    bail!(
                        "the bulk request was answered {}: {}",
                        answer.status,
                        String::from_utf8_lossy(answer.body)
                    );
                }
                let lines = answer.body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
                for line in lines {
                    if !voters.note_line(line) {
                        bail!("a ballot was answered {}", String::from_utf8_lossy(line));
                    }
                }
            }
            anyhow::Ok(())
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended??;
    }
    Ok(started.elapsed())
}

fn request(voters: &Voters, path: &str, key: &str) -> Result<Vec<u8>> {
    let mut body = String::new();
    for _ in 0..LINES_PER_REQUEST {
        voters
            .next(|number, pass| writeln!(body, r#"{{"pass":"{pass}","selections":{}}}"#, selections(number)))
            .context("there are not enough voters")??;
    }
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: acclaim\r\ncontent-type: application/x-ndjson\r\nauthorization: Bearer {key}\r\n\
         content-length: {}\r\n\r\n",
        body.len()
    );
    Ok([head.into_bytes(), body.into_bytes()].concat())
}
