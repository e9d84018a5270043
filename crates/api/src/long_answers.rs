//! Long answers to requests with a staff key end when the key is revoked or expires.
//!
//! `acclaim key revoke` writes to the database, also while server processes use it. One task reads
//! the valid keys four times a second, as long as the process sends such answers. It sends one
//! query each time, independent of the number of answers and keys. Answers to requests with a pass
//! or without a credential are not affected.

use std::{
    collections::HashMap,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use acclaim_contest::Instant as WholeSecond;
use acclaim_store::{Clock, Database};
use axum::{
    body::{Body, HttpBody as _},
    response::Response,
};
use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use parking_lot::Mutex;
use tokio::{
    sync::{Notify, watch},
    time::{Instant, sleep},
};

/// Time between two reads of the valid keys.
const CHECK_INTERVAL: Duration = Duration::from_millis(250);
/// After this time without a successful read of the valid keys, all long answers to keys end.
///
/// A client with a valid key can send its request again.
const UNKNOWN_VALIDITY_TIMEOUT: Duration = Duration::from_secs(10);
/// Maximum number of bytes that are handed to the connection at once.
///
/// A shorter answer is completely sent before the server can notice a revocation.
const MAX_PIECE_BYTES: usize = 64 << 10;

/// BLAKE3 hash of a staff key.
type KeyHash = [u8; 32];

/// The error that ends an answer whose key is no longer valid.
#[derive(Debug, thiserror::Error)]
#[error("the staff key is no longer valid")]
struct KeyRevoked;

/// The open long answers to staff keys.
#[derive(Default)]
pub(crate) struct LongAnswers {
    /// The answers by key. The map changes when an answer begins or ends.
    open: Mutex<HashMap<KeyHash, OpenAnswers>>,
    /// Notified when an answer begins.
    answer_started: Notify,
}

/// The open answers to one key.
struct OpenAnswers {
    count: usize,
    /// Becomes true when the key is no longer valid.
    end_signal: watch::Sender<bool>,
}

impl LongAnswers {
    /// Returns the response. Its body fails when the key is revoked or expires.
    ///
    /// A short response is returned unchanged: it is sent before the server can notice a
    /// revocation.
    pub(crate) fn end_on_revocation(self: &Arc<Self>, response: Response, key: KeyHash) -> Response {
        let is_short = |size: u64| size <= MAX_PIECE_BYTES as u64;
        if response.body().size_hint().exact().is_some_and(is_short) {
            return response;
        }
        response.map(|body| Body::new(self.make_revocable(body, key)))
    }

    fn make_revocable(self: &Arc<Self>, body: Body, key: KeyHash) -> RevocableBody {
        let mut open = self.open.lock();
        let answers = open
            .entry(key)
            .or_insert_with(|| OpenAnswers { count: 0, end_signal: watch::Sender::new(false) });
        answers.count += 1;
        let mut end_signal = answers.end_signal.subscribe();
        drop(open);
        self.answer_started.notify_one();
        let guard = AnswerGuard { long_answers: Arc::clone(self), key };
        // The guard keeps the sender in `open`. The wait therefore ends only if the key is no
        // longer valid.
        let revoked = Box::pin(async move { drop(end_signal.wait_for(|is_ended| *is_ended).await) });
        RevocableBody { body, rest: Bytes::new(), revoked, _guard: guard }
    }

    /// Reads the valid keys as long as there are open answers. Ends the answers to keys that are
    /// not valid.
    pub(crate) async fn enforce(self: Arc<Self>, database: Arc<dyn Database>, clock: Arc<dyn Clock>) {
        let mut last_success = Instant::now();
        loop {
            if self.open.lock().is_empty() {
                self.answer_started.notified().await;
                last_success = Instant::now();
                continue;
            }
            match database.valid_key_hashes(WholeSecond::at_or_before(clock.now())).await {
                Ok(valid) => {
                    last_success = Instant::now();
                    self.end_answers_unless(|key| valid.contains(key));
                }
                Err(error) if last_success.elapsed() > UNKNOWN_VALIDITY_TIMEOUT => {
                    tracing::warn!(%error, "the staff keys cannot be read: all long answers to them end");
                    self.end_answers_unless(|_| false);
                }
                Err(_) => {}
            }
            sleep(CHECK_INTERVAL).await;
        }
    }

    fn end_answers_unless(&self, is_valid: impl Fn(&KeyHash) -> bool) {
        for (_, answers) in self.open.lock().iter().filter(|(key, _)| !is_valid(key)) {
            answers.end_signal.send_replace(true);
        }
    }
}

/// Counts an answer as open until the guard is dropped.
struct AnswerGuard {
    long_answers: Arc<LongAnswers>,
    key: KeyHash,
}

impl Drop for AnswerGuard {
    fn drop(&mut self) {
        let mut open = self.long_answers.open.lock();
        if let Some(answers) = open.get_mut(&self.key) {
            answers.count -= 1;
            if answers.count == 0 {
                open.remove(&self.key);
            }
        }
    }
}

/// A body that fails when its key is no longer valid.
///
/// It does not end normally, because a client must not mistake a part of a log for the whole log.
struct RevocableBody {
    body: Body,
    /// The part of the most recently read frame that is not yet handed to the connection.
    rest: Bytes,
    revoked: Pin<Box<dyn Future<Output = ()> + Send>>,
    _guard: AnswerGuard,
}

impl hyper::body::Body for RevocableBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.revoked.as_mut().poll(context).is_ready() {
            // A completed future must not be polled again.
            self.revoked = Box::pin(std::future::ready(()));
            return Poll::Ready(Some(Err(axum::Error::new(KeyRevoked))));
        }
        while self.rest.is_empty() {
            match ready!(Pin::new(&mut self.body).poll_frame(context)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.rest = data,
                    Err(other) => return Poll::Ready(Some(Ok(other))),
                },
                end_or_error => return Poll::Ready(end_or_error),
            }
        }
        let length = self.rest.len().min(MAX_PIECE_BYTES);
        Poll::Ready(Some(Ok(Frame::data(self.rest.split_to(length)))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (inner, rest) = (self.body.size_hint(), self.rest.len() as u64);
        let mut hint = SizeHint::new();
        hint.set_lower(inner.lower() + rest);
        if let Some(upper) = inner.upper() {
            hint.set_upper(upper + rest);
        }
        hint
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use acclaim_store::keys::{Role, StaffKey};
    use acclaim_store_sqlite::DataDirectory;
    use acclaim_test_support::ManualClock;
    use futures_util::stream;
    use http_body_util::BodyExt as _;

    use super::*;

    const VALID: KeyHash = [1; 32];
    const OTHER: KeyHash = [2; 32];

    fn endless() -> Response {
        Response::new(Body::from_stream(stream::pending::<Result<Bytes, Infallible>>()))
    }

    fn key(name: &str) -> StaffKey {
        StaffKey {
            name: name.to_owned(),
            role: Role::Auditor,
            contests: None,
            panel: None,
            created: WholeSecond::at_or_before(jiff::Timestamp::UNIX_EPOCH),
            expires: None,
            revoked: None,
        }
    }

    #[tokio::test]
    async fn ends_only_answers_to_revoked_key() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataDirectory::lock(folder.path()).unwrap();
        let database: Arc<dyn Database> = Arc::new(data.database().unwrap());
        for (hash, name) in [(VALID, "valid"), (OTHER, "other")] {
            database.add_staff_key(hash, &key(name)).await.unwrap();
        }
        let long_answers = Arc::new(LongAnswers::default());
        let _task = tokio::spawn(
            Arc::clone(&long_answers)
                .enforce(Arc::clone(&database), Arc::new(ManualClock::at(jiff::Timestamp::UNIX_EPOCH))),
        );
        let mut continuing = long_answers.end_on_revocation(endless(), VALID).into_body();
        let mut ending =
            [endless(), endless()].map(|answer| long_answers.end_on_revocation(answer, OTHER).into_body());
        database.revoke_staff_key("other", key("other").created).await.unwrap();
        for answer in &mut ending {
            assert!(answer.frame().await.unwrap().is_err());
        }
        assert!(
            tokio::time::timeout(Duration::ZERO, continuing.frame()).await.is_err(),
            "the answer to the valid key continues"
        );
        assert_eq!(long_answers.open.lock().len(), 2);
        drop((continuing, ending));
        assert!(long_answers.open.lock().is_empty(), "dropped answers are not counted");
    }

    #[tokio::test]
    async fn keeps_bytes_and_length_of_long_answer() {
        let long_answers = Arc::new(LongAnswers::default());
        let content: Bytes = (0..251_u8).cycle().take(MAX_PIECE_BYTES * 3 + 5).collect();
        let response = long_answers.end_on_revocation(Response::new(Body::from(content.clone())), VALID);
        assert_eq!(response.body().size_hint().exact(), Some(content.len() as u64));
        let mut body = response.into_body();
        let first = body.frame().await.unwrap().unwrap().into_data().unwrap();
        assert_eq!(body.size_hint().exact(), Some((content.len() - first.len()) as u64));
        let rest = body.collect().await.unwrap().to_bytes();
        assert!([first, rest].concat() == content);
        let _short = long_answers.end_on_revocation(Response::new(Body::from("short")), VALID);
        assert!(long_answers.open.lock().is_empty());
    }

    #[tokio::test]
    async fn ends_open_answer_between_pieces() {
        let long_answers = Arc::new(LongAnswers::default());
        let mut body = long_answers
            .end_on_revocation(Response::new(Body::from(vec![7; MAX_PIECE_BYTES * 2])), VALID)
            .into_body();
        assert!(body.frame().await.unwrap().is_ok());
        long_answers.end_answers_unless(|_| false);
        assert!(body.frame().await.unwrap().is_err());
    }
}
