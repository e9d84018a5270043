//! The cache of rendered results (tables and pages) and of compressed answers.
//!
//! A full cache removes the entries whose last request is the longest ago. Rendering a large result
//! takes a second. Each result is therefore rendered once, on a blocking thread. Only one rendering
//! runs at a time.

use std::{collections::VecDeque, io, sync::Arc};

use acclaim_report::{Format, ReadError};
use bytes::Bytes;
use parking_lot::Mutex;

use crate::compression::{Encoded, Encoding, should_compress};

/// Maximum number of bytes in the cache. The result page of a contest as large as the WSIS Prizes
/// takes 0.2 megabytes.
const MAX_CACHE_BYTES: usize = 64 << 20;

/// The key of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Key {
    /// A result document in another format.
    Form {
        /// SHA-256 of the document.
        sha256: [u8; 32],
        format: Format,
        /// Whether the page says that the result is being corrected.
        under_correction: bool,
    },
    /// Compressed content.
    Encoded {
        /// BLAKE3 hash of the content before compression.
        content: [u8; 32],
        encoding: Encoding,
    },
}

/// See the [module](self).
#[derive(Default)]
pub(crate) struct RenderCache {
    /// The entries, in the order of their last requests. The most recently requested entry is last.
    entries: Mutex<VecDeque<(Key, Bytes)>>,
    /// Held while an entry is rendered or compressed, even if the client disconnects meanwhile.
    render_lock: Arc<tokio::sync::Mutex<()>>,
}

/// The reason why there is no table or page.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RenderError {
    /// This program cannot read the document, for example because of its version.
    #[error(transparent)]
    Unreadable(#[from] ReadError),
    /// The content cannot be compressed.
    #[error(transparent)]
    Uncompressed(#[from] io::Error),
    /// The rendering or the compression panicked.
    #[error("the rendering or the compression panicked")]
    Failed,
}

impl RenderCache {
    /// Returns the entry of a key. If there is none, `make` creates it and the cache stores it.
    ///
    /// # Errors
    /// The error of `make`, or [`RenderError::Failed`] if `make` panics. Errors are not stored.
    pub(crate) async fn get_or_make(
        self: Arc<Self>,
        key: Key,
        make: impl FnOnce() -> Result<Bytes, RenderError> + Send + 'static,
    ) -> Result<Bytes, RenderError> {
        if let Some(bytes) = self.get(key) {
            return Ok(bytes);
        }
        let guard = Arc::clone(&self.render_lock).lock_owned().await;
        // The request that held the lock before may have stored this entry.
        if let Some(bytes) = self.get(key) {
            return Ok(bytes);
        }
        let make_and_store = move || {
            let _guard = guard;
            let bytes = make()?;
            self.insert(key, bytes.clone());
            Ok(bytes)
        };
        tokio::task::spawn_blocking(make_and_store).await.map_err(|_| RenderError::Failed)?
    }

    /// Returns content in this encoding. Content that is too short is returned uncompressed.
    pub(crate) async fn encode(self: Arc<Self>, content: Bytes, encoding: Option<Encoding>) -> Encoded {
        let Some(encoding) = encoding.filter(|_| should_compress(&content)) else {
            return Encoded::plain(content);
        };
        let key = Key::Encoded { content: *blake3::hash(&content).as_bytes(), encoding };
        let plain = content.clone();
        match self.get_or_make(key, move || Ok(encoding.compress(&plain)?.into())).await {
            Ok(bytes) => Encoded { bytes, encoding: Some(encoding) },
            Err(error) => {
                tracing::error!(%error, "compression failed: the answer is sent uncompressed");
                Encoded::plain(content)
            }
        }
    }

    fn get(&self, key: Key) -> Option<Bytes> {
        let mut entries = self.entries.lock();
        let position = entries.iter().position(|(own, _)| *own == key)?;
        let entry = entries.remove(position)?;
        let bytes = entry.1.clone();
        entries.push_back(entry);
        Some(bytes)
    }

    /// Stores an entry. If there is not enough room, it removes the entries whose last request is
    /// the longest ago.
    ///
    /// An entry larger than the cache is not stored.
    fn insert(&self, key: Key, bytes: Bytes) {
        if bytes.len() > MAX_CACHE_BYTES {
            return;
        }
        let mut entries = self.entries.lock();
        let mut size: usize = bytes.len() + entries.iter().map(|(_, bytes)| bytes.len()).sum::<usize>();
        while size > MAX_CACHE_BYTES
            && let Some((_, oldest)) = entries.pop_front()
        {
            size -= oldest.len();
        }
        entries.push_back((key, bytes));
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
        let (cache, renders) = (Arc::new(RenderCache::default()), Arc::new(AtomicUsize::new(0)));
        let request = || {
            let (cache, renders) = (Arc::clone(&cache), Arc::clone(&renders));
            tokio::spawn(async move {
                let make = move || {
                    renders.fetch_add(1, Ordering::Relaxed);
                    Ok(Bytes::from_static(b"page"))
                };
                cache.get_or_make(key(1), make).await.unwrap()
            })
        };
        let all: Vec<_> = (0..20).map(|_| request()).collect();
        for one in all {
            assert_eq!(one.await.unwrap(), "page");
        }
        assert_eq!(renders.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn evicts_least_recently_requested_entries() {
        let cache = Arc::new(RenderCache::default());
        let size = MAX_CACHE_BYTES / 4;
        for number in 0..6 {
            Arc::clone(&cache).get_or_make(key(number), move || Ok(vec![0; size].into())).await.unwrap();
            // The first entry is requested after each new entry.
            assert!(cache.get(key(0)).is_some());
        }
        let entries: Vec<Key> = cache.entries.lock().iter().map(|(key, _)| *key).collect();
        assert_eq!(entries, [3, 4, 5, 0].map(key));
        Arc::clone(&cache).get_or_make(key(9), || Ok(vec![0; MAX_CACHE_BYTES + 1].into())).await.unwrap();
        assert!(cache.get(key(9)).is_none() && cache.get(key(5)).is_some());
    }

    #[tokio::test]
    async fn does_not_cache_errors() {
        let cache = Arc::new(RenderCache::default());
        let failed = Arc::clone(&cache).get_or_make(key(1), || Err(ReadError::Version(2).into())).await;
        assert!(matches!(failed, Err(RenderError::Unreadable(ReadError::Version(2)))));
        let panicked = Arc::clone(&cache).get_or_make(key(1), || panic!("while writing")).await;
        assert!(matches!(panicked, Err(RenderError::Failed)));
        assert_eq!(
            Arc::clone(&cache).get_or_make(key(1), || Ok(Bytes::from_static(b"page"))).await.unwrap(),
            "page"
        );
    }

    #[tokio::test]
    async fn finishes_rendering_after_client_leaves() {
        let cache = Arc::new(RenderCache::default());
        let (start_sender, started) = tokio::sync::oneshot::channel();
        let (release, released) = mpsc::channel::<()>();
        let first = tokio::spawn(Arc::clone(&cache).get_or_make(key(1), move || {
            start_sender.send(()).unwrap();
            let _ended = released.recv();
            Ok(Bytes::from_static(b"first"))
        }));
        started.await.unwrap();
        first.abort();
        assert!(first.await.unwrap_err().is_cancelled());
        assert!(cache.render_lock.try_lock().is_err(), "the rendering goes on");
        drop(release);
        let second = Arc::clone(&cache).get_or_make(key(1), || Ok(Bytes::from_static(b"second")));
        assert_eq!(second.await.unwrap(), "first");
    }
}
