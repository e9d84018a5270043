//! Connections of the pool, and transactions on them. Every wait has a time-out.

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

/// A connection of the pool.
///
/// It goes back to the pool only after its work succeeded, and is closed otherwise. After an error,
/// a time-out or a caller that stopped waiting, its state is unknown. If a connection ends without
/// a commit, the server rolls the transaction back.
#[derive(Debug)]
pub(crate) struct PooledConnection {
    connection: PoolConnection<Postgres>,
    /// Whether statements have names on the server, and are used again.
    names: bool,
    is_healthy: bool,
}

impl PooledConnection {
    pub(crate) fn new(connection: PoolConnection<Postgres>, names: bool) -> Self {
        Self { connection, names, is_healthy: false }
    }

    /// Whether the statements of this connection outlive a transaction.
    pub(crate) fn names_statements(&self) -> bool {
        self.names
    }

    /// The connection itself, which runs statements as they are.
    pub(crate) fn inner_mut(&mut self) -> &mut PgConnection {
        &mut self.connection
    }

    /// Gives the connection back to the pool. Its work succeeded.
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

/// How durable a transaction is after its commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Durability {
    /// On the disks of the server and of its synchronous standby.
    Durable,
    /// On disk soon. For data that may be lost in a crash.
    Asynchronous,
}

/// A transaction. If it is dropped without [`Tx::commit`], it is rolled back.
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
        // All this is one round trip. The settings are local to the transaction, because a pooler
        // can change the server's connection after each transaction.
        //
        // A transaction with a silent client ends too, and releases its locks. The contest's next
        // append waits for these locks.
        let begin = format!(
            "BEGIN; SET LOCAL synchronous_commit = {}; SET LOCAL statement_timeout = {millis};
             SET LOCAL idle_in_transaction_session_timeout = {millis}",
            if durability == Durability::Durable { "on" } else { "off" },
            millis = statement.as_millis(),
        );
        raw_sql(AssertSqlSafe(begin)).execute(&mut connection).await.map_err(unavailable)?;
        Ok(Self { connection, commit })
    }

    /// Commits the transaction.
    ///
    /// # Errors
    /// `Unknown`, unless the server confirmed the commit. Even a server that reports an error may
    /// have committed. An example is a server that is stopped while it waits for its standby.
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

/// Runs work without a commit. After `limit` it fails with `Unavailable`.
pub(crate) async fn with_timeout<T>(limit: Duration, work: impl Future<Output = Result<T>>) -> Result<T> {
    timeout(limit, work).await.unwrap_or_else(|_| Err(StoreError::Unavailable(timeout_message(limit))))
}

/// Runs work that commits. After `limit` it fails with `Unknown`.
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
