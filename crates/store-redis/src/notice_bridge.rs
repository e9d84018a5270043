//! Carries the hub's notices between processes, by one subscription each. A notice may be lost; after a cut everyone is told so, and brought the newest
//! publications. What goes over Redis carries a MAC: whoever can write there can neither announce a ballot as recorded nor publish a tally.

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

/// Notices of one message, at most.
const MAX_NOTICES_PER_MESSAGE: usize = 64;
/// Between two attempts to listen, or to say what could not be said.
const RETRY_DELAY: Duration = Duration::from_millis(500);
/// Whoever has nothing to say says so: between two messages of a process.
const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(1);
/// Who hears nothing for so long, not even the own messages, is cut off without knowing: a connection can end without a word.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(5);

/// Bytes of the number of the sending process, which goes before its notices and their MAC: a process drops what it said itself unread.
const SENDER_ID_LENGTH: usize = 8;

/// What goes over the wire: MessagePack.
type Notices = Vec<Notice>;

/// Carries as long as the returned set lives: what `outlet` gives goes to the other processes, what they send goes to `hub`. If Redis and the database
/// answer soon, it listens when this returns, and the newest publications of all contests are there.
pub async fn start_notice_bridge(
    redis: &Redis,
    key: [u8; 32],
    hub: Arc<Hub>,
    outlet: mpsc::Receiver<Notice>,
    contests: Arc<dyn Contests>,
) -> JoinSet<()> {
    let mut id = [0; SENDER_ID_LENGTH];
    // Without randomness two processes could take each other for themselves; their numbers differ at least on one machine.
    if getrandom::fill(&mut id).is_err() {
        id = std::process::id().to_le_bytes().repeat(2).try_into().unwrap_or_default();
    }
    let keeper = SealedStore::new(redis, key);
    let (unsaved_publications, publication_added) = (Mutex::default(), Notify::new());
    let notice_bridge = Arc::new(NoticeBridge {
        redis: redis.clone(),
        key,
        id,
        hub,
        contests,
        keeper,
        unsaved_publications,
        publication_added,
    });
    let subscription = notice_bridge.subscribe().await;
    // Where a server of several is away it takes long, and goes on beside.
    let _as_far_as_it_came = timeout(SILENCE_TIMEOUT, notice_bridge.load_publications()).await;
    let mut tasks = JoinSet::new();
    tasks.spawn(Arc::clone(&notice_bridge).publish_loop(outlet));
    tasks.spawn(Arc::clone(&notice_bridge).save_publications_loop());
    tasks.spawn(notice_bridge.listen_loop(subscription));
    tasks
}

/// A message read and written again.
#[cfg(fuzzing)]
pub(crate) fn reread(bytes: &[u8]) -> Option<Vec<u8>> {
    rmp_serde::to_vec_named(&rmp_serde::from_slice::<Notices>(bytes).ok()?).ok()
}

/// One process's way to the others.
struct NoticeBridge {
    redis: Redis,
    key: [u8; 32],
    /// Goes before what this process says.
    id: [u8; SENDER_ID_LENGTH],
    hub: Arc<Hub>,
    contests: Arc<dyn Contests>,
    /// Of publications.
    keeper: SealedStore,
    /// The newest publications that are to be kept.
    unsaved_publications: Mutex<HashMap<ContestId, Arc<Publication>>>,
    /// Told when there is one more.
    publication_added: Notify,
}

