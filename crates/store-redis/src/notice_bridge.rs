//! Carries the hub's notices between processes. Each process has one subscription.
//!
//! A notice may be lost. After a break, all receivers are notified of a gap and get the newest
//! publications.
//!
//! All messages carry a MAC. A program that can write to Redis can neither report a ballot as
//! recorded nor publish a tally.

use std::{collections::HashMap, convert::Infallible, sync::Arc, time::Duration};

use acclaim_contest::ContestId;
use acclaim_store::{
    Contests, StoreError,
    error::Result,
    hub::{Hub, Notice, Publication},
};
use futures_util::StreamExt as _;
use parking_lot::{Mutex, MutexGuard};
use redis::aio::PubSub;
use tokio::{
    sync::{Notify, mpsc},
    task::JoinSet,
    time::timeout,
};

use crate::{
    Redis,
    connection::{read_error, write_error},
    layout, sealed,
    sealed_store::SealedStore,
};

/// The largest number of notices in one message.
const MAX_NOTICES_PER_MESSAGE: usize = 64;
/// Time between two attempts to subscribe, or to report a gap that could not be sent.
const RETRY_DELAY: Duration = Duration::from_millis(500);
/// Longest time between two messages of a process. A process without notices sends an empty
/// message.
const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(1);
/// A process that receives no message for this long, not even its own, takes its subscription as
/// broken. A connection can end without an error.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(5);

/// Bytes of the sender's id, which comes before the notices and their MAC. A process drops its own
/// messages unread.
const SENDER_ID_LENGTH: usize = 8;

/// The content of a message, encoded as MessagePack.
type Notices = Vec<Notice>;

/// Starts the notice bridge, which runs as long as the returned set lives.
///
/// It sends the notices from `outbox` to the other processes, and delivers their notices to `hub`.
/// If Redis and the database answer soon, it is subscribed when this returns, and the newest
/// publications of all contests are loaded.
pub async fn start_notice_bridge(
    redis: &Redis,
    key: [u8; 32],
    hub: Arc<Hub>,
    outbox: mpsc::Receiver<Notice>,
    contests: Arc<dyn Contests>,
) -> JoinSet<()> {
    let mut id = [0; SENDER_ID_LENGTH];
    // Without randomness two processes could have the same id. The process ids differ at least on
    // one machine.
    if getrandom::fill(&mut id).is_err() {
        id = std::process::id().to_le_bytes().repeat(2).try_into().unwrap_or_default();
    }
    let publication_store = SealedStore::new(redis, key);
    let (unsaved_publications, publication_added) = (Mutex::default(), Notify::new());
    let notice_bridge = Arc::new(NoticeBridge {
        redis: redis.clone(),
        key,
        id,
        hub,
        contests,
        publication_store,
        unsaved_publications,
        publication_added,
    });
    let subscription = notice_bridge.subscribe().await;
    // An unreachable server of several makes this slow. Then the loading continues in the
    // background.
    let _incomplete = timeout(SILENCE_TIMEOUT, notice_bridge.load_publications()).await;
    let mut tasks = JoinSet::new();
    tasks.spawn(Arc::clone(&notice_bridge).publish_loop(outbox));
    tasks.spawn(Arc::clone(&notice_bridge).save_publications_loop());
    tasks.spawn(notice_bridge.listen_loop(subscription));
    tasks
}

/// Reads a message and writes it again.
#[cfg(fuzzing)]
pub(crate) fn reread(bytes: &[u8]) -> Option<Vec<u8>> {
    rmp_serde::to_vec_named(&rmp_serde::from_slice::<Notices>(bytes).ok()?).ok()
}

/// One process's bridge to the other processes.
struct NoticeBridge {
    redis: Redis,
    key: [u8; 32],
    /// The sender's id, which begins every message of this process.
    id: [u8; SENDER_ID_LENGTH],
    hub: Arc<Hub>,
    contests: Arc<dyn Contests>,
    /// Stores the publications.
    publication_store: SealedStore,
    /// The newest publications that are not stored yet.
    unsaved_publications: Mutex<HashMap<ContestId, Arc<Publication>>>,
    /// Notified after each addition to `unsaved_publications`.
    publication_added: Notify,
}

