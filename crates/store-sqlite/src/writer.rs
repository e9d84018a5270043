//! The connection for writes, on its own thread.

use std::{io, thread, time::Duration};

use acclaim_store::error::{Result, StoreError};
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

/// Number of jobs that can wait for the connection. If the queue is full, the next caller waits.
const QUEUE_CAPACITY: usize = 64;
/// How long a caller waits for a free place in the queue.
const QUEUE_TIMEOUT: Duration = Duration::from_secs(10);

type Job = Box<dyn FnOnce(&mut Connection) + Send>;

/// See the [module](self).
///
/// Dropping the writer waits until the queued jobs are done. Then the thread ends, and the
/// connection is closed.
#[derive(Debug)]
pub(crate) struct Writer {
    /// `None` only while the writer is being dropped.
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread.
    ///
    /// # Errors
    /// If the system cannot start a thread.
    pub(crate) fn start(mut connection: Connection) -> io::Result<Self> {
        let (jobs, mut queue) = mpsc::channel::<Job>(QUEUE_CAPACITY);
        let thread = thread::Builder::new().name("sqlite-writer".to_owned()).spawn(move || {
            while let Some(job) = queue.blocking_recv() {
                job(&mut connection);
            }
        })?;
        Ok(Self { jobs: Some(jobs), thread: Some(thread) })
    }

    /// Runs `work` on the connection. The work runs to its end even if the caller is dropped.
    ///
    /// # Errors
    /// - `Unavailable` if the queue has no free place within ten seconds. Then `work` does not run.
    /// - `Unknown` if the thread ended during the work.
    /// - Any error that `work` returns.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (result_sender, result) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            // The caller may have stopped waiting. The result of the work is dropped then, but the
            // work is done.
            let _caller_gone = result_sender.send(work(connection));
        });
        let unavailable = |why: &str| StoreError::Unavailable(why.to_owned());
        let jobs = self.jobs.as_ref().ok_or_else(|| unavailable("the writer has ended"))?;
        jobs.send_timeout(job, QUEUE_TIMEOUT).await.map_err(|error| match error {
            mpsc::error::SendTimeoutError::Timeout(_) => unavailable("too many writes wait for the database"),
            mpsc::error::SendTimeoutError::Closed(_) => unavailable("the writer has ended"),
        })?;
        result
            .await
            .unwrap_or_else(|_| Err(StoreError::Unknown("the writer ended during the work".to_owned())))
    }

    /// Queues work without waiting for its end. Called at start, when the queue is empty.
    pub(crate) fn queue_first(&self, work: impl FnOnce(&mut Connection) + Send + 'static) {
        let _full_or_ended = self.jobs.as_ref().map(|jobs| jobs.try_send(Box::new(work)));
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take() {
            let _panicked = thread.join();
        }
    }
}
