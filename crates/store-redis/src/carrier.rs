//! Carries the hub's notices between processes, by one subscription each. A notice may be lost; after a cut everyone is told so. What goes
//! over Redis carries a MAC: whoever can write there can neither announce a ballot as recorded nor publish a tally.

use std::{sync::Arc, time::Duration};

use acclaim_contest::ContestId;
use acclaim_store::hub::{Hub, Notice, Publication};
use futures_util::StreamExt as _;
use redis::cmd;
use tokio::{sync::mpsc, task::JoinSet};

use crate::{Redis, layout};

/// Notices of one message, at most.
const MOST: usize = 64;
/// Between two attempts to listen.
const RETRY_AFTER: Duration = Duration::from_millis(500);

/// Bytes of the number of the sending process, which goes before its notices and their MAC: a process drops what it said itself unread.
const FROM: usize = 8;

/// What goes over the wire: MessagePack.
type Notices = Vec<Notice>;

/// Carries as long as the returned set lives: what `outlet` gives goes to the other processes, what they send goes to `hub`. The newest
/// publications of `contests` are brought first.
pub async fn carry(
    redis: &Redis,
    key: [u8; 32],
    hub: Arc<Hub>,
    outlet: mpsc::Receiver<Notice>,
    contests: &[ContestId],
) -> JoinSet<()> {
    for contest in contests {
        match kept(redis, &key, contest).await {
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
    tasks.spawn(speak(redis.clone(), key, from, Arc::clone(&hub), outlet));
    tasks.spawn(listen(redis.clone(), key, from, hub));
    tasks
}

/// Puts a MAC before bytes that are meant for one place: a channel or key.
pub(crate) fn seal(key: &[u8; 32], place: &str, bytes: &[u8]) -> Vec<u8> {
    let mut hasher = blake3::Hasher::new_keyed(key);
    hasher.update(place.as_bytes()).update(&[0]).update(bytes);
    [hasher.finalize().as_bytes(), bytes].concat()
}

/// The bytes behind the MAC, if it is theirs.
pub(crate) fn open<'a>(key: &[u8; 32], place: &str, sealed: &'a [u8]) -> Option<&'a [u8]> {
    let (given, bytes) = sealed.split_first_chunk::<32>()?;
    let mut hasher = blake3::Hasher::new_keyed(key);
    hasher.update(place.as_bytes()).update(&[0]).update(bytes);
    (hasher.finalize() == blake3::Hash::from(*given)).then_some(bytes)
}

/// A message read and written again.
#[cfg(fuzzing)]
pub(crate) fn reread(bytes: &[u8]) -> Option<Vec<u8>> {
    rmp_serde::to_vec_named(&rmp_serde::from_slice::<Notices>(bytes).ok()?).ok()
}

async fn kept(redis: &Redis, key: &[u8; 32], contest: &ContestId) -> Option<Publication> {
    let place = layout::publication(contest);
    let sealed: Option<Vec<u8>> = redis.0.connection.run(cmd("GET").arg(&place)).await.ok()?;
    rmp_serde::from_slice(open(key, &place, &sealed?)?).ok()
}

/// Sends what the outlet gives, several notices together when they gather.
async fn speak(redis: Redis, key: [u8; 32], from: u64, hub: Arc<Hub>, mut outlet: mpsc::Receiver<Notice>) {
    let mut notices = Vec::with_capacity(MOST);
    let mut owed = false;
    loop {
        owed |= hub.take_owed();
        let received = outlet.recv_many(&mut notices, MOST);
        let waited = if owed {
            // Not until the next notice happens to come.
            tokio::time::timeout(RETRY_AFTER, received).await
        } else {
            Ok(received.await)
        };
        if waited == Ok(0) {
            return;
        }
        for notice in &notices {
            if let Notice::Published(publication) = notice {
                keep(&redis, &key, publication).await;
            }
        }
        if std::mem::take(&mut owed) {
            notices.insert(0, Notice::Missed);
        }
        let encoded = rmp_serde::to_vec_named(&notices);
        notices.clear();
        let sent = match encoded {
            Ok(bytes) => {
                let sealed = [&from.to_be_bytes()[..], &seal(&key, layout::NOTICES, &bytes)].concat();
                let command = cmd("PUBLISH").arg(layout::NOTICES).arg(sealed).to_owned();
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

async fn keep(redis: &Redis, key: &[u8; 32], publication: &Publication) {
    if let Ok(bytes) = rmp_serde::to_vec_named(publication) {
        let place = layout::publication(&publication.contest);
        let command = cmd("SET").arg(&place).arg(seal(key, &place, &bytes)).to_owned();
        if let Err(error) = redis.0.connection.run::<()>(&command).await {
            tracing::warn!(%error, "a publication was not kept");
        }
    }
}

async fn listen(redis: Redis, key: [u8; 32], from: u64, hub: Arc<Hub>) {
    loop {
        if let Err(error) = hear(&redis, &key, from, &hub).await {
            tracing::warn!(%error, "not listening to other processes");
        }
        tokio::time::sleep(RETRY_AFTER).await;
    }
}

/// Listens until the connection ends.
async fn hear(redis: &Redis, key: &[u8; 32], from: u64, hub: &Hub) -> redis::RedisResult<()> {
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
        let (sender, sealed) =
            message.get_payload_bytes().split_first_chunk::<FROM>().unwrap_or((&[0; FROM], &[]));
        if *sender == from.to_be_bytes() {
            continue;
        }
        let Some(bytes) = open(key, layout::NOTICES, sealed) else {
            tracing::error!("a notice that no process of ours sent");
            hub.count_forged(1);
            continue;
        };
        match rmp_serde::from_slice::<Notices>(bytes) {
            Ok(notices) => notices.into_iter().for_each(|notice| hub.hear(notice)),
            Err(error) => {
                tracing::warn!(%error, "a notice cannot be read");
                hub.hear(Notice::Missed);
            }
        }
    }
    Ok(())
}