impl NoticeBridge {
    /// Sends the notices of the outbox, several in one message when they gather. Sends an empty
    /// message as a heartbeat when there are none.
    async fn publish_loop(self: Arc<Self>, mut outbox: mpsc::Receiver<Notice>) {
        let mut notices = Vec::with_capacity(MAX_NOTICES_PER_MESSAGE);
        let mut must_send_missed = false;
        loop {
            must_send_missed |= self.hub.take_missed_flag();
            // A gap is reported soon. It does not wait for the next notice.
            let max_wait = if must_send_missed { RETRY_DELAY } else { HEARTBEAT_INTERVAL };
            if timeout(max_wait, outbox.recv_many(&mut notices, MAX_NOTICES_PER_MESSAGE)).await == Ok(0) {
                return;
            }
            for notice in &notices {
                if let Notice::Published(publication) = notice {
                    self.unsaved_publications().insert(publication.contest.clone(), Arc::clone(publication));
                    self.publication_added.notify_one();
                }
            }
            if std::mem::take(&mut must_send_missed) {
                notices.insert(0, Notice::Missed);
            }
            if let Err(error) = self.publish(&notices).await
                && !notices.is_empty()
            {
                tracing::warn!(%error, "a notice was not sent");
                must_send_missed = true;
            }
            notices.clear();
        }
    }

    async fn publish(&self, notices: &Notices) -> Result<()> {
        let encoded = rmp_serde::to_vec_named(notices).map_err(encode_error)?;
        let message = [&self.id[..], &sealed::seal(&self.key, layout::NOTICES, &encoded)].concat();
        self.redis.0.connection.publish(layout::NOTICES, &message).await.map_err(write_error)
    }

