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
/// answer soon, it listens when this returns, and the newest publications of all contests are there.
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
    let (unkept, to_keep) = (Mutex::default(), Notify::new());
    let carrier = Arc::new(Carrier { redis: redis.clone(), key, id, hub, contests, keeper, unkept, to_keep });
    let ear = carrier.tune_in().await;
    // Where a server of several is away it takes long, and goes on beside.
    let _as_far_as_it_came = timeout(SILENCE, carrier.bring()).await;
    let mut tasks = JoinSet::new();
    tasks.spawn(Arc::clone(&carrier).speak(outlet));
    tasks.spawn(Arc::clone(&carrier).keep());
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
    /// The newest publications that are to be kept.
    unkept: Mutex<HashMap<ContestId, Arc<Publication>>>,
    /// Told when there is one more.
    to_keep: Notify,
}

impl Carrier {
    /// Sends what the outlet gives, several notices together when they gather, and a sign of life when it gives nothing.
    async fn speak(self: Arc<Self>, mut outlet: mpsc::Receiver<Notice>) {
        let mut notices = Vec::with_capacity(MOST);
        let mut owed = false;
        loop {
            owed |= self.hub.take_owed();
            // What is owed does not wait for the next notice that happens to come.
            let patience = if owed { RETRY_AFTER } else { BEAT };
            if timeout(patience, outlet.recv_many(&mut notices, MOST)).await == Ok(0) {
                return;
            }
            for notice in &notices {
                if let Notice::Published(publication) = notice {
                    self.unkept().insert(publication.contest.clone(), Arc::clone(publication));
                    self.to_keep.notify_one();
                }
            }
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
        self.redis.0.connection.publish(layout::NOTICES, &message).await.map_err(failed)
    }

    fn unkept(&self) -> MutexGuard<'_, HashMap<ContestId, Arc<Publication>>> {
        self.unkept.lock()
    }

    /// Keeps publications for processes to come, beside what is said: a server of several that is away holds up no notices. What is not kept is tried again.
    async fn keep(self: Arc<Self>) {
        loop {
            let publications = std::mem::take(&mut *self.unkept());
            // One after the other: calls to a server that is away slow down the others.
            for publication in publications.into_values() {
                let Err(error) = self.keep_one(&publication).await else { continue };
                tracing::warn!(contest = %publication.contest, %error, "a publication is not kept");
                self.unkept().entry(publication.contest.clone()).or_insert(publication);
            }
            let any = !self.unkept().is_empty();
            let patience = if any { BEAT } else { Duration::MAX };
            let _in_any_case = timeout(patience, self.to_keep.notified()).await;
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
                    tokio::select! {
                        () = self.hear(ear) => {
                            tracing::warn!("the connection that hears other processes ended");
                        }
                        never = self.bring_all() => match never {},
                    }
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
        self.hub.hear(Notice::Missed);
        self.redis.0.wakes.wake_all();
        Ok(ear)
    }

    /// Brings the newest publications of all contests. Says whether it could be read what they are.
    async fn bring(&self) -> bool {
        let contests = match self.contests.contests().await {
            Ok(contests) => contests,
            Err(error) => {
                tracing::warn!(%error, "contests cannot be listed");
                return false;
            }
        };
        let mut is_complete = true;
        for record in contests {
            match self.keeper.kept(&layout::publication(record.id())).await {
                Ok(Some(bytes)) => {
                    if let Ok(publication) = rmp_serde::from_slice(&bytes) {
                        self.hub.hear(Notice::Published(Arc::new(publication)));
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
    async fn bring_all(&self) -> Infallible {
        for _ in 0..2 {
            while !self.bring().await {
                tokio::time::sleep(SILENCE).await;
            }
            tokio::time::sleep(BEAT).await;
        }
        std::future::pending().await
    }

    /// Hears until the connection ends, or says nothing any more.
    async fn hear(&self, mut ear: PubSub) {
        let mut messages = ear.on_message();
        while let Ok(Some(message)) = timeout(SILENCE, messages.next()).await {
            if message.get_channel_name() == layout::WAKE {
                self.redis.0.wakes.wake(message.get_payload_bytes());
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
}

#[expect(clippy::needless_pass_by_value, reason = "fits `map_err`")]
fn unwritten(error: rmp_serde::encode::Error) -> StoreError {
    StoreError::Corrupt(error.to_string())
}

#[cfg(test)]
mod tests {
    use acclaim_ballot_log::Hash;
    use acclaim_contest::BallotId;
    use acclaim_store::{
        RequestId,
        command::{CommandOutcome, UNDECIDED, UndecidedCategory},
        hub::{BallotOutcome, Decided, Rejection},
    };
    use bytes::Bytes;
    use jiff::Timestamp;
    use serde::Serialize;

    use super::*;

    #[test]
    fn what_an_earlier_program_published_is_read() {
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
        let decided = Decided {
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
    fn what_is_undecided_comes_through() {
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
            let decided = Decided {
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
