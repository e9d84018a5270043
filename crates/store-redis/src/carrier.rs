//! Carries the hub's notices between processes, by one subscription each. A notice may be lost; after a cut everyone is told so, and brought the newest
//! publications. What goes over Redis carries a MAC: whoever can write there can neither announce a ballot as recorded nor publish a tally.

use std::{collections::HashMap, sync::Arc, time::Duration};

use acclaim_contest::ContestId;
use acclaim_store::{
    Contests, StoreError,
    error::Result,
    hub::{Hub, Notice, Publication},
};
use futures_util::StreamExt as _;
use redis::{aio::PubSub, cmd};
use tokio::{sync::mpsc, task::JoinSet, time::timeout};

use crate::{
    Redis,
    connection::{failed, unread},
    kept::Keeper,
    layout, sealed,
};

/// Notices of one message, at most.
const MOST: usize = 64;
/// Between two attempts to listen, or to say what could not be said.
const RETRY_AFTER: Duration = Duration::from_millis(500);
/// Whoever has nothing to say says so: between two messages of a process.
const BEAT: Duration = Duration::from_secs(1);
/// Who hears nothing for so long, not even the own messages, is cut off without knowing: a connection can end without a word.
const SILENCE: Duration = Duration::from_secs(5);

/// Bytes of the number of the sending process, which goes before its notices and their MAC: a process drops what it said itself unread.
const FROM: usize = 8;

/// What goes over the wire: MessagePack.
type Notices = Vec<Notice>;

/// Carries as long as the returned set lives: what `outlet` gives goes to the other processes, what they send goes to `hub`. If Redis and the database
/// answer, it listens when this returns, and the newest publications of all contests are there.
pub async fn carry(
    redis: &Redis,
    key: [u8; 32],
    hub: Arc<Hub>,
    outlet: mpsc::Receiver<Notice>,
    contests: Arc<dyn Contests>,
) -> JoinSet<()> {
    let mut id = [0; FROM];
    // Without randomness two processes could take each other for themselves; their numbers differ at least on one machine.
    if getrandom::fill(&mut id).is_err() {
        id = std::process::id().to_le_bytes().repeat(2).try_into().unwrap_or_default();
    }
    let keeper = Keeper::new(redis, key);
    let carrier = Arc::new(Carrier { redis: redis.clone(), key, id, hub, contests, keeper });
    let ear = carrier.tune_in().await;
    let mut tasks = JoinSet::new();
    tasks.spawn(Arc::clone(&carrier).speak(outlet));
    tasks.spawn(carrier.listen(ear));
    tasks
}

/// A message read and written again.
#[cfg(fuzzing)]
pub(crate) fn reread(bytes: &[u8]) -> Option<Vec<u8>> {
    rmp_serde::to_vec_named(&rmp_serde::from_slice::<Notices>(bytes).ok()?).ok()
}

/// One process's way to the others.
struct Carrier {
    redis: Redis,
    key: [u8; 32],
    /// Goes before what this process says.
    id: [u8; FROM],
    hub: Arc<Hub>,
    contests: Arc<dyn Contests>,
    /// Of publications.
    keeper: Keeper,
}

impl Carrier {
    /// Sends what the outlet gives, several notices together when they gather, and a sign of life when it gives nothing.
    async fn speak(self: Arc<Self>, mut outlet: mpsc::Receiver<Notice>) {
        let mut notices = Vec::with_capacity(MOST);
        let mut unkept = HashMap::new();
        let mut owed = false;
        loop {
            owed |= self.hub.take_owed();
            // What is owed does not wait for the next notice that happens to come.
            let patience = if owed { RETRY_AFTER } else { BEAT };
            if timeout(patience, outlet.recv_many(&mut notices, MOST)).await == Ok(0) {
                return;
            }
            unkept.extend(notices.iter().filter_map(|notice| match notice {
                Notice::Published(publication) => {
                    Some((publication.contest.clone(), Arc::clone(publication)))
                }
                _ => None,
            }));
            self.keep(&mut unkept).await;
            if std::mem::take(&mut owed) {
                notices.insert(0, Notice::Missed);
            }
            if let Err(error) = self.say(&notices).await
                && !notices.is_empty()
            {
                tracing::warn!(%error, "a notice was not sent");
                owed = true;
            }
            notices.clear();
        }
    }