    fn unsaved_publications(&self) -> MutexGuard<'_, HashMap<ContestId, Arc<Publication>>> {
        self.unsaved_publications.lock()
    }

    /// Stores publications for processes that start later, and tries again after a failure.
    ///
    /// It runs beside the sending, so that an unreachable server of several delays no notices.
    async fn save_publications_loop(self: Arc<Self>) {
        loop {
            let publications = std::mem::take(&mut *self.unsaved_publications());
            // The calls run one after another, because calls to an unreachable server slow down the
            // others.
            for publication in publications.into_values() {
                let Err(error) = self.save_publication(&publication).await else { continue };
                tracing::warn!(contest = %publication.contest, %error, "publication was not stored");
                self.unsaved_publications().entry(publication.contest.clone()).or_insert(publication);
            }
            let is_unsaved = !self.unsaved_publications().is_empty();
            let max_wait = if is_unsaved { HEARTBEAT_INTERVAL } else { Duration::MAX };
            let _timed_out = timeout(max_wait, self.publication_added.notified()).await;
        }
    }

    async fn save_publication(&self, publication: &Publication) -> Result<()> {
        let encoded = rmp_serde::to_vec_named(publication).map_err(encode_error)?;
        self.publication_store
            .save(&layout::publication(&publication.contest), publication.size, &encoded)
            .await
    }

    async fn listen_loop(self: Arc<Self>, mut subscription: Result<PubSub>) {
        loop {
            match subscription {
                Ok(subscription) => {
                    tokio::select! {
                        () = self.receive_messages(subscription) => {
                            tracing::warn!("subscription to notices ended");
                        }
                        never = self.load_missed_publications() => match never {},
                    }
                }
                Err(error) => tracing::warn!(%error, "subscribing to notices failed"),
            }
            tokio::time::sleep(RETRY_DELAY).await;
            subscription = self.subscribe().await;
        }
    }

    /// Subscribes. Earlier messages are lost, so all receivers are notified of a gap.
    async fn subscribe(&self) -> Result<PubSub> {
        let mut subscription = self.redis.0.servers.connect_subscriber().await.map_err(read_error)?;
        let subscribed =
            timeout(SILENCE_TIMEOUT, subscription.subscribe(&[layout::NOTICES, layout::WAKE])).await;
        subscribed
            .map_err(|_| StoreError::Unavailable("redis: subscribing took too long".to_owned()))?
            .map_err(read_error)?;
        self.hub.deliver(Notice::Missed);
        self.redis.0.drain_waiters.wake_all();
        Ok(subscription)
    }

    /// Loads the newest publications of all contests. Returns whether all of them could be read.
    async fn load_publications(&self) -> bool {
        let contests = match self.contests.contests().await {
            Ok(contests) => contests,
            Err(error) => {
                tracing::warn!(%error, "contests cannot be listed");
                return false;
            }
        };
        let mut is_complete = true;
        for record in contests {
            match self.publication_store.load(&layout::publication(record.id())).await {
                Ok(Some(bytes)) => {
                    if let Ok(publication) = rmp_serde::from_slice(&bytes) {
                        self.hub.deliver(Notice::Published(Arc::new(publication)));
                    }
                }
                Ok(None) => {}
                Err(error) => {
                    tracing::warn!(contest = %record.id(), %error, "stored publication cannot be read");
                    is_complete = false;
                }
            }
        }
        is_complete
    }

    /// Loads missed publications until all can be read, and once more a little later.
    ///
    /// A notice that was sent just before the subscription can belong to a publication that was
    /// stored just after.
    async fn load_missed_publications(&self) -> Infallible {
        for _ in 0..2 {
            while !self.load_publications().await {
                tokio::time::sleep(SILENCE_TIMEOUT).await;
            }
            tokio::time::sleep(HEARTBEAT_INTERVAL).await;
        }
        std::future::pending().await
    }

    /// Receives messages until the connection ends or stays silent.
    async fn receive_messages(&self, mut subscription: PubSub) {
        let mut messages = subscription.on_message();
        while let Ok(Some(message)) = timeout(SILENCE_TIMEOUT, messages.next()).await {
            if message.get_channel_name() == layout::WAKE {
                self.redis.0.drain_waiters.wake(message.get_payload_bytes());
            } else {
                self.handle_message(message.get_payload_bytes());
            }
        }
    }

    fn handle_message(&self, message: &[u8]) {
        let (sender, sealed) =
            message.split_first_chunk::<SENDER_ID_LENGTH>().unwrap_or((&[0; SENDER_ID_LENGTH], &[]));
        if *sender == self.id {
            return;
        }
        let Some(bytes) = sealed::open(&self.key, layout::NOTICES, sealed) else {
            return self.redis.0.report_forged(layout::NOTICES, 1);
        };
        match rmp_serde::from_slice::<Notices>(bytes) {
            Ok(notices) => notices.into_iter().for_each(|notice| self.hub.deliver(notice)),
            Err(error) => {
                tracing::warn!(%error, "a notice cannot be read");
                self.hub.deliver(Notice::Missed);
            }
        }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "fits `map_err`")]
fn encode_error(error: rmp_serde::encode::Error) -> StoreError {
    StoreError::Corrupt(error.to_string())
}

#[cfg(test)]
mod tests {
    use acclaim_ballot_log::Hash;
    use acclaim_contest::BallotId;
    use acclaim_store::{
        RequestId,
        command::{CommandOutcome, UNDECIDED, UndecidedCategory},
        hub::{BallotOutcome, Decisions, Rejection},
    };
    use bytes::Bytes;
    use jiff::Timestamp;
    use serde::Serialize;

    use super::*;

