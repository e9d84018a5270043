//! Following a tally as server-sent events (HTML Standard, section 9.2). Thousands may follow one: each event is written once, for all,
//! where axum's own are written for each stream anew.

use std::{collections::HashMap, convert::Infallible, net::IpAddr, sync::Arc, time::Duration};

use acclaim_contest::ContestId;
use acclaim_service::{
    directory::{Contest, Directory},
    submission_queue::SubmissionQueue,
};
use acclaim_store::{Hub, hub::Publication};
use axum::{
    body::Body,
    http::{HeaderMap, HeaderName, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures_util::stream;
use parking_lot::Mutex;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    time::timeout,
};

use crate::{
    network_shares::{NetworkShare, NetworkShares},
    publication::with_pending,
};

/// After so long without an event a comment is sent, so that nobody in between takes the connection for dead.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(15);
/// A comment.
const KEEP_ALIVE_COMMENT: Bytes = Bytes::from_static(b":\n\n");

/// The streams of all tallies that are followed.
pub(crate) struct TallyStreams {
    hub: Arc<Hub>,
    queue: Arc<SubmissionQueue>,
    directory: Arc<Directory>,
    /// Places for streams, and how many of them each network has.
    places: Arc<Semaphore>,
    shares: Arc<NetworkShares>,
    /// The newest event of each contest that is followed, as it is sent.
    newest: Mutex<HashMap<ContestId, CachedEvent>>,
}

struct CachedEvent {
    version: TallyVersion,
    event: Bytes,
}

/// What an event tells: the log's size, and what the intake held.
pub(crate) type TallyVersion = (u64, u64);

/// The id of an event: a client that comes back sends it as `Last-Event-ID`.
fn id((size, pending): TallyVersion) -> String {
    format!("{size}-{pending}")
}

/// What the last event told that the client has; `None` if it has none, or names one of another form.
pub(crate) fn last_event(headers: &HeaderMap) -> Option<TallyVersion> {
    let (size, pending) = headers.get("last-event-id")?.to_str().ok()?.split_once('-')?;
    Some((size.parse().ok()?, pending.parse().ok()?))
}

impl TallyStreams {
    /// Of what this hub publishes: at most `most` streams at once.
    pub(crate) fn new(
        hub: Arc<Hub>,
        queue: Arc<SubmissionQueue>,
        directory: Arc<Directory>,
        most: usize,
    ) -> Self {
        let (places, shares) = (Arc::new(Semaphore::new(most)), NetworkShares::of(most));
        Self { hub, queue, directory, places, shares, newest: Mutex::default() }
    }

    /// A place for a stream that goes to `network`; `None` if it is full.
    pub(crate) fn acquire(&self, network: Option<IpAddr>) -> Option<StreamPermit> {
        let share = match network {
            Some(address) => Some(self.shares.take(address)?),
            None => None,
        };
        Some((Arc::clone(&self.places).try_acquire_owned().ok()?, share))
    }

    /// The event that tells a publication.
    fn event(&self, publication: &Publication, version: TallyVersion) -> Bytes {
        let mut all = self.newest.lock();
        if let Some(newest) = all.get(&publication.contest).filter(|newest| newest.version == version) {
            return newest.event.clone();
        }
        let event = write(publication, version);
        // Contests that were deleted leave nothing behind.
        all.retain(|contest, _| self.directory.contest(contest).is_some());
        all.insert(publication.contest.clone(), CachedEvent { version, event: event.clone() });
        event
    }
}

fn write(publication: &Publication, version: TallyVersion) -> Bytes {
    let tally = with_pending(publication, version.1);
    // JSON without newlines: one line of data.
    [b"event: tally\nid: ", id(version).as_bytes(), b"\ndata: ", &tally, b"\n\n"].concat().into()
}

/// A stream's place among all, and in its network's share if that has one.
pub(crate) type StreamPermit = (OwnedSemaphorePermit, Option<NetworkShare>);

/// What a stream has.
struct TallyStream {
    streams: Arc<TallyStreams>,
    contest: Arc<Contest>,
    /// A few a second, whatever happens: so are the events.
    backlog_polled: watch::Receiver<()>,
    /// What it told last.
    version: Option<TallyVersion>,
    _place: StreamPermit,
}

/// The answer that follows a contest's tally as long as there is one. It begins with the newest tally, unless that is what `version` says. Each event is a
/// whole tally, so a client that comes back lacks nothing.
pub(crate) fn follow(
    streams: Arc<TallyStreams>,
    contest: Arc<Contest>,
    version: Option<TallyVersion>,
    place: StreamPermit,
) -> Response {
    let backlog_polled = streams.queue.backlog_polled();
    let following = TallyStream { streams, contest, backlog_polled, version, _place: place };
    let events = stream::unfold(following, |mut following| async {
        let event =
            timeout(KEEP_ALIVE_INTERVAL, following.next()).await.unwrap_or(Some(KEEP_ALIVE_COMMENT))?;
        Some((Ok::<_, Infallible>(event), following))
    });
    // Proxies must neither keep events back until there are more of them, nor compress them.
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-store, no-transform"),
        (HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    (headers, Body::from_stream(events)).into_response()
}

impl TallyStream {
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            let id = self.contest.id();
            if let Some(publication) = self.streams.hub.latest(id) {
                let version = (publication.size, self.streams.queue.pending(id));
                if self.version != Some(version) {
                    self.version = Some(version);
                    return Some(self.streams.event(&publication, version));
                }
            }
            // A deleted contest has no tally to follow.
            self.streams.directory.contest(id)?;
            self.backlog_polled.changed().await.ok()?;
        }
    }
}
