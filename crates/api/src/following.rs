//! Following a tally as server-sent events (HTML Standard, section 9.2). Thousands may follow one: each event is written once, for all.

use std::{
    collections::HashMap,
    convert::Infallible,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use acclaim_contest::ContestId;
use acclaim_store::hub::Publication;
use axum::{
    body::Body,
    http::header,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures_util::stream;
use tokio::{
    sync::{OwnedSemaphorePermit, watch},
    time::timeout,
};

use crate::{directory::Contest, standings::with_pending, state::Api};

/// After so long without an event a comment is sent, so that nobody in between takes the connection for dead.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// A comment.
const STILL_HERE: Bytes = Bytes::from_static(b":\n\n");

/// The newest event of each contest that is followed, as it is sent.
#[derive(Default)]
pub(crate) struct Events(Mutex<HashMap<ContestId, Newest>>);

struct Newest {
    /// Of the log.
    size: u64,
    event: Bytes,
}

impl Events {
    /// The event that tells a publication.
    fn event(&self, api: &Api, publication: &Publication) -> Bytes {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match all.get(&publication.contest) {
            Some(newest) if newest.size == publication.size => newest.event.clone(),
            _ => {
                let event = write(api, publication);
                let newest = Newest { size: publication.size, event: event.clone() };
                all.insert(publication.contest.clone(), newest);
                event
            }
        }
    }

    /// Forgets a contest that is gone.
    fn forget(&self, contest: &ContestId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(contest);
    }
}

fn write(api: &Api, publication: &Publication) -> Bytes {
    let tally = with_pending(publication, api.desk.pending(&publication.contest));
    // JSON without newlines: one line of data.
    let id = publication.size.to_string();
    [b"event: tally\nid: ", id.as_bytes(), b"\ndata: ", &tally, b"\n\n"].concat().into()
}

/// What a stream has.
struct Following {
    api: Api,
    contest: Arc<Contest>,
    changed: watch::Receiver<u64>,
    /// The size that it told last.
    told: Option<u64>,
    _place: OwnedSemaphorePermit,
}

/// The answer that follows a contest's tally as long as there is one.
pub(crate) fn follow(api: Api, contest: Arc<Contest>, place: OwnedSemaphorePermit) -> Response {
    let changed = api.stores.hub.publications();
    let following = Following { api, contest, changed, told: None, _place: place };
    let events = stream::unfold(following, |mut following| async {
        let event = timeout(KEEP_ALIVE, following.next()).await.unwrap_or(Some(STILL_HERE))?;
        Some((Ok::<_, Infallible>(event), following))
    });
    let headers = [(header::CONTENT_TYPE, "text/event-stream"), (header::CACHE_CONTROL, "no-cache")];
    (headers, Body::from_stream(events)).into_response()
}

impl Following {
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            let (api, contest) = (&self.api, &self.contest);
            let latest = api.stores.hub.latest(contest.id());
            if let Some(publication) = latest.filter(|latest| self.told != Some(latest.size)) {
                let event = api.events.event(api, &publication);
                self.told = Some(publication.size);
                return Some(event);
            }
            // A deleted contest has no tally to follow.
            if api.directory.contest(contest.id()).is_none() {
                api.events.forget(contest.id());
                return None;
            }
            self.changed.changed().await.ok()?;
        }
    }
}