    #[test]
    fn reads_publication_of_earlier_version() {
        #[derive(Serialize)]
        struct Earlier {
            contest: ContestId,
            size: u64,
            root: Hash,
            tally: (Bytes, Bytes),
            tally_csv: Bytes,
            result: Option<Bytes>,
            at: Timestamp,
        }
        let earlier = Earlier {
            contest: "photos".parse().unwrap(),
            size: 7,
            root: Hash([1; 32]),
            tally: (Bytes::from_static(b"{"), Bytes::from_static(b"}")),
            tally_csv: Bytes::new(),
            result: Some(Bytes::from_static(b"{}")),
            at: Timestamp::UNIX_EPOCH,
        };
        let publication: Publication =
            rmp_serde::from_slice(&rmp_serde::to_vec_named(&earlier).unwrap()).unwrap();
        assert_eq!((publication.size, publication.former), (7, None));
    }

    #[test]
    fn notices_are_sent_as_ever() {
        let (contest, hash): (ContestId, _) = ("photos".parse().unwrap(), Hash([1; 32]));
        let outcomes = [
            BallotOutcome::Recorded { index: 7, leaf_hash: hash },
            BallotOutcome::Same,
            BallotOutcome::Rejected(Rejection::AlreadyVoted(vec!["a".to_owned()])),
            BallotOutcome::Rejected(Rejection::InvalidSelection("code".to_owned(), "sentence".to_owned())),
            BallotOutcome::Rejected(Rejection::ReplacedIsNotStanding(Some(BallotId([2; 16])))),
            BallotOutcome::Rejected(Rejection::OutsideWindow),
            BallotOutcome::Rejected(Rejection::Refused("code".to_owned(), "sentence".to_owned())),
        ];
        let recorded = CommandOutcome::Recorded { index: 8, entries: 1, size: 9, root: "r".to_owned() };
        let decisions = Decisions {
            contest: contest.clone(),
            size: 9,
            root: hash,
            ballots: outcomes.into_iter().map(|outcome| (BallotId([3; 16]), outcome)).collect(),
            commands: vec![(RequestId::new("chair", "key"), recorded)],
        };
        let publication = Publication {
            contest: contest.clone(),
            size: 9,
            root: hash,
            tally: (Bytes::from_static(b"{"), Bytes::from_static(b"}")),
            tally_csv: Bytes::from_static(b"a,b"),
            result: Some(Bytes::from_static(b"{}")),
            former: None,
            at: Timestamp::UNIX_EPOCH,
        };
        let notices: Notices = vec![
            Notice::ContestChanged(contest.clone()),
            Notice::CommandQueued(contest),
            Notice::Decided(Arc::new(decisions)),
            Notice::Published(Arc::new(publication)),
            Notice::Missed,
        ];
        let sent = rmp_serde::to_vec_named(&notices).unwrap();
        assert_eq!(rmp_serde::to_vec_named(&rmp_serde::from_slice::<Notices>(&sent).unwrap()).unwrap(), sent);
        insta::assert_snapshot!(hex::encode(sealed::seal(&[7; 32], layout::NOTICES, &sent)));
    }

    #[test]
    fn sends_undecided_categories() {
        let undecided = UndecidedCategory {
            category: "a".parse().unwrap(),
            reason: "no-choice".to_owned(),
            text: "the panel has not chosen".to_owned(),
            panel: None,
            jurors: Vec::new(),
            entries: Vec::new(),
        };
        let outcome = |undecided| CommandOutcome::Refused {
            code: UNDECIDED.to_owned(),
            detail: "not in a".to_owned(),
            undecided,
        };
        for outcome in [outcome(vec![undecided]), outcome(Vec::new())] {
            let decisions = Decisions {
                contest: "photos".parse().unwrap(),
                size: 1,
                root: Hash([1; 32]),
                ballots: Vec::new(),
                commands: vec![(RequestId::new("chair", "key"), outcome.clone())],
            };
            let sent = rmp_serde::to_vec_named(&vec![Notice::Decided(Arc::new(decisions))]).unwrap();
            let read: Notices = rmp_serde::from_slice(&sent).unwrap();
            let [Notice::Decided(read)] = &read[..] else { panic!("{read:?}") };
            assert_eq!(read.commands, [(RequestId::new("chair", "key"), outcome)]);
        }
    }
}
