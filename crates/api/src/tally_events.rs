//! Following a tally as server-sent events (HTML Standard, section 9.2).
//!
//! Thousands of clients may follow one tally. Each event is written once for all of them. axum's
//! own events are written for each stream.

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

/// Time without an event after which a comment is sent, so that no proxy takes the connection for
/// dead.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(15);
/// A comment.
const KEEP_ALIVE_COMMENT: Bytes = Bytes::from_static(b":\n\n");

/// The streams of all followed tallies.
pub(crate) struct TallyStreams {
    hub: Arc<Hub>,
    queue: Arc<SubmissionQueue>,
    directory: Arc<Directory>,
    /// Permits for streams, and how many of them each network has.
    permits: Arc<Semaphore>,
    shares: Arc<NetworkShares>,
    /// The newest event of each followed contest, as it is sent.
    newest: Mutex<HashMap<ContestId, CachedEvent>>,
}

struct CachedEvent {
    version: TallyVersion,
    event: Bytes,
}

/// The version of an event: the log's size, and the number of ballots that the intake held.
pub(crate) type TallyVersion = (u64, u64);

/// Returns the id of an event. A client that reconnects sends it as `Last-Event-ID`.
fn id((size, pending): TallyVersion) -> String {
    format!("{size}-{pending}")
}

/// Returns the version of the last event that the client has.
///
/// `None` if the request names no event, or one of another form.
pub(crate) fn last_event(headers: &HeaderMap) -> Option<TallyVersion> {
    let (size, pending) = headers.get("last-event-id")?.to_str().ok()?.split_once('-')?;
    Some((size.parse().ok()?, pending.parse().ok()?))
}

impl TallyStreams {
    /// Makes streams of the hub's publications, at most `max_streams` at once.
    pub(crate) fn new(
        hub: Arc<Hub>,
        queue: Arc<SubmissionQueue>,
        directory: Arc<Directory>,
        max_streams: usize,
    ) -> Self {
        let (permits, shares) = (Arc::new(Semaphore::new(max_streams)), NetworkShares::of(max_streams));
        Self { hub, queue, directory, permits, shares, newest: Mutex::default() }
    }

    /// Acquires a permit for a stream to `network`; `None` if there is none left.
    pub(crate) fn acquire(&self, network: Option<IpAddr>) -> Option<StreamPermit> {
        let share = match network {
            Some(address) => Some(self.shares.take(address)?),
            None => None,
        };
        Some((Arc::clone(&self.permits).try_acquire_owned().ok()?, share))
    }

    /// Returns the event of a publication.
    fn event(&self, publication: &Publication, version: TallyVersion) -> Bytes {
        let mut events_by_contest = self.newest.lock();
        if let Some(newest) =
            events_by_contest.get(&publication.contest).filter(|newest| newest.version == version)
        {
            return newest.event.clone();
        }
        let event = write(publication, version);
        // Deleted contests leave no event behind.
        events_by_contest.retain(|contest, _| self.directory.contest(contest).is_some());
        events_by_contest.insert(publication.contest.clone(), CachedEvent { version, event: event.clone() });
        event
    }
}

fn write(publication: &Publication, version: TallyVersion) -> Bytes {
    let tally = with_pending(publication, version.1);
    // The JSON has no newlines: it is one line of data.
    [b"event: tally\nid: ", id(version).as_bytes(), b"\ndata: ", &tally, b"\n\n"].concat().into()
}

/// A stream's permit, and its part of its network's share if the network has one.
pub(crate) type StreamPermit = (OwnedSemaphorePermit, Option<NetworkShare>);

/// The state of a stream.
struct TallyStream {
    streams: Arc<TallyStreams>,
    contest: Arc<Contest>,
    /// Notified after every backlog check, a few times a second. Events are as frequent.
    backlog_polled: watch::Receiver<()>,
    /// The version of its last event.
    version: Option<TallyVersion>,
    _permit: StreamPermit,
}

/// Returns the answer that follows a contest's tally until the contest is deleted.
///
/// It begins with the newest tally, unless `version` is that tally's. Each event is a whole tally,
/// so a client that reconnects misses nothing.
pub(crate) fn follow(
    streams: Arc<TallyStreams>,
    contest: Arc<Contest>,
    version: Option<TallyVersion>,
    permit: StreamPermit,
) -> Response {
    let backlog_polled = streams.queue.backlog_polled();
    let tally_stream = TallyStream { streams, contest, backlog_polled, version, _permit: permit };
    let events = stream::unfold(tally_stream, |mut tally_stream| async {
        let event =
            timeout(KEEP_ALIVE_INTERVAL, tally_stream.next()).await.unwrap_or(Some(KEEP_ALIVE_COMMENT))?;
        Some((Ok::<_, Infallible>(event), tally_stream))
    });
    // Proxies must neither hold events back to collect more of them, nor compress them.
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
