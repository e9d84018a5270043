//! Results written as tables and pages, and compressed answers, kept while they are asked for. Writing a large one takes a second, so it is done once, off the threads that answer, and
//! one at a time.

use std::{collections::VecDeque, io, sync::Arc};

use acclaim_report::{Format, ReadError};
use bytes::Bytes;
use parking_lot::Mutex;

use crate::compression::{Encoded, Encoding, should_compress};

/// Most bytes kept. A page of WSIS's shape takes two tenths of a megabyte.
const MAX_CACHE_BYTES: usize = 64 << 20;

/// What is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Key {
    /// A result document in another form.
    Form {
        /// Of the document.
        sha256: [u8; 32],
        format: Format,
        /// Whether it says that the result is being corrected.
        under_correction: bool,
    },
    /// Content with an encoding, by its BLAKE3 hash.
    Encoded { content: [u8; 32], encoding: Encoding },
}

/// See the [module](self).
#[derive(Default)]
pub(crate) struct RenderCache {
    /// The one asked for last comes last.
    kept: Mutex<VecDeque<(Key, Bytes)>>,
    /// Held by whoever writes, to the end of it, also when the client has gone.
    writing: Arc<tokio::sync::Mutex<()>>,
}

/// Why there is no table or page.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RenderError {
    /// The document is not one of this program's version.
    #[error(transparent)]
    Unreadable(#[from] ReadError),
    /// It cannot be compressed.
    #[error(transparent)]
    Uncompressed(#[from] io::Error),
    /// Writing it panicked.
    #[error("writing it failed")]
    Failed,
}

impl RenderCache {
    /// What is kept, or what `make` makes, which is kept from then on.
    pub(crate) async fn get_or_make(
        self: Arc<Self>,
        key: Key,
        make: impl FnOnce() -> Result<Bytes, RenderError> + Send + 'static,
    ) -> Result<Bytes, RenderError> {
        if let Some(bytes) = self.get(key) {
            return Ok(bytes);
        }
        let turn = Arc::clone(&self.writing).lock_owned().await;
        // Whoever wrote before may have written this.
        if let Some(bytes) = self.get(key) {
            return Ok(bytes);
        }
        let write = move || {
            let _until_written = turn;
            let bytes = make()?;
            self.insert(key, bytes.clone());
            Ok(bytes)
        };
        tokio::task::spawn_blocking(write).await.map_err(|_| RenderError::Failed)?
    }

    /// Content in this encoding, if it is long enough to be worth it; without one as it is.
    pub(crate) async fn encode(self: Arc<Self>, content: Bytes, encoding: Option<Encoding>) -> Encoded {
        let Some(encoding) = encoding.filter(|_| should_compress(&content)) else {
            return Encoded::plain(content);
        };
        let key = Key::Encoded { content: *blake3::hash(&content).as_bytes(), encoding };
        let plain = content.clone();
        match self.get_or_make(key, move || Ok(encoding.compress(&plain)?.into())).await {
            Ok(bytes) => Encoded { bytes, encoding: Some(encoding) },
            Err(error) => {
                tracing::error!(%error, "an answer cannot be compressed");
                Encoded::plain(content)
            }
        }
    }

    fn get(&self, key: Key) -> Option<Bytes> {
        let mut kept = self.kept.lock();
        let place = kept.iter().position(|(own, _)| *own == key)?;
        let found = kept.remove(place)?;
        let bytes = found.1.clone();
        kept.push_back(found);
        Some(bytes)
    }

    /// Keeps it, in the place of those not asked for the longest if there is no room. What is larger than all the room is not kept.
    fn insert(&self, key: Key, bytes: Bytes) {
        if bytes.len() > MAX_CACHE_BYTES {
            return;
        }
        let mut kept = self.kept.lock();
        let mut size: usize = bytes.len() + kept.iter().map(|(_, bytes)| bytes.len()).sum::<usize>();
        while size > MAX_CACHE_BYTES
            && let Some((_, oldest)) = kept.pop_front()
        {
            size -= oldest.len();
        }
        kept.push_back((key, bytes));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        atomic::{AtomicUsize, Ordering},
        mpsc,
    };

    use super::*;

    fn key(first: u8) -> Key {
        let mut sha256 = [0; 32];
        sha256[0] = first;
        Key::Form { sha256, format: Format::Html, under_correction: false }
    }

    #[tokio::test]
    async fn renders_once_for_concurrent_requests() {
        let (rendered, made) = (Arc::new(RenderCache::default()), Arc::new(AtomicUsize::new(0)));
        let ask = || {
            let (rendered, made) = (Arc::clone(&rendered), Arc::clone(&made));
            tokio::spawn(async move {
                let make = move || {
                    made.fetch_add(1, Ordering::Relaxed);
                    Ok(Bytes::from_static(b"page"))
                };
                rendered.get_or_make(key(1), make).await.unwrap()
            })
        };
        let all: Vec<_> = (0..20).map(|_| ask()).collect();
        for one in all {
            assert_eq!(one.await.unwrap(), "page");
        }
        assert_eq!(made.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn evicts_least_recently_used_content() {
        let rendered = Arc::new(RenderCache::default());
        let size = MAX_CACHE_BYTES / 4;
        for number in 0..6 {
            Arc::clone(&rendered).get_or_make(key(number), move || Ok(vec![0; size].into())).await.unwrap();
            // The first is asked for again and again.
            assert!(rendered.get(key(0)).is_some());
        }
        let kept: Vec<Key> = rendered.kept.lock().iter().map(|(key, _)| *key).collect();
        assert_eq!(kept, [3, 4, 5, 0].map(key));
        Arc::clone(&rendered).get_or_make(key(9), || Ok(vec![0; MAX_CACHE_BYTES + 1].into())).await.unwrap();
        assert!(rendered.get(key(9)).is_none() && rendered.get(key(5)).is_some());
    }

    #[tokio::test]
    async fn does_not_cache_errors() {
        let rendered = Arc::new(RenderCache::default());
        let failed = Arc::clone(&rendered).get_or_make(key(1), || Err(ReadError::Version(2).into())).await;
        assert!(matches!(failed, Err(RenderError::Unreadable(ReadError::Version(2)))));
        let panicked = Arc::clone(&rendered).get_or_make(key(1), || panic!("while writing")).await;
        assert!(matches!(panicked, Err(RenderError::Failed)));
        assert_eq!(
            Arc::clone(&rendered).get_or_make(key(1), || Ok(Bytes::from_static(b"page"))).await.unwrap(),
            "page"
        );
    }

    #[tokio::test]
    async fn finishes_rendering_after_client_leaves() {
        let rendered = Arc::new(RenderCache::default());
        let (begun, begins) = tokio::sync::oneshot::channel();
        let (go_on, held) = mpsc::channel::<()>();
        let first = tokio::spawn(Arc::clone(&rendered).get_or_make(key(1), move || {
            begun.send(()).unwrap();
            let _ended = held.recv();
            Ok(Bytes::from_static(b"first"))
        }));
        begins.await.unwrap();
        first.abort();
        assert!(first.await.unwrap_err().is_cancelled());
        assert!(rendered.writing.try_lock().is_err(), "it is still writing");
        drop(go_on);
        let second = Arc::clone(&rendered).get_or_make(key(1), || Ok(Bytes::from_static(b"second")));
        assert_eq!(second.await.unwrap(), "first");
    }
}
