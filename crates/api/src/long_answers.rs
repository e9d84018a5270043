//! Answers that go on for long end when the staff key that asked for them is revoked or expires.
//!
//! `acclaim key revoke` writes to the database, beside whatever processes run on it. While a process has long answers to staff keys under way, one task
//! reads four times a second which keys are valid: one query, whatever the number of answers and keys. A reader with a pass, or without a credential, is not
//! concerned.

use std::{
    collections::HashMap,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use acclaim_contest::Instant as Whole;
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

/// Between two readings of the valid keys.
const CHECK_INTERVAL: Duration = Duration::from_millis(250);
/// When it has not been known for so long which keys are valid, all answers to keys end: who has a valid one asks again.
const UNKNOWN_TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes handed to the connection at once. A shorter answer has left when a revocation could be noticed.
const MAX_PIECE: usize = 64 << 10;

/// BLAKE3 hash of a staff key.
type KeyHash = [u8; 32];

/// The answer ends because its key is not valid any more.
#[derive(Debug, thiserror::Error)]
#[error("the staff key was revoked")]
struct KeyRevoked;

/// The long answers to staff keys that are under way.
#[derive(Default)]
pub(crate) struct LongAnswers {
    /// By key. Changed by answers that begin and end.
    open: Mutex<HashMap<KeyHash, OpenAnswers>>,
    /// Notified when the first one begins.
    begun: Notify,
}

/// The answers to one key.
struct OpenAnswers {
    count: usize,
    /// Becomes true when the key is not valid any more.
    ended: watch::Sender<bool>,
}

impl LongAnswers {
    /// The response, with an end where the key is revoked, if it is long enough to notice that.
    pub(crate) fn end_on_revocation(self: &Arc<Self>, response: Response, key: KeyHash) -> Response {
        let is_short = |size: u64| size <= MAX_PIECE as u64;
        if response.body().size_hint().exact().is_some_and(is_short) {
            return response;
        }
        response.map(|body| Body::new(self.revocable(body, key)))
    }

    fn revocable(self: &Arc<Self>, body: Body, key: KeyHash) -> RevocableBody {
        let mut open = self.open.lock();
        let answers =
            open.entry(key).or_insert_with(|| OpenAnswers { count: 0, ended: watch::Sender::new(false) });
        answers.count += 1;
        let mut ended = answers.ended.subscribe();
        drop(open);
        self.begun.notify_one();
        let entry = AnswerGuard { revocations: Arc::clone(self), key };
        // The sender lives as long as the entry does.
        let revoked = Box::pin(async move { drop(ended.wait_for(|ended| *ended).await) });
        RevocableBody { body, rest: Bytes::new(), revoked, _entry: entry }
    }

    /// Reads which keys are valid as long as there are long answers, and ends those to others.
    pub(crate) async fn enforce(self: Arc<Self>, database: Arc<dyn Database>, clock: Arc<dyn Clock>) {
        let mut known = Instant::now();
        loop {
            if self.open.lock().is_empty() {
                self.begun.notified().await;
                known = Instant::now();
                continue;
            }
            match database.valid_key_hashes(Whole::at_or_before(clock.now())).await {
                Ok(valid) => {
                    known = Instant::now();
                    self.end_all_but(|key| valid.contains(key));
                }
                Err(error) if known.elapsed() > UNKNOWN_TIMEOUT => {
                    tracing::warn!(%error, "it is not known which staff keys are valid; long answers to them end");
                    self.end_all_but(|_| false);
                }
                Err(_) => {}
            }
            sleep(CHECK_INTERVAL).await;
        }
    }

    fn end_all_but(&self, is_valid: impl Fn(&KeyHash) -> bool) {
        for (_, answers) in self.open.lock().iter().filter(|(key, _)| !is_valid(key)) {
            answers.ended.send_replace(true);
        }
    }
}

/// An answer's place among those under way.
struct AnswerGuard {
    revocations: Arc<LongAnswers>,
    key: KeyHash,
}

impl Drop for AnswerGuard {
    fn drop(&mut self) {
        let mut open = self.revocations.open.lock();
        if let Some(answers) = open.get_mut(&self.key) {
            answers.count -= 1;
            if answers.count == 0 {
                open.remove(&self.key);
            }
        }
    }
}

/// A body that fails once its key is revoked: a part of a log must not look like the whole.
struct RevocableBody {
    body: Body,
    /// What of the body's last frame has not been handed on.
    rest: Bytes,
    revoked: Pin<Box<dyn Future<Output = ()> + Send>>,
    _entry: AnswerGuard,
}

impl hyper::body::Body for RevocableBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.revoked.as_mut().poll(context).is_ready() {
            // A future that is done is not asked again.
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
        let length = self.rest.len().min(MAX_PIECE);
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
            created: Whole::at_or_before(jiff::Timestamp::UNIX_EPOCH),
            expires: None,
            revoked: None,
        }
    }

    #[tokio::test]
    async fn only_answers_to_a_revoked_key_end() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataDirectory::lock(folder.path()).unwrap();
        let database: Arc<dyn Database> = Arc::new(data.database().unwrap());
        for (hash, name) in [(VALID, "valid"), (OTHER, "other")] {
            database.add_staff_key(hash, &key(name)).await.unwrap();
        }
        let revocations = Arc::new(LongAnswers::default());
        let _task = tokio::spawn(
            Arc::clone(&revocations)
                .enforce(Arc::clone(&database), Arc::new(ManualClock::at(jiff::Timestamp::UNIX_EPOCH))),
        );
        let mut kept = revocations.end_on_revocation(endless(), VALID).into_body();
        let mut ending =
            [endless(), endless()].map(|answer| revocations.end_on_revocation(answer, OTHER).into_body());
        database.revoke_staff_key("other", key("other").created).await.unwrap();
        for answer in &mut ending {
            assert!(answer.frame().await.unwrap().is_err());
        }
        assert!(tokio::time::timeout(Duration::ZERO, kept.frame()).await.is_err(), "it goes on");
        assert_eq!(revocations.open.lock().len(), 2);
        drop((kept, ending));
        assert!(revocations.open.lock().is_empty(), "who has gone is not looked for");
    }

    #[tokio::test]
    async fn keeps_bytes_and_length_of_long_answer() {
        let revocations = Arc::new(LongAnswers::default());
        let content: Bytes = (0..251_u8).cycle().take(MAX_PIECE * 3 + 5).collect();
        let response = revocations.end_on_revocation(Response::new(Body::from(content.clone())), VALID);
        assert_eq!(response.body().size_hint().exact(), Some(content.len() as u64));
        let mut body = response.into_body();
        let first = body.frame().await.unwrap().unwrap().into_data().unwrap();
        assert_eq!(body.size_hint().exact(), Some((content.len() - first.len()) as u64));
        let rest = body.collect().await.unwrap().to_bytes();
        assert!([first, rest].concat() == content);
        let _short = revocations.end_on_revocation(Response::new(Body::from("short")), VALID);
        assert!(revocations.open.lock().is_empty());
    }

    #[tokio::test]
    async fn ends_open_answer_between_pieces() {
        let revocations = Arc::new(LongAnswers::default());
        let mut body = revocations
            .end_on_revocation(Response::new(Body::from(vec![7; MAX_PIECE * 2])), VALID)
            .into_body();
        assert!(body.frame().await.unwrap().is_ok());
        revocations.end_all_but(|_| false);
        assert!(body.frame().await.unwrap().is_err());
    }
}
