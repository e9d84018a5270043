//! Carries the hub's notices between processes, by one subscription each. A notice may be lost; after a cut everyone is told so.

use std::{sync::Arc, time::Duration};

use acclaim_contest::ContestId;
use acclaim_store::hub::{Hub, Notice, Publication};
use futures_util::StreamExt as _;
use redis::cmd;
use serde::{Deserialize, Serialize};
use tokio::{sync::mpsc, task::JoinSet};

use crate::{Redis, layout};

/// Notices of one message, at most.
const MOST: usize = 64;
/// Between two attempts to listen.
const RETRY_AFTER: Duration = Duration::from_millis(500);

/// What goes over the wire: MessagePack.
#[derive(Serialize, Deserialize)]
struct Message {
    /// The sending process, which does not listen to itself.
    from: u64,
    notices: Vec<Notice>,
}

/// Carries as long as the returned set lives: what `outlet` gives goes to the other processes, what they send goes to `hub`. The newest
/// publications of `contests` are brought first.
pub async fn carry(
    redis: &Redis,
    hub: Arc<Hub>,
    outlet: mpsc::Receiver<Notice>,
    contests: &[ContestId],
) -> JoinSet<()> {
    for contest in contests {
        match kept(redis, contest).await {
            Some(publication) => hub.hear(Notice::Published(Arc::new(publication))),
            None => tracing::debug!(%contest, "no publication is kept"),
        }
    }
    let mut id = [0; 8];
    // Without randomness two processes could take each other for themselves; the clock of their stack frames differs at least.
    if getrandom::fill(&mut id).is_err() {
        id = std::process::id().to_le_bytes().repeat(2).try_into().unwrap_or_default();
    }
    let from = u64::from_le_bytes(id);
    let mut tasks = JoinSet::new();
    tasks.spawn(speak(redis.clone(), from, outlet));
    tasks.spawn(listen(redis.clone(), from, hub));
    tasks
}

async fn kept(redis: &Redis, contest: &ContestId) -> Option<Publication> {
    let bytes: Option<Vec<u8>> =
        redis.0.connection.run(cmd("GET").arg(layout::publication(contest))).await.ok()?;
    rmp_serde::from_slice(&bytes?).ok()
}

/// Sends what the outlet gives, several notices together when they gather.
async fn speak(redis: Redis, from: u64, mut outlet: mpsc::Receiver<Notice>) {
    let mut notices = Vec::with_capacity(MOST);
    let mut owed = false;
    while outlet.recv_many(&mut notices, MOST).await > 0 {
        for notice in &notices {
            if let Notice::Published(publication) = notice {
                keep(&redis, publication).await;
            }
        }
        if std::mem::take(&mut owed) {
            notices.insert(0, Notice::Missed);
        }
        let message = Message { from, notices: std::mem::take(&mut notices) };
        let sent = match rmp_serde::to_vec_named(&message) {
            Ok(bytes) => {
                let command = cmd("PUBLISH").arg(layout::NOTICES).arg(bytes).to_owned();
                redis.0.connection.run::<i64>(&command).await.map_err(|error| error.to_string())
            }
            Err(error) => Err(error.to_string()),
        };
        if let Err(error) = sent {
            tracing::warn!(error, "a notice was not sent");
            owed = true;
        }
    }
}

async fn keep(redis: &Redis, publication: &Publication) {
    if let Ok(bytes) = rmp_serde::to_vec_named(publication) {
        let command = cmd("SET").arg(layout::publication(&publication.contest)).arg(bytes).to_owned();
        if let Err(error) = redis.0.connection.run::<()>(&command).await {
            tracing::warn!(%error, "a publication was not kept");
        }
    }
}

async fn listen(redis: Redis, from: u64, hub: Arc<Hub>) {
    loop {
        if let Err(error) = hear(&redis, from, &hub).await {
            tracing::warn!(%error, "not listening to other processes");
        }
        tokio::time::sleep(RETRY_AFTER).await;
    }
}

/// Listens until the connection ends.
async fn hear(redis: &Redis, from: u64, hub: &Hub) -> redis::RedisResult<()> {
    let mut ear = redis.0.servers.listen().await?;
    ear.subscribe(&[layout::NOTICES, layout::WAKE]).await?;
    // Whatever was said before is lost.
    hub.hear(Notice::Missed);
    redis.0.wake.send_modify(|count| *count = count.wrapping_add(1));
    let mut messages = ear.on_message();
    while let Some(message) = messages.next().await {
        if message.get_channel_name() == layout::WAKE {
            redis.0.wake.send_modify(|count| *count = count.wrapping_add(1));
            continue;
        }
        match rmp_serde::from_slice::<Message>(message.get_payload_bytes()) {
            Ok(message) if message.from == from => {}
            Ok(message) => message.notices.into_iter().for_each(|notice| hub.hear(notice)),
            Err(error) => {
                tracing::warn!(%error, "a notice cannot be read");
                hub.hear(Notice::Missed);
            }
        }
    }
    Ok(())
}
