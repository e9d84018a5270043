//! Connections on loan from the pool, and transactions on them. Every wait has an end.

use std::{
    io,
    ops::{Deref, DerefMut},
    time::Duration,
};

use acclaim_store::error::{Result, StoreError};
use sqlx_core::{error::Error, pool::PoolConnection, raw_sql::raw_sql, sql_str::AssertSqlSafe};
use sqlx_postgres::{PgConnection, Postgres};
use tokio::time::timeout;

use crate::error::unavailable;

/// A connection on loan. Unless its work went well it is closed when it goes back: after an error, a time-out or a caller who stopped waiting,
/// nobody knows in what state it is. A server whose connection ends without a commit undoes the transaction.
#[derive(Debug)]
pub(crate) struct PooledConnection {
    connection: PoolConnection<Postgres>,
    /// Whether statements are named on the server and used again.
    names: bool,
    is_healthy: bool,
}

impl PooledConnection {
    pub(crate) fn new(connection: PoolConnection<Postgres>, names: bool) -> Self {
        Self { connection, names, is_healthy: false }
    }

    /// Whether its statements outlive a transaction.
    pub(crate) fn names_statements(&self) -> bool {
        self.names
    }

    /// What sends bytes that are no statement with arguments.
    pub(crate) fn inner_mut(&mut self) -> &mut PgConnection {
        &mut self.connection
    }

    /// Its work went well: others may have it.
    pub(crate) fn release(mut self) {
        self.is_healthy = true;
    }
}

impl Drop for PooledConnection {
    fn drop(&mut self) {
        if !self.is_healthy {
            self.connection.close_on_drop();
        }
    }
}

/// How a transaction is committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Durability {
    /// On the disks of the server and of its synchronous standby.
    Durable,
    /// Soon on disk; for what may as well be lost in a crash.
    Asynchronous,
}

/// A transaction. Dropped without [`Tx::commit`] it is undone.
pub(crate) struct Tx {
    connection: PooledConnection,
    commit: Duration,
}

impl Tx {
    pub(crate) async fn begin(
        mut connection: PooledConnection,
        durability: Durability,
        statement: Duration,
        commit: Duration,
    ) -> Result<Self> {
        // One round trip, and local to the transaction: a pooler in between may change servers after each. A transaction whose client fell
        // silent ends too, and with it its locks, for which the contest's next append waits.
        let begin = format!(
            "BEGIN; SET LOCAL synchronous_commit = {}; SET LOCAL statement_timeout = {millis};
             SET LOCAL idle_in_transaction_session_timeout = {millis}",
            if durability == Durability::Durable { "on" } else { "off" },
            millis = statement.as_millis(),
        );
        raw_sql(AssertSqlSafe(begin)).execute(&mut connection).await.map_err(unavailable)?;
        Ok(Self { connection, commit })
    }

    /// Commits. `Unknown` unless the server said that it is done: even a server that reports an error may have committed, such as one that
    /// is stopped while it waits for its standby.
    pub(crate) async fn commit(mut self) -> Result<()> {
        commit_with_timeout(self.commit, async {
            raw_sql("COMMIT")
                .execute(&mut self.connection)
                .await
                .map_err(|error| StoreError::Unknown(error.to_string()))
        })
        .await?;
        self.connection.release();
        Ok(())
    }
}

impl Deref for Tx {
    type Target = PooledConnection;

    fn deref(&self) -> &PooledConnection {
        &self.connection
    }
}

impl DerefMut for Tx {
    fn deref_mut(&mut self) -> &mut PooledConnection {
        &mut self.connection
    }
}

/// Waits so long and no longer for work that has not been committed.
pub(crate) async fn with_timeout<T>(limit: Duration, work: impl Future<Output = Result<T>>) -> Result<T> {
    timeout(limit, work).await.unwrap_or_else(|_| Err(StoreError::Unavailable(timeout_message(limit))))
}

/// Waits so long and no longer for work that commits.
pub(crate) async fn commit_with_timeout<T>(
    limit: Duration,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    timeout(limit, work).await.unwrap_or_else(|_| Err(StoreError::Unknown(timeout_message(limit))))
}

/// As [`with_timeout`], for a single call of sqlx.
pub(crate) async fn call_with_timeout<T>(
    limit: Duration,
    work: impl Future<Output = std::result::Result<T, Error>>,
) -> std::result::Result<T, Error> {
    timeout(limit, work)
        .await
        .unwrap_or_else(|_| Err(Error::Io(io::Error::new(io::ErrorKind::TimedOut, timeout_message(limit)))))
}

fn timeout_message(limit: Duration) -> String {
    format!("no answer from the database within {limit:?}")
}
