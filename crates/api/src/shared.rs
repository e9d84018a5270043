//! Content that many answers share: a contest, a tally, a result.
//!
//! There is one copy of each version, and an answer copies a small piece of it at a time.
//!
//! A version is out of date when only answers still refer to it. Clients that read slowly cannot
//! fill the memory with such versions. When all of them together have more than [`BUDGET`] bytes,
//! the one that was requested longest ago is freed. An answer that still sends it then fails.

use std::{
    collections::{HashMap, VecDeque},
    pin::Pin,
    sync::{
        Arc, LazyLock, Weak,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use axum::{body::Body, response::Response};
use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use parking_lot::Mutex;

use crate::turn::{PIECE, Turn};

/// Maximum number of bytes of all versions that are out of date.
const BUDGET: usize = 192 << 20;
/// Number of bytes that an answer copies at once.
///
/// hyper queues two such pieces for a client that does not read.
const COPY_BYTES: usize = 16 << 10;

/// Number of entries of the version table above which the entries of dropped versions are removed.
const MAX_TABLE_ENTRIES: usize = 2 * BUDGET / PIECE;

/// The versions that answers of this process hold.
static VERSIONS: LazyLock<Versions> = LazyLock::new(|| Versions::of(BUDGET));

/// The extension of a response whose body is made from shared content.
#[derive(Clone)]
pub(crate) struct Shared;

/// Returns a response with a body of these parts. Other responses share the large ones.
pub(crate) fn shared(parts: impl IntoIterator<Item = Bytes>) -> Response {
    let mut response = Response::new(Body::new(VERSIONS.body(parts)));
    response.extensions_mut().insert(Shared);
    response
}

/// One version of shared content.
struct Version {
    /// `None` after the memory was freed.
    bytes: Mutex<Option<Bytes>>,
    size: usize,
    /// The counter of [`Versions`]: the number of bytes of all versions that answers hold.
    held_bytes: Arc<AtomicUsize>,
}

impl Version {
    fn bytes(&self) -> Option<Bytes> {
        self.bytes.lock().clone()
    }

    /// Whether only answers that send the version still refer to its bytes.
    fn is_out_of_date(&self) -> bool {
        self.bytes.lock().as_ref().is_some_and(Bytes::is_unique)
    }

    /// Frees the bytes, even while answers hold the version.
    fn free(&self) {
        if self.bytes.lock().take().is_some() {
            self.held_bytes.fetch_sub(self.size, Ordering::Relaxed);
        }
    }
}

impl Drop for Version {
    fn drop(&mut self) {
        self.free();
    }
}

#[derive(Default)]
struct VersionTable {
    /// The key is the address of the version's bytes in memory. All answers that share the bytes
    /// have the same address.
    versions: HashMap<usize, VersionUse>,
    /// Number of requests for versions so far.
    requests: u64,
}

/// A version, and its last request.
struct VersionUse {
    version: Weak<Version>,
    /// The number of the last request, from [`VersionTable::requests`].
    last_request: u64,
}

impl VersionTable {
    fn remove_dropped(&mut self) {
        self.versions.retain(|_, usage| usage.version.strong_count() > 0);
    }
}

/// See the [module](self).
struct Versions {
    table: Mutex<VersionTable>,
    held_bytes: Arc<AtomicUsize>,
    budget: usize,
}

impl Versions {
    fn of(budget: usize) -> Self {
        Self { table: Mutex::default(), held_bytes: Arc::default(), budget }
    }

    fn body(&self, parts: impl IntoIterator<Item = Bytes>) -> SharedBody {
        let parts = parts.into_iter().filter(|part| !part.is_empty());
        let parts: VecDeque<Part> = parts.map(|part| self.part(part)).collect();
        let left = parts.iter().map(|part| part.size() as u64).sum();
        SharedBody { parts, sent: 0, left, turn: Turn::default() }
    }

    /// Returns the part of a body with these bytes.
    ///
    /// If the bytes are large, all answers with the same bytes share one version.
    fn part(&self, bytes: Bytes) -> Part {
        if bytes.len() <= PIECE {
            return Part::Small(bytes);
        }
        let address = bytes.as_ptr().addr();
        let mut table = self.table.lock();
        table.requests += 1;
        // As long as a version has its bytes, no other bytes can have the same address.
        let existing = table.versions.get(&address).and_then(|usage| usage.version.upgrade());
        let existing =
            existing.filter(|version| version.bytes().is_some_and(|held| held.len() == bytes.len()));
        let version = existing.unwrap_or_else(|| {
            let size = bytes.len();
            self.held_bytes.fetch_add(size, Ordering::Relaxed);
            Arc::new(Version {
                bytes: Mutex::new(Some(bytes)),
                size,
                held_bytes: Arc::clone(&self.held_bytes),
            })
        });
        let usage = VersionUse { version: Arc::downgrade(&version), last_request: table.requests };
        table.versions.insert(address, usage);
        if table.versions.len() > MAX_TABLE_ENTRIES {
            table.remove_dropped();
        }
        if self.held_bytes.load(Ordering::Relaxed) > self.budget {
            self.free_oldest(&table);
        }
        Part::Version(version)
    }

    /// Frees versions that are out of date, until the other versions out of date fit the budget.
    ///
    /// The version that was requested longest ago comes first.
    fn free_oldest(&self, table: &VersionTable) {
        let out_of_date = |usage: &VersionUse| {
            let version = usage.version.upgrade().filter(|version| version.is_out_of_date())?;
            Some((usage.last_request, version))
        };
        let mut versions: Vec<(u64, Arc<Version>)> =
            table.versions.values().filter_map(out_of_date).collect();
        versions.sort_unstable_by_key(|(last_request, _)| *last_request);
        let mut size: usize = versions.iter().map(|(_, version)| version.size).sum();
        for (_, version) in versions {
            if size <= self.budget {
                return;
            }
            size -= version.size;
            version.free();
        }
    }
}

enum Part {
    Small(Bytes),
    Version(Arc<Version>),
}

impl Part {
    fn size(&self) -> usize {
        match self {
            Self::Small(bytes) => bytes.len(),
            Self::Version(version) => version.size,
        }
    }

    /// Returns the bytes; `None` if their memory was freed.
    fn bytes(&self) -> Option<Bytes> {
        match self {
            Self::Small(bytes) => Some(bytes.clone()),
            Self::Version(version) => version.bytes(),
        }
    }
}

/// The error of an answer whose content was freed before all of it was sent.
#[derive(Debug, thiserror::Error)]
#[error("the client reads so slowly that the content is out of date")]
struct OutOfDate;

/// A body of known size that copies its content piece by piece.
struct SharedBody {
    parts: VecDeque<Part>,
    /// Number of bytes of the first part that are already sent.
    sent: usize,
    /// Number of bytes of all parts that are not sent yet.
    left: u64,
    turn: Turn,
}

impl hyper::body::Body for SharedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.turn.should_yield(context) {
            return Poll::Pending;
        }
        let Some(first) = self.parts.front() else { return Poll::Ready(None) };
        let Some(bytes) = first.bytes() else {
            self.parts.clear();
            return Poll::Ready(Some(Err(axum::Error::new(OutOfDate))));
        };
        let end = bytes.len().min(self.sent + COPY_BYTES);
        let piece = Bytes::copy_from_slice(bytes.get(self.sent..end).unwrap_or_default());
        self.left = self.left.saturating_sub(piece.len() as u64);
        self.turn.sent(piece.len());
        if end == bytes.len() {
            self.parts.pop_front();
            self.sent = 0;
        } else {
            self.sent = end;
        }
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.parts.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use http_body_util::BodyExt as _;
    use hyper::body::Body as _;

    use super::*;
    use crate::turn::TURN;

    fn large(fill: u8) -> Bytes {
        Bytes::from(vec![fill; PIECE * 2 + 5])
    }

    #[tokio::test]
    async fn parts_arrive_whole_in_small_pieces() {
        let parts = [Bytes::from_static(b"{"), large(b'x'), Bytes::new(), Bytes::from_static(b"}")];
        let expected = parts.concat();
        let mut body = Versions::of(BUDGET).body(parts);
        assert_eq!(body.size_hint().exact(), Some(expected.len() as u64));
        let mut read = Vec::new();
        while let Some(frame) = body.frame().await {
            let data = frame.unwrap().into_data().unwrap();
            assert!(data.len() <= COPY_BYTES);
            read.extend_from_slice(&data);
        }
        assert!(read == expected && body.is_end_stream());
    }

    #[tokio::test]
    async fn frees_out_of_date_version_requested_longest_ago() {
        let versions = Versions::of(large(0).len() * 2);
        let (current, new, newer) = (large(0), large(4), large(5));
        let mut body_of_current = versions.body([current.clone()]);
        let [mut first, mut second, mut third] = [1, 2, 3].map(|fill| versions.body([large(fill)]));
        let mut body_of_new = versions.body([new.clone()]);
        assert!(first.frame().await.unwrap().is_err());
        for body in [&mut body_of_current, &mut second, &mut third, &mut body_of_new] {
            assert!(body.frame().await.unwrap().is_ok());
        }
        drop(current);
        let mut body_of_newer = versions.body([newer.clone()]);
        assert!(body_of_current.frame().await.unwrap().is_err(), "only the answer holds the version");
        for body in [&mut second, &mut third, &mut body_of_new, &mut body_of_newer] {
            assert!(body.frame().await.unwrap().is_ok());
        }
    }

    #[test]
    fn large_body_yields_to_other_connections() {
        let content = Bytes::from(vec![0; 4 * TURN]);
        let mut body = Versions::of(BUDGET).body([content]);
        let mut context = Context::from_waker(Waker::noop());
        let (mut bytes_in_turn, mut turns) = (0, 1);
        loop {
            match Pin::new(&mut body).poll_frame(&mut context) {
                Poll::Ready(None) => break,
                Poll::Ready(Some(frame)) => bytes_in_turn += frame.unwrap().into_data().unwrap().len(),
                Poll::Pending => {
                    turns += 1;
                    bytes_in_turn = 0;
                }
            }
            assert!(bytes_in_turn < TURN + COPY_BYTES, "{bytes_in_turn} bytes in one turn");
        }
        assert!(turns >= 4, "{turns}");
    }

    #[test]
    fn answers_share_one_copy_and_release_it() {
        let versions = Versions::of(BUDGET);
        let content = large(7);
        let bodies: Vec<SharedBody> = (0..50).map(|_| versions.body([content.clone()])).collect();
        assert_eq!(versions.held_bytes.load(Ordering::Relaxed), content.len());
        drop(bodies);
        assert_eq!(versions.held_bytes.load(Ordering::Relaxed), 0);
    }
}