    async fn say(&self, notices: &Notices) -> Result<()> {
        let encoded = rmp_serde::to_vec_named(notices).map_err(unwritten)?;
        let message = [&self.id[..], &sealed::seal(&self.key, layout::NOTICES, &encoded)].concat();
        let publish = cmd("PUBLISH").arg(layout::NOTICES).arg(message).to_owned();
        self.redis.0.connection.run::<i64>(&publish).await.map(drop).map_err(failed)
    }

    /// Keeps publications for processes to come; those that are not kept stay.
    async fn keep(&self, unkept: &mut HashMap<ContestId, Arc<Publication>>) {
        let contests: Vec<ContestId> = unkept.keys().cloned().collect();
        for contest in contests {
            let Some(publication) = unkept.get(&contest) else { continue };
            match self.keep_one(publication).await {
                Ok(()) => drop(unkept.remove(&contest)),
                Err(error) => tracing::warn!(%contest, %error, "a publication is not kept"),
            }
        }
    }

    async fn keep_one(&self, publication: &Publication) -> Result<()> {
        let encoded = rmp_serde::to_vec_named(publication).map_err(unwritten)?;
        self.keeper.keep(&layout::publication(&publication.contest), publication.size, &encoded).await
    }

    async fn listen(self: Arc<Self>, mut ear: Result<PubSub>) {
        loop {
            match ear {
                Ok(ear) => {
                    self.hear(ear).await;
                    tracing::warn!("the connection that hears other processes ended");
                }
                Err(error) => tracing::warn!(%error, "not listening to other processes"),
            }
            tokio::time::sleep(RETRY_AFTER).await;
            ear = self.tune_in().await;
        }
    }

    /// Listens from now on. Whatever was said before is lost: everyone is told so, and brought what is kept.
    async fn tune_in(&self) -> Result<PubSub> {
        let mut ear = self.redis.0.servers.listen().await.map_err(unread)?;
        let subscribed = timeout(SILENCE, ear.subscribe(&[layout::NOTICES, layout::WAKE])).await;
        subscribed
            .map_err(|_| StoreError::Unavailable("redis: subscribing took too long".to_owned()))?
            .map_err(unread)?;
        for record in self.contests.contests().await? {
            let kept = self.keeper.kept(&layout::publication(record.id())).await?;
            if let Some(publication) = kept.and_then(|bytes| rmp_serde::from_slice(&bytes).ok()) {
                self.hub.hear(Notice::Published(Arc::new(publication)));
            }
        }
        self.hub.hear(Notice::Missed);
        self.wake();
        Ok(ear)
    }

    /// Hears until the connection ends, or says nothing any more.
    async fn hear(&self, mut ear: PubSub) {
        let mut messages = ear.on_message();
        while let Ok(Some(message)) = timeout(SILENCE, messages.next()).await {
            if message.get_channel_name() == layout::WAKE {
                self.wake();
            } else {
                self.take(message.get_payload_bytes());
            }
        }
    }

    fn take(&self, message: &[u8]) {
        let (sender, sealed) = message.split_first_chunk::<FROM>().unwrap_or((&[0; FROM], &[]));
        if *sender == self.id {
            return;
        }
        let Some(bytes) = sealed::open(&self.key, layout::NOTICES, sealed) else {
            return self.redis.0.found_forged(layout::NOTICES, 1);
        };
        match rmp_serde::from_slice::<Notices>(bytes) {
            Ok(notices) => notices.into_iter().for_each(|notice| self.hub.hear(notice)),
            Err(error) => {
                tracing::warn!(%error, "a notice cannot be read");
                self.hub.hear(Notice::Missed);
            }
        }
    }

    /// Some shard that was empty may be so no longer.
    fn wake(&self) {
        self.redis.0.wake.send_modify(|count| *count = count.wrapping_add(1));
    }
}

#[expect(clippy::needless_pass_by_value, reason = "fits `map_err`")]
fn unwritten(error: rmp_serde::encode::Error) -> StoreError {
    StoreError::Corrupt(error.to_string())
}