impl NoticeBridge {
    /// Sends what the outlet gives, several notices together when they gather, and a sign of life when it gives nothing.
    async fn publish_loop(self: Arc<Self>, mut outlet: mpsc::Receiver<Notice>) {
        let mut notices = Vec::with_capacity(MAX_NOTICES_PER_MESSAGE);
        let mut must_send_missed = false;
        loop {
            must_send_missed |= self.hub.take_missed_flag();
            // What is owed does not wait for the next notice that happens to come.
            let max_wait = if must_send_missed { RETRY_DELAY } else { HEARTBEAT_INTERVAL };
            if timeout(max_wait, outlet.recv_many(&mut notices, MAX_NOTICES_PER_MESSAGE)).await == Ok(0) {
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

    /// Keeps publications for processes to come, beside what is said: a server of several that is away holds up no notices. What is not kept is tried again.
    async fn save_publications_loop(self: Arc<Self>) {
        loop {
            let publications = std::mem::take(&mut *self.unsaved_publications());
            // One after the other: calls to a server that is away slow down the others.
            for publication in publications.into_values() {
                let Err(error) = self.save_publication(&publication).await else { continue };
                tracing::warn!(contest = %publication.contest, %error, "a publication is not kept");
                self.unsaved_publications().entry(publication.contest.clone()).or_insert(publication);
            }
            let any = !self.unsaved_publications().is_empty();
            let max_wait = if any { HEARTBEAT_INTERVAL } else { Duration::MAX };
            let _in_any_case = timeout(max_wait, self.publication_added.notified()).await;
        }
    }

    async fn save_publication(&self, publication: &Publication) -> Result<()> {
        let encoded = rmp_serde::to_vec_named(publication).map_err(encode_error)?;
        self.keeper.save(&layout::publication(&publication.contest), publication.size, &encoded).await
    }

    async fn listen_loop(self: Arc<Self>, mut subscription: Result<PubSub>) {
        loop {
            match subscription {
                Ok(subscription) => {
                    tokio::select! {
                        () = self.receive_messages(subscription) => {
                            tracing::warn!("the connection that hears other processes ended");
                        }
                        never = self.load_missed_publications() => match never {},
                    }
                }
                Err(error) => tracing::warn!(%error, "not listening to other processes"),
            }
            tokio::time::sleep(RETRY_DELAY).await;
            subscription = self.subscribe().await;
        }
    }

    /// Listens from now on. Whatever was said before is lost: everyone is told so, and brought what is kept.
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

    /// Brings the newest publications of all contests. Says whether it could be read what they are.
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
            match self.keeper.load(&layout::publication(record.id())).await {
                Ok(Some(bytes)) => {
                    if let Ok(publication) = rmp_serde::from_slice(&bytes) {
                        self.hub.deliver(Notice::Published(Arc::new(publication)));
                    }
                }
                Ok(None) => {}
                Err(error) => {
                    tracing::warn!(contest = %record.id(), %error, "the kept publication cannot be read");
                    is_complete = false;
                }
            }
        }
        is_complete
    }

    /// Brings what was missed, until all can be read; and once more a little later: what was said just before this process listened may have been
    /// kept just after.
    async fn load_missed_publications(&self) -> Infallible {
        for _ in 0..2 {
            while !self.load_publications().await {
                tokio::time::sleep(SILENCE_TIMEOUT).await;
            }
            tokio::time::sleep(HEARTBEAT_INTERVAL).await;
        }
        std::future::pending().await
    }

    /// Hears until the connection ends, or says nothing any more.
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
        let read: Publication = rmp_serde::from_slice(&rmp_serde::to_vec_named(&earlier).unwrap()).unwrap();
        assert_eq!((read.size, read.former), (7, None));
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
        let decided = Decisions {
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
            Notice::Decided(Arc::new(decided)),
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
            let decided = Decisions {
                contest: "photos".parse().unwrap(),
                size: 1,
                root: Hash([1; 32]),
                ballots: Vec::new(),
                commands: vec![(RequestId::new("chair", "key"), outcome.clone())],
            };
            let sent = rmp_serde::to_vec_named(&vec![Notice::Decided(Arc::new(decided))]).unwrap();
            let read: Notices = rmp_serde::from_slice(&sent).unwrap();
            let [Notice::Decided(read)] = &read[..] else { panic!("{read:?}") };
            assert_eq!(read.commands, [(RequestId::new("chair", "key"), outcome)]);
        }
    }
}
