//! Content that many answers share: a contest, a tally, a result.
//!
//! There is one copy of each version, and an answer copies a small piece of it at a time. Clients
//! that read slowly cannot fill the memory with versions that are out of date. A version is out of
//! date when only answers hold it. When such versions together have more than [`BUDGET`] bytes, the
//! one that was requested longest ago is freed. Answers that are still sending it then break off.

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

/// Most bytes of versions that are out of date.
const BUDGET: usize = 192 << 20;
/// Bytes that an answer copies at once. hyper queues two such pieces for a client that does not
/// read.
const COPY: usize = 16 << 10;

/// Above this number of entries, the entries of dropped versions are removed.
const MAX_KNOWN: usize = 2 * BUDGET / PIECE;

/// The versions that answers of this process hold.
static VERSIONS: LazyLock<Versions> = LazyLock::new(|| Versions::of(BUDGET));

/// Marks an answer with a body that other answers share.
#[derive(Clone)]
pub(crate) struct Shared;

/// Returns an answer of parts that other answers share.
pub(crate) fn shared(parts: impl IntoIterator<Item = Bytes>) -> Response {
    let mut response = Response::new(Body::new(VERSIONS.body(parts)));
    response.extensions_mut().insert(Shared);
    response
}

/// One version of shared content.
struct Version {
    /// None once the memory was freed.
    bytes: Mutex<Option<Bytes>>,
    size: usize,
    /// Bytes of all versions that answers hold.
    held: Arc<AtomicUsize>,
}

impl Version {
    fn bytes(&self) -> Option<Bytes> {
        self.bytes.lock().clone()
    }

    /// Whether only the answers that send it hold it.
    fn is_out_of_date(&self) -> bool {
        self.bytes.lock().as_ref().is_some_and(Bytes::is_unique)
    }

    /// Frees the bytes, even while answers hold the version.
    fn free(&self) {
        if self.bytes.lock().take().is_some() {
            self.held.fetch_sub(self.size, Ordering::Relaxed);
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
    /// By the address of their bytes in memory, which is the same for all answers that share them.
    versions: HashMap<usize, VersionUse>,
    /// Number of requests so far.
    time: u64,
}

/// A version, and the time of its last request.
struct VersionUse {
    version: Weak<Version>,
    at: u64,
}

impl VersionTable {
    fn remove_dropped(&mut self) {
        self.versions.retain(|_, usage| usage.version.strong_count() > 0);
    }
}

/// See the [module](self).
struct Versions {
    table: Mutex<VersionTable>,
    held: Arc<AtomicUsize>,
    budget: usize,
}

impl Versions {
    fn of(budget: usize) -> Self {
        Self { table: Mutex::default(), held: Arc::default(), budget }
    }

    fn body(&self, parts: impl IntoIterator<Item = Bytes>) -> SharedBody {
        let parts = parts.into_iter().filter(|part| !part.is_empty());
        let parts: VecDeque<Part> = parts.map(|part| self.part(part)).collect();
        let left = parts.iter().map(|part| part.size() as u64).sum();
        SharedBody { parts, sent: 0, left, turn: Turn::default() }
    }

    fn part(&self, bytes: Bytes) -> Part {
        if bytes.len() <= PIECE {
            return Part::Small(bytes);
        }
        let address = bytes.as_ptr().addr();
        let mut table = self.table.lock();
        table.time += 1;
        // As long as the bytes are held, no other bytes have their address.
        let same = table.versions.get(&address).and_then(|usage| usage.version.upgrade());
        let same = same.filter(|version| version.bytes().is_some_and(|own| own.len() == bytes.len()));
        let version = same.unwrap_or_else(|| {
            let size = bytes.len();
            self.held.fetch_add(size, Ordering::Relaxed);
            Arc::new(Version { bytes: Mutex::new(Some(bytes)), size, held: Arc::clone(&self.held) })
        });
        let usage = VersionUse { version: Arc::downgrade(&version), at: table.time };
        table.versions.insert(address, usage);
        if table.versions.len() > MAX_KNOWN {
            table.remove_dropped();
        }
        if self.held.load(Ordering::Relaxed) > self.budget {
            self.free_oldest(&table);
        }
        Part::Version(version)
    }

    /// Frees the versions that are out of date and were requested longest ago, until the others fit
    /// the budget.
    fn free_oldest(&self, table: &VersionTable) {
        let out_of_date = |usage: &VersionUse| {
            let version = usage.version.upgrade().filter(|version| version.is_out_of_date())?;
            Some((usage.at, version))
        };
        let mut versions: Vec<(u64, Arc<Version>)> =
            table.versions.values().filter_map(out_of_date).collect();
        versions.sort_unstable_by_key(|(at, _)| *at);
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

/// The error of an answer that breaks off.
#[derive(Debug, thiserror::Error)]
#[error("the client reads so slowly that the content is out of date")]
struct OutOfDate;

/// A body of known size that copies its content piece by piece.
struct SharedBody {
    parts: VecDeque<Part>,
    /// Bytes of the first part that are sent.
    sent: usize,
    /// Bytes of all parts that are not sent yet.
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
        let end = bytes.len().min(self.sent + COPY);
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
            assert!(data.len() <= COPY);
            read.extend_from_slice(&data);
        }
        assert!(read == expected && body.is_end_stream());
    }

    #[tokio::test]
    async fn frees_version_longest_out_of_date() {
        let versions = Versions::of(large(0).len() * 2);
        let (current, new, newer) = (large(0), large(4), large(5));
        let mut of_current = versions.body([current.clone()]);
        let [mut first, mut second, mut third] = [1, 2, 3].map(|fill| versions.body([large(fill)]));
        let mut of_new = versions.body([new.clone()]);
        assert!(first.frame().await.unwrap().is_err());
        for body in [&mut of_current, &mut second, &mut third, &mut of_new] {
            assert!(body.frame().await.unwrap().is_ok());
        }
        drop(current);
        let mut of_newer = versions.body([newer.clone()]);
        assert!(of_current.frame().await.unwrap().is_err(), "only the answer holds the version");
        for body in [&mut second, &mut third, &mut of_new, &mut of_newer] {
            assert!(body.frame().await.unwrap().is_ok());
        }
    }

    #[test]
    fn a_large_body_lets_others_have_their_turn() {
        let content = Bytes::from(vec![0; 4 * TURN]);
        let mut body = Versions::of(BUDGET).body([content]);
        let mut context = Context::from_waker(Waker::noop());
        let (mut in_turn, mut turns) = (0, 1);
        loop {
            match Pin::new(&mut body).poll_frame(&mut context) {
                Poll::Ready(None) => break,
                Poll::Ready(Some(frame)) => in_turn += frame.unwrap().into_data().unwrap().len(),
                Poll::Pending => {
                    turns += 1;
                    in_turn = 0;
                }
            }
            assert!(in_turn < TURN + COPY, "{in_turn} bytes in one turn");
        }
        assert!(turns >= 4, "{turns}");
    }

    #[test]
    fn many_answers_hold_one_copy_and_give_it_back() {
        let versions = Versions::of(BUDGET);
        let content = large(7);
        let bodies: Vec<SharedBody> = (0..50).map(|_| versions.body([content.clone()])).collect();
        assert_eq!(versions.held.load(Ordering::Relaxed), content.len());
        drop(bodies);
        assert_eq!(versions.held.load(Ordering::Relaxed), 0);
    }
}
